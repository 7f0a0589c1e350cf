"""Error bars for accuracies over questions that lean on each other."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal

from spider_opt.errors import UsageError

if TYPE_CHECKING:
    from spider_opt.scoring.report import Scored

By = Literal["query", "database"]
BY: tuple[By, ...] = ("query", "database")
N_RESAMPLES = 10_000


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


def interval(
    differences: Sequence[float], clusters: Sequence[Hashable], *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``differences`` (-1 to 1 a question), in percentage points.

    Or that of an accuracy, where they are 1 for right and 0 for wrong.

    A percentile bootstrap that resamples whole clusters, since questions of one cluster lean on each other. The
    same for the same seed, whatever the order of questions. NaN where there are fewer than two clusters. (0, 0)
    where nothing differs: that no change was seen, not that there is none. With 20 clusters, as by
    database, it is too narrow: it then covers about 90 %.

    Source: Efron & Tibshirani 1993, ch. 13; clusters as units: Field & Welsh 2007.

    >>> low, high = interval([1, 0, 0, 1, 0, -1, 1, 0, 0, 0] * 10, range(100))
    >>> 5 < low < 20 < high < 35
    True
    """
    import numpy as np

    sums: dict[Hashable, tuple[float, int]] = {}
    for difference, cluster in zip(differences, clusters, strict=True):
        total, size = sums.get(cluster, (0, 0))
        sums[cluster] = total + difference, size + 1
    if len(sums) < 2:
        return math.nan, math.nan
    # Clusters of one sum and size are alike, so that how often each such kind is drawn is all there is to draw.
    kinds, counts = np.unique(np.array(list(sums.values())), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(sums), counts / len(sums), size=n_resamples)
    totals, sizes = (drawn @ kinds).T
    low, high = np.quantile(100 * totals / sizes, [0.025, 0.975])
    return float(low), float(high)


def group(scored: Scored, by: By) -> str:
    """Return what a question leans on others by: its gold query or its database.

    Raises:
        UsageError: by neither of the two.
    """
    if by not in ("query", "database"):
        raise UsageError(f"questions lean on each other by query or by database, not by {by!r}")
    return scored.cluster if by == "query" else scored.db_id
