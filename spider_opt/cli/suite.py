"""``spider-opt suite``: test suites of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n  spider-opt suite build --out suites/ --benchmark spider-mini",
)
@click.pass_context
def suite(context: click.Context) -> None:
    """Make test suites, which tell right answers from lucky ones."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@suite.command(
    "build",
    epilog="\b\nExample:\n  spider-opt suite build --spider spider/ --split dev --out suites/\n"
    "  spider-opt score predictions.txt --spider spider/ --metric suite --suite suites/",
)
@benchmark_options
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to make")
@click.option("--seed", type=int, default=0, show_default=True, help="The same one makes the same files")
@click.option(
    "--instances", type=click.IntRange(1, 99), default=30, show_default=True, metavar="N",
    help="Databases that are made for each, at most, beside its own",
)  # fmt: skip
@click.option(
    "--checks", type=click.IntRange(min=0), default=2000, show_default=True, metavar="N",
    help="Instances of another seed on which mutants that are left are tried, to tell which are the same as their gold",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), help="Databases done side by side  [default: one a processor]")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON")
def build_command(
    chosen: Chosen, out: Path, seed: int, instances: int, checks: int, jobs: int | None, as_json: bool
) -> None:
    """Make databases with other rows for each database of a benchmark.

    They have the same tables, keys and constraints, and rows by chance: values of the columns' own, what gold queries
    ask for and what lies near that. Of many those few are kept that tell the gold queries from their mutants, which
    have one thing wrong. No gold query's answer hangs on the order of rows. A database that is done is not done again.
    """
    from spider_opt.progress import progress
    from spider_opt.suites.build import build_suite

    made = build_suite(chosen.load(), out, seed=seed, instances=instances, checks=checks, jobs=jobs, progress=progress)
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=1, ensure_ascii=False))
        return
    for line in made.lines():
        click.echo(line)
    click.echo(f"score answers on it with: --metric suite --suite {out}", err=True)
