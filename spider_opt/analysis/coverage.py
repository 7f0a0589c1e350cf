"""What is right of the surest answers: the risk-coverage curve, its area, and thresholds that are chosen on others."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N_RESAMPLES = 2_000
MOST_BINS = 10
ROUNDING = 1e-9
"""So much less than a share is that share: fractions lose their last bits."""


def aurc(said: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under the risk-coverage curve for each row of ``weights``, (rows, n) whole numbers.

    Equal confidences stand in an order by chance: what is expected over all of these.

    Source: Geifman et al. 2019 (AURC); the sums over ties by harmonic numbers.
    """
    import numpy as np

    rows = len(weights)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(weights.sum(axis=1).max()) + 1))])
    n_before, wrong_before, area = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for value in np.unique(said)[::-1]:
        tied = said == value
        n = weights[:, tied].sum(axis=1)
        wrong = weights[:, tied] @ (1 - right[tied])
        ones = harmonic[(n_before + n).astype(int)] - harmonic[n_before.astype(int)]
        each = np.divide(wrong, n, out=np.zeros(rows), where=n > 0)
        area += wrong_before * ones + each * (n - n_before * ones)
        n_before, wrong_before = n_before + n, wrong_before + wrong
    return np.asarray(area / n_before)


def lowest_threshold(said: NDArray[np.float64], right: NDArray[np.float64], wanted: float) -> float:
    """Return the lowest confidence from which on so large a share is right, infinite where there is none.

    A share that is ``wanted`` but for the last bits of fractions is it: 99.9 of a hundred are 999 of a thousand.
    """
    import numpy as np

    order = np.argsort(-said, kind="stable")
    ends = np.append(np.diff(said[order]) != 0, True)  # where a run of equal confidences ends
    share = np.cumsum(right[order]) / np.arange(1, len(said) + 1)
    enough = np.flatnonzero(ends & (share >= wanted - ROUNDING) & (said[order] > 0))
    return float(said[order][enough[-1]]) if len(enough) else inf


def crossfitted(
    said: NDArray[np.float64], right: NDArray[np.float64], folds: Sequence[Hashable], wanted: float
) -> tuple[NDArray[np.bool_], float]:
    """Return who is answered by thresholds that each fold has from the others, and the threshold of all together."""
    import numpy as np

    names = list(dict.fromkeys(folds))
    fold_of = np.array([names.index(fold) for fold in folds])
    kept = np.zeros(len(said), dtype=bool)
    for number in range(len(names)):
        own = fold_of == number
        kept[own] = said[own] >= lowest_threshold(said[~own], right[~own], wanted)
    return kept, lowest_threshold(said, right, wanted)


def resamples(clusters: Sequence[Hashable], seed: int) -> NDArray[np.float64]:
    """Return how often each question is drawn, (resamples, n), where whole clusters are."""
    import numpy as np

    names = list(dict.fromkeys(clusters))
    of = np.array([{name: i for i, name in enumerate(names)}[cluster] for cluster in clusters])
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=N_RESAMPLES)
    return np.asarray(drawn[:, of], dtype=float)


def left_out(clusters: Sequence[Hashable]) -> NDArray[np.float64]:
    """Return 1 for each question and 0 for those of a cluster, for each of these in turn: (clusters, n)."""
    import numpy as np

    return np.array([[float(cluster != name) for cluster in clusters] for name in dict.fromkeys(clusters)])


def binned(said: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Return masks of at most ten bins, least sure first: of equal size as far as equal confidences let them be."""
    import numpy as np

    values = np.unique(said)
    if len(values) <= MOST_BINS:
        return [said == value for value in values]
    begin = np.unique(np.quantile(said, np.linspace(0, 1, MOST_BINS, endpoint=False), method="lower"))
    edges = [*begin, inf]  # many answers may be as sure as can be: they have a bin of their own
    return [inside for low, high in pairwise(edges) if (inside := (said >= low) & (said < high)).any()]


def curve(said: NDArray[np.float64], right: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Return (coverage, precision, threshold) from the surest answers on, a point for each confidence there is."""
    import numpy as np

    points = []
    for value in np.unique(said)[::-1]:
        kept = said >= value
        points.append((float(kept.mean()), float(right[kept].mean()), float(value)))
    return points
