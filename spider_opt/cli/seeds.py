"""Runs of one method with several seeds, as a person or a program reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from spider_opt.runs import Run
from spider_opt.wording import counted

ALIKE = (
    "all answers are the same with each seed: always so of a method that draws nothing (a greedy answer, temperature "
    "0), of which more seeds tell nothing; those of vote or first-valid may differ with more seeds or questions"
)


def show_seeds(runs: Sequence[Run], as_json: bool) -> None:
    """Print what runs with several seeds came to, and how much that is the seed's."""
    from spider_opt.analysis.seeds import spread_of_seeds

    spread = spread_of_seeds(runs)
    if as_json:
        click.echo(json.dumps({"repeat": spread.to_json(), "runs": [run.summary() for run in runs]}, indent=1))
    else:
        info, k = runs[0].info, len(runs)
        questions = f" ± {spread.between_questions:.1f}" if spread.between_questions == spread.between_questions else ""
        click.echo(f"{info.benchmark} {info.split}  EX {spread.mean:.1f}{questions}  n={spread.n}, mean of {k} seeds")
        if spread.low == spread.low:
            click.echo(f"  95 % interval {spread.low:.1f} to {spread.high:.1f}, over other gold queries like these")
        click.echo(f"  from seed to seed ± {spread.between_seeds:.1f}, {min(spread.ex):.1f} to {max(spread.ex):.1f}")
        for run in runs:
            click.echo(f"  seed {run.info.seed}  {run.ex:.1f}")
        turn = counted(spread.turned, "question is right", "questions are right")
        same = counted(spread.same_sql, "has", "have")
        click.echo(f"  {turn} with some seeds only; {same} the same query with all")
        if spread.alike:
            click.echo(f"  {ALIKE}")
    for run in runs:
        click.echo(f"run folder: {run.folder}", err=True)
