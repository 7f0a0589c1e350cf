"""``spider-opt review``: answers for people, or a model, to judge, and whether they agree with EX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import engine_option, in_sections, request_options
from spider_opt.cli.out_file import check_writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spider_opt.models import Engine
    from spider_opt.review.judging import JudgeAsked
    from spider_opt.runs.labels import Drawn
    from spider_opt.types import JSON, Benchmark

_OF_JUDGES = (
    "judge", "pairwise", "base_url", "engine", "concurrency", "max_tokens", "request_timeout_s", "system", "extra"
)  # fmt: skip
_SECTIONS = {
    "Which answers": ("n", "only", "seed", "gold"),
    "A model that judges": _OF_JUDGES,
    "Benchmark": ("benchmark", "data", "spider", "questions", "split", "evidence"),
}


@click.command(
    "review",
    cls=in_sections(_SECTIONS),
    epilog="\b\nExample:\n  spider-opt review results/runs/A results/runs/B --n 50 --out sheet.xlsx\n"
    "  spider-opt review results/runs/A results/runs/B --read anna.xlsx --read ben.xlsx",
)
@click.argument(
    "runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(exists=True, path_type=Path, file_okay=False)
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write a sheet to fill in, .csv or .xlsx; with --judge one that is filled in",
)  # fmt: skip
@click.option(
    "--read", "sheets", type=click.Path(exists=True, path_type=Path, dir_okay=False), metavar="FILE", multiple=True,
    help="A sheet that somebody filled in, named as who did (again for more): anna.csv",
)  # fmt: skip
@click.option(
    "--corrections-out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write what people say of golds as a JSON file for --corrections",
)  # fmt: skip
@click.option(
    "--review-out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the same, of training questions, as a JSONL file for: improve --review",
)  # fmt: skip
@click.option("--n", type=click.IntRange(min=1), metavar="N", help="Answers to so many questions  [default: all]")
@click.option(
    "--only", type=click.Choice(["all", "wrong", "right", "disagree"]), default="all", show_default=True,
    help="What EX calls so, or questions on which runs disagree",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is drawn, and the order"
)
@click.option("--gold", is_flag=True, help="Show the gold query and what it gives")
@click.option("--judge", metavar="MODEL", help="Let a model judge: an embedded one, or the name the endpoint knows")
@click.option("--pairwise", is_flag=True, help="Let it choose between two runs, each question in both orders")
@click.option("--base-url", metavar="URL", help="OpenAI-compatible endpoint; its key is taken from OPENAI_API_KEY")
@engine_option
@click.option("--concurrency", type=click.IntRange(1, 256), help="Answers judged at the same time  [default: 1]")
@request_options
@benchmark_options
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
@click.pass_context
def review_command(
    context: click.Context,
    runs: tuple[Path, ...],
    out: Path | None,
    sheets: tuple[Path, ...],
    corrections_out: Path | None,
    review_out: Path | None,
    n: int | None,
    only: Drawn,
    seed: int,
    gold: bool,
    judge: str | None,
    pairwise: bool,
    base_url: str | None,
    engine: Engine,
    concurrency: int | None,
    max_tokens: int | None,
    request_timeout_s: float | None,
    system: str,
    extra: dict[str, JSON],
    chosen: Chosen,
    as_json: bool,
) -> None:
    """Let people, or a model, judge answers, and compare with EX.

    With --out it writes a sheet: a row an answer, with the question, the tables and rows it is about, and empty columns
    for a label (right, wrong or unsure), a reason and a corrected query. Nothing in it tells which RUN an answer is of,
    or what EX says. With --read the labels are kept beside EX in the run folders, with --judge a model gives them.
    What they come to is printed then, and without any of the three.
    """
    from spider_opt.errors import RunError
    from spider_opt.review.golds import free_file
    from spider_opt.review.judging import JudgeAsked
    from spider_opt.runs import RunInfo
    from spider_opt.wording import counted

    given = {
        name for name in context.params if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    _check_together(given, sheets, len(runs))
    for path, suffix, option in (
        (out, "", "--out"), (corrections_out, ".json", "--corrections-out"), (review_out, ".jsonl", "--review-out")
    ):  # fmt: skip
        if path is not None:
            check_writable(path, option)
            if suffix:
                free_file(path, suffix)
    info = RunInfo.read(runs[0])
    benchmark = chosen.load_of(info.benchmark, info.split)
    which: dict[str, Any] = {"n": n, "only": only, "seed": seed, "gold": gold}
    lost = ""
    if judge is not None:
        how = JudgeAsked(base_url, engine, max_tokens, system == "yes", extra, request_timeout_s, concurrency)
        if pairwise:
            lost = _pairwise(runs, benchmark, judge, how, which, as_json)
        else:
            lost = _judged(runs, benchmark, judge, how, {**which, "out": out})
    elif out is not None:
        _write(runs, benchmark, out, which)
    elif sheets:
        from spider_opt.review.reading import read_sheets

        for sheet in read_sheets(runs, benchmark, sheets):
            click.echo(f"{sheet.path}: {counted(sheet.n, 'label')} by {sheet.by}, kept in the run folders", err=True)
    if not pairwise and (out is None or judge is not None):
        _summary(runs, benchmark, as_json)
    if corrections_out is not None or review_out is not None:
        _golds(runs, benchmark, corrections_out, review_out)
    if lost:
        raise RunError(lost)


def _check_together(given: set[str], sheets: Sequence[Path], n_runs: int) -> None:
    """Make sure that the options that were given go together.

    Raises:
        UsageError: they do not.
    """
    from spider_opt.errors import UsageError

    if sheets and given & {"out", "judge"}:
        raise UsageError("--read reads a sheet that is filled in: leave out --out and --judge")
    if given & {"n", "only", "seed", "gold"} and not given & {"out", "judge"}:
        raise UsageError("--n, --only, --seed and --gold say what --out or --judge shows: give one of these two")
    if "judge" not in given and (vain := [name for name in _OF_JUDGES if name in given]):
        option = {"request_timeout_s": "request-timeout"}.get(vain[0], vain[0].replace("_", "-"))
        raise UsageError(f"--{option} is about a model that judges: name one with --judge MODEL")
    if "pairwise" in given and n_runs != 2:
        raise UsageError(f"--pairwise compares two runs, and {n_runs} are given")
    if "pairwise" in given and "out" in given:
        raise UsageError("--pairwise fills in no sheet: leave out --out, or --pairwise")


def _write(runs: Sequence[Path], benchmark: Benchmark, out: Path, which: dict[str, Any]) -> None:
    from spider_opt.progress import progress
    from spider_opt.review.sheet import write_sheet
    from spider_opt.wording import counted

    found = write_sheet(runs, benchmark, out, progress=progress, **which)
    click.echo(
        f"{found.path}: {counted(found.n_rows, 'answer')} to {counted(found.n_questions, 'question')} by "
        f"{counted(found.n_runs, 'run')}; give each person a copy, named as the person, then: spider-opt review "
        f"{' '.join(map(str, runs))} --read PERSON{found.path.suffix}"
    )


def _judged(runs: Sequence[Path], benchmark: Benchmark, judge: str, how: JudgeAsked, which: dict[str, Any]) -> str:
    """Let a model judge; return what is to be said of answers that it gave no label, '' where there are none."""
    from spider_opt.progress import progress
    from spider_opt.review.judging import ask_judge_about
    from spider_opt.wording import counted

    found = ask_judge_about(runs, benchmark, judge, how=how, progress=progress, **which)
    tokens = found.usage.prompt_tokens + found.usage.completion_tokens
    click.echo(
        f"{found.judge} judged {found.n_labels:,} of {counted(found.n, 'answer')}, {tokens:,} tokens; "
        f"{found.unread:,} replies had no verdict on their first line",
        err=True,
    )
    if which["out"] is not None:
        click.echo(f"written: {which['out']}", err=True)
    return _unanswered(len(found.unanswered), found.n, next(iter(found.unanswered.values()), None))


def _pairwise(
    runs: Sequence[Path], benchmark: Benchmark, judge: str, how: JudgeAsked, which: dict[str, Any], as_json: bool
) -> str:
    from spider_opt.progress import progress
    from spider_opt.review.pairwise import judge_pairs

    first, second = runs
    found = judge_pairs(first, second, benchmark, judge, how=how, progress=progress, **which)
    click.echo(json.dumps(found.to_json(), indent=1) if as_json else str(found))
    if found.unread:
        click.echo(f"{found.unread:,} replies had no verdict on their first line", err=True)
    return _unanswered(found.unanswered, found.n_asked, found.error)


def _unanswered(lost: int, n: int, error: Exception | None) -> str:
    from spider_opt.wording import counted

    if not lost:
        return ""
    return f"{lost:,} of {counted(n, 'request')} got no answer ({error}): the same command asks them again"


def _summary(runs: Sequence[Path], benchmark: Benchmark, as_json: bool) -> None:
    from spider_opt.cli.terminal import harmless
    from spider_opt.review.summary import summarise
    from spider_opt.review.summary_text import as_text

    found = summarise(runs, benchmark)
    said = [json.dumps(found.to_json(), indent=1)] if as_json else map(harmless, as_text(found).split("\n"))
    click.echo("\n".join(said))


def _golds(runs: Sequence[Path], benchmark: Benchmark, corrections_out: Path | None, review_out: Path | None) -> None:
    from spider_opt.review.golds import proposals, write_corrections, write_review
    from spider_opt.wording import counted

    found = proposals(runs, benchmark)
    if found.contested:
        click.echo(
            f"{counted(len(found.contested), 'question')} left out, on which people contradict: "
            f"{', '.join(found.contested[:5])}{' …' if len(found.contested) > 5 else ''}",
            err=True,
        )
    if not found.found:
        click.echo("no gold is spoken against by people's labels: nothing is written", err=True)
        return
    if corrections_out is not None:
        n = write_corrections(found, benchmark, corrections_out)
        click.echo(f"written: {corrections_out}, {counted(n, 'corrected gold')}", err=True)
    if review_out is not None:
        n = write_review(found, review_out)
        click.echo(f"written: {review_out}, {counted(n, 'question')} for spider-opt improve --review", err=True)
