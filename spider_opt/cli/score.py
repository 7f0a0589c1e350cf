"""``spider-opt score``: judge predictions made anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.options import asked_rules, benchmark_options, scoring_options

if TYPE_CHECKING:
    from spider_opt.types import Benchmark, Example

PROGRESS_AFTER_S = 1.0


@click.command(
    "score",
    epilog="\b\nExample:\n  spider-opt score predictions.txt --spider spider/ --split dev\n"
    "  spider-opt score results/runs/my-run --spider spider/ --mode strict --json",
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@benchmark_options
@scoring_options
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write one verdict a line, as JSON")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
@click.option("--no-cache", is_flag=True, help="Run every gold query again")
def score_command(
    file: Path,
    spider: Path | None,
    split: str | None,
    metrics: str | None,
    mode: str,
    keep_distinct: bool,
    timeout_s: float,
    out: Path | None,
    as_json: bool,
    no_cache: bool,
) -> None:
    """Judge the predictions in FILE by execution accuracy, or by the metrics you name.

    FILE is a run folder, its predictions.jsonl, or a text file with one query a line in the split's order, with a
    tab and the db_id behind it or not.
    """
    from spider_opt.benchmarks import load_benchmark
    from spider_opt.cli.show import show_scores
    from spider_opt.progress import progress
    from spider_opt.scoring import score, write_verdicts

    rules = asked_rules(metrics, mode, keep_distinct, timeout_s)
    benchmark = load_benchmark(spider, split)
    answers = _read(benchmark, file, tab_ends_query=rules.mode == "official")
    with ExitStack() as shown:
        on_verdict = _late(lambda: shown.enter_context(progress("scoring", len(answers))))
        report = score(benchmark, answers, rules, use_cache=not no_cache, on_verdict=on_verdict)
    if out is not None:
        write_verdicts(report.scored, out)
    show_scores(benchmark, report, as_json)


def _late(show: Callable[[], Callable[[], None]]) -> Callable[[], None]:
    """Return a callback that calls ``show`` once scoring has taken a while, and from then on what that returned.

    Mostly it takes no time worth a bar; and a bar's thread would keep the scorer from forking its processes.
    """
    start, n_before, advance = time.monotonic(), 0, None

    def on_verdict() -> None:
        nonlocal n_before, advance
        if advance is not None:
            advance()
        elif time.monotonic() - start > PROGRESS_AFTER_S:
            advance = show()
            for _ in range(n_before + 1):
                advance()
        else:
            n_before += 1

    return on_verdict


def _read(benchmark: Benchmark, file: Path, tab_ends_query: bool) -> list[tuple[Example, str]]:
    from spider_opt.runs.answers import pair_answers, pair_lines
    from spider_opt.runs.folder import read_description

    if file.is_dir():
        return pair_answers(benchmark, file / "predictions.jsonl", read_description(file).get("n"))
    if file.suffix == ".jsonl":
        described = (file.parent / "run.json").exists()
        return pair_answers(benchmark, file, read_description(file.parent).get("n") if described else None)
    return pair_lines(benchmark, file, tab_ends_query=tab_ends_query)
