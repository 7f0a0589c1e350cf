"""``spider-opt check``: whether a run is worse than its baseline, as an exit code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spider_opt.analysis.regression import Checked
    from spider_opt.scoring.statistics import By


@click.command(
    "check",
    epilog="\b\nExample:\n  spider-opt eval --method finetune+rag --out new\n"
    "  spider-opt check new --against results/runs/base --margin 1",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--against", "baseline", required=True, metavar="BASELINE",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="Run folder of the same questions, which RUN must not be worse than",
)  # fmt: skip
@click.option(
    "--margin", type=click.FloatRange(min=0), default=0.0, show_default=True, metavar="POINTS",
    help="Points of EX that may be lost",
)  # fmt: skip
@click.option("--every", is_flag=True, help="Fail on any question that was lost")
@click.option(
    "--non-inferior", is_flag=True, help="Fail unless the whole interval lies above -POINTS: shown to be no worse"
)
@click.option(
    "--by", type=click.Choice(["query", "database"]), default="query", show_default=True,
    help="Which questions lean on each other: those of one gold query or of one database",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON")
def check_command(
    run: Path, baseline: Path, margin: float, every: bool, non_inferior: bool, by: By, as_json: bool
) -> None:
    """Fail where RUN is worse than a baseline.

    It is where the paired 95 % interval of the change of EX lies wholly below -POINTS. EX is what the runs were judged
    by: golds count as published, corrected ones do not (compare --metric corrected shows these). The exit code is 0, or
    1 where it is worse, with the questions that were lost, or 2 where the two cannot be compared.
    """
    from spider_opt.analysis.regression import Bar, examine
    from spider_opt.errors import RegressionError, RunError, UsageError

    try:
        checked = examine(run, baseline, Bar(margin, every, non_inferior, by))
    except RunError as error:  # 1 would say that the run is worse
        raise UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(_json(checked), indent=1))
    else:
        _show(checked, run, baseline)
    if checked.failed:
        raise RegressionError(checked.failed)


def _json(checked: Checked) -> dict[str, object]:
    from spider_opt.analysis.paired import told

    found = {name: told(v) if isinstance(v, float) else v for name, v in asdict(checked.change).items()}
    lost = [
        {"id": lost.id, "db_id": lost.now.db_id, "outcome": lost.now.outcome, "detail": lost.now.detail}
        for lost in checked.lost
    ]
    return {"passed": not checked.failed, **found, "questions_lost": lost}


def _show(checked: Checked, run: Path, baseline: Path) -> None:
    from spider_opt.cli.terminal import harmless

    for lost in checked.lost:
        detail = f": {lost.now.detail}" if lost.now.detail else ""
        click.echo(harmless(f"lost  {lost.id}  {lost.now.db_id}  {lost.now.outcome}{detail}"))
    if not checked.failed:
        click.echo(f"{run} passes against {baseline}: {checked.told}")
