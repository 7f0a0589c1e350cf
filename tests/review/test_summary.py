"""Accuracy as people see it: how far its interval reaches where few labels, or labels all alike, stand for many."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from scipy import stats

from spider_opt.review.agreement import Estimate
from spider_opt.review.summary import _accuracy

Labels = tuple[int, int]
"""How many labels say right, and how many there are."""


def seen(n: int, ex: int, of_right: Labels, of_wrong: Labels) -> Estimate:
    """Of ``n`` questions, each of its own gold query, EX calls the first ``ex`` right."""
    return _accuracy([*_rows(n, ex, of_right, of_wrong)], [str(i) for i in range(n)], 0)


def _rows(n: int, ex: int, of_right: Labels, of_wrong: Labels) -> Iterable[list[float]]:
    for i in range(n):
        (right, there), number = (of_right, i) if i < ex else (of_wrong, i - ex)
        labels = [float(number < right), float(number < there)]
        yield [1.0, 0.0, *labels, 0.0, 0.0] if i < ex else [0.0, 1.0, 0.0, 0.0, *labels]


def by_jackknife(n: int, ex: int, of_right: Labels, of_wrong: Labels) -> tuple[float, float]:
    """Student's t of so many labels on the error of leaving out each question."""

    def figure(left_out: int | None) -> float:
        rows = [row for i, row in enumerate(_rows(n, ex, of_right, of_wrong)) if i != left_out]
        sums = [sum(column) for column in zip(*rows, strict=True)]
        parts = [sums[0] * sums[2] / sums[3] if sums[0] else 0.0, sums[1] * sums[4] / sums[5] if sums[1] else 0.0]
        return 100 * sum(parts) / len(rows)

    error = math.sqrt((n - 1) / n * sum((figure(i) - figure(None)) ** 2 for i in range(n)))
    far = stats.t.ppf(0.975, of_right[1] + of_wrong[1] - 1) * error
    return figure(None) - far, figure(None) + far


def test_few_labels_are_few_however_many_gold_queries_a_run_has() -> None:
    found = seen(200, 120, (17, 20), (4, 16))
    assert found.value == pytest.approx(100 * (120 * 17 / 20 + 80 * 4 / 16) / 200)
    assert (found.low, found.high) == pytest.approx(by_jackknife(200, 120, (17, 20), (4, 16)), rel=1e-3)


def test_labels_that_all_agree_with_ex_are_not_sure_of_all_others() -> None:
    found = seen(1000, 500, (5, 5), (0, 5))
    assert (found.n, found.value) == (10, 50)
    # None of five was another: of all up to 52 % may be, as the exact interval of five has it (Clopper & Pearson).
    unseen = 1 - 0.025 ** (1 / 5)
    assert found.low < 50 - 50 * unseen
    assert found.high > 50 + 50 * unseen
    turned = by_jackknife(300, 150, (19, 20), (0, 20)), by_jackknife(300, 150, (20, 20), (1, 20))
    found = seen(300, 150, (20, 20), (0, 20))
    assert (found.low, found.high) == pytest.approx((turned[0][0], turned[1][1]), rel=1e-3)


def test_all_right_as_people_see_it_too() -> None:
    found = seen(50, 50, (50, 50), (0, 0))
    assert found.value == found.high == 100
    assert 90 < found.low < 95
    assert math.isnan(seen(50, 25, (1, 1), (0, 1)).low), "of one label each nothing is known"
    assert math.isnan(seen(50, 25, (5, 5), (0, 0)).value)
