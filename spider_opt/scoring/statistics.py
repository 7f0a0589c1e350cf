"""Error bars for accuracies over questions that lean on each other."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence


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
