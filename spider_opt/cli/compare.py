"""``spider-opt compare``: what runs changed against one of them, on the same questions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import BENCHMARK_OPTIONS, Chosen, benchmark_options
from spider_opt.cli.options import (
    SCORING_OPTIONS,
    asked_rules,
    check_suites_count,
    corrections_option,
    scoring_options,
    typed_options,
)
from spider_opt.cli.out_file import check_out

if TYPE_CHECKING:
    from spider_opt.analysis.ablation import Compared
    from spider_opt.runs import Run
    from spider_opt.scoring.statistics import By
    from spider_opt.types import Benchmark


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
@scoring_options(metric="Compare this metric, not EX: strict, suite, match, corrected, or another that the runs tell")
@corrections_option
@click.option(
    "--slices", metavar="NAME,NAME",
    help="Also by parts of the questions: hardness, database; by gold queries joins, subqueries, set-operations, "
    "tables and others, for which the benchmark must be at hand; or all",
)  # fmt: skip
@click.option("--flips", is_flag=True, help="Also list the questions that only one of BASE and a run has right")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the tables to this Markdown file, or to this .csv a row for each run and part",
)  # fmt: skip
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
    slices: str | None,
    flips: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare runs with BASE, on the questions all of them answered.

    A RUN is a run folder, or a folder of them, in which those that cannot be compared are named and left out; a file of
    predictions, as score reads it, which is judged first; or a file of verdicts, as score writes it. Each row shows the
    change of EX with its 95 % interval, its p corrected for the number of runs, and the costs; below it stands which
    change could have been shown. What was judged by other rules is refused. Which benchmark, and how to judge, need
    only be said for predictions and --ids: by default as the first run folder or file of verdicts was judged. With
    --metric another metric is compared than EX, of those that the runs were judged by; corrected is EX with corrected
    golds.
    """
    from dataclasses import replace
    from functools import cache, partial

    from spider_opt.analysis import breakdown
    from spider_opt.analysis.ablation import comparable, to_markdown
    from spider_opt.analysis.files import HowRead, is_of_predictions, only_of, read_any, rules_of_first
    from spider_opt.errors import UsageError
    from spider_opt.paths import write_whole
    from spider_opt.runs.parts import WITHOUT_BENCHMARK
    from spider_opt.scoring.rules import CORRECTED

    of_ours = {"extract": "--extract", "fields": "--field", "by": "--by", "ids": "--ids", "out": "--out"}
    of_ours |= {"corrections": "--corrections", "slices": "--slices", "flips": "--flips"}
    typed = typed_options(context, BENCHMARK_OPTIONS | SCORING_OPTIONS | of_ours)
    if out is not None:
        check_out(out, (base, *runs), replaces=_is_ours, what="table of spider-opt compare")
    how = HowRead(extract, fields)
    how.check((base, *runs))
    if metrics is not None and "," in metrics:
        raise UsageError(f"runs are compared by one metric: name one of {metrics}")
    if corrections is not None and metrics != CORRECTED:
        raise UsageError(f"--corrections FILE is how predictions are judged for --metric {CORRECTED}: ask for that")
    how_judged = {name: option for name, option in SCORING_OPTIONS.items() if name != "metrics"}
    how_judged["corrections"] = "--corrections"
    vain = typed_options(context, how_judged)
    if vain and not any(map(is_of_predictions, (base, *runs))):
        raise UsageError(
            f"{vain[0]} says how files of predictions are judged, and there are none: run folders and files of "
            "verdicts are compared as they were judged; leave it out, or judge them again first, by spider-opt score"
        )
    by_corrected = metrics == CORRECTED
    if by_corrected and corrections is None:
        metrics = None  # run folders tell it themselves
    rules = asked_rules(metrics, mode, keep_distinct, timeout_s, suite, plug_value, corrections)
    check_suites_count(rules, "--metric suite")
    judging = {name: option for name, option in SCORING_OPTIONS.items() if name != "metrics" or not by_corrected}
    if not typed_options(context, judging):
        rules = replace(rules_of_first((base, *runs)) or rules, corrections=rules.corrections)
    # as --keep-distinct calls it
    metric = CORRECTED if by_corrected else metrics and next(iter(rules.metrics))
    benchmark = cache(partial(chosen.load_for, base))

    def read(path: Path) -> Run:
        run = read_any(path, benchmark, rules, how)
        return run if ids is None else only_of(run, benchmark(), ids)

    tell = partial(click.echo, err=True)
    compared = comparable(base, runs, by=by, tell=tell, read=read, metric=metric)
    kinds = [] if slices is None else _kinds(slices, compared.base, benchmark)
    if slices is not None and breakdown.needs_benchmark(slices):
        compared = replace(compared, base=breakdown.on_benchmark(compared.base, benchmark()))
    lines = compared.lines()
    told = [to_markdown(lines, by)]
    told += [breakdown.to_markdown(parts) for kind in kinds if (parts := breakdown.breakdown(compared, kind))]
    if slices is not None:
        told.append(breakdown.consistency_text(compared))
    table = "\n".join(told)
    if out is not None:
        words = ["spider-opt", "compare", *map(str, (base, *runs)), *typed]
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix.lower() == ".csv":
            write_whole(out, breakdown.to_csv(compared, kinds or WITHOUT_BENCHMARK))
        else:
            write_whole(out, f"Made by `{shlex.join(words)}`.\n\n{table}")
    if as_json:
        click.echo(json.dumps(_json(compared, kinds, flips), indent=1))
    else:
        click.echo(table, nl=False)
        if flips:
            _show_flips(compared)
    if out is not None:
        click.echo(f"written: {out}", err=True)


def _kinds(slices: str, base: Run, benchmark: Callable[[], Benchmark]) -> list[str]:
    from spider_opt.analysis.breakdown import kinds_asked, needs_benchmark

    return kinds_asked(slices, benchmark() if needs_benchmark(slices) else base.benchmark)


def _json(compared: Compared, kinds: Sequence[str], flips: bool) -> list[dict[str, object]]:
    """Return the rows, each with what was asked of its run beside."""
    from dataclasses import asdict

    from spider_opt.analysis import breakdown

    parts = [part for kind in kinds for part in breakdown.breakdown(compared, kind)]
    rows: list[dict[str, object]] = []
    for line, run in compared.rows():
        row: dict[str, object] = dict(line.cells())
        if kinds:
            row["slices"] = [part.cells() for part in parts if part.run is run]
            row["phrasings"] = asdict(breakdown.phrasings(run, compared))
        if flips and run is not compared.base:
            won, lost = breakdown.flips(compared.base, run, compared.questions, compared.metric)
            row["questions_won"], row["questions_lost"] = [one.id for one in won], [one.id for one in lost]
        rows.append(row)
    return rows


def _show_flips(compared: Compared) -> None:
    """Print which questions turned: what was wrong with the one that is."""
    from spider_opt.analysis import breakdown
    from spider_opt.cli.terminal import harmless

    for run in compared.runs:
        won, lost = breakdown.flips(compared.base, run, compared.questions, compared.metric)
        click.echo()
        click.echo(harmless(f"{run.where} against {compared.base.where}: {len(won)} won, {len(lost)} lost"))
        for said, flip, wrong in [*(("won ", f, f.before) for f in won), *(("lost", f, f.now) for f in lost)]:
            detail = f": {wrong.detail}" if wrong.detail and not compared.metric else ""
            click.echo(harmless(f"{said}  {flip.id}  {wrong.db_id}  {wrong.hardness or '-'}  {wrong.outcome}{detail}"))


def _is_ours(path: Path) -> bool:
    from spider_opt.analysis.breakdown import COLUMNS

    begins = ",".join(COLUMNS).encode() if path.suffix.lower() == ".csv" else b"Made by `spider-opt compare "
    with path.open("rb") as file:
        return file.read(len(begins)) == begins
