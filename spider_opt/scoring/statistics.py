"""Error bars for accuracies over questions that lean on each other."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from spider_opt.errors import UsageError

if TYPE_CHECKING:
    from spider_opt.scoring.report import Scored

By = Literal["query", "database"]
BY: tuple[By, ...] = ("query", "database")
N_RESAMPLES = 10_000
FEW = 100
"""Of fewer clusters an interval is Student's: of 19 databases percentiles of a bootstrap cover 87 to 92 %, not 95."""


def clustered_se(correct: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the standard error, in percentage points, of the accuracy of ``correct``, or of the mean of numbers.

    Questions of one cluster (on Spider: of one gold query, asked in two phrasings) count as dependent.
    With every question in a cluster of its own this is the textbook value with n - 1. NaN where there
    are fewer than two clusters.

    Source: cluster-robust variance of a mean (Liang & Zeger 1986), with the factor C / (C - 1).

    >>> round(clustered_se([True, False, True, True], [1, 2, 3, 4]), 2)
    25.0
    >>> round(clustered_se([True, True, False, False], ["a", "a", "b", "b"]), 2)
    50.0
    """
    n = len(correct)
    mean = sum(correct) / n if n else math.nan
    sums: dict[Hashable, float] = {}
    for right, cluster in zip(correct, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + right - mean
    if len(sums) < 2:
        return math.nan
    return 100 * math.sqrt(sum(s * s for s in sums.values()) * len(sums) / (len(sums) - 1)) / n


def design_effect(correct: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return how many times the variance of a mean is what it would be were each question news.

    The square of ``clustered_se`` over the textbook error. NaN where there are fewer than two clusters, or where all
    questions are alike.

    Source: Kish 1965, Survey Sampling, section 8.2.

    >>> round(design_effect([True, True, False, False], ["a", "a", "b", "b"]), 2)
    3.0
    """
    textbook = clustered_se(correct, range(len(correct)))
    return (clustered_se(correct, clusters) / textbook) ** 2 if textbook > 0 else math.nan


def interval(
    differences: Sequence[float], clusters: Sequence[Hashable], *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``differences`` (-1 to 1 a question), in percentage points.

    From ``FEW`` clusters on a percentile bootstrap that resamples whole clusters, since questions of one cluster lean
    on each other; the same for the same seed, whatever the order of questions. It is too narrow for fewer, such as 19
    databases: there it is Student's t on the jackknife error, with as many degrees of freedom as the clusters are worth
    (``effective``), less one. NaN where there are fewer than two clusters. (0, 0) where nothing differs: that no change
    was seen, not that there is none.

    Source: Efron & Tibshirani 1993, ch. 11 and 13; clusters as units: Field & Welsh 2007. ``benchmarks/confidence.py``
    has what these and other intervals cover.
    Where all clusters differ alike, their spread of nothing says nothing, and the interval is as if one question had
    gone the other way: five lost of five questions may be chance, as McNemar's test has it, five lost databases not.
    NaN where differences that are alike may be of any size.

    >>> low, high = interval([1, 0, 0, 1, 0, -1, 1, 0, 0, 0] * 10, range(100))
    >>> 5 < low < 20 < high < 35
    True
    """
    summed = _summed(differences, clusters)
    if len(summed) < 2:
        return math.nan, math.nan
    if not any(differences):
        return 0.0, 0.0
    most = 1.0 if all(abs(difference) <= 1 for difference in differences) else math.inf
    if not _are_equal(summed):
        return _spread(summed, most, n_resamples, seed)
    if not math.isfinite(most):
        return math.nan, math.nan
    (total, size), *others = summed
    turned = max(-size, total - 2), min(size, total + 2)
    low, high = zip(*(_spread([(each, size), *others], most, n_resamples, seed) for each in turned), strict=True)
    return min(low), max(high)


def _spread(summed: Sequence[tuple[float, int]], most: float, n_resamples: int, seed: int) -> tuple[float, float]:
    if len(summed) >= FEW:
        return _resampled(summed, n_resamples, seed)
    mean, error, t = _jackknife(summed)
    return 100 * max(-most, mean - t * error), 100 * min(most, mean + t * error)


def accuracy_interval(correct: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean of numbers from 0 to 1, such as an accuracy, in percent.

    As ``interval``, but that for fewer than ``FEW`` clusters Student's t is taken of the mean's log odds, so that it
    stays within 0 and 100 and is as wide as it must be near them. Where all are right, or all are wrong, it is the
    exact interval of so many clusters, each right or wrong as a whole; where all clusters have the same other mean, see
    ``interval_of_equals``. NaN where there are fewer than two clusters.

    Source: Clopper & Pearson 1934 for the latter.

    >>> [round(x, 1) for x in accuracy_interval([True] * 40, range(40))]
    [91.2, 100.0]
    >>> low, high = accuracy_interval([True] * 7 + [False] * 3, range(10))
    >>> 30 < low < 40, 90 < high < 95
    (True, True)
    """
    return share_interval(_summed(correct, clusters), seed=seed)


def share_interval(summed: Sequence[tuple[float, int]], *, seed: int = 0) -> tuple[float, float]:
    """Return ``accuracy_interval`` by each cluster's sum of numbers from 0 to 1, and how many these are."""
    if len(summed) < 2:
        return math.nan, math.nan
    if _are_equal(summed):
        return interval_of_equals(summed)
    if len(summed) >= FEW:
        return _resampled(summed, N_RESAMPLES, seed)
    mean, error, t = _jackknife(summed)
    odds, far = math.log(mean / (1 - mean)), t * error / (mean * (1 - mean))
    return _percent_of(odds - far), _percent_of(odds + far)


def smallest_shown(differences: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the change, in percentage points, that questions as these would have shown in four of five trials.

    The smallest that a test at 5 % finds with 80 % power where the differences of two runs spread over the clusters as
    these do: (t of 97.5 % + t of 80 %) times the error of their mean, of ``interval``'s degrees of freedom. For a
    single comparison. NaN where there are fewer than two clusters, or where nothing differs.

    Source: Cohen 1988, Statistical Power Analysis, ch. 2, for a paired mean.

    >>> round(smallest_shown([1, 0, 0, 1, 0, -1, 1, 0, 0, 0] * 10, range(100)), 1)
    17.1
    """
    summed = _summed(differences, clusters)
    if len(summed) < 2:
        return math.nan
    _, error, t = _jackknife(summed)
    return 100 * error * (t + student(_freedom([size for _, size in summed]), 0.8)) if error > 0 else math.nan


def effective(sizes: Sequence[float]) -> float:
    """Return how many clusters of equal size would tell as much as those of these sizes.

    Source: Kish 1965; as degrees of freedom: Carter, Schnepel & Steigerwald 2017, whose measure it is where questions
    of a cluster mostly go together.

    >>> effective([5, 5, 5, 5]), round(effective([17, 1, 1, 1]), 2)
    (4.0, 1.37)
    """
    return sum(sizes) ** 2 / sum(size * size for size in sizes)


def _summed(values: Sequence[float], clusters: Sequence[Hashable]) -> list[tuple[float, int]]:
    """Return of each cluster the sum of its values, and how many they are."""
    sums: dict[Hashable, tuple[float, int]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        total, size = sums.get(cluster, (0, 0))
        sums[cluster] = total + value, size + 1
    return sorted(sums.values())  # so that rounding does not depend on the order of questions


def _are_equal(summed: Sequence[tuple[float, int]]) -> bool:
    means = [total / size for total, size in summed]
    return max(means) - min(means) < 1e-9


def interval_of_equals(summed: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return the interval, in percent, of a mean of numbers from 0 to 1 that all clusters have.

    Their spread is nothing, and says nothing: two databases at 75 % each are not sure of 75.0. Of so many clusters none
    was another, so that at most a share of others is, which may be anything.

    Source: Clopper & Pearson 1934, the upper end of a share of which none was seen.

    >>> [round(x, 1) for x in interval_of_equals([(3, 4), (3, 4)])]
    [11.9, 96.0]
    """
    mean = sum(total for total, _ in summed) / sum(size for _, size in summed)
    share = 1 - 0.025 ** (1 / len(summed))
    return 100 * mean * (1 - share), 100 * (mean + share * (1 - mean))


def _resampled(summed: Sequence[tuple[float, int]], n_resamples: int, seed: int) -> tuple[float, float]:
    import numpy as np

    # Clusters of one sum and size are alike, so that how often each such kind is drawn is all there is to draw.
    kinds, counts = np.unique(np.array(summed), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(summed), counts / len(summed), size=n_resamples)
    totals, sizes = (drawn @ kinds).T
    low, high = np.quantile(100 * totals / sizes, [0.025, 0.975])
    return float(low), float(high)


def _jackknife(summed: Sequence[tuple[float, int]]) -> tuple[float, float, float]:
    """Return the mean, its error by leaving out each cluster in turn, and Student's t of 97.5 % for that."""
    total, n = sum(total for total, _ in summed), sum(size for _, size in summed)
    mean = total / n
    sizes = [size for _, size in summed]
    return mean, *_jackknife_error(mean, [(total - one) / (n - size) for one, size in summed], sizes)


def interval_of_few(
    value: float, without: Sequence[float], sizes: Sequence[float], least: float = -math.inf, most: float = math.inf
) -> tuple[float, float]:
    """Return the 95 % interval of a figure over fewer clusters than a bootstrap needs (``FEW``).

    Student's t on the jackknife error: ``without`` has the figure with each cluster left out in turn, ``sizes`` how
    many questions each has. It ends at the ``least`` and the ``most`` that the figure can be. NaN where the figure
    says nothing without some cluster, or is the same without any of them.

    Source: Efron & Tibshirani 1993, ch. 11.
    """
    if any(map(math.isnan, without)) or max(without) - min(without) < 1e-12:
        return math.nan, math.nan
    error, t = _jackknife_error(value, without, sizes)
    return max(least, value - t * error), min(most, value + t * error)


def _jackknife_error(value: float, without: Sequence[float], sizes: Sequence[float]) -> tuple[float, float]:
    spread = sum((each - value) ** 2 for each in without)
    return math.sqrt(spread * (len(without) - 1) / len(without)), student(_freedom(sizes), 0.975)


def _freedom(sizes: Sequence[float]) -> float:
    return max(1.0, effective(sizes) - 1)


@lru_cache
def student(freedom: float, share: float) -> float:
    """Return the value that Student's t with so many degrees of freedom (at least 1) stays below in a share of cases.

    t is the square root of the degrees of freedom times the tangent of an angle whose density is a power of its cosine.

    >>> round(student(1, 0.975), 1), round(student(30, 0.975), 2)
    (12.7, 2.04)
    """
    import numpy as np

    edges = np.linspace(0, np.pi / 2, 10_001)
    below = np.cumsum(np.cos((edges[:-1] + edges[1:]) / 2) ** (freedom - 1))
    angle = np.interp(2 * share - 1, np.append(0, below / below[-1]), edges)
    return float(math.sqrt(freedom) * np.tan(angle))


def _percent_of(odds: float) -> float:
    """Return what log odds are in percent; they may be as far as they like.

    >>> _percent_of(0.0), _percent_of(-1e6), _percent_of(1e6)
    (50.0, 0.0, 100.0)
    """
    return 50 * (1 + math.tanh(odds / 2))


def said_of_interval(several: str) -> str:
    """Return in words how ``interval`` is had; ``several`` is what the clusters are called.

    >>> said_of_interval("gold queries")
    "its interval (a paired bootstrap, 10,000 resamples of gold queries; of fewer than 100 Student's t)"
    """
    return f"its interval (a paired bootstrap, {N_RESAMPLES:,} resamples of {several}; of fewer than {FEW} Student's t)"


def group(scored: Scored, by: By) -> str:
    """Return what a question leans on others by: its gold query or its database.

    Raises:
        UsageError: by neither of the two.
    """
    if by not in ("query", "database"):
        raise UsageError(f"questions lean on each other by query or by database, not by {by!r}")
    return scored.cluster if by == "query" else scored.db_id
