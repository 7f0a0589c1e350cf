from __future__ import annotations

import itertools
import math
import random
import time
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from spider_opt.errors import UsageError
from spider_opt.scoring import statistics
from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import (
    accuracy_interval,
    clustered_se,
    design_effect,
    group,
    interval,
    smallest_shown,
)
from spider_opt.types import Outcome

ANSWERS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_with_each_question_alone_it_is_the_textbook_value(correct: list[bool]) -> None:
    p, n = sum(correct) / len(correct), len(correct)
    assert clustered_se(correct, range(n)) == pytest.approx(100 * math.sqrt(p * (1 - p) / (n - 1)))


@given(ANSWERS)
def test_the_names_and_the_order_of_clusters_do_not_matter(answers: list[tuple[bool, int]]) -> None:
    correct, clusters = [c for c, _ in answers], [k for _, k in answers]
    se = clustered_se(correct, clusters)
    renamed = clustered_se(correct, [f"name {k}" for k in clusters])
    backwards = clustered_se(correct[::-1], clusters[::-1])
    for other in (renamed, backwards):
        assert other == pytest.approx(se, nan_ok=True)


@given(ANSWERS)
def test_asking_each_question_twice_teaches_nothing(answers: list[tuple[bool, int]]) -> None:
    correct, clusters = [c for c, _ in answers], [k for _, k in answers]
    assert clustered_se(correct * 2, clusters * 2) == pytest.approx(clustered_se(correct, clusters), nan_ok=True)


def test_two_questions_of_a_cluster_that_agree_count_as_one() -> None:
    assert clustered_se([True, True, False, False] * 5, [f"{i // 2}" for i in range(20)]) == pytest.approx(
        clustered_se([True, False] * 5, range(10))
    )


def test_it_is_the_spread_of_the_accuracy_over_draws_of_clusters() -> None:
    rng = random.Random(1)
    estimates, errors = [], []
    for _ in range(400):
        correct, clusters = [], []
        for cluster in range(60):
            right = rng.random() < 0.6
            for _ in range(rng.choice((1, 2, 3))):
                correct.append(right if rng.random() < 0.8 else rng.random() < 0.6)
                clusters.append(cluster)
        estimates.append(100 * sum(correct) / len(correct))
        errors.append(clustered_se(correct, clusters))
    assert sum(errors) / len(errors) == pytest.approx(pstdev(estimates), rel=0.12)


def test_all_alike_has_no_error() -> None:
    assert clustered_se([True] * 4, "abcd") == 0
    assert clustered_se([False] * 4, "aabb") == 0


@pytest.mark.parametrize(("correct", "clusters"), [([], []), ([True], ["a"]), ([True, False, True], ["a", "a", "a"])])
def test_one_cluster_tells_nothing_about_the_spread(correct: list[bool], clusters: list[str]) -> None:
    assert math.isnan(clustered_se(correct, clusters))


def test_each_answer_has_its_cluster() -> None:
    with pytest.raises(ValueError, match="shorter"):
        clustered_se([True, False], ["a"])


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


def test_asking_each_question_twice_does_not_narrow_it() -> None:
    differences = [1, 0, -1, 0, 1, 0, 0, 0, 1] * 5
    assert interval(differences * 2, [*range(45), *range(45)]) == interval(differences, range(45))


def test_the_seed_decides() -> None:
    differences = [1, 0, -1, 0, 1, 0, 0, 0, 1] * 15
    assert interval(differences, range(135), seed=3) == interval(differences, range(135), seed=3)
    spans = {interval(differences, range(135), n_resamples=50, seed=seed) for seed in range(5)}
    assert len(spans) > 1


def test_a_thousand_questions_take_no_time() -> None:
    rng = random.Random(0)
    differences = rng.choices((1, -1, 0), (1, 1, 8), k=1000)
    clusters = [rng.randrange(550) for _ in differences]
    interval([1, 0], "ab")  # numpy is there
    start = time.process_time()
    interval(differences, clusters)
    assert time.process_time() - start < 0.5


def test_of_an_accuracy_it_lies_about_it() -> None:
    correct = [1, 0, 1, 1] * 25
    low, high = interval(correct, range(100))
    assert 60 < low < 70
    assert 80 < high < 90
    assert interval([0] * 5, range(5)) == (0, 0)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 8, 40, 150])
def test_questions_that_all_turned_are_as_sure_of_it_as_mcnemars_test(n: int) -> None:
    for each in (-1, 1):
        low, high = interval([each] * n, range(n))
        assert (low if each == -1 else high) == 100 * each
        beyond_chance = stats.binomtest(n, n).pvalue < 0.05
        assert (low > 0 or high < 0) <= beyond_chance
        assert (low > 0 or high < 0) or n < 9, "a little more careful than the exact test"


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_databases_that_turned_alike_are_as_sure_of_it_as_if_one_question_had_not(share: float) -> None:
    lost = round(20 * share)
    clusters = [cluster for cluster in range(5) for _ in range(20)]
    low, high = interval([*[-1] * lost, *[0] * (20 - lost)] * 5, clusters)
    without = np.array([-100 * share] * 5) + np.array([10, 0, 0, 0, 0])  # one of 20 is won, in place of lost
    far = stats.t.ppf(0.975, 4) * stats.sem(without)
    assert high == pytest.approx(without.mean() + far)
    assert low == (-100 if share == 1 else pytest.approx(2 * -100 * share - without.mean() - far))  # or one more lost
    assert high < -40


def test_databases_of_the_same_accuracy_are_not_sure_of_it() -> None:
    correct, clusters = [1, 1, 1, 0, 0, 1, 1, 1], "aaaabbbb"
    low, high = accuracy_interval(correct, clusters)
    unseen = stats.binomtest(0, 2).proportion_ci(0.95, "exact").high
    assert [low, high] == pytest.approx([75 * (1 - unseen), 75 + 25 * unseen])


def test_numbers_without_a_bound_that_are_all_alike_have_no_interval() -> None:
    assert all(map(math.isnan, interval([1.5, 1.5, 1.5], "abc")))


@pytest.mark.parametrize(("differences", "clusters"), [([], ""), ([1], "a"), ([1, 0, -1], "aaa")])
def test_of_one_cluster_there_is_none(differences: list[int], clusters: str) -> None:
    assert all(map(math.isnan, interval(differences, clusters)))


def test_each_difference_has_its_cluster() -> None:
    with pytest.raises(ValueError, match="shorter"):
        interval([1, 0], "a")


def test_by_what_questions_lean_is_never_guessed() -> None:
    scored = Scored(0, "shop", True, Outcome.CORRECT, "", "easy", "a")
    assert (group(scored, "query"), group(scored, "database")) == ("a", "shop")
    with pytest.raises(UsageError, match="not by 'databases'"):
        group(scored, "databases")  # type: ignore[arg-type]


# --- of few clusters ---------------------------------------------------------------------------

DEV = (4, 15, 16, 18, 30, 30, 38, 40, 40, 42, 45, 56, 62, 78, 80, 82, 84, 92, 120)
"""How many questions of Spider dev are about each of the 19 databases that there are."""


def _few(rng: random.Random, ex: float, sizes: tuple[int, ...] = DEV, lean: float = 0.1) -> tuple[list[int], list[int]]:
    """Draw verdicts of questions about databases, each with an accuracy of its own."""
    correct, clusters = [], []
    for cluster, size in enumerate(sizes):
        own = rng.betavariate(ex * (1 / lean - 1), (1 - ex) * (1 / lean - 1))
        correct += [int(rng.random() < own) for _ in range(size)]
        clusters += [cluster] * size
    return correct, clusters


def _by_scipy(values: list[int], clusters: list[int]) -> tuple[float, float, float]:
    """The mean, its error by leaving out each cluster, and t of 97.5 %, written out."""
    x, of = np.array(values), np.array(clusters)
    left = [x[of != cluster].mean() for cluster in sorted(set(clusters))]
    error = math.sqrt((len(left) - 1) * np.mean([(one - x.mean()) ** 2 for one in left]))
    sizes = np.bincount(of)
    return x.mean(), error, stats.t.ppf(0.975, sizes.sum() ** 2 / (sizes**2).sum() - 1)


def test_of_few_clusters_it_is_students_by_the_jackknife() -> None:
    rng = random.Random(0)
    differences = [rng.choice((-1, 0, 0, 1, 1)) for _ in range(sum(DEV))]
    clusters = [cluster for cluster, size in enumerate(DEV) for _ in range(size)]
    mean, error, t = _by_scipy(differences, clusters)
    assert interval(differences, clusters) == pytest.approx((100 * (mean - t * error), 100 * (mean + t * error)))


def test_an_accuracys_is_students_of_its_log_odds() -> None:
    correct, clusters = _few(random.Random(0), 0.9)
    mean, error, t = _by_scipy(correct, clusters)
    far = t * error / (mean * (1 - mean))
    expected = 100 * special.expit([special.logit(mean) - far, special.logit(mean) + far])
    assert accuracy_interval(correct, clusters) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("n", [2, 19, 400])
def test_all_right_or_all_wrong_is_the_exact_interval_of_the_clusters(n: int) -> None:
    clusters = [cluster for cluster in range(n) for _ in range(3)]
    for right in (0, 1):
        exact = stats.binomtest(right * n, n).proportion_ci(0.95, "exact")
        expected = (100 * exact.low, 100 * exact.high)
        assert accuracy_interval([right] * len(clusters), clusters) == pytest.approx(expected)


def test_of_many_clusters_an_accuracys_is_the_bootstraps() -> None:
    correct = [1, 0, 1, 1, 1] * 40
    assert accuracy_interval(correct, range(200)) == interval(correct, range(200))


@pytest.mark.parametrize("ex", [0.5, 0.8, 0.93])
def test_of_19_databases_it_covers_what_it_says_and_percentiles_do_not(ex: float) -> None:
    rng = random.Random(2)
    told = [_few(rng, ex) for _ in range(400)]
    covered = [low <= 100 * ex <= high for low, high in itertools.starmap(accuracy_interval, told)]
    error = math.sqrt(0.95 * 0.05 / len(told))
    assert fmean(covered) == pytest.approx(0.95, abs=2.6 * error)
    percentiles = [statistics._resampled(statistics._summed(*one), 300, 0) for one in told]
    assert fmean(low <= 100 * ex <= high for low, high in percentiles) < fmean(covered)


def test_it_stays_within_what_is_possible() -> None:
    assert accuracy_interval([1] * 19 + [0], range(20))[1] < 100
    low, high = interval([1, 1, 0], "aab")
    assert (low, high) == (-100, 100)
    assert math.isnan(accuracy_interval([1, 0], "aa")[0])


@settings(deadline=None)
@given(ANSWERS)
def test_other_names_and_another_order_change_nothing(answers: list[tuple[bool, int]]) -> None:
    correct, clusters = [c for c, _ in answers], [k for _, k in answers]
    found = accuracy_interval(correct, clusters)
    assert accuracy_interval(correct[::-1], [f"name {k}" for k in clusters[::-1]]) == pytest.approx(found, nan_ok=True)
    low, high = accuracy_interval([not c for c in correct], clusters)
    assert (100 - high, 100 - low) == pytest.approx(found, nan_ok=True)


# --- how much questions lean, and what could be shown ------------------------------------------


def test_the_design_effect_is_the_variance_over_that_of_questions_alone() -> None:
    correct, clusters = _few(random.Random(0), 0.8)
    x, of = np.array(correct), np.array(clusters)
    sums = np.array([(x[of == cluster] - x.mean()).sum() for cluster in range(len(DEV))])
    variance = (sums**2).sum() * len(DEV) / (len(DEV) - 1) / len(x) ** 2
    assert design_effect(correct, clusters) == pytest.approx(variance / (x.var(ddof=1) / len(x)))
    assert design_effect(correct, range(len(correct))) == pytest.approx(1)
    assert design_effect([1, 1, 0, 0] * 50, [i // 2 for i in range(200)]) == pytest.approx(2, abs=0.02)
    assert math.isnan(design_effect([1, 1, 1], "abc"))
    assert math.isnan(design_effect([1, 0], "aa"))


def test_the_smallest_difference_is_shown_in_four_of_five_trials() -> None:
    """Runs that differ by just so much: how often does their interval leave out 0?"""
    rng = random.Random(0)

    def draw(won: float, lost: float) -> list[int]:
        found = []
        for _ in range(130):
            shared = rng.choices((1, -1, 0), (won, lost, 1 - won - lost))[0]
            own = rng.choices((1, -1, 0), (won, lost, 1 - won - lost))[0]
            found += [shared, shared if rng.random() < 0.6 else own]
        return found

    clusters = [i // 2 for i in range(260)]
    smallest = fmean(smallest_shown(draw(0.15, 0.055), clusters) for _ in range(50))
    assert smallest == pytest.approx(9.5, abs=0.7)  # which is what these runs differ by
    shown = [interval(draw(0.15, 0.055), clusters, n_resamples=500)[0] > 0 for _ in range(300)]
    assert fmean(shown) == pytest.approx(0.8, abs=0.07)


def test_what_could_be_shown_is_t_of_the_error() -> None:
    differences = [1, 0, 0, -1, 1, 0, 0, 0, 1, 0] * 20
    error = np.std(differences, ddof=1) / math.sqrt(200)
    expected = 100 * error * (stats.t.ppf(0.975, 199) + stats.t.ppf(0.8, 199))
    assert smallest_shown(differences, range(200)) == pytest.approx(expected)
    assert math.isnan(smallest_shown([0, 0], "ab"))
    assert math.isnan(smallest_shown([1, 0], "aa"))


@pytest.mark.parametrize("freedom", [1, 1.37, 4, 18, 13.07, 550])
def test_students_t_is_scipys(freedom: float) -> None:
    for share in (0.8, 0.975):
        assert statistics.student(freedom, share) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-5)
