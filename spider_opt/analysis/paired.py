"""Is one run better than another on the same questions, or is it chance?"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import By, group, interval, smallest_shown


@dataclass(frozen=True, slots=True)
class Paired:
    """What a run changed against a base on ``n`` questions.

    ``change`` and its 95 % interval ``low`` to ``high`` are percentage points of EX, or of another metric. ``won`` are
    questions that only the run got right, ``lost`` those that only the base did, or to which the metric gives more, or
    less; ``p`` is McNemar's, ``p_clustered`` that of ``flipped``, NaN where a metric gives other numbers than whole
    ones. ``smallest`` is the change that questions as these would show in four of five comparisons (80 % power at 5 %),
    from the paired differences' spread over clusters; NaN where nothing differs.
    """

    n: int
    change: float
    low: float
    high: float
    won: int
    lost: int
    p: float
    p_clustered: float = math.nan
    smallest: float = math.nan


def paired(
    base: Sequence[Scored],
    run: Sequence[Scored],
    *,
    by: By = "query",
    seed: int = 0,
    value: Callable[[Scored], float] = lambda scored: scored.correct,
) -> Paired:
    """Compare a run's verdicts with those of a base on the same questions, in any order, by what each is worth.

    Raises:
        ValueError: there are no questions, or they are not the same.
    """
    before, after = {s.index: s for s in base}, {s.index: value(s) for s in run}
    if not before or before.keys() != after.keys():
        raise ValueError("two runs are compared on the same questions, of which there must be some")
    differences = [after[index] - value(s) for index, s in before.items()]
    clusters = [group(s, by) for s in before.values()]
    low, high = interval(differences, clusters, seed=seed)
    won, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    whole = all(difference == int(difference) for difference in differences)
    return Paired(
        len(differences), 100 * sum(differences) / len(differences), low, high, won, lost, mcnemar(won, lost),
        flipped([int(difference) for difference in differences], clusters) if whole else math.nan,
        smallest_shown(differences, clusters),
    )  # fmt: skip


def mcnemar(won: int, lost: int) -> float:
    """Return the exact two-sided p of McNemar's test: as likely to win as to lose, given that they differ.

    Counts each question as independent of the others.

    Source: McNemar 1947; the exact form is the binomial sign test.

    >>> mcnemar(8, 1), mcnemar(0, 0)
    (0.0390625, 1.0)
    """
    n = won + lost
    tail = sum(math.comb(n, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / (1 << n))


def flipped(differences: Sequence[int], clusters: Sequence[Hashable]) -> float:
    """Return the exact two-sided p of a sum of differences, were each cluster's as likely to be of the other sign.

    McNemar's test with clusters in place of questions: where each question is a cluster of its own it is that. Two runs
    that are equally good may well differ on both phrasings of a gold query in the same way, which McNemar's takes for
    twice the evidence.

    Source: Fisher 1935, The Design of Experiments, section 21, the randomisation of signs in pairs.

    >>> flipped([1] * 8 + [-1], range(9)) == mcnemar(8, 1)
    True
    >>> flipped([1] * 8 + [-1], [0, 0, 1, 1, 2, 2, 3, 3, 4])
    0.125
    """
    import numpy as np

    sums: dict[Hashable, int] = {}
    for difference, cluster in zip(differences, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0) + difference
    sizes = [abs(each) for each in sums.values() if each]
    most = sum(sizes)
    chances = np.ones(1)  # of each sum, from the least to the largest that can be reached
    for size in sizes:
        wider = np.zeros(len(chances) + 2 * size)
        wider[: len(chances)] += chances / 2
        wider[2 * size :] += chances / 2
        chances = wider
    far = np.abs(np.arange(-most, most + 1)) >= abs(sum(sums.values()))
    return min(1.0, float(chances[far].sum()))


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values, in their order, corrected for being several.

    Source: Holm 1979.

    >>> holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = largest
    return corrected


def told(value: float | None) -> float | None:
    """Return a number as a program reads it: rounded, None where it is none, and never 0 where it is a small p.

    >>> told(83.230453), told(math.nan), told(5.1728903891873625e-14), told(0.0)
    (83.2305, None, 5.17e-14, 0.0)
    """
    if value is None or not math.isfinite(value):
        return None
    return round(value, 4) if abs(value) >= 0.01 or not value else float(f"{value:.3g}")
