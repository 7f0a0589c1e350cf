"""``spider-opt report``: runs and their questions as a page to look at."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options

if TYPE_CHECKING:
    from spider_opt.types import Benchmark

RUNS = Path("results/runs")


@click.command(
    "report",
    epilog="\b\nExample:\n  spider-opt report runs/first --open\n"
    "  spider-opt report results/runs --spider spider/ --out spider-report",
)
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=click.Path(exists=True, path_type=Path, file_okay=False))
@benchmark_options
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("report"), show_default=True, metavar="DIR",
    help="Folder for the page; a page that is there is replaced",
)  # fmt: skip
@click.option(
    "--table", "table", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Also write its data to this CSV or Parquet file, a row for each answer",
)  # fmt: skip
@click.option("--open", "look", is_flag=True, help="Open it in a browser")
def report_command(runs: tuple[Path, ...], chosen: Chosen, out: Path, table: Path | None, look: bool) -> None:
    """Write a page about runs and their questions.

    It opens from disk: no server, no network. It has the ladder, every metric with its interval, ranks, costs, weak
    databases and slices, what went wrong and what to try next, confidence, any two runs compared, and each question
    with prompt, answers, queries and results.
    A RUN is a run folder or a folder of them (default: results/runs); all are of one benchmark, the others are named
    and left out. Questions, gold queries and results need that benchmark: name its folder where it is not bundled.
    """
    from spider_opt.cli.out_file import check_folder_writable, check_out
    from spider_opt.progress import progress
    from spider_opt.report.page import write_report
    from spider_opt.report.page.choosing import folders_of
    from spider_opt.report.page.writing import check_out as check_folder
    from spider_opt.runs import Run

    tell = partial(click.echo, err=True)
    check_folder(out)
    roots = runs or (RUNS,)
    if table is not None:
        check_out(table, roots, option="--table")
    check_folder_writable(out.parent)
    folders = folders_of(roots, chosen.benchmark, usual="spider" if chosen.spider else None, tell=tell)
    benchmark = _benchmark(chosen, folders[0])
    found = [Run.read(folder, benchmark) for folder in folders]
    index = write_report(found, out, benchmark=benchmark, table=table, progress=progress)
    click.echo(index)
    if look and click.launch(str(index)) != 0:
        tell(f"no browser could be started: open {index.absolute()}")


def _benchmark(chosen: Chosen, folder: Path) -> Benchmark | None:
    """Return the benchmark that a run was asked, None where it is not at hand, which is then said.

    Raises:
        UsageError: it was named, and cannot be loaded or is another one.
    """
    from spider_opt.errors import DatasetError, UsageError
    from spider_opt.runs import RunInfo

    info = RunInfo.read(folder)
    named = any((chosen.benchmark, chosen.data, chosen.spider, chosen.questions))
    try:
        benchmark = chosen.load_of(info.benchmark, info.split)
        if benchmark.fingerprint != info.fingerprint:
            raise UsageError(f"{folder} was made with other questions or databases of {info.asked} than those here")
    except (DatasetError, UsageError) as error:
        if named:
            raise
        click.echo(f"without questions, gold queries and results, for the benchmark is not at hand: {error}", err=True)
        return None
    return benchmark
