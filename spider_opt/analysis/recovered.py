"""How much of what choosing could gain a way of choosing recovers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from spider_opt.scoring.statistics import FEW, N_RESAMPLES, interval_of_few


@dataclass(frozen=True, slots=True)
class Recovered:
    """The share, in percent, of the points between a vote and the oracle, and its 95 % interval.

    100 is the oracle, 0 the vote, less than 0 worse than it. NaN where the oracle gains nothing.
    """

    share: float
    low: float
    high: float


def recovered(
    gained: Sequence[int], to_gain: Sequence[int], clusters: Sequence[Hashable], *, seed: int = 0
) -> Recovered:
    """Return the share that what was ``gained`` over a vote has in what there was ``to_gain``, question by question.

    A percentile bootstrap of the ratio that resamples whole clusters, as in ``scoring.statistics.interval``; of fewer
    than ``FEW`` see ``interval_of_few``. Resamples without anything to gain are left out. The interval is NaN where all
    draws are alike.

    >>> found = recovered([1, 0, 0, 1, -1, 0] * 20, [1, 1, 0, 1, 0, 1] * 20, range(120))
    >>> found.share, found.low < 25 < found.high
    (25.0, True)
    >>> recovered([0], [0], ["a"])
    Recovered(share=nan, low=nan, high=nan)
    """
    import numpy as np

    if not any(to_gain):
        return Recovered(math.nan, math.nan, math.nan)
    share = 100 * sum(gained) / sum(to_gain)
    sums: dict[Hashable, tuple[int, int]] = {}
    for one, of, cluster in zip(gained, to_gain, clusters, strict=True):
        before = sums.get(cluster, (0, 0))
        sums[cluster] = before[0] + one, before[1] + of
    if len(sums) < 2:
        return Recovered(share, math.nan, math.nan)
    if len(sums) < FEW:
        left = [(sum(gained) - one, sum(to_gain) - of) for one, of in sums.values()]
        without = [100 * one / of if of else math.nan for one, of in left]
        return Recovered(share, *interval_of_few(share, without, list(Counter(clusters).values())))
    kinds, counts = np.unique(np.array(list(sums.values())), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(sums), counts / len(sums), size=N_RESAMPLES)
    gains, wholes = (drawn @ kinds).T
    low, high = np.quantile(100 * gains[wholes > 0] / wholes[wholes > 0], [0.025, 0.975])
    if low == high:  # draws that are all alike say nothing of other questions
        return Recovered(share, math.nan, math.nan)
    return Recovered(share, float(low), float(high))
