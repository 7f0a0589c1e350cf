"""``spider-opt export``: answers as the official tools read them."""

from __future__ import annotations

from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options


@click.command(
    "export",
    epilog="\b\nExample:\n  spider-opt export results/runs/my-run --as spider --out official --spider spider/\n"
    "  spider-opt export my-run --as spider2 --out answers --benchmark spider2-sqlite --data spider2-lite",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--as", "form", type=click.Choice(["spider", "bird", "spider2"]), required=True, help="Whose tool is to read them"
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
    help="The folder to write: a new one, or that of an earlier export",
)  # fmt: skip
@benchmark_options
@click.option(
    "--extract", is_flag=True, help="Take the queries out of what a model said: code fences, words around them"
)
@click.option("--field", metavar="NAME", help="What holds the query in a CSV or JSON file whose fields do not tell it")
def export_command(run: Path, form: str, out: Path, chosen: Chosen, extract: bool, field: str | None) -> None:
    """Write answers and golds as the official tools read them.

    RUN is a run folder, or a file of predictions as score reads it. --as spider is for test-suite-sql-eval and Spider's
    first script, --as bird for BIRD's mini_dev. Which question a line is for stands in export.json. --as spider2 writes
    a file ID.sql for each question, as the scripts of Spider 2.0-lite and -snow take them (mode sql), and no golds.
    """
    from spider_opt.benchmarks import describe_missing
    from spider_opt.evaluation.exporting import export
    from spider_opt.wording import counted

    benchmark = chosen.load_for(run, told_later=True)
    made = export(run, benchmark, form=form, out=out, extract=extract, field=field)
    if form == "spider2":
        click.echo(f"{made.folder}: {counted(len(made.files), 'file')} ID.sql")
    else:
        for path in made.files.values():
            click.echo(path)
    if made.changed:
        which = ", ".join(map(str, made.changed[:5])) + (" …" if len(made.changed) > 5 else "")
        why = "with a line break or tab in a quoted name, which no line of these files can hold: a blank stands there"
        if form == "spider2":
            why = "whose answer is read otherwise by the script: it has a fence of code or a carriage return in it"
        click.echo(f"{counted(len(made.changed), 'question')} ({which}) {why}", err=True)
    if made.several:
        click.echo(
            f"{counted(len(made.several), 'question')} with several right golds, of which the official tools take one, "
            "the first: their number can be lower than ours",
            err=True,
        )
    if benchmark.missing:
        click.echo(describe_missing(benchmark), err=True)
