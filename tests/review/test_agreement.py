"""Kappa and alpha, against other people's computations and published examples."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spider_opt.review import agreement
from spider_opt.review.agreement import Estimate, alpha, coincidences, kappa, pair, share, with_interval
from spider_opt.runs.labels import SAID, Said
from spider_opt.scoring.statistics import accuracy_interval

LABELS = st.sampled_from(SAID)


def alpha_of(units: Sequence[Sequence[Said]]) -> float:
    return with_interval([coincidences(said) for said in units], range(len(units)), alpha, n_resamples=1).value


def kappa_of(pairs: Sequence[tuple[Said, Said]]) -> float:
    return with_interval([pair(*both) for both in pairs], range(len(pairs)), kappa, n_resamples=1).value


# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, C: four observers, twelve units, nominal data: .743.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 * * *", "1 2 3 3 2 2 4 1 2 5 * 3", "* 3 3 3 2 3 4 2 2 5 1 *", "1 2 3 3 2 4 4 1 2 5 1 *",
)  # fmt: skip


def test_the_worked_example_of_krippendorff() -> None:
    units = zip(*(line.split() for line in OBSERVERS), strict=True)
    categories = tuple("12345")
    matrices = [coincidences([x for x in unit if x != "*"], categories) for unit in units]  # type: ignore[misc, arg-type]
    assert with_interval(matrices, range(12), alpha, n_resamples=1).value == pytest.approx(0.743, abs=5e-4)


def test_the_worked_example_of_cohens_kappa() -> None:
    # 50 proposals, 20 and 15 of them judged alike: kappa .4 (Wikipedia, Cohen's kappa, simple example).
    table = [("right", "right")] * 20 + [("right", "wrong")] * 5 + [("wrong", "right")] * 10 + [("wrong", "wrong")] * 15
    assert kappa_of(table) == pytest.approx(0.4)  # type: ignore[arg-type]


def alpha_by_definition(units: Sequence[Sequence[Said]]) -> float:
    """Krippendorff's alpha from pairs of labels: those of one answer, against those of all answers."""
    several = [unit for unit in units if len(unit) > 1]
    every = [said for unit in several for said in unit]
    observed = sum(
        Fraction(sum(a != b for a, b in permutations(unit, 2)), len(unit) - 1) for unit in several
    ) / Fraction(len(every))
    pairs = list(permutations(every, 2))
    return float(1 - observed / Fraction(sum(a != b for a, b in pairs), len(pairs)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(LABELS | st.none(), min_size=3, max_size=3), min_size=2, max_size=30))
def test_alpha_is_that_of_its_definition_and_of_another_package(units: list[list[Said | None]]) -> None:
    there = [[said for said in unit if said is not None] for unit in units]
    ours = alpha_of(there)
    paired = {said for unit in there if len(unit) > 1 for said in unit}
    if len(paired) < 2:
        assert math.isnan(ours)
        return
    assert ours == pytest.approx(alpha_by_definition(there))
    krippendorff = pytest.importorskip("krippendorff")
    data = np.array([[np.nan if said is None else SAID.index(said) for said in unit] for unit in units]).T
    assert ours == pytest.approx(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"))


def by_definition(pairs: Sequence[tuple[Said, Said]]) -> float:
    """Cohen's kappa from shares, in exact numbers; NaN where one label alone is named."""
    n = len(pairs)
    firsts, seconds = (Counter(said) for said in zip(*pairs, strict=True))
    same = Fraction(sum(a == b for a, b in pairs), n)
    chance = sum(Fraction(firsts[said], n) * Fraction(seconds[said], n) for said in SAID)
    return math.nan if chance == 1 else float((same - chance) / (1 - chance))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40))
def test_kappa_is_that_of_its_definition(pairs: list[tuple[Said, Said]]) -> None:
    assert kappa_of(pairs) == pytest.approx(by_definition(pairs), nan_ok=True)


def test_the_interval_is_that_of_resampling_clusters_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(5)
    pairs = [(draw.choice(SAID), draw.choice(SAID)) if draw.random() < 0.6 else ("right", "right") for _ in range(80)]
    clusters = [draw.randrange(30) for _ in pairs]
    monkeypatch.setattr(agreement, "FEW", 2)
    found = with_interval([pair(*both) for both in pairs], clusters, kappa, seed=1)
    members = {c: [p for p, of in zip(pairs, clusters, strict=True) if of == c] for c in set(clusters)}
    by_hand = []
    for _ in range(600):
        drawn = [p for c in draw.choices(sorted(members), k=len(members)) for p in members[c]]
        by_hand.append(by_definition(drawn))
    low, high = np.nanquantile(by_hand, [0.025, 0.975])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.04), pytest.approx(high, abs=0.04))
    assert found == with_interval([pair(*both) for both in pairs], clusters, kappa, seed=1)
    wider = with_interval([pair(*both) for both in pairs] * 4, clusters * 4, kappa, seed=1)
    assert (wider.low, wider.high) == (pytest.approx(found.low), pytest.approx(found.high)), "the same clusters"


def test_of_few_gold_queries_it_is_student_s() -> None:
    draw = random.Random(5)
    pairs = [(draw.choice(SAID), draw.choice(SAID)) if draw.random() < 0.6 else ("right", "right") for _ in range(60)]
    clusters = [i % 12 for i in range(60)]
    found = with_interval([pair(*both) for both in pairs], clusters, kappa, within=(-1, 1))
    without = [by_definition([p for p, of in zip(pairs, clusters, strict=True) if of != c]) for c in range(12)]
    error = math.sqrt(11 / 12 * sum((one - by_definition(pairs)) ** 2 for one in without))
    far = stats.t.ppf(0.975, 11) * error
    assert (found.low, found.high) == pytest.approx((found.value - far, min(1, found.value + far)), rel=1e-3)
    right = [first == second for first, second in pairs]
    said = with_interval([[same, 1.0] for same in right], clusters, share)
    assert (said.low, said.high) == pytest.approx(accuracy_interval(right, clusters))


@pytest.mark.parametrize(
    ("counts", "clusters", "nan"),
    [
        ([], [], (True, True)),
        ([[1.0, 1.0]] * 5, [1] * 5, (False, True)),
        ([[1.0, 1.0]] * 5, range(5), (False, False)),
        ([[0.0, 0.0]] * 5, range(5), (True, True)),
        ([[1.0, 1.0], *[[0.0, 0.0]] * 3], range(4), (False, True)),
    ],
)
def test_where_nothing_can_be_said(counts: list[list[float]], clusters: list[int], nan: tuple[bool, bool]) -> None:
    found = with_interval(counts, clusters, share)
    assert (math.isnan(found.value), math.isnan(found.low)) == nan
    assert found.to_json()["low"] is None or not nan[1]


@pytest.mark.parametrize("same", [0.0, 0.5, 1.0])
def test_labels_that_are_all_alike_are_not_sure_of_it(same: float) -> None:
    """Of three gold queries none was another: others may be, as the exact interval of none of three has it."""
    found = with_interval([[same, 1.0]] * 6, [0, 0, 1, 1, 2, 2], share)
    unseen = 1 - 0.025 ** (1 / 3)
    assert (found.low, found.high) == pytest.approx((100 * same * (1 - unseen), 100 * (same + (1 - same) * unseen)))
    both = with_interval([pair("right", "right"), pair("wrong", "wrong")] * 3, [0, 0, 1, 1, 2, 2], kappa)
    assert both.value == 1
    assert math.isnan(both.low)


def test_one_label_alone_is_no_agreement_beyond_chance() -> None:
    assert math.isnan(kappa_of([("right", "right")] * 9))
    assert math.isnan(alpha_of([["right", "right"]] * 9))
    assert math.isnan(alpha_of([["right"], ["wrong"]]))
    assert Estimate(9, math.nan).to_json() == {"n": 9, "value": None, "low": None, "high": None}
