"""``spider-opt score``: judge predictions made anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.options import benchmark_options, scoring_options

if TYPE_CHECKING:
    from spider_opt.types import Benchmark, Example


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
    mode: Any,
    keep_distinct: bool,
    timeout_s: float,
    out: Path | None,
    as_json: bool,
    no_cache: bool,
) -> None:
    """Judge the predictions in FILE by execution accuracy.

    FILE is a run folder, its predictions.jsonl, or a text file with one query a line in the split's order, with a
    tab and the db_id behind it or not.
    """
    from spider_opt.benchmarks import load_benchmark
    from spider_opt.cli.progress import progress
    from spider_opt.cli.show import show_scores
    from spider_opt.scoring import Rules, score, write_verdicts

    benchmark = load_benchmark(spider, split)
    answers = _read(benchmark, file)
    with progress("scoring", len(answers)) as advance:
        report = score(
            benchmark, answers, Rules(mode, keep_distinct, timeout_s), use_cache=not no_cache, on_verdict=advance
        )
    if out is not None:
        write_verdicts(report.scored, out)
    show_scores(benchmark, report, as_json)


def _read(benchmark: Benchmark, file: Path) -> list[tuple[Example, str]]:
    from spider_opt.predictions import pair_answers, pair_lines
    from spider_opt.runs import read_description

    if file.is_dir():
        return pair_answers(benchmark, file / "predictions.jsonl", read_description(file).get("n"))
    if file.suffix == ".jsonl":
        described = (file.parent / "run.json").exists()
        return pair_answers(benchmark, file, read_description(file.parent).get("n") if described else None)
    return pair_lines(benchmark, file)
