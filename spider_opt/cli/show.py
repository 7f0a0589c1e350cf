"""Scores as a person or a program reads them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from spider_opt.benchmarks import describe_missing
from spider_opt.errors import GoldError, SpiderOptError
from spider_opt.runs import Run
from spider_opt.runs.costs import AMOUNTS, Amounts, Costs, costs
from spider_opt.runs.without_gold import described
from spider_opt.scoring.report import NO_GOLD
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.table import SCORERS, SUITES
from spider_opt.types import Benchmark, Usage
from spider_opt.wording import counted


def show_scores(run: Run, as_json: bool) -> None:
    """Print what a run came to: on stdout, and what is left out on stderr."""
    summary, se = run.summary(), run.ex_se
    if as_json:
        summary["ex_se"] = round(se, 4) if se == se else None
        summary["sqlite"] = sqlite3.sqlite_version
        if run.usage != Usage():
            summary["costs"] = costs(run).to_json()
        click.echo(json.dumps(summary, indent=1))
    else:
        error = f" ± {se:.1f}" if se == se else ""  # not a number where there are too few questions
        asked = f"{run.info.benchmark} {run.info.split}"
        click.echo(f"{asked}  EX {_percent(summary['ex'])}{error}{_corrected(run)}  n={summary['n']}")
        if interval := _intervals(summary["intervals"][run.scorer.rules.main]):
            click.echo(f"  95 % interval {interval}")
        levels = summary.get("by_difficulty", summary["by_hardness"])
        width = max(7, *map(len, levels))
        for level, part in levels.items():
            click.echo(f"  {level:{width}} {_percent(part['ex']):>6}  n={part['n']}")
        for name, said in [*run.report.metrics().items()][1:]:  # the first is EX
            bar = "" if said["se"] is None else f" ± {said['se']:.1f}"
            by = f"  ({_suites(summary)})" if name in SUITES else ""
            by = f"  ({_changed(summary)})" if name == CORRECTED else by
            click.echo(f"  {name}  {_percent(said['value'])}{bar}  n={said['n']}{by}")
        click.echo("  " + ", ".join(f"{name} {count}" for name, count in summary["outcomes"].items() if count))
        for line in (*_trouble(run, summary), *costs_told(costs(run))):
            click.echo(f"  {line}")
        scorer = f"  scorer {summary['mode']} {summary['scorer_version']}"
        if summary["mode"] in SCORERS:
            scorer += f", DISTINCT {'kept' if summary['keep_distinct'] else 'dropped'}"
        click.echo(f"{scorer}, SQLite {sqlite3.sqlite_version}, databases {run.info.fingerprint}")
    if run.benchmark and run.benchmark.missing:
        click.echo(describe_missing(run.benchmark), err=True)
    for sentence in described(run.failed_golds):
        click.echo(sentence, err=True)


def costs_told(costs: Costs) -> Iterator[str]:
    """Say in lines what answers cost: nothing where they are a file's, of which nobody knows."""
    if costs.usage == Usage():
        return
    parts = [("a question costs", costs.per_question), ("a correct answer costs", costs.per_correct)]
    for name, amounts in (part for part in parts if part[1]["calls"] is not None):
        yield f"{name} {_amounts(amounts)}"
    said = "" if costs.dollars is None or costs.price is None or costs.price.is_free else f" (prices of {costs.price})"
    yield f"in all {_amounts(costs.total)}{said}" + (f": {costs.unknown}" if costs.unknown else "")


def _amounts(amounts: Amounts) -> str:
    """Return amounts in words.

    >>> _amounts({"calls": 1.5, "prompt_tokens": 552.3, "cached_tokens": 0, "completion_tokens": 25.0, "seconds": 0.65,
    ...           "dollars": 0.00012})
    '1.5 calls, 552 tokens in and 25 out, 0.65 s, 0.00012 USD'
    >>> _amounts(dict.fromkeys(AMOUNTS) | {"calls": 3, "seconds": 7200.0})
    '3 calls, tokens unknown, 7,200 s, dollars unknown'
    """
    calls, fresh, cached, out, seconds, dollars = (amounts[name] for name in AMOUNTS)
    tokens = "tokens unknown"
    if fresh is not None and out is not None:
        kept = f" ({_number(cached)} of them cached)" if cached else ""
        tokens = f"{_number(fresh)} tokens in{kept} and {_number(out)} out"
    paid = "dollars unknown" if dollars is None else f"{_number(dollars)} USD"
    return f"{_number(calls or 0)} calls, {tokens}, {_number(seconds or 0)} s, {paid}"


def _number(value: float) -> str:
    """Return a number with three digits, or all of a larger one.

    >>> [_number(value) for value in (0, 12, 1.0, 1.5, 0.000123456, 552.34, 1234567.8, 99.96)]
    ['0', '12', '1', '1.5', '0.000123', '552', '1,234,568', '100']
    """
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def _intervals(told: Mapping[str, Mapping[str, Any]]) -> str:
    """Say the intervals of EX in short, each with how many gold queries or databases it is over."""
    said: list[str] = []
    for by, one, several in (("query", "gold query", "gold queries"), ("database", "database", "databases")):
        spread = told[by]
        if spread["low"] is not None:
            effect = spread["design_effect"]
            named = "" if said else "design effect "
            over = counted(spread["clusters"], one, several) + ("" if effect is None else f" ({named}{effect:.1f})")
            said.append(f"{spread['low']:.1f} to {spread['high']:.1f} over {over}")
    return ", ".join(said)


def _corrected(run: Run) -> str:
    """Say what EX is with corrected golds, where that was asked for."""
    said = run.report.metrics().get(CORRECTED)
    if said is None:
        return ""
    bar = "" if said["se"] is None else f" ± {said['se']:.1f}"
    return f"  with corrected golds {_percent(said['value'])}{bar}"


def _changed(summary: Mapping[str, Any]) -> str:
    """Say by which corrections was judged, and what that changes."""
    right, wrong = summary["corrected_changes"].values()
    become = "becomes" if right == 1 else "become"
    return f"golds of {summary['corrections']}; {counted(right, 'question')} {become} right, {wrong:,} wrong"


def _suites(summary: Mapping[str, Any]) -> str:
    """Say by which test suites was judged, and how."""
    made_by, _, name = summary["suite"].partition(" ")
    suites = f"made by spider-opt, {name}" if made_by == "own" else f"databases {name}"
    return suites + (", gold's values tried" if summary["plug_value"] else "")


def fail_if_under(runs: Sequence[Run], points: float | None) -> None:
    """Refuse to call it a success where EX, or its mean over seeds, is less than what was asked for.

    Raises:
        SpiderOptError: says by what.
    """
    ex = sum(run.ex for run in runs) / len(runs)
    if points is not None and not ex >= points:  # nor where no question counts
        raise SpiderOptError(f"EX is {_percent(ex if ex == ex else None)}, less than the {points:g} that was asked for")


def fail_if_lost(run: Run) -> None:
    """Refuse to call it a success where questions could not be judged, for no fault of the answers.

    Raises:
        GoldError: says how many.
    """
    fail_if_left_out(run.failed_golds, run.benchmark)
    rules = run.report.rules
    suites = [name for name in rules.scorers if name in SUITES]
    if lost := sum(any(scored.said(name, rules.main) is None for name in suites) for scored in run.verdicts):
        raise GoldError(
            f"{counted(lost, 'question')} could not be judged by suite, since the gold query fails or a database of "
            "the suite cannot be read, see above; that number is over the others"
        )


def fail_if_left_out(failed_golds: Iterable[tuple[int, str]], benchmark: Benchmark | None) -> None:
    """Refuse it for questions, as (index, reason), that are in no number though they have a gold query.

    Raises:
        GoldError: says how many.
    """
    without = {ex.index for ex in benchmark.examples if not ex.judged_by} if benchmark else set()
    lost = sum(message != NO_GOLD and index not in without for index, message in failed_golds)
    if benchmark:
        lost += sum(benchmark.missing.get(db_id, 0) for db_id in benchmark.damaged)
    if lost:
        raise GoldError(
            f"{counted(lost, 'question')} could not be judged, since the gold query fails or the database"
            " cannot be read, see above; the numbers are over the others"
        )


def _trouble(run: Run, summary: Mapping[str, Any]) -> Iterator[str]:
    """Say what the numbers hide: answers that were cut, and questions that were given up."""
    if cut := summary["cut"]:
        were = "was" if cut == 1 else "were"
        yield f"{cut} of {counted(summary['n'], 'answer')} {were} cut at the token limit: give more with --max-tokens N"
    if refused := run.refused:
        why = ", ".join(f"{name} {count}" for name, count in refused.items())
        were = "was given up and counts" if refused.total() == 1 else "were given up and count"
        yield (
            f"{refused.total()} of {counted(summary['n'], 'question')} {were} as wrong ({why}); EX of the others "
            f"{_percent(summary['ex_answered'])}  n={summary['n_answered']}"
        )


def _percent(ex: float | None) -> str:
    return "-" if ex is None else f"{ex:.1f}"
