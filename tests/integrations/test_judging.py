"""Answers judged one by one have the verdicts that they have together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError, GoldError, ScorerError
from spider_opt.integrations.judging import judged, rules_on
from spider_opt.scoring import score
from spider_opt.types import Benchmark, Example, GoldResult, Verdict


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


def only(mini: Benchmark, example: Example) -> Benchmark:
    return replace(mini, examples=(example,))


def test_an_answer_is_right_by_any_gold(mini: Benchmark) -> None:
    first = mini.examples[0]
    example = replace(first, gold_sql="SELECT 1, 2, 3", other_golds=("SELECT no_such_column", first.gold_sql))
    rules = rules_on(mini)
    for sql in (first.gold_sql, "SELECT 4", "SELECT", "DROP TABLE exhibition"):
        said = judged(example, sql, mini.paths[example.question.db_id], rules)
        [scored] = score(only(mini, example), [(example, sql)], rules, use_cache=False, n_workers=1).scored
        main = said["official"]
        assert isinstance(main, Verdict)
        assert (main.correct, main.outcome, main.detail) == (scored.correct, scored.outcome, scored.detail)
        assert {name: one.metric for name, one in said.items() if isinstance(one, Verdict)} == scored.metrics


def test_an_answer_is_right_by_a_result(mini: Benchmark) -> None:
    gold = GoldResult("n,more\n3,x\n", (0,), any_order=True)
    example = replace(mini.examples[0], gold_sql="", gold_results=(GoldResult("n\n4\n"), gold))
    asked = replace(only(mini, example), scorer="columns")
    rules = rules_on(asked)
    for sql, right in (("SELECT 3.001", True), ("SELECT 5", False), ("SELECT 1, 4", True)):
        said = judged(example, sql, mini.paths[example.question.db_id], rules)["columns"]
        [scored] = score(asked, [(example, sql)], rules, use_cache=False, n_workers=1).scored
        assert isinstance(said, Verdict)
        assert (said.correct, said.outcome, said.detail) == (scored.correct, scored.outcome, scored.detail)
        assert said.correct is right


def test_a_gold_that_fails_is_no_verdict(mini: Benchmark) -> None:
    example = replace(mini.examples[0], gold_sql="SELECT no_such_column")
    said = judged(example, "SELECT 1", mini.paths[example.question.db_id], rules_on(mini))
    assert all(isinstance(one, GoldError) for one in said.values())
    assert list(said) == ["official", "strict"]


def test_a_lost_database_is_no_verdict(mini: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        judged(mini.examples[0], "SELECT 1", tmp_path / "gone.sqlite", rules_on(mini))


def test_rules_by_name(mini: Benchmark) -> None:
    assert rules_on(mini, "strict").scorers == ("strict",)
    with pytest.raises(ScorerError, match="stric"):
        rules_on(mini, "stric")
