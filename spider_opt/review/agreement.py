"""Do several who judge the same answers agree beyond chance: Cohen's kappa, Krippendorff's alpha, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spider_opt.runs.labels import SAID, Said
from spider_opt.scoring.statistics import FEW, N_RESAMPLES, interval_of_few, share_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_UNDEFINED = 0.05
"""Of the resamples may say nothing; where more do, there is no interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number from ``n`` answers, with its 95 % interval; NaN where they do not say it."""

    n: int
    value: float
    low: float = math.nan
    high: float = math.nan

    def to_json(self) -> dict[str, float | int | None]:
        """Return it as a program reads it, None for what is not known."""
        told = {"value": self.value, "low": self.low, "high": self.high}
        return {"n": self.n, **{name: None if math.isnan(x) else round(x, 4) for name, x in told.items()}}

    def shown(self, digits: int = 1) -> str:
        """Return it in words.

        >>> Estimate(40, 71.25, 60.0, 82.5).shown(), Estimate(3, math.nan).shown(), Estimate(9, -0.001).shown(2)
        ('71.2 [60.0, 82.5]', '-', '0.00')
        """
        if math.isnan(self.value):
            return "-"
        value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (self.value, self.low, self.high))
        return value if math.isnan(self.low) else f"{value} [{low}, {high}]"


Statistic = Callable[["NDArray[Any]"], "NDArray[Any]"]
"""Of (r, k) sums of what is counted, one number for each of the r rows; NaN where it is not defined."""


def with_interval(
    counts: Sequence[Sequence[float]],
    clusters: Sequence[Hashable],
    statistic: Statistic,
    *,
    within: tuple[float, float] = (-math.inf, math.inf),
    tells: Sequence[bool] | None = None,
    n: int | None = None,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> Estimate:
    """Return a statistic of counts that add up, one row of them a question, with its interval.

    Percentiles of a bootstrap that draws whole clusters, since questions of one gold query lean on each other; of fewer
    than ``FEW`` as ``interval_of_few`` has it, of a ``share`` as ``share_interval``. NaN where there are fewer than
    two, or where too many draws say nothing, or all of them the same. ``within`` is what the
    statistic may be at least and at most. ``n`` is what the estimate says it is of, ``tells`` of each row whether it
    has a label: clusters without any do not make few of them many.

    Source: Efron & Tibshirani 1993, ch. 13; clusters as units: Field & Welsh 2007.
    """
    import numpy as np

    n = len(counts) if n is None else n
    if not len(counts):
        return Estimate(n, math.nan)
    table = np.asarray(counts, dtype=float)
    value = float(statistic(table.sum(axis=0, keepdims=True))[0])
    places: dict[Hashable, int] = {}
    rows = [places.setdefault(cluster, len(places)) for cluster in clusters]
    if len(places) < 2 or math.isnan(value):
        return Estimate(n, value)
    sums = np.zeros((len(places), table.shape[1]))
    np.add.at(sums, rows, table)
    if statistic is share:
        low, high = share_interval([(total, int(size)) for total, size in sums.tolist() if size], seed=seed)
        return Estimate(n, value, low, high)
    sizes = np.bincount(rows, weights=tells)
    if np.count_nonzero(sizes) < FEW:
        without = statistic(sums.sum(axis=0) - sums)
        return Estimate(n, value, *interval_of_few(value, without.tolist(), sizes.tolist(), *within))
    # Clusters of the same sums are alike, so that how often each such kind is drawn is all there is to draw.
    kinds, often = np.unique(sums, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(places), often / len(places), size=n_resamples)
    found = statistic(drawn @ kinds)
    if np.isnan(found).mean() > MAX_UNDEFINED:
        return Estimate(n, value)
    low, high = np.nanquantile(found, [0.025, 0.975])
    if high - low < 1e-9:
        return Estimate(n, value)
    return Estimate(n, value, float(low), float(high))


def share(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the first of two counts in percent of the second."""
    return 100 * _over(sums[:, 0], sums[:, 1])


def kappa(sums: NDArray[Any]) -> NDArray[Any]:
    """Return Cohen's kappa of (k x k) tables, each a row of k * k counts; NaN where one category alone is named.

    Source: Cohen 1960, A coefficient of agreement for nominal scales.
    """
    tables, n = _tables(sums)
    same = _over(tables.trace(axis1=1, axis2=2), n)
    chance = _over((tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1), n * n)
    return _over(same - chance, 1 - chance)


def alpha(sums: NDArray[Any]) -> NDArray[Any]:
    """Return Krippendorff's nominal alpha of coincidence matrices, each a row of k * k sums (see ``coincidences``).

    NaN where one category alone is named, or no answer was judged by two.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, C (nominal data, any number of observers,
    missing data).
    """
    tables, n = _tables(sums)
    margins = tables.sum(axis=2)
    observed = n - tables.trace(axis1=1, axis2=2)
    expected = n * n - (margins * margins).sum(axis=1)
    return 1 - _over((n - 1) * observed, expected)


def pair(first: Said, second: Said, categories: Sequence[Said] = SAID) -> list[float]:
    """Return the table of one answer that two judged, as ``kappa`` adds them up."""
    counts = [0.0] * len(categories) ** 2
    counts[categories.index(first) * len(categories) + categories.index(second)] = 1.0
    return counts


def coincidences(said: Sequence[Said], categories: Sequence[Said] = SAID) -> list[float]:
    """Return the coincidence matrix of one answer that several judged, as ``alpha`` adds them up; 0 for fewer than two.

    >>> coincidences(["right", "right", "wrong"], ("right", "wrong"))
    [1.0, 1.0, 1.0, 0.0]
    """
    k = len(categories)
    counts = [0.0] * (k * k)
    if len(said) > 1:
        for i, first in enumerate(said):
            for j, second in enumerate(said):
                if i != j:
                    counts[categories.index(first) * k + categories.index(second)] += 1 / (len(said) - 1)
    return counts


def _tables(sums: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    size = math.isqrt(sums.shape[1])
    tables = sums.reshape(-1, size, size)
    return tables, tables.sum(axis=(1, 2))


def _over(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        # What is 0 but for the last bits of fractions is 0: the resamples have thirds and sevenths added up.
        return np.where(np.abs(below) > 1e-9, above / below, np.nan)
