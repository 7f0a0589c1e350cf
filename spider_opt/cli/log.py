"""``spider-opt log``: finished runs to a tracker."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options

if TYPE_CHECKING:
    from spider_opt.integrations.trackers import Tracker
    from spider_opt.runs import Run


@click.command(
    "log",
    epilog="\b\nExample:\n  spider-opt log results/runs/my-run --to mlflow=sqlite:///mlflow.db\n"
    "  spider-opt log results/runs --to mlflow --spider spider/",
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--to", "names", multiple=True, required=True, metavar="TRACKER[=PLACE]",
    help="mlflow, or mlflow=URI (default: MLFLOW_TRACKING_URI, else MLflow's own)",
)  # fmt: skip
@benchmark_options
def log_command(runs: tuple[Path, ...], names: tuple[str, ...], chosen: Chosen) -> None:
    """Log finished runs to a tracker: MLflow.

    RUNS are run folders or folders of them; unfinished ones are named and left out. A run that was logged already is
    left as it is there. The table of questions has their words and gold queries where the benchmark is at hand; where
    its folder is needed, name it.
    """
    from spider_opt.errors import RunError
    from spider_opt.integrations.trackers import tracker_of
    from spider_opt.runs import Run, find_runs

    trackers = [tracker_of(name) for name in names]
    folders = find_runs(*runs)
    if not folders:
        raise RunError(f"no run in {', '.join(map(str, runs))}; make one with: spider-opt eval")
    n_logged = n_failed = 0
    for folder in folders:
        try:
            run = Run.read(folder)
        except RunError as error:
            click.echo(f"left out: {error}", err=True)
            continue
        n_failed += log_run(_with_questions(run, folder, chosen), trackers)
        n_logged += 1
    if not n_logged:
        raise RunError(f"no finished run in {', '.join(map(str, runs))}: finish one with its eval command")
    if n_failed:
        sys.exit(1)


def log_run(run: Run, trackers: Sequence[Tracker]) -> int:
    """Log a run to trackers, and say on stderr what came of it; return how many could not be reached.

    A tracker that fails costs nothing: the run is finished and stays.
    """
    from spider_opt.errors import SpiderOptError

    n_failed = 0
    for tracker in trackers:
        try:
            click.echo(tracker.log(run), err=True)
        except SpiderOptError as error:
            n_failed += 1
            again = f"; the run is whole, log it with: spider-opt log {run.folder} --to {tracker}" if run.folder else ""
            click.echo(f"{str(error).rstrip('.')}{again}", err=True)
    return n_failed


def _with_questions(run: Run, folder: Path, chosen: Chosen) -> Run:
    """Return a run with its benchmark, where that is at hand."""
    from spider_opt.errors import DatasetError, RunError
    from spider_opt.runs import Run

    try:
        return Run.read(folder, chosen.load_of(run.info.benchmark, run.info.split))
    except (DatasetError, RunError) as error:
        click.echo(f"without questions and gold queries, for the benchmark is not at hand: {error}", err=True)
        return run
