"""``spider-opt compare``: what runs changed against one of them, on the same questions."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spider_opt.scoring.statistics import By


@click.command(
    "compare",
    epilog="\b\nExample:\n  spider-opt compare results/trials/zero-shot results/trials --out ablation.md",
)
@click.argument("base", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.argument("runs", nargs=-1, required=True, metavar="RUN...",
                type=click.Path(exists=True, path_type=Path, file_okay=False))  # fmt: skip
@click.option(
    "--by", type=click.Choice(["query", "database"]), default="query", show_default=True,
    help="Which questions lean on each other: those of one gold query or of one database",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this Markdown file")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON")
def compare_command(base: Path, runs: tuple[Path, ...], by: By, out: Path | None, as_json: bool) -> None:
    """Compare runs with BASE on the questions that all of them answered.

    A RUN is a run folder, or a folder of them, in which those that cannot be compared are named and left out. Each
    row shows the change of EX with its 95 % interval, its p corrected for the number of runs, and the costs.
    """
    from spider_opt.analysis.ablation import compare_all, to_markdown
    from spider_opt.paths import write_whole

    lines = compare_all(base, runs, by=by, tell=lambda sentence: click.echo(sentence, err=True))
    table = to_markdown(lines, by)
    if out is not None:
        typed = ["spider-opt", "compare", *map(str, (base, *runs)), *(["--by", by] if by != "query" else [])]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, f"Made by `{shlex.join([*typed, '--out', str(out)])}`.\n\n{table}")
    click.echo(json.dumps([line.cells() for line in lines], indent=1) if as_json else table, nl=as_json)
    if out is not None:
        click.echo(f"written: {out}", err=True)
