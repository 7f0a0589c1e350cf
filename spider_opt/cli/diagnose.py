"""``spider-opt diagnose``: why a run's wrong answers are wrong, and whether context or behaviour is to blame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options

if TYPE_CHECKING:
    from spider_opt.analysis.diagnosis import Diagnosis
    from spider_opt.types import Benchmark


@click.command(
    "diagnose",
    epilog="\b\nExample:\n  spider-opt diagnose results/runs/my-run --spider spider/\n"
    "  spider-opt diagnose my-run --examples 2",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@benchmark_options
@click.option(
    "--examples", type=click.IntRange(min=0), default=0, metavar="N",
    help="Show so many wrong answers of each reason, with question and gold",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures and each wrong answer as JSON")
def diagnose_command(run: Path, chosen: Chosen, examples: int, as_json: bool) -> None:
    """Tell why a run's wrong answers are wrong: context or behaviour.

    Each wrong answer is compared with gold part by part: what differs has a name (table, join, condition, value …), the
    first of which counts. From that, and from what stood in the prompt, it tells how many points better context could
    bring at most, and how many better behaviour. The benchmark is the run's; where its folder is needed, name it.
    """
    from spider_opt.analysis.diagnosis import diagnose
    from spider_opt.analysis.diagnosis.text import to_json, to_markdown
    from spider_opt.progress import progress
    from spider_opt.runs import RunInfo

    info = RunInfo.read(run)
    benchmark = chosen.load_of(info.benchmark, info.split)
    found = diagnose(run, benchmark, progress=progress)
    click.echo(json.dumps(to_json(found), indent=1, ensure_ascii=False) if as_json else to_markdown(found))
    if examples and not as_json:
        _show(found, benchmark, examples)


def _show(found: Diagnosis, benchmark: Benchmark, most: int) -> None:
    from spider_opt.cli.terminal import harmless

    asked = {example.index: example for example in benchmark.examples}
    said = {answer.index: answer.prediction.sql for answer in found.run.answers}
    for count in found.counts():
        chosen = [answer for answer in found.wrong if answer.primary.kind is count.kind][:most]
        for answer in chosen:
            example = asked[answer.index]
            click.echo(f"\n{answer.id}  {answer.db_id}  {count.kind}")
            click.echo(f"  question  {harmless(example.question.text)}")
            for gold in example.golds:
                click.echo(f"  gold      {harmless(gold)}")
            click.echo(f"  answer    {harmless(said[answer.index]) or '-'}")
            for reason in answer.reasons:
                click.echo(f"  {reason.kind}: {harmless(reason.what)}")
