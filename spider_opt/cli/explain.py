"""``spider-opt explain``: why two numbers for the same predictions differ."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import suite_option


@click.command(
    "explain",
    epilog="\b\nExample:\n  spider-opt explain predictions.txt --spider spider/ --split dev --claimed 85.3",
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--claimed", metavar="PERCENT", help="A published number: the rules that give it are named")
@benchmark_options
@suite_option
@click.option(
    "--extract", is_flag=True, help="Take the queries out of what a model said: code fences, words around them"
)
@click.option("--field", metavar="NAME", help="What holds the query in a CSV or JSON file whose fields do not tell it")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.01),
    help="Seconds that one query may take; by BIRD's rule both together  [default: 10; its own: 30]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the lines as JSON")
@click.option("--no-cache", is_flag=True, help="Run every gold query again")
def explain_command(
    file: Path,
    claimed: str | None,
    chosen: Chosen,
    suite: Path | None,
    extract: bool,
    field: str | None,
    timeout_s: float | None,
    as_json: bool,
    no_cache: bool,
) -> None:
    """Show predictions under every rule that papers use.

    A line each: the number, and how many questions are right by that rule and not by the first (+), or the other way
    round (-). FILE is what score reads, and a text file with lines that are lost, too many, blank or in another order.
    One whose answers are to other questions is refused. --json has each question that is left out.
    """
    from spider_opt.analysis.explaining import explain
    from spider_opt.benchmarks import describe_missing
    from spider_opt.cli.options import check_finite
    from spider_opt.cli.show import fail_if_left_out
    from spider_opt.progress import progress

    check_finite({"timeout": timeout_s})
    benchmark = chosen.load_for(file, told_later=True)
    found = explain(
        file, benchmark, claimed=claimed, suite=suite, extract=extract, field=field, timeout_s=timeout_s,
        cache=not no_cache, progress=progress,
    )  # fmt: skip
    click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else str(found))
    if benchmark.missing:
        click.echo(describe_missing(benchmark), err=True)
    for note in found.notes:
        click.echo(note, err=True)
    if len(found.failed_golds) > 1 and not as_json:
        click.echo("--json says which questions are left out, and why each", err=True)
    fail_if_left_out(found.failed_golds, benchmark)
