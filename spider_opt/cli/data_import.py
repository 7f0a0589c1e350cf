"""``spider-opt data import``: a table of questions and a database file to a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.wording import counted

if TYPE_CHECKING:
    from spider_opt.benchmarks.importing import Gold, Imported

SHOWN = 5


def _columns(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    parts = ("question", "query", "database", "evidence", "difficulty")
    columns: dict[str, str] = {}
    for one in given:
        part, equals, name = one.partition("=")
        if not equals or part not in parts or not name:
            raise click.BadParameter(f"{one!r} is not PART=NAME with a part of {', '.join(parts)}, as in query=sql")
        if part in columns:
            raise click.BadParameter(f"the {part} is named twice")
        columns[part] = name
    return columns


@click.command(
    "import",
    epilog="\b\nExample:\n  spider-opt data import questions.csv --database shop.db --out own/\n"
    "  spider-opt eval --data own/",
)
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--database", "databases", multiple=True, required=True, type=click.Path(exists=True, path_type=Path),
    help="SQLite file, or a folder of them; may be given several times",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make")
@click.option(
    "--column", "columns", metavar="PART=NAME", multiple=True, callback=_columns,
    help="Column that holds the question, query, database, evidence or difficulty, where names do not tell",
)  # fmt: skip
@click.option(
    "--descriptions", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with TABLE.csv (DATABASE/TABLE.csv), which says what columns hold",
)  # fmt: skip
@click.option("--name", help="What the benchmark is called (default: as the folder)")
@click.option(
    "--split-by", type=click.Choice(["database", "query"]), default="database", show_default=True,
    help="What the two halves share nothing of; query: they share databases",
)  # fmt: skip
@click.option("--no-training", is_flag=True, help="Ask all questions: set none apart to learn from")
@click.option("--without-golds", is_flag=True, help="No question has a gold query: all are asked, none is scored")
@click.option("--replace", is_flag=True, help="Replace what an earlier import wrote there, and nothing else")
def import_command(
    table: Path,
    databases: tuple[Path, ...],
    out: Path,
    columns: dict[str, str],
    descriptions: Path | None,
    name: str | None,
    split_by: str,
    no_training: bool,
    without_golds: bool,
    replace: bool,
) -> None:
    """Make a benchmark of the questions in TABLE: CSV, XLSX, JSON, JSONL.

    Its columns: question, query (the gold query; a question without one is asked, but not scored), and where you have
    them database, evidence and difficulty. Every gold query is run, and what it gives is shown. From 100 questions
    over 4 databases on, half are set apart to learn from, of other databases than are asked; with --split-by query
    half of each database's, with other queries than are asked. Several queries that are
    all right: columns query, query_2 …, a row each, or a list in JSON.
    """
    from spider_opt.benchmarks.importing import import_benchmark

    made = import_benchmark(
        table, databases, out, name=name, columns=columns, training=not no_training, split_by=split_by,
        descriptions=descriptions, without_golds=without_golds, replace=replace, on_gold=_show,
    )  # fmt: skip
    _sum_up(made, table, out)


def _show(number: int, total: int, gold: Gold) -> None:
    from spider_opt.cli.terminal import harmless

    if gold.error:
        said = f"fails: {gold.error}"
    elif gold.rows is None:
        said = "no query"
    else:
        said = counted(gold.rows, "row")
    click.echo(harmless(f"{number:>{len(str(total))}}/{total}  {said:>8}  {gold.asked.question}"))


def _sum_up(made: Imported, table: Path, out: Path) -> None:
    from spider_opt.cli.terminal import harmless

    n, n_databases = len(made.asked), len({gold.db_id for gold in made.asked})
    click.echo(f"{made.name}: {counted(n, 'question')} over {counted(n_databases, 'database')}, in {out}")
    if several := [gold for gold in made.asked if gold.asked.others]:
        places = ", ".join(gold.asked.place for gold in several[:SHOWN]) + (", …" if len(several) > SHOWN else "")
        click.echo(harmless(f"{counted(len(several), 'question')} with several right queries: {places}"))
    if made.training:
        learnt = sorted({gold.db_id for gold in made.training})
        shared = {gold.db_id for gold in made.asked} & set(learnt)
        how = ": of the databases that are asked, with other queries, so the split is called dev-query-split"
        click.echo(f"{len(made.training):,} more to learn from, over {', '.join(learnt)}{how if shared else ''}")
    for one, other, why in made.near[:SHOWN]:
        what = "have nearly the same words" if why == "words" else "have the same query"
        click.echo(f"{one} and {other} {what}", err=True)
    if len(made.near) > SHOWN:
        click.echo(f"… and {len(made.near) - SHOWN} more pairs of questions that are nearly one", err=True)
    for one_does, several_do, golds in (
        ("fails", "fail", [gold for gold in made.asked if gold.error]),
        ("is lacking", "are lacking", [gold for gold in made.asked if not gold.asked.query]),
        ("gives no row", "give no row", [gold for gold in made.asked if gold.rows == 0]),
    ):
        if golds:
            said = counted(len(golds), f"gold query {one_does}", f"gold queries {several_do}")
            places = ", ".join(gold.asked.place for gold in golds[:SHOWN]) + (", …" if len(golds) > SHOWN else "")
            click.echo(harmless(f"{said}: {places}"), err=True)
    if any(gold.error and gold.rows is None for gold in made.asked):
        click.echo(
            f"these questions count nowhere until their query runs: mend {table} and import it again with --replace",
            err=True,
        )
    click.echo(f"ask them with: spider-opt eval --data {out}", err=True)
