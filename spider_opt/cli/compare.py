"""``spider-opt compare``: what runs changed against one of them, on the same questions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import BENCHMARK_OPTIONS, Chosen, benchmark_options
from spider_opt.cli.options import SCORING_OPTIONS, asked_rules, corrections_option, scoring_options, typed_options
from spider_opt.cli.out_file import check_out

if TYPE_CHECKING:
    from spider_opt.runs import Run
    from spider_opt.scoring import Rules
    from spider_opt.scoring.statistics import By


@click.command(
    "compare",
    epilog="\b\nExample:\n  spider-opt compare results/trials/zero-shot results/trials --out ablation.md\n"
    "  spider-opt compare gpt4.txt codex.json --spider spider/",
)
@click.argument("base", type=click.Path(exists=True, path_type=Path))
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--by", type=click.Choice(["query", "database"]), default="query", show_default=True,
    help="Which questions lean on each other: those of one gold query or of one database",
)  # fmt: skip
@click.option(
    "--ids", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Only the questions whose ids FILE lists",
)  # fmt: skip
@benchmark_options
@click.option("--extract", is_flag=True, help="Take the queries of prediction files out of what a model said, as score")
@click.option(
    "--field", "fields", metavar="NAME", multiple=True,
    help="What holds the query in files whose fields do not tell it (again for files of other fields)",
)  # fmt: skip
@scoring_options
@corrections_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this Markdown file")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON")
@click.pass_context
def compare_command(
    context: click.Context,
    base: Path,
    runs: tuple[Path, ...],
    by: By,
    ids: Path | None,
    chosen: Chosen,
    extract: bool,
    fields: tuple[str, ...],
    metrics: str | None,
    mode: str | None,
    keep_distinct: bool,
    suite: Path | None,
    plug_value: bool,
    corrections: str | None,
    timeout_s: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare runs with BASE, on the questions all of them answered.

    A RUN is a run folder, or a folder of them, in which those that cannot be compared are named and left out; a file of
    predictions, as score reads it, which is judged first; or a file of verdicts, as score writes it. Each row shows the
    change of EX with its 95 % interval, its p corrected for the number of runs, and the costs. Which benchmark, and
    how to judge, need only be said for predictions and --ids: by default as the first run folder was judged. With
    --metric another metric is compared than EX, of those that the runs were judged by; corrected is EX with corrected
    golds.
    """
    from dataclasses import replace
    from functools import cache, partial

    from spider_opt.analysis.ablation import compare_all, to_markdown
    from spider_opt.analysis.files import HowRead, only_of, read_any
    from spider_opt.errors import UsageError
    from spider_opt.paths import write_whole
    from spider_opt.scoring.rules import CORRECTED

    of_ours = {"extract": "--extract", "fields": "--field", "by": "--by", "ids": "--ids", "out": "--out"}
    of_ours["corrections"] = "--corrections"
    typed = typed_options(context, BENCHMARK_OPTIONS | SCORING_OPTIONS | of_ours)
    if out is not None:
        check_out(out, (base, *runs), replaces=_is_a_table, what="table of spider-opt compare")
    how = HowRead(extract, fields)
    how.check((base, *runs))
    if metrics is not None and "," in metrics:
        raise UsageError(f"runs are compared by one metric: name one of {metrics}")
    if corrections is not None and metrics != CORRECTED:
        raise UsageError(f"--corrections FILE is how predictions are judged for --metric {CORRECTED}: ask for that")
    by_corrected = metrics == CORRECTED
    if by_corrected and corrections is None:
        metrics = None  # run folders tell it themselves
    rules = asked_rules(metrics, mode, keep_distinct, timeout_s, suite, plug_value, corrections)
    judging = {name: option for name, option in SCORING_OPTIONS.items() if name != "metrics" or not by_corrected}
    if not typed_options(context, judging):
        rules = replace(_rules_of_a_run((base, *runs)) or rules, corrections=rules.corrections)
    # as --keep-distinct calls it
    metric = CORRECTED if by_corrected else metrics and next(iter(rules.metrics))
    benchmark = cache(chosen.load)

    def read(path: Path) -> Run:
        run = read_any(path, benchmark, rules, how)
        return run if ids is None else only_of(run, benchmark(), ids)

    tell = partial(click.echo, err=True)
    lines = compare_all(base, runs, by=by, tell=tell, read=read, metric=metric)
    table = to_markdown(lines, by)
    if out is not None:
        words = ["spider-opt", "compare", *map(str, (base, *runs)), *typed]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, f"Made by `{shlex.join(words)}`.\n\n{table}")
    click.echo(json.dumps([line.cells() for line in lines], indent=1) if as_json else table, nl=as_json)
    if out is not None:
        click.echo(f"written: {out}", err=True)


def _is_a_table(path: Path) -> bool:
    begins = b"Made by `spider-opt compare "
    with path.open("rb") as file:
        return file.read(len(begins)) == begins


def _rules_of_a_run(paths: Sequence[Path]) -> Rules | None:
    """Return how the first run folder was judged, None where there is none that was."""
    from spider_opt.errors import RunError
    from spider_opt.runs import RunInfo

    for path in paths:
        try:
            info = RunInfo.read(path if path.is_dir() else path.parent)
        except RunError:
            continue
        if info.scorer is not None:
            return info.scorer.rules
    return None
