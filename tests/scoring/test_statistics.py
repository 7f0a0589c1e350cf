from __future__ import annotations

import math
import random
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.scoring.statistics import clustered_se

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
