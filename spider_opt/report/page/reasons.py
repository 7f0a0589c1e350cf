"""What went wrong with an answer, in a few words, and what that says of what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spider_opt.analysis.diagnosis import Diagnosis, diagnose
from spider_opt.analysis.diagnosis.static import STOPPED, UNANSWERED, sort_of
from spider_opt.analysis.diagnosis.text import bounds
from spider_opt.runs import Run
from spider_opt.types import Benchmark, Outcome

RIGHT = "right"
NOT_RUN = "does not execute"


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why each wrong answer of a run is wrong, by the question's index.

    ``first`` is its primary reason, as views count it; ``all`` are (kind, what differs), where that could be told.
    ``next_step`` has the ``sentence`` of what to try next, and what stands below it; empty where nothing is known.
    """

    first: Mapping[int, str]
    all: Mapping[int, list[tuple[str, str]]] = field(default_factory=dict)
    next_step: Mapping[str, str] = field(default_factory=dict)


def reasons(run: Run, benchmark: Benchmark | None) -> Reasons:
    """Say why answers are wrong: with a benchmark as ``diagnose`` does, else by how they ended."""
    if benchmark is None:
        return Reasons({s.index: by_outcome(s.outcome, s.detail) for s in run.verdicts if not s.correct})
    found = diagnose(run, benchmark)
    first = {answer.index: _named(answer.primary.kind.value, answer.primary.why) for answer in found.wrong}
    told = {answer.index: [(one.kind.value, one.what) for one in answer.reasons] for answer in found.wrong}
    return Reasons(first, told, _next_step(found))


def _named(kind: str, why: str) -> str:
    return f"{kind}: {why}" if why else kind


def by_outcome(outcome: Outcome, detail: str) -> str:
    """Return what went wrong by how an answer ended, in the words of ``diagnose``.

    >>> by_outcome(Outcome.QUERY_ERROR, "no such column: T1.size"), by_outcome(Outcome.WRONG_ROWS, "")
    ('does not execute: no such column', 'other rows')
    """
    if outcome is Outcome.QUERY_ERROR:
        return _named(NOT_RUN, sort_of(detail))
    if outcome in STOPPED:
        return _named(NOT_RUN, STOPPED[outcome])
    return _named("unanswered", UNANSWERED[outcome]) if outcome in UNANSWERED else "other rows"


def _next_step(found: Diagnosis) -> dict[str, str]:
    if not found.wrong:
        return {}
    most = max(found.counts(), key=lambda count: count.first)
    context, behaviour = found.context_of_database_at_most, found.behaviour_at_most
    step = (
        "Behaviour is the larger bound: tune the model, let it choose among several answers, or take a larger one."
        if behaviour >= context
        else "Context is the larger bound: retrieve better what of the database gold uses."
    )
    points = 100 * most.first / found.n
    sentence = f"{step} Most often first wrong: {most.kind.value}, {most.first} answers, {points:.1f} points."
    return {"sentence": sentence, "about": bounds(found)}
