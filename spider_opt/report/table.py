"""The ladder as rows, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from spider_opt.analysis.ablation import PER_QUESTION
from spider_opt.report.ladder import Ladder, Rung
from spider_opt.scoring.statistics import said_of_interval
from spider_opt.wording import table_line

HEAD = ("n", "EX", "gain (95 %)", "talk", "prompt tokens (cached)", "answer tokens", "seconds", "computed by")
TALK = (
    "Talk: what OpenAI told at DevDay 2023 of its own models (A Survey of Techniques for Maximizing LLM Performance), "
    "without n or error. "
)
OF_A_RUN = (
    "method",
    "model",
    "run",
    "commit",
    "n",
    "ex",
    "ex_se",
    "change",
    "change_low",
    "change_high",
    "won",
    "lost",
    "asked",
    "beside",
)


def cells(ladder: Ladder) -> list[dict[str, Any]]:
    """Return a flat, JSON-able row for each rung that was run or that the talk tells of.

    Then one for each of the rungs of models beside that was run, and one for each system.
    """
    empty = dict.fromkeys([*OF_A_RUN, *PER_QUESTION.values()])
    rows = []
    for rung in ladder.rungs:
        if rung.line or rung.talk:
            known = {"method": rung.method}
            if rung.line:
                known = {key: value for key, value in rung.line.cells().items() if key in empty}
            rows.append({"kind": "rung", "name": rung.name} | empty | known | {"talk": rung.talk})
    for other in ladder.beside:
        for rung in other.rungs:
            if rung.line:
                known = {key: value for key, value in rung.line.cells().items() if key in empty}
                rows.append({"kind": "beside", "name": rung.name} | empty | known | {"talk": None})
    for system in ladder.systems:
        se = None if math.isnan(system.ex_se) else system.ex_se
        numbers = {"n": system.n, "ex": system.ex, "ex_se": se, "talk": None}
        rows.append({"kind": "recorded", "name": system.name} | empty | numbers)
    return rows


def to_csv(ladder: Ladder) -> str:
    """Return all that is known, nothing where something is not."""
    rows = cells(ladder)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_markdown(ladder: Ladder) -> str:
    """Return the table, and below it what its columns mean."""
    beside = ("beside the step",) if any(rung.line and rung.line.beside for rung in ladder.rungs) else ()
    n_texts = 1 + len(beside)
    others = [f"EX of {other.model}" for other in ladder.beside]
    head = (*HEAD[:3], *others, *HEAD[3:])
    rows = [("rung", "method", *head, *beside), ("---", "---", *["---:"] * (len(head) - 1), *["---"] * n_texts)]
    for i, rung in enumerate(ladder.rungs):
        if rung.line or rung.talk or any(other.rungs[i].line for other in ladder.beside):
            said = "; ".join(rung.line.beside) if rung.line else ""
            shown = _shown(rung)
            shown[3:3] = [_ex(other.rungs[i]) for other in ladder.beside]
            rows.append((rung.name, f"`{rung.method}`", *shown, *([said or "-"] if beside else [])))
    for system in ladder.systems:
        cells = (f"{system.n}", with_error(system.ex, system.ex_se), *["-"] * (len(head) - 2 + len(beside)))
        rows.append((system.name, "recorded", *cells))
    told = any(rung.talk for rung in ladder.rungs)
    if not told:
        at = 2 + head.index("talk")
        rows = [(*row[:at], *row[at + 1 :]) for row in rows]
    table = "".join(map(table_line, rows))
    recorded = " Recorded: published answers, judged in the same way." if ladder.systems else ""
    if beside:
        recorded = f" Beside the step: what else changed from the rung that the gain is over.{recorded}"
    return (
        f"{table}\n"
        f"{ladder.model} on {ladder.benchmark}, scorer {ladder.scorer}, by the golds as published. ±: standard error, "
        "questions of one gold query counted as dependent. Gain: points over the last rung above that was run, on the "
        "same questions, with "
        f"{said_of_interval('gold queries')}. {TALK if told else ''}Tokens "
        f"and seconds: mean of a question; seconds compare only where the same computed them.{recorded}\n"
    )


def signed(points: float) -> str:
    """Write a change with its sign, also of nothing.

    >>> signed(12.34), signed(-0.01)
    ('+12.3', '+0.0')
    """
    return f"{round(points, 1) + 0.0:+.1f}"


def with_error(ex: float, se: float) -> str:
    """Write an accuracy with its standard error, '-' where that is not a number."""
    return f"{ex:.1f} ± {'-' if math.isnan(se) else f'{se:.1f}'}"


def _ex(rung: Rung) -> str:
    return "-" if rung.line is None else with_error(rung.line.ex, rung.line.ex_se)


def _shown(rung: Rung) -> list[str]:
    talk = "-" if rung.talk is None else f"{rung.talk:.1f}"
    if (line := rung.line) is None:
        return ["-", "not run", "-", talk, "-", "-", "-", "-"]
    gain = "-"
    if against := line.against:
        span = "-" if math.isnan(against.low) else f"{signed(against.low)} to {signed(against.high)}"
        gain = f"{signed(against.change)} ({span})"
    _, prompt, cached, answer, seconds = (getattr(line.usage, field) / line.n for field in PER_QUESTION)
    costs = (f"{prompt:,.0f} ({cached:,.0f})", f"{answer:,.0f}", f"{seconds:.1f}", line.asked)
    return [f"{line.n}", with_error(line.ex, line.ex_se), gain, talk, *costs]
