"""A run folder, written by hand, and a benchmark to run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.runs import describing
from spider_opt.types import Benchmark, Example, Question, Schema

RUN = {
    "format": 1, "method": "zero-shot", "steps": "zero-shot:rows=0",
    "model": "fake", "model_sha256": "ab" * 32, "adapter_sha256": "",
    "benchmark": "spider", "split": "dev", "sample": "", "fingerprint": "0123456789abcdef", "n_total": 1034,
    "missing": {"gone": 1}, "seed": 3, "version": "0.1.0", "commit": "0123456789ab+", "python": "3.11.7",
    "started": "2026-01-01T00:00:00+00:00", "n": 6,
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip
DB_IDS = ("zoo", "shop", "zoo", "shop", "zoo", "farm", "zoo", "shop", "farm", "zoo")
# The database, the level, the outcome and the cluster of each question.
JUDGED = (
    ("shop", "easy", "correct", "a"), ("shop", "easy", "correct", "a"), ("zoo", "hard", "wrong_rows", "b"),
    ("zoo", None, "timeout", "c"), ("shop", "medium", "correct", "d"),
)  # fmt: skip


@pytest.fixture
def fabricate(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run of ``JUDGED``, two calls a question, behind which stands one whose gold query fails."""

    def fabricate(name: str = "run", without: str = "", **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        run = {key: value for key, value in (RUN | changes).items() if key != without}
        (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n")
        usage = {"calls": 2, "prompt_tokens": 100, "seconds": 0.5}
        answers, verdicts = [], []
        for index, (db_id, level, outcome, cluster) in enumerate((*JUDGED, ("shop", "", "", ""))):
            answer = {"index": index, "id": f"dev-{index:04d}", "db_id": db_id, "sql": f"SELECT {index}"}
            answers.append(answer | {"usage": usage, "trace": [], "context": {"recall_tables": index / 10}})
            told = {"correct": outcome == "correct", "outcome": outcome, "detail": "so it is"}
            verdicts.append({"index": index, "db_id": db_id, **told, "hardness": level, "cluster": cluster})
        for file, entries in (("predictions.jsonl", answers), ("verdicts.jsonl", verdicts[:-1])):
            (folder / file).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        return folder

    return fabricate


@pytest.fixture(autouse=True)
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "commit", lambda: "0123456789ab")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    folder = tmp_path_factory.mktemp("databases")
    paths = {}
    for db_id in sorted(set(DB_IDS)):
        paths[db_id] = folder / f"{db_id}.sqlite"
        with closing(sqlite3.connect(paths[db_id])) as connection:
            connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b')")
    examples = tuple(
        Example(i, Question(f"q{i}", f"Question {i}?", Schema(db_id, ())), f"SELECT {i}, name FROM item")
        for i, db_id in enumerate(DB_IDS)
    )
    return Benchmark("fakes", "dev", examples, paths, {}, len(examples), "0123456789abcdef")
