from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spider_opt.benchmarks.questions import read_entries
from spider_opt.retrieval import index as module
from spider_opt.retrieval.embed import HashingEmbedder
from spider_opt.retrieval.index import VectorIndex, keep_whole, load_whole


def unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def clustered(n: int, d: int, seed: int = 0) -> Any:
    """Rows in clusters, as texts are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n // 10, d))
    return unit(centres[rng.integers(len(centres), size=n)] + 0.4 * rng.normal(size=(n, d)))


@pytest.fixture(scope="module")
def rows() -> Any:
    return clustered(2000, 48)


@pytest.fixture
def graphs() -> None:
    pytest.importorskip("hnswlib")


def recall(index: VectorIndex, queries: Any, k: int) -> float:
    return float(np.mean([len(set(index.exact(q, k)) & set(index.near(q, k))) / k for q in queries]))


# --- looking at all ----------------------------------------------------------------------------


def test_exact(tmp_path: Path) -> None:
    index = VectorIndex(unit(np.array([[1.0, 0], [0, 1], [1, 1], [0, -1], [1, 1]])), "k", tmp_path)
    query = unit(np.array([1.0, 0.5]))
    assert index.exact(query, 2).tolist() == [2, 4]  # of equal ones the lower number
    assert index.exact(query, 99).tolist() == [2, 4, 0, 1, 3]
    assert index.exact(query, 0).tolist() == []
    assert index.near(query, 3).tolist() == [2, 4, 0]
    assert index.near(query, 0).tolist() == []
    assert list(tmp_path.iterdir()) == []  # no graph for so few


def test_what_the_last_digits_say_does_not_count(tmp_path: Path) -> None:
    rows = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.50000006]], dtype=np.float32)
    assert VectorIndex(rows, "k", tmp_path).exact(rows[1], 2).tolist() == [0, 1]


# --- the graph ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("graphs")
def test_recall_at_10(rows: Any, tmp_path: Path) -> None:
    index = VectorIndex(rows, "k", tmp_path)
    queries = clustered(300, 48, seed=1)
    assert recall(index, queries, 10) >= 0.99
    assert recall(index, rows[:300], 10) >= 0.99
    near = index.near(rows[7], 20)
    scores = rows[near] @ rows[7]
    assert near[0] == 7
    assert (np.diff(scores) <= 1e-6).all()


@pytest.mark.usefixtures("graphs")
def test_recall_at_10_on_training_questions(shared: Path, tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    texts = list(dict.fromkeys(entry.question for entry in read_entries([shared / "spider" / "train_spider.json"])))
    asked = [entry.question for entry in read_entries([shared / "spider" / "dev.json"])]
    index = VectorIndex(embedder(texts[::3]), "k", tmp_path)
    assert len(index.rows) > 2000
    assert recall(index, embedder(asked[::5]), 10) >= 0.99


@pytest.mark.usefixtures("graphs")
def test_the_same_file_from_the_same_rows(rows: Any, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        assert VectorIndex(rows, "k", tmp_path / name).graph is not None
        [file] = (tmp_path / name).iterdir()
        files.append(file)
    assert files[0].name == files[1].name
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.usefixtures("graphs")
def test_a_graph_is_built_once(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hnswlib

    queries = clustered(50, 48, seed=2)
    built = [VectorIndex(rows, "k", tmp_path).near(query, 10).tolist() for query in queries]
    monkeypatch.setattr(hnswlib.Index, "add_items", None)
    again = VectorIndex(rows, "k", tmp_path)
    assert [again.near(query, 10).tolist() for query in queries] == built
    for other in (VectorIndex(rows, "other", tmp_path), VectorIndex(rows[:-1], "k", tmp_path)):
        with pytest.raises(TypeError):
            other.near(queries[0], 10)
    monkeypatch.setattr(module, "EF_BUILD", 100)
    with pytest.raises(TypeError):
        VectorIndex(rows, "k", tmp_path).near(queries[0], 10)


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "renamed"])
def test_a_broken_file_is_built_again(rows: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    wanted = VectorIndex(rows, "k", tmp_path).near(rows[0], 10).tolist()
    [path] = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-100], "empty": b""}.get(damage, content))
    if damage == "renamed":
        path = path.rename(path.with_name(path.name.replace(path.stem[-4:], "0000")))
    with caplog.at_level(logging.WARNING):
        assert VectorIndex(rows, "k", tmp_path).near(rows[0], 10).tolist() == wanted
    assert [record.message for record in caplog.records] == [f"{path} is broken; it is built again."]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("graphs")
def test_a_file_of_the_right_hash_that_is_no_graph(rows: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = VectorIndex(rows, "k", tmp_path)
    keep_whole(tmp_path, index._key, ".hnsw", lambda path: path.write_bytes(b"nonsense" * 100))
    with caplog.at_level(logging.WARNING):
        assert index.near(rows[0], 1).tolist() == [0]
    assert "cannot be read" in caplog.text


@pytest.mark.usefixtures("graphs")
def test_where_nothing_can_be_kept(rows: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert VectorIndex(rows, "k", tmp_path / "file" / "x").near(rows[3], 1).tolist() == [3]
    assert "Cannot keep an index" in caplog.text


@pytest.mark.usefixtures("graphs")
def test_all_are_looked_at_for_more_than_the_graph_is_tuned_for(rows: Any, tmp_path: Path) -> None:
    index = VectorIndex(rows, "k", tmp_path)
    assert index.near(rows[0], module.EF + 1).tolist() == index.exact(rows[0], module.EF + 1).tolist()
    assert list(tmp_path.iterdir()) == []


def test_without_hnswlib_all_are_looked_at(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    index = VectorIndex(rows, "k", tmp_path)
    assert index.near(rows[5], 10).tolist() == index.exact(rows[5], 10).tolist()


# --- files -------------------------------------------------------------------------------------


def test_nothing_half_written_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with caplog.at_level(logging.WARNING):
        keep_whole(tmp_path, "k", ".x", fails)
    assert "disk full" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert load_whole(tmp_path, "k", ".x", Path.read_bytes) is None
    keep_whole(tmp_path, "k", ".x", lambda path: path.write_bytes(b"whole"))
    assert load_whole(tmp_path, "k", ".x", Path.read_bytes) == b"whole"
    assert load_whole(tmp_path, "k", ".y", Path.read_bytes) is None
    assert load_whole(tmp_path / "none", "k", ".x", Path.read_bytes) is None
