from __future__ import annotations

import math

import pytest

from spider_opt.scoring.report import Scored, ScoreReport
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.spread import Spread, intervals, spread
from spider_opt.scoring.statistics import accuracy_interval, clustered_se, interval
from spider_opt.types import Outcome


def scored(index: int, correct: bool, **metrics: bool | float) -> Scored:
    outcome = Outcome.CORRECT if correct else Outcome.WRONG_ROWS
    return Scored(index, f"db{index % 5}", correct, outcome, "", "easy", f"c{index // 2}", metrics)


VERDICTS = tuple(scored(i, i % 4 > 0, official=i % 4 > 0, strict=i % 3 > 0) for i in range(60))


def test_each_metric_has_its_intervals_by_query_and_by_database() -> None:
    told = intervals(ScoreReport(VERDICTS, 0, (), Rules(metrics=("strict",)), "f"))
    assert list(told) == ["official", "strict"]
    for name, values in {"official": [i % 4 > 0 for i in range(60)], "strict": [i % 3 > 0 for i in range(60)]}.items():
        for by, clusters in {"query": [i // 2 for i in range(60)], "database": [i % 5 for i in range(60)]}.items():
            found = told[name][by]
            low, high = accuracy_interval(values, clusters)
            effect = (clustered_se(values, clusters) / clustered_se(values, range(60))) ** 2
            assert [found["low"], found["high"]] == pytest.approx([low, high], abs=1e-4)
            assert (found["clusters"], found["design_effect"]) == (len(set(clusters)), pytest.approx(effect, abs=1e-4))


def test_of_ex_it_is_that_of_the_report() -> None:
    told = intervals(ScoreReport(VERDICTS, 0, (), Rules(), "f"))
    assert spread(VERDICTS, "query").to_json() == told["official"]["query"]


def test_what_cannot_be_told_is_none() -> None:
    alone = Spread.of([True, False], ["a", "a"])
    assert math.isnan(alone.low)
    assert alone.to_json() == {"low": None, "high": None, "clusters": 1, "design_effect": None}
    nothing = Spread.of([], [])
    assert nothing.to_json() == {"low": None, "high": None, "clusters": 0, "design_effect": None}


def test_numbers_that_are_no_shares_have_an_interval_too() -> None:
    values = [0.0, 1.25, 1.0, 0.5] * 10
    assert (Spread.of(values, range(40)).low, Spread.of(values, range(40)).high) == interval(values, range(40))
