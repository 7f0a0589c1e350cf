"""``spider-opt candidates``: what other ways of choosing would have made of the answers that a run had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
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
    from spider_opt.scoring.statistics import By


@click.command(
    "candidates",
    epilog="\b\nExample:\n  spider-opt candidates results/runs/my-vote --spider spider/\n"
    "  spider-opt candidates my-vote other-adapter --out candidates.csv",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.argument("others", nargs=-1, metavar="[RUN]...", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--by", type=click.Choice(["query", "database"]), default="query", show_default=True,
    help="Which questions lean on each other: those of one gold query or of one database",
)  # fmt: skip
@benchmark_options
@scoring_options(metric="")
@corrections_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write all candidates to this CSV file")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
@click.pass_context
def candidates_command(
    context: click.Context,
    run: Path,
    others: tuple[Path, ...],
    by: By,
    chosen: Chosen,
    mode: str | None,
    keep_distinct: bool,
    suite: Path | None,
    plug_value: bool,
    corrections: str | None,
    timeout_s: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Tell what other ways of choosing make of a run's answers.

    Of the samples that a run kept (vote, first-valid, retry): how often one of k is right, how far a right choice would
    get, and what each way of choosing gets, against the run's own choice. No model is asked. Of several runs the
    candidates are put together, each run with one vote to a question; one that kept none takes part with its answer.
    The benchmark is the run's; where its folder is needed, name it. It is judged as the run was, if nothing else is
    asked for. With --corrections EX with corrected golds stands beside.
    """
    from spider_opt.analysis.candidates import candidates
    from spider_opt.analysis.candidates_text import COLUMNS, to_csv, to_json, to_markdown
    from spider_opt.paths import write_whole
    from spider_opt.progress import progress
    from spider_opt.runs import RunInfo

    def is_of_ours(path: Path) -> bool:
        with path.open("rb") as file:
            return file.readline().decode("utf-8", "replace").strip() == ",".join(COLUMNS)

    if out is not None:
        check_out(out, (run, *others), replaces=is_of_ours, what="candidates")
    judged = typed_options(context, SCORING_OPTIONS)
    rules = asked_rules(None, mode, keep_distinct, timeout_s, suite, plug_value, corrections) if judged else None
    if rules is not None:
        check_suites_count(rules, "--mode suite")
    corrected = None if judged else corrections  # else the rules say it
    info = RunInfo.read(run)
    benchmark = chosen.load_of(info.benchmark, info.split)
    report = candidates(
        run, *others, benchmark=benchmark, mode=rules, corrections=corrected, by=by, progress=progress
    )  # fmt: skip
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, to_csv(report))
    click.echo(json.dumps(to_json(report), indent=1) if as_json else to_markdown(report), nl=as_json)
    if out is not None:
        click.echo(f"written: {out}", err=True)
