"""The answers that a step chose among, told once each: ``answering.choosing`` chooses among them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from spider_opt.answering.outcomes import Tried
from spider_opt.types import Candidate, Prediction

DIGITS = 16
"""Of a digest, of those that are kept: enough to tell a question's few results apart."""
DRAWN_ALIKE = ("vote", "select")
"""The steps whose candidates are samples of one prompt; others end at the first that will do."""


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


def own(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return those that an answer was chosen from: of its outermost step that ran several, but for drafts.

    >>> inner, outer = Candidate("retry", "SELECT 1", "", "rows", sample="0"), Candidate("vote", "SELECT 1", "", "rows")
    >>> [c.step for c in own([inner, outer, Candidate("hyde", "SELECT 2", "", "not_run")])]
    ['vote']
    """
    outer = [candidate for candidate in candidates if not candidate.sample and candidate.outcome != "not_run"]
    return tuple(candidate for candidate in outer if candidate.step == outer[-1].step)


def sample_of(candidate: Candidate, samples: Sequence[Prediction]) -> int:
    """Return the number of the first sample that a candidate stands for."""
    said = candidate.sql, candidate.text, candidate.logprob
    return next(i for i, sample in enumerate(samples) if (sample.sql, sample.text, sample.logprob) == said)
