from __future__ import annotations

import itertools
import math
import random
import time
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.errors import UsageError
from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import clustered_se, group, interval
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


def test_of_an_accuracy_it_lies_about_it() -> None:
    correct = [1, 0, 1, 1] * 25
    low, high = interval(correct, range(100))
    assert 60 < low < 70
    assert 80 < high < 90
    assert interval([1] * 5, range(5)) == (100, 100)
    assert interval([0] * 5, range(5)) == (0, 0)


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
