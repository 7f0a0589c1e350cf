"""``spider-opt score``: judge predictions made anywhere."""

from __future__ import annotations

from pathlib import Path

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import asked_rules, corrections_option, fail_under_option, scoring_options
from spider_opt.cli.out_file import check_out


@click.command(
    "score",
    epilog="\b\nExample:\n  spider-opt score predictions.txt --spider spider/ --split dev\n"
    "  spider-opt score results/runs/my-run --spider spider/ --mode strict --json",
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@benchmark_options
@click.option(
    "--extract", is_flag=True, help="Take the queries out of what a model said: code fences, words around them"
)
@click.option("--field", metavar="NAME", help="What holds the query in a CSV or JSON file whose fields do not tell it")
@scoring_options()
@corrections_option
@fail_under_option
@click.option("--update", is_flag=True, help="Write the verdicts into the run folder, in place of those that are there")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write one verdict a line, as JSON")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
@click.option("--no-cache", is_flag=True, help="Run every gold query again")
def score_command(
    file: Path,
    chosen: Chosen,
    extract: bool,
    field: str | None,
    metrics: str | None,
    mode: str | None,
    keep_distinct: bool,
    suite: Path | None,
    plug_value: bool,
    corrections: str | None,
    timeout_s: float | None,
    fail_under: float | None,
    update: bool,
    out: Path | None,
    as_json: bool,
    no_cache: bool,
) -> None:
    """Judge the predictions in FILE by execution accuracy.

    FILE is a run folder, its predictions.jsonl, or what another tool wrote: text with one query a line, with a tab and
    the db_id behind it or not; a JSON list, or an object by number, as BIRD's; JSONL or CSV with a field for the
    query; a folder with a file ID.sql for each question. Answers are paired by a number, id, question or gold query
    beside them, else by their order. EX is the benchmark's own rule; --metric names what is asked beside it.
    """
    from spider_opt.cli.show import fail_if_lost, fail_if_under, show_scores
    from spider_opt.errors import UsageError
    from spider_opt.evaluation.scoring_files import score, score_again
    from spider_opt.progress import progress
    from spider_opt.runs.judged import write_judged

    if out is not None:
        from spider_opt.analysis.files import has_verdicts

        check_out(out, [file], replaces=has_verdicts, what="verdicts")
    rules = asked_rules(metrics, mode, keep_distinct, timeout_s, suite, plug_value, corrections)
    benchmark = chosen.load_for(file, told_later=True)
    if update:
        for option, said in {"--extract": extract, "--field": field is not None}.items():
            if said:
                raise UsageError(f"{option} says nothing to a run folder, whose queries are told: leave it out")
        run = score_again(file, benchmark, rules, cache=not no_cache)
    else:
        run = score(file, benchmark, mode=rules, extract=extract, field=field, cache=not no_cache, progress=progress)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_judged(run, out)
    show_scores(run, as_json)
    fail_if_lost(run)
    fail_if_under([run], fail_under)
