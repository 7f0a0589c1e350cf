"""``spider-opt verify``: our verdicts against those of the official script."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import F, keep_distinct_option, plug_value_option, suite_option


def _official_options(command: F) -> F:
    """Add what the official tool and we are both given: without ``--suite`` both judge on one database each."""
    command = plug_value_option(command, "Both with the official tool's flag that tries gold's values")
    command = keep_distinct_option(command, "Both with the official tool's flag by which DISTINCT counts")
    return suite_option(command, default="")


@click.command(
    "verify",
    epilog="\b\nExample:\n  spider-opt verify predictions.txt --official ../test-suite-sql-eval --spider spider/",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--official", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True, metavar="DIR",
    help="Your copy of test-suite-sql-eval, of Spider's first script, or of BIRD's mini_dev",
)  # fmt: skip
@click.option("--as", "form", type=click.Choice(["spider", "bird"]), help="Whose it is  [default: what lies in DIR]")
@click.option(
    "--metric", "metrics", multiple=True, type=click.Choice(["exec", "match", "ex", "f1"]),
    help="Spider's exec and match, both by default; BIRD's ex, or f1",
)  # fmt: skip
@benchmark_options
@_official_options
@click.option(
    "--python", type=click.Path(exists=True, path_type=Path), metavar="PATH",
    help="The Python that runs it  [default: that of DIR/.venv, else this one]",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.01), default=60.0, show_default=True,
    help="Seconds that the script may take for one question",
)  # fmt: skip
@click.option(
    "--extract", is_flag=True, help="Take the queries out of what a model said: code fences, words around them"
)
@click.option("--field", metavar="NAME", help="What holds the query in a CSV or JSON file whose fields do not tell it")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON")
def verify_command(
    run: Path,
    official: Path,
    form: str | None,
    metrics: tuple[str, ...],
    chosen: Chosen,
    suite: Path | None,
    keep_distinct: bool,
    plug_value: bool,
    python: Path | None,
    timeout_s: float,
    extract: bool,
    field: str | None,
    as_json: bool,
) -> None:
    """Run the official script on answers, and list what differs.

    RUN is a run folder, or a file of predictions as score reads it. Your own copy of the script is run unchanged,
    question by question, in a temporary folder; the databases are shown to it, and only queries that read are given to
    it. The exit status is 1 where a verdict differs.
    """
    from spider_opt.benchmarks import describe_missing
    from spider_opt.cli.options import check_finite
    from spider_opt.errors import SpiderOptError
    from spider_opt.evaluation.verifying import verify
    from spider_opt.progress import progress
    from spider_opt.wording import counted

    check_finite({"timeout": timeout_s})
    benchmark = chosen.load_for(run, told_later=True)
    found = verify(
        run, benchmark, official=official, form=form, metrics=metrics or None, suite=suite,
        keep_distinct=keep_distinct, plug_value=plug_value, python=python, timeout_s=timeout_s, extract=extract,
        field=field, progress=progress,
    )  # fmt: skip
    click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else str(found))
    if benchmark.missing:
        click.echo(describe_missing(benchmark), err=True)
    if found.different:
        differ = "differs" if len(found.different) == 1 else "differ"
        raise SpiderOptError(f"{counted(len(found.different), 'verdict')} {differ} from ours")
