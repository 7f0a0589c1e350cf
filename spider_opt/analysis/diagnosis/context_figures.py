"""RAGAS' four questions of a run, without a judge, and whether good context goes with right answers.

Source: RAGAS (Es et al. 2023, arXiv:2309.15217); the figures are those of ``runs.context_metrics``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.runs import Run
from spider_opt.runs.context_metrics import METRICS
from spider_opt.scoring.statistics import FEW, interval_of_few

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_RESAMPLES = 2_000
NAMES = {
    "recall_tables": "recall of tables",
    "recall_columns": "recall of columns",
    "recall_values": "recall of values",
    "recall_skeleton": "a demo has gold's skeleton",
    "precision_tables": "precision of tables",
    "precision_columns": "precision of columns",
    "precision_values": "precision of values",
    "precision_demos": "precision of demos",
    "faithfulness": "faithfulness",
    "level": "level predicted",
}


@dataclass(frozen=True, slots=True)
class ContextFigure:
    """A context metric over the ``n`` questions that have it; ``mean`` in percent.

    ``of_right`` and ``of_wrong`` are the means over answers that are right, and wrong; ``apart`` is how far these are
    apart, in points, and ``low`` to ``high`` its 95 % interval, NaN where one of them is over none or all are equal.
    """

    metric: str
    n: int
    mean: float
    of_right: float
    of_wrong: float
    apart: float
    low: float
    high: float


def context_figures(run: Run) -> tuple[ContextFigure, ...]:
    """Return the figures that a run's answers have, in the order of ``METRICS``; those that none has are left out.

    An association is no effect: questions with more to recall are harder, too.
    """
    found = []
    for metric in METRICS:
        rows = [(a.context[metric], s.correct, s.cluster) for a, s in run.judged if metric in a.context]
        if rows:
            values, right, clusters = zip(*rows, strict=True)
            of_right = _mean([value for value, yes in zip(values, right, strict=True) if yes])
            of_wrong = _mean([value for value, yes in zip(values, right, strict=True) if not yes])
            low, high = difference_interval(values, right, clusters)
            mean = _mean(values)
            found.append(ContextFigure(metric, len(rows), mean, of_right, of_wrong, of_right - of_wrong, low, high))
    return tuple(found)


def difference_interval(
    values: Sequence[float], right: Sequence[bool], clusters: Sequence[Hashable], *, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of the right ones' values less that of the wrong ones', in points.

    A percentile bootstrap of whole clusters; of fewer than ``FEW`` see ``interval_of_few``. NaN where there are no two
    of them, all are right or wrong, or no value differs, or all draws say the same. Where all values of the right ones,
    or of the wrong ones, are the same, their spread of nothing says nothing: the interval is as if one of them had been
    another, as in ``scoring.statistics.interval``.

    >>> right = [True, True, True, False, False, False] * 50
    >>> low, high = difference_interval([1, 1, 0, 1, 0, 0] * 50, right, range(300))
    >>> 15 < low < 33 < high < 50
    True
    """
    if len(set(clusters)) < 2 or len(set(right)) < 2 or len(set(values)) < 2:
        return math.nan, math.nan
    found = [_drawn(values, right, clusters, seed)]
    for side in (True, False):
        places = [i for i, yes in enumerate(right) if yes is side]
        if len({values[i] for i in places}) == 1:
            turned = list(values)
            turned[places[0]] = max(values, key=lambda value: abs(value - values[places[0]]))
            found.append(_drawn(turned, right, clusters, seed))
    if any(math.isnan(low) for low, _ in found):
        return math.nan, math.nan
    return min(low for low, _ in found), max(high for _, high in found)


def _drawn(
    values: Sequence[float], right: Sequence[bool], clusters: Sequence[Hashable], seed: int
) -> tuple[float, float]:
    import numpy as np

    sums: dict[Hashable, list[float]] = {}
    for value, yes, cluster in zip(values, right, clusters, strict=True):
        one = sums.setdefault(cluster, [0.0, 0, 0.0, 0])
        one[0 if yes else 2] += value
        one[1 if yes else 3] += 1
    table = np.array(list(sums.values()))

    def apart(summed: NDArray[np.float64]) -> NDArray[np.float64]:
        of_right, n_right, of_wrong, n_wrong = summed.T
        with np.errstate(invalid="ignore"):
            return np.asarray(100 * (of_right / n_right - of_wrong / n_wrong))

    if len(table) < FEW:
        all_of_them = table.sum(axis=0)
        sizes = (table[:, 1] + table[:, 3]).tolist()
        without = apart(all_of_them - table).tolist()
        return interval_of_few(float(apart(all_of_them[None])[0]), without, sizes, -100, 100)
    drawn = np.random.default_rng(seed).multinomial(len(table), np.full(len(table), 1 / len(table)), size=N_RESAMPLES)
    low, high = np.nanquantile(apart(drawn @ table), [0.025, 0.975])
    return (float(low), float(high)) if low < high else (math.nan, math.nan)


def _mean(values: Sequence[float]) -> float:
    return 100 * sum(values) / len(values) if values else math.nan
