from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from spider_opt.analysis.paired import flipped, holm, mcnemar, paired
from spider_opt.scoring.report import Scored
from spider_opt.types import Outcome

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def verdict(index: int, correct: bool, cluster: str = "", db_id: str = "shop") -> Scored:
    outcome = Outcome.CORRECT if correct else Outcome.WRONG_ROWS
    return Scored(index, db_id, correct, outcome, "", "easy", cluster or f"c{index}")


def verdicts(marks: str, db_ids: str = "") -> list[Scored]:
    return [verdict(i, mark == "+", db_id=db_ids[i] if db_ids else "shop") for i, mark in enumerate(marks)]


# --- two runs ----------------------------------------------------------------------------------


def test_what_was_won_and_lost() -> None:
    found = paired(verdicts("++--+--+"), verdicts("+-++++-+"))
    assert (found.n, found.won, found.lost, found.change, found.p) == (8, 3, 1, 25.0, 0.625)
    assert found.low < 25 < found.high


def test_the_order_of_verdicts_does_not_matter() -> None:
    base, run = verdicts("++--+--+" * 9), verdicts("+-++++-+" * 9)
    assert paired(base, run) == paired(base[::-1], random.Random(0).sample(run, len(run)))


@settings(deadline=None)
@given(st.text("+-", min_size=2, max_size=30), st.randoms())
def test_the_other_way_round_it_is_the_opposite(marks: str, rng: random.Random) -> None:
    base, run = verdicts(marks), verdicts("".join(rng.choice("+-") for _ in marks))
    there, back = paired(base, run), paired(run, base)
    assert (there.change, there.won, there.lost, there.p) == (-back.change, back.lost, back.won, back.p)
    assert there.low <= there.change <= there.high


def test_questions_lean_on_each_other_by_query_or_by_database() -> None:
    base, run = verdicts("-" * 12, "aaaabbbbcccc"), verdicts("++++--------", "aaaabbbbcccc")
    by_query, by_database = paired(base, run), paired(base, run, by="database")
    assert by_query.change == by_database.change
    assert by_database.high - by_database.low > 1.3 * (by_query.high - by_query.low)


def test_other_questions_or_none_are_refused() -> None:
    for base, run in ((verdicts("+-"), verdicts("+")), (verdicts("+"), verdicts("+-")), ([], [])):
        with pytest.raises(ValueError, match="same questions"):
            paired(base, run)


# --- the interval ------------------------------------------------------------------------------


def test_nothing_differs() -> None:
    found = paired(verdicts("+-+"), verdicts("+-+"))
    assert (found.change, found.low, found.high, found.won, found.lost, found.p) == (0, 0, 0, 0, 0, 1)


def test_everything_differs() -> None:
    found = paired(verdicts("---"), verdicts("+++"))
    assert (found.change, found.high, found.p) == (100, 100, 0.25)
    assert found.low < 0, "three coins may well fall alike"


def test_one_question() -> None:
    found = paired(verdicts("-"), verdicts("+"))
    assert (found.n, found.change, found.won, found.lost, found.p) == (1, 100, 1, 0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


# --- p values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    # scipy.stats.binomtest(won, won + lost).pvalue
    [(0, 0, 1), (1, 0, 1), (5, 5, 1), (6, 0, 0.03125), (10, 2, 0.03857421875), (12, 5, 0.143463), (40, 60, 0.0568879)],
)
def test_mcnemar(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == pytest.approx(p, rel=1e-5)
    assert mcnemar(lost, won) == mcnemar(won, lost)


@pytest.mark.parametrize("n", range(12))
def test_mcnemar_counts_what_is_as_extreme(n: int) -> None:
    for won in range(n + 1):
        sides = [sum(coins) for coins in itertools.product((0, 1), repeat=n)]
        extreme = sum(abs(2 * side - n) >= abs(2 * won - n) for side in sides)
        assert mcnemar(won, n - won) == pytest.approx(extreme / 2**n)


def test_mcnemar_of_many() -> None:
    assert mcnemar(1000, 1000) == 1
    assert 0 <= mcnemar(2000, 0) < 1e-300


@pytest.mark.parametrize(
    ("ps", "corrected"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.5, 0.9], [1, 1, 1]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.0, 1.0], [0, 1]),
    ],
)
def test_holm(ps: list[float], corrected: list[float]) -> None:
    assert holm(ps) == pytest.approx(corrected)


@given(P_VALUES, st.randoms())
def test_holm_keeps_the_order_and_never_flatters(ps: list[float], rng: random.Random) -> None:
    corrected = holm(ps)
    assert all(p <= q <= min(1, len(ps) * p) for p, q in zip(ps, corrected, strict=True))
    by_p = sorted(zip(ps, corrected, strict=True))
    assert [q for _, q in by_p] == sorted(corrected)
    shuffled = rng.sample(range(len(ps)), len(ps))
    assert holm([ps[i] for i in shuffled]) == [corrected[i] for i in shuffled]


# --- signs of clusters -------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 6)), max_size=24))
def test_it_counts_all_ways_to_give_each_cluster_a_sign(pairs: list[tuple[int, int]]) -> None:
    sums = [sum(d for d, of in pairs if of == cluster) for cluster in range(7)]
    ways = [sum(s * x for s, x in zip(signs, sums, strict=True)) for signs in itertools.product((1, -1), repeat=7)]
    share = sum(abs(way) >= abs(sum(sums)) for way in ways) / len(ways)
    assert flipped([d for d, _ in pairs], [of for _, of in pairs]) == pytest.approx(share)


@settings(deadline=None)
@given(st.lists(st.integers(-1, 1), max_size=200))
def test_of_questions_alone_it_is_mcnemars(differences: list[int]) -> None:
    expected = mcnemar(differences.count(1), differences.count(-1))
    assert flipped(differences, range(len(differences))) == pytest.approx(expected)


def test_it_is_scipys_permutation_test_of_clusters() -> None:
    rng = np.random.default_rng(0)
    sums = rng.integers(-2, 4, 14).astype(float)
    told = permutation_test((sums,), lambda x, axis: x.sum(axis), permutation_type="samples", n_resamples=np.inf)
    differences = [int(np.sign(s)) for s in sums for _ in range(int(abs(s)))]
    clusters = [i for i, s in enumerate(sums) for _ in range(int(abs(s)))]
    assert flipped(differences, clusters) == pytest.approx(told.pvalue)


def test_of_many_clusters_p_is_small_and_exact() -> None:
    assert flipped([1] * 1000, [i // 2 for i in range(1000)]) == pytest.approx(2 / 2**500)
    assert flipped([], []) == 1
