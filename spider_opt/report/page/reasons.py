"""What went wrong with an answer, in a few words, and what to try next, as ``diagnose`` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spider_opt.analysis.diagnosis import Diagnosis, diagnose
from spider_opt.analysis.diagnosis.examining import best_of_candidates, usual_folder
from spider_opt.analysis.diagnosis.next_step import next_steps
from spider_opt.analysis.diagnosis.oracle import read_oracle
from spider_opt.analysis.diagnosis.standing import next_sentence, oracle_sentences
from spider_opt.analysis.diagnosis.static import STOPPED, UNANSWERED, sort_of
from spider_opt.analysis.diagnosis.text import NO_CANDIDATES, bounds, step_rows
from spider_opt.errors import SpiderOptError
from spider_opt.progress import Progress
from spider_opt.runs import Run
from spider_opt.types import Benchmark, Outcome

RIGHT = "right"
NOT_RUN = "does not execute"


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why each wrong answer of a run is wrong, by the question's index.

    ``first`` is its primary reason, as views count it; ``all`` are (kind, what differs), where that could be told.
    ``next_step`` is what ``diagnose`` says of what to try next, see ``_next_step``; empty without a benchmark.
    """

    first: Mapping[int, str]
    all: Mapping[int, list[tuple[str, str]]] = field(default_factory=dict)
    next_step: Mapping[str, Any] = field(default_factory=dict)


def reasons(run: Run, benchmark: Benchmark | None, *, progress: bool | Progress | None = False) -> Reasons:
    """Say why answers are wrong: as ``diagnose`` does, without a benchmark's gold queries by how they ended."""
    if benchmark is None or any(example.gold_results for example in benchmark.examples):
        return Reasons({s.index: by_outcome(s.outcome, s.detail) for s in run.verdicts if not s.correct})
    found = diagnose(run, benchmark)
    first = {answer.index: _named(answer.primary.kind.value, answer.primary.why) for answer in found.wrong}
    told = {answer.index: [(one.kind.value, one.what) for one in answer.reasons] for answer in found.wrong}
    return Reasons(first, told, _next_step(found, benchmark, progress))


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


def _next_step(found: Diagnosis, benchmark: Benchmark, progress: bool | Progress | None) -> dict[str, Any]:
    """Return what ``spider-opt diagnose RUN`` says, from the oracle's answers too where they are at their usual place.

    ``sentence`` ends before the ``command`` that it names; ``steps`` are the rows of its table, ``about`` the bounds.
    ``why_not`` is what it says where it cannot tell.
    """
    run = found.run
    told: dict[str, Any] = {"about": bounds(found)}
    try:
        oracle = read_oracle(found, benchmark, usual_folder(run.folder)) if run.folder else None
        best_of = best_of_candidates(run, benchmark, progress=progress)
    except SpiderOptError as error:
        return told | {"why_not": str(error)}
    steps = next_steps(found, oracle, best_of)
    if oracle is not None:
        told["oracle"] = oracle_sentences(found, oracle)
    if steps:
        told |= {
            "sentence": next_sentence(steps).removesuffix(steps[0].command).rstrip(),
            "command": steps[0].command,
            "steps": step_rows(steps),
            "beside": NO_CANDIDATES if best_of is None else "",
        }
    return told
