from __future__ import annotations

import itertools
import math
import random
import time
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.analysis.paired import holm, interval, mcnemar, paired
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


def test_it_is_that_of_drawing_clusters_one_by_one() -> None:
    rng = random.Random(0)
    clusters = [[rng.choice((-1, 0, 0, 1, 1)) for _ in range(rng.choice((1, 2, 5)))] for _ in range(40)]
    means = []
    for _ in range(4000):
        drawn = list(itertools.chain.from_iterable(rng.choices(clusters, k=len(clusters))))
        means.append(100 * fmean(drawn))
    means.sort()
    flat = [(d, number) for number, cluster in enumerate(clusters) for d in cluster]
    low, high = interval([d for d, _ in flat], [number for _, number in flat])
    assert low == pytest.approx(means[100], abs=1.5)
    assert high == pytest.approx(means[3900], abs=1.5)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """Questions of one cluster mostly change together, as phrasings of one query do."""
    rng = random.Random(0)
    covered = taken_alone = 0
    for _ in range(400):
        differences, clusters = [], []
        for cluster in range(80):
            shared = rng.choices((1, -1, 0), (0.15, 0.05, 0.8))[0]
            for _ in range(rng.choice((1, 2, 3))):
                own = rng.choices((1, -1, 0), (0.15, 0.05, 0.8))[0]
                differences.append(shared if rng.random() < 0.8 else own)
                clusters.append(cluster)
        low, high = interval(differences, clusters, n_resamples=1000)
        covered += low <= 10 <= high
        low, high = interval(differences, range(len(differences)), n_resamples=1000)
        taken_alone += low <= 10 <= high
    assert 0.92 <= covered / 400 <= 0.98
    assert taken_alone / 400 < 0.91


def test_asking_each_question_twice_teaches_nothing() -> None:
    differences = [1, 0, -1, 0, 1, 0, 0, 0, 1] * 5
    assert interval(differences * 2, [*range(45), *range(45)]) == interval(differences, range(45))


def test_the_seed_decides() -> None:
    differences = [1, 0, -1, 0, 1, 0, 0, 0, 1] * 5
    assert interval(differences, range(45), seed=3) == interval(differences, range(45), seed=3)
    spans = {interval(differences, range(45), n_resamples=50, seed=seed) for seed in range(5)}
    assert len(spans) > 1


def test_a_thousand_questions_take_no_time() -> None:
    rng = random.Random(0)
    differences = rng.choices((1, -1, 0), (1, 1, 8), k=1000)
    clusters = [rng.randrange(550) for _ in differences]
    interval([1, 0], "ab")  # numpy is there
    start = time.process_time()
    interval(differences, clusters)
    assert time.process_time() - start < 0.5


def test_nothing_differs() -> None:
    assert interval([0] * 5, range(5)) == (0, 0)
    found = paired(verdicts("+-+"), verdicts("+-+"))
    assert (found.change, found.low, found.high, found.won, found.lost, found.p) == (0, 0, 0, 0, 0, 1)


def test_everything_differs() -> None:
    found = paired(verdicts("---"), verdicts("+++"))
    assert (found.change, found.low, found.high, found.p) == (100, 100, 100, 0.25)


@pytest.mark.parametrize(("differences", "clusters"), [([], ""), ([1], "a"), ([1, 0, -1], "aaa")])
def test_one_cluster_tells_nothing_about_the_spread(differences: list[int], clusters: str) -> None:
    assert all(map(math.isnan, interval(differences, clusters)))


def test_one_question() -> None:
    found = paired(verdicts("-"), verdicts("+"))
    assert (found.n, found.change, found.won, found.lost, found.p) == (1, 100, 1, 0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_each_difference_has_its_cluster() -> None:
    with pytest.raises(ValueError, match="shorter"):
        interval([1, 0], "a")


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
