"""``spider-opt cache``."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spider_opt.cache_contents import KINDS
from spider_opt.cli import main
from spider_opt.paths import locked
from spider_opt.store import Store


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with 1,200 answers, an adapter, and weights of 2.5 MB."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(folder))
    with closing(Store(folder / "responses.sqlite")) as store:
        store.keep("answers", {str(i): b"x" for i in range(1200)})
    for path, n_bytes in (("adapters/mine/card.json", 20), (f"weights/{'ab' * 32}/model.gguf", 2_500_000)):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(b"x" * n_bytes)
    return folder


def cache(*words: str, said: str | None = None) -> Result:
    return CliRunner().invoke(main, ["cache", *words], input=said)


def test_a_line_for_each_kind(folder: Path) -> None:
    result = cache()
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert list(lines) == [*KINDS, "all"]
    assert "1,200 answers" in lines["responses"]
    assert lines["responses"].endswith(str(folder / "responses.sqlite"))
    assert lines["weights"].split()[1:] == ["2.5", "MB", str(folder / "weights")]
    assert lines["adapters"].split()[1:5] == ["0.0", "kB", "1", "adapter"]
    assert lines["gold"].split()[1:3] == ["0.0", "kB"]


def test_for_programs(folder: Path) -> None:
    rows = {row.pop("kind"): row for row in json.loads(cache("--json").stdout)}
    assert list(rows) == list(KINDS)
    assert rows["responses"] == {
        "path": str(folder / "responses.sqlite"),
        "bytes": (folder / "responses.sqlite").stat().st_size,
        "entries": 1200,
        "what": KINDS["responses"].what,
    }
    assert (rows["weights"]["bytes"], rows["weights"]["entries"]) == (2_500_000, None)


@pytest.mark.parametrize("words", [("clear",), ("clear", "weights")])
def test_it_asks_before(folder: Path, words: tuple[str, ...]) -> None:
    asked = cache(*words, said="n\n")
    assert asked.exit_code == 1
    assert "weights: 2.5 MB, weights of models\n" in asked.stderr
    assert "Delete all of that? [y/N]" in asked.stderr
    assert asked.stdout == ""
    assert (folder / "weights" / ("ab" * 32) / "model.gguf").exists()
    done = cache(*words, said="y\n")
    assert done.exit_code == 0
    assert "weights: 2.5 MB freed\n" in done.stdout
    assert not (folder / "weights" / ("ab" * 32)).exists()


def test_nobody_to_ask_deletes_nothing(folder: Path) -> None:
    assert cache("clear", said="").exit_code == 1
    assert (folder / "responses.sqlite").exists()


def test_all_but_what_was_tuned_here(folder: Path) -> None:
    result = cache("clear", "--yes")
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["responses", "weights"]
    assert "adapters that were tuned here stay; to delete them: spider-opt cache clear adapters" in result.stderr
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["card.json"]
    assert cache("clear", "adapters", "--yes").stdout == "adapters: 0.0 kB freed\n"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_one_kind_alone(folder: Path) -> None:
    result = cache("clear", "weights", "--yes")
    assert (result.stdout, result.stderr) == ("weights: 2.5 MB freed\n", "")
    assert (folder / "responses.sqlite").exists()


def test_there_is_nothing(folder: Path) -> None:
    result = cache("clear", "gold")
    assert (result.exit_code, result.stdout) == (0, "There is nothing to delete.\n")


def test_a_kind_that_is_none() -> None:
    result = cache("clear", "everything")
    assert result.exit_code == 2
    assert "'responses', 'gold'" in result.stderr


def test_not_while_it_is_in_use(folder: Path) -> None:
    with locked(folder / "adapters" / "mine"):
        result = cache("clear", "responses", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {folder / 'adapters' / 'mine'} is in use by another spider-opt")
    assert (folder / "responses.sqlite").exists()


def test_the_help_says_whose_it_is() -> None:
    said = " ".join(cache("--help").stdout.split())
    assert "of your own data questions, queries and rows: empty it before others get the machine" in said
    assert "all but the adapters tuned here" in " ".join(cache("clear", "--help").stdout.split())
