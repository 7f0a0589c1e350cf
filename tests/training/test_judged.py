"""What a judge learns: candidates of training questions with whether they are right."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool
from spider_opt.errors import LeakError, RunError, UsageError
from spider_opt.evaluation.running import evaluate
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.training.judged import apart, judged_items
from spider_opt.types import Completion, Request

BENCHMARK = load("spider-mini:train")
GOLDS = {example.question.text: example.gold_sql for example in BENCHMARK.examples}


def answer(request: Request) -> list[Completion]:
    """Say gold, twice gold in other words, something that is wrong and something that fails."""
    gold = next(sql for text, sql in GOLDS.items() if text in request.text)
    said = [gold, f"SELECT * FROM ({gold})", "SELECT 'no such result', 1", "SELECT", gold]
    return [Completion(said[(request.seed + i) % 5]) for i in range(request.n)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_rows: None) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"
    evaluate("vote:n=5,greedy=no+zero-shot", BENCHMARK, model=FakeModel(answer), limit=12, out=out, progress=False)
    return out


def test_each_candidate_that_gave_a_result_with_whether_it_is_right(folder: Path) -> None:
    items = judged_items([folder], BENCHMARK, DatabasePool(BENCHMARK.paths))
    asked = [example.question.id for example in BENCHMARK.examples[:12]]
    assert Counter(item.question.id for item in items) == dict.fromkeys(asked, 3)
    for item in items:
        example = next(example for example in BENCHMARK.examples if example.question.id == item.question.id)
        with closing(sqlite3.connect(BENCHMARK.paths[example.question.db_id])) as connection:
            rows = connection.execute(item.sql).fetchall()
            gold = connection.execute(example.gold_sql).fetchall()
        assert item.right == (sorted(map(repr, rows)) == sorted(map(repr, gold)))
        assert item.group.n_rows == len(rows)
        assert not item.context.values
    assert sum(item.right for item in items) == 24


@pytest.mark.usefixtures("folder")
def test_what_is_right_by_luck_is_neither_right_nor_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    example = next(one for one in BENCHMARK.examples if one.question.text == "How many books have more than 300 pages?")
    lucky, wrong = (f"SELECT count(*) FROM book WHERE pages {test}" for test in (">= 300", "> 900"))
    said = [wrong, example.gold_sql, lucky]
    model = FakeModel(lambda request: [Completion(said[(request.seed + i) % 3]) for i in range(request.n)])
    one = replace(BENCHMARK, examples=(example,))
    evaluate("vote:n=3,greedy=no+zero-shot", one, model=model, out=tmp_path / "lucky", progress=False)
    on_own = judge_all([(example, lucky), (example, wrong)], BENCHMARK.paths, Rules())
    assert [said["official"].correct for said in on_own] == [True, False]  # type: ignore[union-attr]
    items = judged_items([tmp_path / "lucky"], BENCHMARK, DatabasePool(BENCHMARK.paths))
    assert {item.sql: item.right for item in items} == {example.gold_sql: True, wrong: False}
    assert "left out: 1 of 2 right candidates, by luck" in caplog.text


@pytest.mark.usefixtures("folder")
def test_what_is_right_by_the_benchmarks_own_rule_alone_stays_right(tmp_path: Path) -> None:
    """BIRD's rule knows no order, Spider's does: on other rows it cannot say that this is luck."""
    example = next(one for one in BENCHMARK.examples if one.question.text == "How many books have more than 300 pages?")
    gold, unordered, wrong = "SELECT title FROM book ORDER BY title", "SELECT title FROM book", "SELECT pages FROM book"
    said = [wrong, gold, unordered]
    model = FakeModel(lambda request: [Completion(said[(request.seed + i) % 3]) for i in range(request.n)])
    bird = replace(BENCHMARK, examples=(replace(example, gold_sql=gold),), scorer="bird")
    evaluate("vote:n=3,greedy=no+zero-shot", bird, model=model, out=tmp_path / "bird", progress=False)
    items = judged_items([tmp_path / "bird"], bird, DatabasePool(bird.paths))
    assert {item.sql: item.right for item in items} == {gold: True, unordered: True, wrong: False}


def test_a_query_that_two_runs_have_counts_once(folder: Path) -> None:
    databases = DatabasePool(BENCHMARK.paths)
    assert judged_items([folder, folder], BENCHMARK, databases) == judged_items([folder], BENCHMARK, databases)


def test_databases_apart(folder: Path) -> None:
    items = judged_items([folder], BENCHMARK, DatabasePool(BENCHMARK.paths))
    one = items[0].question.db_id
    learnt, rest = apart(items, frozenset({one}))
    assert {item.question.db_id for item in rest} == {one}
    assert one not in {item.question.db_id for item in learnt}
    assert len(learnt) + len(rest) == len(items)


def test_a_model_that_learnt_its_questions_teaches_nothing(folder: Path) -> None:
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(info | {"learnt_databases": 2}))
    with pytest.raises(LeakError, match="had learnt from 2 of the databases"):
        judged_items([folder], BENCHMARK, DatabasePool(BENCHMARK.paths))


def test_of_an_earlier_version_nothing_is_learnt_that_an_adapter_said(folder: Path) -> None:
    """It did not say what its model had learnt; a model without an adapter had learnt nothing."""
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(info | {"format": 1}))
    assert judged_items([folder], BENCHMARK, DatabasePool(BENCHMARK.paths))
    (folder / "run.json").write_text(json.dumps(info | {"format": 1, "adapter_sha256": "0" * 64}))
    with pytest.raises(LeakError, match="recorded by an earlier version, which did not say what its adapter had"):
        judged_items([folder], BENCHMARK, DatabasePool(BENCHMARK.paths))


def test_questions_of_an_evaluation_split_are_refused(tmp_path: Path) -> None:
    test = load("spider-mini")
    out = tmp_path / "run"
    evaluate("vote:n=2+zero-shot", test, model=FakeModel("SELECT 1"), limit=2, out=out, progress=False)
    with pytest.raises(LeakError, match="it asked questions of an evaluation split"):
        judged_items([out], test, DatabasePool(test.paths))


def test_runs_that_kept_nothing_or_ask_something_else(folder: Path, tmp_path: Path) -> None:
    single = tmp_path / "single"
    evaluate("zero-shot", BENCHMARK, model=FakeModel("SELECT 1"), limit=2, out=single, progress=False)
    with pytest.raises(UsageError, match="kept no candidates to learn from"):
        judged_items([single], BENCHMARK, DatabasePool(BENCHMARK.paths))
    with pytest.raises(RunError, match="was made with other questions"):
        judged_items([folder], load("spider-mini"), DatabasePool(BENCHMARK.paths))
