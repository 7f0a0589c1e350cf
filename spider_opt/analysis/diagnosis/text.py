"""A diagnosis as text for a terminal, in Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from spider_opt.analysis.diagnosis.causes import Rung
from spider_opt.analysis.diagnosis.context_figures import NAMES, ContextFigure
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis, WrongAnswer
from spider_opt.analysis.diagnosis.examining import Examination
from spider_opt.analysis.diagnosis.next_step import LARGER, NextStep, is_known_here
from spider_opt.analysis.diagnosis.oracle.findings import OracleFindings
from spider_opt.analysis.diagnosis.reasons import ABOUT
from spider_opt.analysis.diagnosis.standing import next_sentence, oracle_sentences
from spider_opt.wording import either, table_line

SHOWN_IDS = 3
NO_CANDIDATES = "The run kept no candidates: what choosing among several answers could bring is not known from it."


def to_markdown(found: Diagnosis) -> str:
    """Return the table of reasons and the bounds; of the questions no text, but ids."""
    return "\n\n".join([_head(found), _table(found), *_refusals(found), bounds(found)])


def bounds(found: Diagnosis) -> str:
    """Return how much could be context and how much behaviour at most, in sentences."""
    lost = len(found.wrong)
    if not lost:
        return "No answer is wrong: there is nothing to say of context and behaviour."
    tables = found.context_at_most([Rung.TABLES, Rung.COLUMNS])
    return (
        f"Of {_points(100 * lost / found.n)} points lost, context is at most {_points(found.context_at_most())} "
        f"(by what differs first, tables and columns {_points(tables)}, with values "
        f"{_points(found.context_of_database_at_most)}, the rest with examples of the form; a prompt that shows "
        f"less of the schema may mend more of it), behaviour at most {_points(found.behaviour_at_most)}, and neither "
        f"{_points(found.neither)} (gold is wrong, or nothing is seen to differ). The first two overlap."
    )


def examined_to_markdown(examined: Examination) -> str:
    """Return all that is said of a run, in Markdown; of its questions no text, but ids."""
    found = examined.found
    told = [to_markdown(found)]
    if examined.oracle is not None:
        told.append(oracle_sentences(found, examined.oracle))
    elif found.wrong and is_known_here(found.run.info):
        told.append(f"{either('ask_oracle', '--oracle')} asks the model again with gold in the prompt.")
    if examined.figures:
        told += ["The context, by RAGAS' questions without a judge, and whether it goes with right answers:"]
        told += [_figures(examined)]
    if examined.steps:
        told += [_steps(examined), next_sentence(examined.steps)]
    return "\n\n".join(told)


def _figures(examined: Examination) -> str:
    lines = [
        "| context | n | mean | of right answers | of wrong ones | apart (95 %) |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for one in examined.figures:
        of = [_or_dash(value) for value in (one.mean, one.of_right, one.of_wrong)]
        lines.append(f"| {NAMES.get(one.metric, one.metric)} | {one.n} | {' | '.join(of)} | {apart(one)} |")
    ex = f"{examined.found.run.ex:.1f}"
    return "\n".join([*lines, f"| correctness (EX) | {examined.found.n} | {ex} | - | - | - |"])


def apart(one: ContextFigure) -> str:
    """Return how much higher a figure is of right answers, with its interval where there is one."""
    if math.isnan(one.apart):
        return "-"
    if math.isnan(one.low):
        return f"{one.apart:+.1f}" if one.apart else "the same"
    return f"{one.apart:+.1f} ({one.low:+.1f} to {one.high:+.1f})"


def _steps(examined: Examination) -> str:
    lines = ["| what to try | at most | by |", "| --- | ---: | --- |"]
    for method, step, bound, why in step_rows(examined.steps):
        lines.append(f"| `{method}`{f' ({step})' if step else ''} | {bound} | {why} |")
    if examined.best_of is None:
        lines += ["", NO_CANDIDATES]
    return "\n".join(lines)


def step_rows(steps: Sequence[NextStep]) -> list[tuple[str, str, str, str]]:
    """Return of each thing to try its method, what that does not say of it, its bound and by what."""
    rows = []
    for step in steps:
        bound = f"{step.at_most:+.1f}" if step.is_known else f"{step.at_most:+.1f} (not bounded closer)"
        rows.append((step.method, step.step if step.step == LARGER else "", bound, step.why))
    return rows


def _or_dash(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


def to_json(examined: Examination | Diagnosis) -> dict[str, Any]:
    """Return what a program reads: all figures, and of each wrong answer its reasons, with names of the two queries."""
    if isinstance(examined, Diagnosis):
        return _diagnosis_to_json(examined)
    told = _diagnosis_to_json(examined.found)
    if (oracle := examined.oracle) is not None:
        told["oracle"] = {
            "mended": {rung.value: oracle.mended_at(rung) for rung in Rung},
            "stayed": len(oracle.stayed),
            "broken": {rung.value: [one.turned, one.n] for rung, one in oracle.broken.items()},
            "by_chance": [oracle.by_chance.turned, oracle.by_chance.n],
            "no_demo": oracle.no_demo,
            "usage": oracle.usage.to_json(),
            "answers": {str(index): oracle.mended.get(index, "behaviour") for index in _asked(oracle)},
        }
    told["context"] = [_figure_to_json(one) for one in examined.figures]
    told["best_of_candidates"] = examined.best_of
    told["next"] = [asdict(step) for step in examined.steps]
    return told


def _asked(oracle: OracleFindings) -> list[int]:
    return sorted([*oracle.mended, *oracle.stayed])


def _figure_to_json(figure: ContextFigure) -> dict[str, Any]:
    told = asdict(figure)
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in told.items()}


def _diagnosis_to_json(found: Diagnosis) -> dict[str, Any]:
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
        cells = (count.kind, f"{count.first}", points, f"{count.any}", ABOUT[count.kind], ids or "-")
        lines.append(table_line(cells).rstrip())
    return "\n".join(lines)


def _refusals(found: Diagnosis) -> list[str]:
    told = ", ".join(f"{why} {n}" for why, n in found.refusals().items())
    return [f"Why answers do not execute, or are none: {told}."] if told else []


def _share(n: int, found: Diagnosis) -> float:
    return 100 * n / found.n if found.n else 0.0


def _points(points: float) -> str:
    return f"{points:.1f}"
