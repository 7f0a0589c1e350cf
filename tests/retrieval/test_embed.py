from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from spider_opt.errors import UsageError, WeightsError
from spider_opt.models import weights
from spider_opt.models.catalog import CATALOG
from spider_opt.retrieval import embed, open_embedder
from spider_opt.retrieval.embed import CachedEmbedder, HashingEmbedder, SentenceEmbedder
from spider_opt.retrieval.text_cache import TextCache

TEXTS = ["How many singers are there?", "How many singers?", "oldest bridge", "", "\ud83d", "How many singers?"]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Counting:
    """An embedder by hand, in two dimensions."""

    name = "counting"
    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts])


# --- hashing -----------------------------------------------------------------------------------


def test_hashed_rows_are_of_length_one_and_never_change() -> None:
    rows = HashingEmbedder()(TEXTS)
    assert rows.shape == (6, 512)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert (rows[1] == rows[5]).all()
    assert (HashingEmbedder()(TEXTS[:1])[0] == rows[0]).all()
    # The word "<a>" and its one piece of three letters fall together.
    [row] = HashingEmbedder()(["a"])
    assert np.flatnonzero(row).tolist() == [341]
    assert abs(row[341]) == 1.0


def test_hashing_knows_what_is_alike() -> None:
    rows = HashingEmbedder()(["oldest singers", "the oldest singer", "bridges by length", "OLDEST  SINGERS"])
    assert rows[0] @ rows[1] > 0.5 > 0.2 > abs(rows[0] @ rows[2])
    assert rows[0] @ rows[3] == pytest.approx(1)


# --- by name -----------------------------------------------------------------------------------


def test_no_text_is_embedded_twice(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_embedder("hashing")(TEXTS)
    assert (cache / "retrieval" / "made.sqlite").exists()
    monkeypatch.setattr(HashingEmbedder, "__call__", None)
    assert (open_embedder("hashing")(TEXTS[::-1]) == first[::-1]).all()
    with pytest.raises(TypeError):
        open_embedder("hashing")(["new"])


def test_no_texts() -> None:
    assert open_embedder("hashing")([]).shape == (0, 512)


def test_rows_can_be_changed_by_who_gets_them() -> None:
    rows = open_embedder("hashing")(["a"])
    rows += 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "MiniLM",
            "There is no embedder 'MiniLM'; there are: all-minilm-l6-v2, hashing, and your own as MODULE:CALLABLE",
        ),
        ("smollm2-135m", "There is no embedder 'smollm2-135m'; there are: all-minilm-l6-v2, hashing, and your own"),
        ("no.such.module:make", "the embedder no.such.module:make cannot be made: ModuleNotFoundError"),
        ("json:nothing", "the embedder json:nothing cannot be made: AttributeError"),
        ("json:loads", "the embedder json:loads cannot be made: TypeError"),
        ("builtins:dict", "builtins:dict makes no embedder: it needs a name, its dimensions, and to be callable"),
    ],
)
def test_no_such_embedder(name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_embedder(name)
    assert str(caught.value).startswith(sentence)


def test_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ModuleType("own_embedder")
    own.Counting = Counting  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_embedder", own)
    embedder = open_embedder("own_embedder:Counting")
    assert (embedder.name, embedder.dimensions) == ("counting", 2)
    assert embedder(["abc"])[0].tolist() == pytest.approx([3 / 10**0.5, 1 / 10**0.5])  # made to length 1


@pytest.mark.parametrize("rows", [[[1.0]], [[1.0, 2.0, 3.0]], [1.0, 2.0], [[1.0, float("nan")]], [[float("inf"), 1.0]]])
def test_an_embedder_that_gives_something_else(rows: Any, tmp_path: Path) -> None:
    class Wrong(Counting):
        def __call__(self, texts: Sequence[str]) -> Any:
            return np.array(rows)

    with pytest.raises(UsageError, match=r"the embedder counting gave .* numbers for 1 texts"):
        CachedEmbedder(Wrong(), TextCache(tmp_path / "texts.sqlite"))(["x"])


def test_an_embedder_of_the_same_name_and_another_length(tmp_path: Path) -> None:
    class Longer(Counting):
        dimensions = 3

        def __call__(self, texts: Sequence[str]) -> Any:
            return np.ones((len(texts), 3))

    kept = TextCache(tmp_path / "texts.sqlite")
    assert CachedEmbedder(Counting(), kept)(["x"]).shape == (1, 2)
    assert CachedEmbedder(Longer(), kept)(["x"]).shape == (1, 3)


# --- sentence-transformers ---------------------------------------------------------------------


class FakeLibrary(ModuleType):
    """What is used of sentence-transformers."""

    def __init__(self) -> None:
        super().__init__("sentence_transformers")
        self.opened: list[Any] = []
        library = self

        class SentenceTransformer:
            def __init__(self, *arguments: Any, **options: Any) -> None:
                library.opened.append((arguments, options))

            def encode(self, texts: list[str], **options: Any) -> Any:
                assert options["normalize_embeddings"]
                assert not options["show_progress_bar"]
                return np.full((len(texts), 384), 384**-0.5, dtype=np.float32)

        self.SentenceTransformer = SentenceTransformer


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    logging = ModuleType("transformers.utils.logging")
    logging.disable_progress_bar = lambda: None  # type: ignore[attr-defined]
    for name in ("transformers", "transformers.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "transformers.utils.logging", logging)
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)
    return fake


def test_weights_are_opened_once_by_hash_on_the_processor_without_a_hub(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "find", lambda name: tmp_path / name)
    embedder = open_embedder()
    assert library.opened == []
    assert embedder.name == "all-minilm-l6-v2@53aa51172d142c89"
    assert embedder.dimensions == 384
    assert embedder(["a", "b"]).shape == (2, 384)
    embedder(["c"])
    assert library.opened == [((str(tmp_path / "all-minilm-l6-v2"),), {"device": "cpu", "local_files_only": True})]
    library.opened.clear()
    assert open_embedder()(["a", "c"]).shape == (2, 384)
    assert library.opened == []


def test_missing_weights_are_fetched(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "find", lambda name: None)
    monkeypatch.setattr(weights, "fetch", lambda name, progress: progress(1, 1) or tmp_path)
    assert open_embedder()(["a"]).shape == (1, 384)
    assert "Fetching all-minilm-l6-v2" in capsys.readouterr().err


def test_weights_that_cannot_be_had(library: FakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(name: str, progress: Any) -> Path:
        raise WeightsError("all-minilm-l6-v2 cannot be had.")

    monkeypatch.setattr(weights, "find", lambda name: None)
    monkeypatch.setattr(weights, "fetch", fetch)
    with pytest.raises(WeightsError, match="cannot be had"):
        open_embedder()(["a"])


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UsageError) as caught:
        open_embedder()(["a"])
    assert str(caught.value) == (
        "the embedder all-minilm-l6-v2 needs sentence-transformers; type: pip install 'spider-opt[retrieval]'"
    )


def test_every_embedder_of_the_catalog_has_a_length() -> None:
    assert {name for name, entry in CATALOG.items() if not entry.chats} == set(embed._DIMENSIONS)
    assert SentenceEmbedder("all-minilm-l6-v2").name.startswith("all-minilm-l6-v2@")


def test_the_real_weights() -> None:
    """In a process of its own, so that no later test has torch's threads; without a network that it could use."""
    if find_spec("sentence_transformers") is None:
        pytest.skip("the retrieval extra is not installed")
    if weights.here("all-minilm-l6-v2") is None:
        pytest.skip("no weights here: SPIDER_OPT_WEIGHTS")
    code = """
import json, warnings
warnings.simplefilter("error")
from spider_opt.retrieval import open_embedder
rows = open_embedder()(["How many singers do we have?", "count the singers", "oldest bridge"])
print(json.dumps((rows @ rows.T).tolist()))
"""
    env = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert scores[0][0] == pytest.approx(1, abs=1e-5)
    assert scores[0][1] == pytest.approx(0.7625, abs=0.001)
    assert scores[0][2] < 0.3
    assert done.stderr == ""
