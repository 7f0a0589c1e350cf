"""Tables of results, from the runs that are committed."""

from __future__ import annotations

import sys
from pathlib import Path

from spider_opt.analysis.ablation import comparable
from spider_opt.analysis.ablation import to_markdown as to_markdown_ablation
from spider_opt.errors import RunError
from spider_opt.leaderboard import read_row, table, to_markdown
from spider_opt.runs import find_runs

METRICS = ("suite", "strict", "match", "corrected")
RESULTS = Path(__file__).resolve().parents[2] / "results"


def ablation() -> str:
    """Return the runs under ``results/ablation`` against the one of zero-shot."""
    folder = RESULTS / "ablation"
    if not find_runs(folder / "zero-shot"):
        return "No finished run yet.\n"
    return to_markdown_ablation(comparable(folder / "zero-shot", [folder]).lines())


def ladder() -> str:
    """Return the table that ``spider-opt ladder`` wrote: what published systems answered is not at hand everywhere."""
    path = RESULTS / "ladder.md"
    return path.read_text(encoding="utf-8") if path.exists() else "No ladder yet.\n"


def short_ladder() -> str:
    """Return of the same table what says how good an answer is, without n and costs."""
    shown = ("rung", "method", "EX", "gain (95 %)", "talk", "beside the step")
    rows = [line.strip("| ").split(" | ") for line in ladder().splitlines() if line.startswith("| ")]
    if not rows:
        return "No ladder yet.\n"
    places = [i for i, name in enumerate(rows[0]) if name in shown or name.startswith("EX of ")]
    return "".join(f"| {' | '.join(row[place] for place in places)} |\n" for row in rows)


def leaderboard() -> str:
    """Return the finished runs under ``results/runs`` as a table."""
    rows = []
    for folder in find_runs(RESULTS / "runs"):
        try:
            rows.append(read_row(folder))
        except RunError as error:
            print(f"left out: {error}", file=sys.stderr)
    return to_markdown(table(rows)) if rows else "No finished run yet.\n"


def every_metric() -> str:
    """Return the runs that were judged by test suites, too, under all their metrics, the best of a benchmark first."""
    rows = [row for row in map(read_row, find_runs(RESULTS / "runs")) if "suite" in row.metrics]
    rows.sort(key=lambda row: (row.benchmark != "spider dev", row.benchmark, -row.ex))
    lines = [f"| benchmark | method | model | n | EX | {' | '.join(METRICS)} |", "| --- | --- | --- |" + " ---: |" * 6]
    for row in rows:
        others = (f"{row.metrics[name]['value']:.1f}" if name in row.metrics else "-" for name in METRICS)
        told = (f"`{row.method}`", row.model, str(row.n), f"{row.ex:.1f} ± {row.ex_se:.1f}", *others)
        lines.append(f"| {row.benchmark} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n" if rows else "No finished run yet.\n"
