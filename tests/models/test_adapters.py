"""Adapters by name and by folder, and the model that is opened with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_model import FakeModel

from spider_opt import models
from spider_opt.benchmarks import load
from spider_opt.errors import UsageError, WeightsError
from spider_opt.models import CachedModel, EmbeddedModel, OpenAIModel, adapters, compact
from spider_opt.models.adapters import CARD, FILE, NEXT, SHIPPED, adapter_folders, find_adapter, folder_for, replace
from spider_opt.models.cache import request_key
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL, File, Weights
from spider_opt.models.llamacpp import server
from spider_opt.models.llamacpp.merged import ENGINE
from spider_opt.paths import file_hash
from spider_opt.runs.describing import describe
from spider_opt.runs.identity import IDENTITY
from spider_opt.types import ModelInfo, Request

Make = Callable[..., Path]
BASE = hashlib.sha256(b"GGUF").hexdigest()
LORA = hashlib.sha256(b"lora").hexdigest()


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No keys; the default model's weights are four bytes; a folder of our own for what comes with the package."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(CATALOG, DEFAULT_MODEL, Weights(DEFAULT_MODEL, (File("q.gguf", 4, BASE, ()),), "a/b", "MIT"))
    monkeypatch.setenv("SPIDER_OPT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(server, "binding", lambda: None)
    monkeypatch.setattr(adapters, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "q.gguf").write_bytes(b"GGUF")
    return tmp_path / "shipped"


# --- by name, by folder ------------------------------------------------------------------------


def test_by_name(make_adapter: Make, shipped: Path) -> None:
    own, other = make_adapter("mine"), make_adapter("spider", root=shipped)
    assert (find_adapter("mine").folder, find_adapter("spider").folder) == (own, other)
    assert find_adapter("mine").path == own / FILE
    assert (find_adapter("mine").name, find_adapter("mine").base) == ("mine", DEFAULT_MODEL)
    assert adapter_folders() == [other, own]


def test_what_is_shipped_cannot_be_shadowed(make_adapter: Make, shipped: Path) -> None:
    theirs, ours = make_adapter("spider", root=shipped), make_adapter("spider", file=b"else")
    assert find_adapter("spider").folder == theirs
    assert find_adapter(str(ours)).folder == ours
    with pytest.raises(UsageError, match=r"The adapter 'spider' comes with spider-opt: give another name"):
        folder_for("spider")


def test_by_folder(make_adapter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_adapter("a b", root=tmp_path / "else")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (str(folder), ".", "../a b", "~/else/a b", f"{folder}/", "../../else/a b"):
        assert find_adapter(path).folder.resolve() == folder
        assert find_adapter(path).name == "a b"


@pytest.mark.parametrize("name", ["../mine", "mine/../mine", "mine/", "./mine", "~", "~nobody/x", "", "..", "a\0b"])
def test_a_path_is_not_looked_up_among_names(
    name: str, make_adapter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_adapter("mine")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"There is no adapter in .*: a folder with a card\.json would be one"):
        find_adapter(name)


def test_a_name_is_not_looked_up_among_folders(
    make_adapter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_adapter("here", root=tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_adapter("./here").base == DEFAULT_MODEL
    with pytest.raises(UsageError, match="no adapter 'here'"):
        find_adapter("here")


def test_there_is_none(make_adapter: Make) -> None:
    with pytest.raises(UsageError) as caught:
        find_adapter("mien")
    assert str(caught.value) == (
        "There is no adapter 'mien' (there are: none); make it with: spider-opt finetune --name mien"
    )
    make_adapter("b")
    make_adapter("a")
    with pytest.raises(UsageError, match=r"there are: a, b\)"):
        find_adapter("mien")


def test_a_training_that_is_not_over_is_none(make_adapter: Make) -> None:
    (make_adapter("half") / CARD).unlink()
    with pytest.raises(UsageError, match=r"there are: none"):
        find_adapter("half")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "a b", "a+b", "a,b", "a:b", "-a", ".a", "~", "ä", "a\n", "auto"]
)
def test_names_that_none_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="take letters, digits"):
        folder_for(name)


def test_names_that_one_can_have(make_adapter: Make, tmp_path: Path) -> None:
    make_adapter("x")  # sets the cache
    for name in ("a", "spider-2.0_b", "7"):
        assert folder_for(name) == tmp_path / "cache" / "adapters" / name


# --- cards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "card",
    ["", "{", "[]", "null", "7", '"x"', "{}", '{"base": "q"}', '{"base": []}', '{"base": {}}', '{"base": {"name": 7}}',
     '{"base": {"name": "q"}}', '{"base": {"name": "q"}, "base_url": 7}',
     '{"base": {"name": "q"}, "sha256": null}', '{"base": {"name": "q", "sha256": 1}}', b"\xff\xfe"],
)  # fmt: skip
def test_a_card_that_is_none(card: str | bytes, make_adapter: Make) -> None:
    path = make_adapter("broken") / CARD
    path.write_bytes(card if isinstance(card, bytes) else card.encode())
    make_adapter("whole")
    with pytest.raises(WeightsError, match=r"card\.json is no adapter's card"):
        find_adapter("broken")
    assert find_adapter("whole").name == "whole"
    with pytest.raises(UsageError, match="there are: broken, whole"):
        find_adapter("third")


def test_other_bytes_than_the_cards(make_adapter: Make) -> None:
    folder = make_adapter()
    (folder / FILE).write_bytes(b"LORA")
    with pytest.raises(WeightsError, match=r"adapter\.gguf has not the bytes that its card says"):
        find_adapter("mine")
    (folder / FILE).unlink()
    with pytest.raises(WeightsError, match=r"adapter\.gguf is missing"):
        find_adapter("mine")


@pytest.mark.parametrize("folder", sorted(path for path in SHIPPED.glob("*") if path.is_dir()), ids=lambda f: f.name)
def test_what_is_shipped_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = find_adapter(folder.name)
    assert found.folder == folder
    assert found.card["base"]["sha256"] == CATALOG[found.base].sha256
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 25_000_000
    assert found.learnt_databases
    assert found.learnt_questions
    assert found.path is not None
    assert found.path.read_bytes()[:4] == b"GGUF"
    assert file_hash(found.path) == found.sha256
    assert {"look", "target", "data", "settings", "results", "version"} <= set(found.card)
    trained = [part["card"] for part in found.card.get("merged", [{"card": found.card}])]
    for card in trained:
        assert {"look", "target", "data", "settings", "training", "version"} <= set(card)


def test_what_the_catalog_names_is_shipped_and_for_that_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    named = {entry.adapter: entry.name for entry in CATALOG.values() if entry.adapter}
    assert {name: find_adapter(name).base for name in named} == named
    assert {folder.name for folder in SHIPPED.iterdir()} == {*named}


@pytest.mark.parametrize(
    ("files", "card"),
    [
        ({FILE: b"old"}, b"old"),
        ({FILE: b"old", NEXT: b"ne"}, b"old"),  # a kill while it is written
        ({FILE: b"old", NEXT: b"new"}, b"old"),  # before the card
        ({FILE: b"old", NEXT: b"new"}, b"new"),  # behind it
        ({NEXT: b"new"}, b"new"),
        ({FILE: b"new"}, b"new"),
        ({FILE: b"new", NEXT: b"else"}, b"new"),
    ],
    ids=str,
)
def test_a_kill_leaves_the_old_one_or_the_new_one(make_adapter: Make, files: dict[str, bytes], card: bytes) -> None:
    folder = make_adapter(file=card)
    (folder / FILE).unlink()
    for name, said in files.items():
        (folder / name).write_bytes(said)
    path = find_adapter("mine").path
    assert path == folder / FILE
    assert path.read_bytes() == card


def test_one_that_is_replaced_while_it_is_looked_for(make_adapter: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_adapter(file=b"old")
    new = json.loads((folder / CARD).read_text()) | {"sha256": hashlib.sha256(b"new").hexdigest()}
    read = adapters.read_adapter

    def read_then_replaced(folder: Path) -> adapters.Adapter:
        found = read(folder)
        (folder / NEXT).write_bytes(b"new")
        replace(folder, new)
        return found

    monkeypatch.setattr(adapters, "read_adapter", read_then_replaced)
    found = find_adapter("mine")
    assert (found.sha256, (folder / FILE).read_bytes()) == (new["sha256"], b"new")


# --- compact -----------------------------------------------------------------------------------


@pytest.fixture
def compact_adapter(make_adapter: Make) -> Path:
    """An adapter of four bytes, which are the header; it has no numbers."""
    folder = make_adapter("small", base={"name": DEFAULT_MODEL, "sha256": BASE})
    np.savez(folder / compact.FILE, format=np.array(compact.FORMAT), header=np.frombuffer(b"lora" * 8, np.uint8))
    (folder / FILE).unlink()
    card = json.loads((folder / CARD).read_text())
    card |= {"sha256": hashlib.sha256(b"lora" * 8).hexdigest(), "compact_sha256": file_hash(folder / compact.FILE)}
    (folder / CARD).write_text(json.dumps(card))
    return folder


def test_a_compact_one_is_written_out_where_it_is_opened(compact_adapter: Path, tmp_path: Path) -> None:
    found = find_adapter("small")
    assert found.kept_in == compact_adapter / compact.FILE
    assert not (tmp_path / "cache" / "expanded").exists()  # who asks elsewhere, or plays back, needs no file
    model = models.open(adapters=["small"])
    assert isinstance(model, EmbeddedModel)
    assert model.adapters == (tmp_path / "cache" / "expanded" / f"{found.sha256}.gguf",)
    assert model.adapters[0].read_bytes() == b"lora" * 8
    assert model.info == ModelInfo(DEFAULT_MODEL, BASE, found.sha256, ENGINE)


def test_a_compact_one_that_is_damaged_is_refused(compact_adapter: Path) -> None:
    file = compact_adapter / compact.FILE
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"adapter\.npz has not the bytes that its card says: get the adapter again"):
        find_adapter("small")
    file.unlink()
    with pytest.raises(WeightsError, match=r"adapter\.gguf is missing"):
        find_adapter("small")


def test_where_it_lies_beside_the_compact_one_the_file_itself_is_taken(compact_adapter: Path) -> None:
    (compact_adapter / FILE).write_bytes(b"lora" * 8)
    assert find_adapter("small").path == compact_adapter / FILE


# --- opened ------------------------------------------------------------------------------------


def test_without_adapters() -> None:
    model = models.open()
    assert isinstance(model, EmbeddedModel)
    assert (model.adapters, model.info) == ((), ModelInfo(DEFAULT_MODEL, BASE))
    asked = models.open("gpt", base_url="http://127.0.0.1:1/v1")
    assert isinstance(asked, OpenAIModel)
    with pytest.raises(UsageError, match="no embedded model 'gpt'"):
        models.open("gpt")


@pytest.mark.parametrize("named", [None, DEFAULT_MODEL])
def test_with_one(named: str | None, make_adapter: Make) -> None:
    folder = make_adapter(base={"name": DEFAULT_MODEL, "sha256": BASE})
    model = models.open(named, adapters=["mine"])
    assert isinstance(model, EmbeddedModel)
    assert model.adapters == (folder / FILE,)
    assert model.info == ModelInfo(DEFAULT_MODEL, BASE, LORA, ENGINE)


def test_with_two(make_adapter: Make) -> None:
    folders = [make_adapter("a"), make_adapter("b", file=b"more")]
    model = models.open(adapters=["a", "b"])
    assert isinstance(model, EmbeddedModel)
    assert model.adapters == tuple(folder / FILE for folder in folders)
    assert model.info.adapter == f"{LORA}+{hashlib.sha256(b'more').hexdigest()}"
    make_adapter("c", base={"name": "smollm2-135m", "sha256": CATALOG["smollm2-135m"].sha256})
    with pytest.raises(UsageError, match=f"'c' is for smollm2-135m, and not for {DEFAULT_MODEL}"):
        models.open(adapters=["a", "c"])


def test_for_another_model(make_adapter: Make) -> None:
    make_adapter()
    with pytest.raises(UsageError, match=f"'mine' is for {DEFAULT_MODEL}, and not for smollm2-135m"):
        models.open("smollm2-135m", adapters=["mine"])
    make_adapter("new", base={"name": "qwen9", "sha256": "0" * 64})
    with pytest.raises(UsageError, match="is for qwen9, which is no embedded model here"):
        models.open(adapters=["new"])
    make_adapter("old", base={"name": DEFAULT_MODEL, "sha256": "0" * 64})
    with pytest.raises(UsageError, match=f"is for other weights of {DEFAULT_MODEL}"):
        models.open(adapters=["old"])
    make_adapter("unsaid", base={"name": DEFAULT_MODEL})
    with pytest.raises(UsageError, match="other weights"):
        models.open(adapters=["unsaid"])


def test_behind_an_endpoint_the_model_is_the_tuned_one(make_adapter: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter()
    for names in (["mine"], ["not there"]):
        model = models.open("ft:gpt", base_url="http://127.0.0.1:1/v1", adapters=names)
        assert isinstance(model, OpenAIModel)
        assert model.info == ModelInfo("ft:gpt", endpoint="http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="Which model"):
        models.open(base_url="http://127.0.0.1:1/v1", adapters=["mine"])
    with pytest.raises(UsageError, match="no embedded model 'ft:gpt'"):
        models.open("ft:gpt", adapters=["mine"])
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert isinstance(models.open("ft:gpt", adapters=["mine"]), OpenAIModel)


def test_one_tuned_at_a_provider_is_asked_there(make_adapter: Make) -> None:
    folder = make_adapter("hosted")
    (folder / CARD).write_text(
        json.dumps({"base": {"name": "gpt"}, "base_url": "https://x/v1", "model": "ft:gpt", "target": "plain"})
    )
    (folder / FILE).unlink()
    assert find_adapter("hosted").path is None
    with pytest.raises(UsageError) as caught:
        models.open(adapters=["hosted"])
    assert "name that model, model='ft:gpt', base_url='https://x/v1'" in str(caught.value)
    assert isinstance(models.open("ft:gpt", base_url="https://x/v1", adapters=["hosted"]), OpenAIModel)


# --- who answered ------------------------------------------------------------------------------


def test_an_adapter_makes_another_question_to_the_cache_and_another_run(make_adapter: Make) -> None:
    make_adapter("a")
    make_adapter("b", file=b"more")
    opened = [models.open(adapters=names) for names in ((), ["a"], ["b"])]
    assert len({request_key(model.info, Request("How many?")) for model in opened}) == 3
    bundled = load("spider-mini:test")
    runs = [describe(bundled, "finetune", "finetune:adapter=x", model.info, 0) for model in opened]
    assert len({tuple(getattr(run, key) for key in IDENTITY) for run in runs}) == 3


def test_what_was_asked_without_an_adapter_is_asked_again_with_it(tmp_path: Path) -> None:
    for _ in range(2):
        for adapter, says in (("", "plain"), ("c", "tuned")):
            cached = CachedModel(FakeModel(says, info=ModelInfo("m", "ab", adapter)), tmp_path / "responses.sqlite")
            assert cached.complete(Request("How many?"))[0].text == says
            cached.close()


def test_one_that_comes_with_the_package_hides_ones_own_and_says_so(
    make_adapter: Make, shipped: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_adapter("same", root=shipped)
    assert find_adapter("same").folder == shipped / "same"
    assert not caplog.text
    own = make_adapter("same", file=b"mine")
    assert find_adapter("same").folder == shipped / "same"
    assert f"two adapters are called same: the one that comes with the package is taken, not {own}" in caplog.text
