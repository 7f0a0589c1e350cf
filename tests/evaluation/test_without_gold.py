"""Questions without a gold query are asked, and count nowhere."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.scoring_files import score
from spider_opt.runs import Run
from spider_opt.types import Benchmark

SQL = "SELECT count(*) FROM boat"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own" / "database" / "harbour" / "harbour.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE boat (name TEXT); INSERT INTO boat VALUES ('Alba')")
    return tmp_path / "own"


def asking(folder: Path, *golds: str | None) -> Benchmark:
    entries = [{"db_id": "harbour", "question": f"Boats, {i}?", "query": gold} for i, gold in enumerate(golds)]
    (folder / "dev.json").write_text(json.dumps(entries))
    return load(data=folder)


@pytest.mark.parametrize("method", ["zero-shot", "rag", "vote:n=2"])
def test_they_are_asked_and_not_scored(folder: Path, method: str) -> None:
    benchmark = asking(folder, SQL, None, "SELECT 2", "")
    run = evaluate(method, benchmark, model=FakeModel(SQL), out="run", mode=["strict", "official"])
    assert [answer.prediction.sql for answer in run.answers] == [SQL] * 4
    assert ([s.index for s in run.verdicts], run.n, run.ex) == ([0, 2], 2, 50)
    assert [index for index, _ in run.failed_golds] == [1, 3]
    assert "no gold query" in run.failed_golds[0][1]
    assert run.summary()["metrics"]["official"]["n"] == 2
    assert Run.read("run", benchmark).ex == 50
    assert run.table()["correct"].tolist()[::2] == [True, False]


def test_a_file_of_predictions_has_answers_to_them(folder: Path, tmp_path: Path) -> None:
    asking(folder, SQL, None, "SELECT 2")
    Path("answers.txt").write_text(f"{SQL}\n" * 3)
    assert score("answers.txt", load(data=folder)).ex == 50
    result = CliRunner().invoke(main, ["score", "answers.txt", "--data", str(folder)])
    assert result.exit_code == 0
    assert "1 question has no gold query: asked, not scored" in result.stderr


def test_where_there_is_no_gold_at_all_there_is_no_number(folder: Path) -> None:
    benchmark = asking(folder, None, None)
    run = evaluate("zero-shot", benchmark, model=FakeModel(SQL), out="run")
    assert (run.n, len(run.answers), run.summary()["ex"]) == (0, 2, None)
    assert Path("run/predictions.jsonl").read_text().count("\n") == 2
    Path("answers.txt").write_text(f"{SQL}\n" * 2)
    result = CliRunner().invoke(main, ["score", "answers.txt", "--data", str(folder)])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "own dev  EX -  n=0")
