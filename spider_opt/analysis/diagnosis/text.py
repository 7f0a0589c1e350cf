"""A diagnosis as text for a terminal, in Markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spider_opt.analysis.diagnosis.causes import Rung
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis, WrongAnswer
from spider_opt.analysis.diagnosis.reasons import ABOUT

SHOWN_IDS = 3


def to_markdown(found: Diagnosis) -> str:
    """Return the table of reasons and the bounds; of the questions no text, but ids."""
    return "\n\n".join([_head(found), _table(found), *_refusals(found), bounds(found)])


def bounds(found: Diagnosis) -> str:
    """Return how much could be context and how much behaviour at most, in sentences."""
    lost = len(found.wrong)
    if not lost:
        return "No answer is wrong: there is nothing to say of context and behaviour."
    return (
        f"Of {_points(100 * lost / found.n)} points lost, context is at most {_points(found.context_at_most())} "
        f"(tables and columns alone {_points(found.context_at_most([Rung.TABLES, Rung.COLUMNS]))}, with values "
        f"{_points(found.context_of_database_at_most)}, the rest only with examples of the query's form), behaviour at "
        f"most {_points(found.behaviour_at_most)}, and neither {_points(found.neither)} (gold is wrong, or nothing is "
        "seen to differ). The first two overlap."
    )


def to_json(found: Diagnosis) -> dict[str, Any]:
    """Return what a program reads: all figures, and of each wrong answer its reasons, with names of the two queries."""
    return {
        "run": found.run.name,
        "method": found.run.info.method,
        "model": found.run.info.model,
        "asked": found.run.info.asked,
        "n": found.n,
        "wrong": len(found.wrong),
        "reasons": [
            {"kind": count.kind.value, "first": count.first, "any": count.any, "points": _share(count.first, found)}
            for count in found.counts()
        ],
        "refusals": dict(found.refusals()),
        "context_at_most": found.context_at_most(),
        "context_of_tables_and_columns_at_most": found.context_at_most([Rung.TABLES, Rung.COLUMNS]),
        "context_of_database_at_most": found.context_of_database_at_most,
        "behaviour_at_most": found.behaviour_at_most,
        "neither": found.neither,
        "answers": [answer_to_json(answer) for answer in found.wrong],
    }


def answer_to_json(answer: WrongAnswer) -> Mapping[str, Any]:
    """Return one wrong answer as a program reads it."""
    return {
        "index": answer.index,
        "id": answer.id,
        "db_id": answer.db_id,
        "hardness": answer.hardness,
        "primary": answer.primary.kind.value,
        "reasons": [{"kind": one.kind.value, "what": one.what, "why": one.why} for one in answer.reasons],
        "lacking": sorted(rung.value for rung in answer.lacking),
        "may_be_context": answer.may_be_context(),
        "may_be_behaviour": answer.may_be_behaviour,
        "neither": answer.is_neither,
    }


def _head(found: Diagnosis) -> str:
    info = found.run.info
    who = f"{info.method} with {info.model}" if info.model else info.method
    return f"{who} on {info.asked}: EX {found.run.ex:.1f}, n={found.n}, {len(found.wrong)} wrong answers."


def _table(found: Diagnosis) -> str:
    lines = ["| what is wrong first | answers | points | at all | what it is | for example |"]
    lines.append("| --- | ---: | ---: | ---: | --- | --- |")
    for count in found.counts():
        more = count.first - SHOWN_IDS
        ids = ", ".join(count.ids[:SHOWN_IDS]) + (f" and {more} more" if more > 0 else "")
        points = _points(_share(count.first, found))
        lines.append(f"| {count.kind} | {count.first} | {points} | {count.any} | {ABOUT[count.kind]} | {ids or '-'} |")
    return "\n".join(lines)


def _refusals(found: Diagnosis) -> list[str]:
    told = ", ".join(f"{why} {n}" for why, n in found.refusals().items())
    return [f"Why answers do not execute, or are none: {told}."] if told else []


def _share(n: int, found: Diagnosis) -> float:
    return 100 * n / found.n if found.n else 0.0


def _points(points: float) -> str:
    return f"{points:.1f}"
