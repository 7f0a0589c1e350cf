"""``spider-opt models``."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spider_opt.cli import main
from spider_opt.models import adapters
from spider_opt.models.adapters import CARD, FILE
from spider_opt.models.catalog import CATALOG, File, Weights
from spider_opt.paths import locked

DATA = b"weights" * 1000


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with the file of an entry named tiny."""
    entry = Weights("tiny", (File("tiny.gguf", len(DATA), hashlib.sha256(DATA).hexdigest(), ()),), "a/b", "MIT")
    monkeypatch.setitem(CATALOG, "tiny", entry)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPIDER_OPT_WEIGHTS", raising=False)
    monkeypatch.setattr(adapters, "SHIPPED", tmp_path / "shipped")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(DATA)
    return folder


def models(*words: str) -> Result:
    return CliRunner().invoke(main, ["models", *words])


def pull(source: Path) -> Path:
    result = models("pull", "tiny", "--from", str(source))
    assert result.exit_code == 0, result.stderr
    return Path(result.stdout.strip())


def test_they_are_listed() -> None:
    plain, named = models(), models("list")
    assert plain.exit_code == named.exit_code == 0
    assert plain.stdout == named.stdout
    lines = plain.stdout.splitlines()
    assert lines[0].split()[:5] == ["qwen2.5-coder-0.5b", "(default)", "answers", "491", "MB"]
    assert lines[-1].endswith("not here; get it with: spider-opt models pull tiny")


def test_they_are_listed_for_programs(source: Path) -> None:
    path = pull(source)
    rows = {row["name"]: row for row in json.loads(models("list", "--json").stdout)}
    assert list(rows) == list(CATALOG)
    assert rows["tiny"] == {
        "name": "tiny",
        "default": False,
        "use": "answers",
        "bytes": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
        "license": "MIT",
        "adapter": None,
        "path": str(path),
    }
    assert rows["all-minilm-l6-v2"]["use"] == "embeds"


def test_adapters_are_listed(make_adapter: Callable[..., Path], tmp_path: Path) -> None:
    shipped = make_adapter("spider", root=tmp_path / "shipped", data={"source": "spider train"}, file=b"x" * 2_600_000)
    mine = make_adapter("mine", data={"source": "spider-mini train"})
    hosted = make_adapter("hosted", base={"name": "gpt"}, base_url="https://x/v1", sha256=None, data={})
    (make_adapter("broken") / CARD).write_text("{")
    make_adapter("odd", data=["x"])
    (make_adapter("gone") / FILE).unlink()
    result = models("list")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()[len(CATALOG) :]] == [
        [
            "spider",
            "tunes",
            "3",
            "MB",
            "qwen2.5-coder-0.5b,",
            "tuned",
            "on",
            "spider",
            "train,",
            "comes",
            "with",
            "spider-opt",
            str(shipped),
        ],
        ["gone", "tunes", "0", "MB", "qwen2.5-coder-0.5b,", "tuned", "on", "own", "data", str(mine.parent / "gone")],
        ["hosted", "tunes", "at", "a", "provider", "gpt,", "tuned", "on", "own", "data", str(hosted)],
        ["mine", "tunes", "0", "MB", "qwen2.5-coder-0.5b,", "tuned", "on", "spider-mini", "train", str(mine)],
        ["odd", "tunes", "0", "MB", "qwen2.5-coder-0.5b,", "tuned", "on", "own", "data", str(mine.parent / "odd")],
    ]
    [said] = result.stderr.splitlines()
    assert said.startswith("left out: ")
    assert "is no adapter's card" in said
    rows = {row["name"]: row for row in json.loads(models("list", "--json").stdout)}
    assert rows["mine"] == {
        "name": "mine",
        "use": "tunes",
        "base": "qwen2.5-coder-0.5b",
        "bytes": 4,
        "sha256": hashlib.sha256(b"lora").hexdigest(),
        "data": "spider-mini train",
        "shipped": False,
        "path": str(mine),
    }
    assert (rows["hosted"]["bytes"], rows["hosted"]["sha256"]) == (None, None)


def test_pull_prints_the_path_and_nothing_else_on_stdout(source: Path) -> None:
    result = models("pull", "tiny", "--from", str(source / "tiny.gguf"))
    assert result.exit_code == 0
    assert Path(result.stdout.strip()).read_bytes() == DATA
    assert "Fetching tiny" in result.stderr
    assert models("pull", "tiny").exit_code == 0


def test_wrong_bytes_are_not_pulled(source: Path) -> None:
    (source / "tiny.gguf").write_bytes(DATA[:-1] + b"!")
    result = models("pull", "tiny", "--from", str(source))
    assert result.exit_code == 1
    assert "Error: tiny cannot be had." in result.stderr
    assert "Traceback" not in result.stderr
    assert models("check", "tiny").exit_code == 1


def test_check_reads_the_bytes(source: Path) -> None:
    path = pull(source)
    assert models("check", "tiny").stdout == models("check").stdout == f"tiny: right, {path}\n"
    path.write_bytes(DATA[:-1] + b"!")
    for words in (["tiny"], []):
        result = models("check", *words)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert "has the wrong bytes" in result.stderr


def test_check_of_what_is_not_here() -> None:
    result = models("check", "tiny")
    assert result.exit_code == 1
    assert "Error: tiny is not here; type: spider-opt models pull tiny" in result.stderr
    assert models("check").exit_code == 0


def test_remove(source: Path) -> None:
    path = pull(source)
    assert models("remove", "tiny").stdout == "tiny: 0 MB freed\n"
    assert not path.exists()
    assert models("remove", "tiny").stdout == "tiny: nothing of it is in the cache\n"


# --- adapters ----------------------------------------------------------------------------------


@pytest.fixture
def mine(make_adapter: Callable[..., Path]) -> Path:
    return make_adapter("mine")


def test_check_reads_adapters(mine: Path, make_adapter: Callable[..., Path]) -> None:
    hosted = make_adapter("hosted", base_url="https://x/v1", model="ft:m")
    (hosted / FILE).unlink()
    right = f"mine: right, {mine / FILE}\n"
    assert models("check", "mine").stdout == right
    assert models("check").stdout == f"hosted: at a provider, nothing of it is here\n{right}"
    (mine / FILE).write_bytes(b"LORA")
    for words in (["mine"], []):
        result = models("check", *words)
        assert result.exit_code == 1
        assert "has not the bytes that its card says" in result.stderr


def test_remove_of_an_adapter(mine: Path) -> None:
    assert models("remove", "mine").stdout == "mine: 0 MB freed\n"
    assert not mine.exists()
    result = models("remove", "mine")
    assert result.exit_code == 2
    assert "There are no weights named 'mine'" in result.stderr


def test_what_is_shipped_stays(make_adapter: Callable[..., Path], mine: Path) -> None:
    shipped = make_adapter("spider", root=adapters.SHIPPED)
    result = models("remove", "spider")
    assert result.exit_code == 2
    assert "The adapter 'spider' comes with spider-opt, and stays" in result.stderr
    assert (shipped / FILE).is_file()


def test_what_is_being_trained_stays(mine: Path) -> None:
    with locked(mine):
        result = models("remove", "mine")
    assert result.exit_code == 1
    assert "is in use by a training; stop that first" in result.stderr
    assert (mine / FILE).is_file()


def test_remove_of_a_training_that_never_had_a_card(mine: Path) -> None:
    (mine / "card.json").unlink()
    (mine / "checkpoint.pt").write_bytes(b"x" * 2_000_000)
    assert models("remove", "mine").stdout == "mine: 2 MB freed\n"
    assert not mine.exists()
    mine.mkdir()
    assert models("remove", "mine").stdout == "mine: 0 MB freed\n"
    assert not mine.exists()
    result = models("remove", "../adapters")
    assert result.exit_code != 0
    assert mine.parent.is_dir()


@pytest.mark.parametrize("command", ["pull", "check", "remove"])
def test_a_name_that_is_none_is_asked_wrongly(command: str) -> None:
    result = models(command, "gpt-2")
    assert result.exit_code == 2
    assert "Error: There are no weights named 'gpt-2'; there are: qwen2.5-coder-0.5b" in result.stderr


@pytest.mark.parametrize("command", ["", "list", "pull", "check", "remove"])
def test_help_shows_an_example(command: str) -> None:
    result = models(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example:\n    spider-opt models {command}".rstrip() in result.stdout


def test_listing_imports_nothing_heavy() -> None:
    program = (
        "import sys; from spider_opt.cli import main; main(['models'], standalone_mode=False)\n"
        "print(sorted({'openai', 'httpx', 'xllamacpp', 'rich', 'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


# --- the mean of adapters ----------------------------------------------------------------------


@pytest.fixture
def merged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is merged comes here; nothing is computed."""
    asked: list[Any] = []

    def merge(parts: Any, folder: Path, *, rank: int | None) -> dict[str, Any]:
        asked.append(([(adapter.name, share) for adapter, share in parts], folder.name, rank))
        return {"settings": {"rank": rank or 8}, "kept": 0.98765}

    monkeypatch.setattr("spider_opt.training.merging.merge", merge)
    return asked


def test_adapters_are_merged(make_adapter: Callable[..., Path], merged: list[Any]) -> None:
    path = make_adapter("one")
    make_adapter("two")
    result = models("merge", "one", "two", "--name", "both")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "both: the mean of 2 adapters, cut back to rank 8, which keeps 98.8% of it",
        "next: spider-opt eval --method finetune:adapter=both",
    ]
    assert models("merge", "two=2", f"{path}=0.5", "one", "--name", "both", "--rank", "4").exit_code == 0
    assert merged == [
        ([("one", 1.0), ("two", 1.0)], "both", None),
        ([("two", 2.0), ("one", 0.5), ("one", 1.0)], "both", 4),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["one", "--name", "both"], "A mean is of two adapters or more: spider-opt models merge ONE TWO --name both"),
        (["one", "none", "--name", "both"], "There is no adapter 'none'"),
        (["one", "two=0", "--name", "both"], "In 'two=0' the share '0' is no number above 0: write it as two=2"),
        (["one", "two=nan", "--name", "both"], "the share 'nan' is no number above 0"),
        (["one", "two=many", "--name", "both"], "the share 'many' is no number above 0"),
        (["one", "two", "--name", "one"], "There is an adapter 'one' already"),
        (["one", "two", "--name", "a/b"], "An adapter cannot be called 'a/b'"),
        (["one", "two"], "Missing option '--name'"),
    ],
)
def test_merging_is_refused(
    make_adapter: Callable[..., Path], merged: list[Any], words: list[str], sentence: str
) -> None:
    make_adapter("one")
    make_adapter("two")
    result = models("merge", *words)
    assert result.exit_code != 0
    assert sentence in result.stderr
    assert not merged
