"""The answers that a step chose among: told once each, and voted on again without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from statistics import fmean

from spider_opt.answering.outcomes import EMPTY, Tried
from spider_opt.types import Candidate, Prediction

DIGITS = 16
"""Of a digest, of those that are kept: enough to tell a question's few results apart."""
RAN = ("rows", "empty")


def told(step: str, samples: Sequence[Prediction], tries: Sequence[Tried]) -> tuple[Candidate, ...]:
    """Return the samples of a step as candidates, equal ones once with their number, in the order they first came.

    ``tries`` is what came of running each.

    >>> one, two = Prediction("SELECT 1", text="SELECT 1;"), Prediction("SELECT 2", text="SELECT 2")
    >>> [(c.sql, c.n) for c in told("vote", [one, two, one], [Tried("rows", "", "a")] * 3)]
    [('SELECT 1', 2), ('SELECT 2', 1)]
    """
    count: Counter[Candidate] = Counter()
    for sample, tried in zip(samples, tries, strict=True):
        digests = tried.digest[:DIGITS], tried.order[:DIGITS]
        count[Candidate(step, sample.sql, sample.text, str(tried.outcome), *digests, logprob=sample.logprob)] += 1
    return tuple(replace(candidate, n=n) for candidate, n in count.items())


def within(samples: Sequence[Prediction]) -> tuple[Candidate, ...]:
    """Return the candidates that steps further in had for the samples of a step, also for those that are not chosen.

    >>> one = Prediction("", candidates=(Candidate("retry", "SELECT 1", "", "rows"),))
    >>> two = Prediction("", candidates=within([one]))
    >>> [(c.step, c.sample) for c in within([Prediction(""), one, two])]
    [('retry', '1'), ('retry', '2.0')]
    """
    return tuple(
        replace(candidate, sample=f"{number}.{candidate.sample}".rstrip("."))
        for number, sample in enumerate(samples)
        for candidate in sample.candidates
    )


def voted(candidates: Sequence[Candidate], *, nonempty: bool = False) -> int:
    """Return the number of the candidate that a vote chooses; see the step ``vote``, whose candidates these are.

    That is the first of those that have the most frequent order within the largest group of one content. Failed
    ones count nowhere, with ``nonempty`` empty results only where there are no others; where nothing ran, the first
    candidate stands.
    """
    groups: dict[str, list[int]] = {}
    for i, candidate in enumerate(candidates):
        if candidate.outcome in RAN:
            groups.setdefault(candidate.digest, []).append(i)
    if nonempty and len(groups) > 1:
        groups.pop(EMPTY, None)
    if not groups:
        return 0

    def size(group: Sequence[int]) -> int:
        return sum(candidates[i].n for i in group)

    def probability(group: Sequence[int]) -> float:
        known = [said for i in group if (said := candidates[i].logprob) is not None for _ in range(candidates[i].n)]
        return fmean(known) if known else -inf

    largest = max(groups.values(), key=lambda group: (size(group), probability(group)))  # the first of several
    orders: Counter[str] = Counter()
    for i in largest:
        orders[candidates[i].order] += candidates[i].n
    [(usual, _)] = orders.most_common(1)
    return next(i for i in largest if candidates[i].order == usual)
