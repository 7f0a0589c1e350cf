"""Scores as a person or a program reads them."""

from __future__ import annotations

import json

import click

from spider_opt.benchmarks import describe_missing
from spider_opt.scoring import ScoreReport
from spider_opt.scoring.statistics import clustered_se
from spider_opt.scoring.table import SCORERS
from spider_opt.types import Benchmark


def show_scores(benchmark: Benchmark, report: ScoreReport, as_json: bool) -> None:
    """Print what a set of predictions came to: on stdout, and what is left out on stderr."""
    summary = report.summary()
    se = clustered_se([s.correct for s in report.scored], [s.cluster for s in report.scored])
    if as_json:
        summary["ex_se"] = round(se, 4) if se == se else None
        click.echo(json.dumps(summary, indent=1))
    else:
        error = f" ± {se:.1f}" if se == se else ""  # not a number where there are too few questions
        click.echo(f"{benchmark.name} {benchmark.split}  EX {_percent(summary['ex'])}{error}  n={summary['n']}")
        for level, part in summary["by_hardness"].items():
            click.echo(f"  {level:7} {_percent(part['ex']):>6}  n={part['n']}")
        for name, said in report.metrics().items():
            bar = "" if said["se"] is None else f" ± {said['se']:.1f}"
            click.echo(f"  {name}  {_percent(said['value'])}{bar}  n={said['n']}")
        click.echo("  " + ", ".join(f"{name} {count}" for name, count in summary["outcomes"].items() if count))
        scorer = f"  scorer {summary['mode']} {summary['scorer_version']}"
        if summary["mode"] in SCORERS:
            scorer += f", DISTINCT {'kept' if summary['keep_distinct'] else 'dropped'}"
        click.echo(f"{scorer}, databases {report.fingerprint}")
    if benchmark.missing:
        click.echo(describe_missing(benchmark), err=True)
    for index, message in report.failed_golds:
        click.echo(f"question {index} left out: {message}", err=True)


def _percent(ex: float | None) -> str:
    return "-" if ex is None else f"{ex:.1f}"
