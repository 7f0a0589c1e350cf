from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from spider_opt.analysis.seeds import spread_of_seeds
from spider_opt.errors import UsageError
from spider_opt.runs import Answer, Run, RunInfo, ScoredBy
from spider_opt.scoring.report import Scored
from spider_opt.types import Outcome, Prediction

INFO = RunInfo("vote", "vote", "m", "", "", "spider", "dev", "", "f", 0, scorer=ScoredBy("official", False, 10.0, "1"))


def made(marks: str, seed: int = 0, sql: str = "", **changes: object) -> Run:
    told = {"+": Outcome.CORRECT, "-": Outcome.WRONG_ROWS}
    verdicts = tuple(Scored(i, "d", mark == "+", told[mark], "", "easy", f"c{i // 2}") for i, mark in enumerate(marks))
    queries = sql or marks
    answers = tuple(Answer(i, f"q{i}", "d", Prediction(f"SELECT '{queries[i]}'")) for i in range(len(marks)))
    return Run(replace(INFO, seed=seed, **changes), answers, verdicts)  # type: ignore[arg-type]


def test_the_spread_between_seeds_stands_beside_that_between_questions() -> None:
    marks = ["++-+-+--++", "+--+-+-+++", "+++--+--++"]
    found = spread_of_seeds([made(one, seed) for seed, one in enumerate(marks)])
    right = np.array([[mark == "+" for mark in one] for one in marks], float)
    assert (found.n, found.seeds) == (10, (0, 1, 2))
    assert found.ex == pytest.approx(tuple(100 * right.mean(1)))
    assert found.mean == pytest.approx(100 * right.mean())
    assert found.between_seeds == pytest.approx(np.std(100 * right.mean(1), ddof=1))
    shares = right.mean(0)
    sums = (shares - shares.mean()).reshape(5, 2).sum(1)
    assert found.between_questions == pytest.approx(100 * math.sqrt((sums**2).sum() * 5 / 4) / 10)
    assert found.low < found.mean < found.high
    assert found.turned == ((right.sum(0) > 0) & (right.sum(0) < 3)).sum()
    assert found.same_sql == 10 - found.turned
    assert not found.alike


def test_where_nothing_is_drawn_it_says_so() -> None:
    found = spread_of_seeds([made("+-+-", seed) for seed in range(3)])
    assert (found.alike, found.between_seeds, found.turned) == (True, 0, 0)


def test_other_queries_that_are_as_right_are_drawn_too() -> None:
    found = spread_of_seeds([made("++--", 0, "abcd"), made("++--", 1, "abce")])
    assert (found.alike, found.same_sql, found.turned, found.between_seeds) == (False, 3, 0, 0)


def test_one_gold_query_has_no_error() -> None:
    told = spread_of_seeds([made("+-", 0), made("--", 1)]).to_json()
    assert (told["between_questions"], told["low"], told["ex"]) == (None, None, (50.0, 0.0))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (made("+--+", 0), "two runs have the seed 0"),
        (made("+-+", 1), "different questions"),
        (made("+-+-", 1, model="n"), "seeds alone must differ"),
        (made("+-+-", 1, steps="zero-shot"), "seeds alone must differ"),
        (made("+-+-", 1, fingerprint="g"), "with other questions or databases"),
    ],
)
def test_runs_that_differ_by_more_are_refused(other: Run, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        spread_of_seeds([made("+-+-"), other])
    with pytest.raises(UsageError, match="of one seed"):
        spread_of_seeds([other])
