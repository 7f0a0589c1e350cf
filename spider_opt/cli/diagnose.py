"""``spider-opt diagnose``: why a run's wrong answers are wrong, and whether context or behaviour is to blame."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options

if TYPE_CHECKING:
    from spider_opt.analysis.diagnosis import Diagnosis
    from spider_opt.analysis.diagnosis.examining import Examination
    from spider_opt.analysis.diagnosis.oracle import OracleFindings
    from spider_opt.types import Benchmark


@click.command(
    "diagnose",
    epilog="\b\nExample:\n  spider-opt diagnose results/runs/my-run --spider spider/\n"
    "  spider-opt diagnose my-run --oracle --ids results/samples/dev-250.txt --out diagnosis",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@benchmark_options
@click.option(
    "--ids", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Only the questions whose ids FILE lists",
)  # fmt: skip
@click.option(
    "--oracle", is_flag=True,
    help="Ask the run's model its wrong answers again, with gold's tables, columns, values and form in the prompt",
)  # fmt: skip
@click.option(
    "--controls", type=click.IntRange(min=0), default=30, show_default=True, metavar="N",
    help="With --oracle: so many right answers are asked too, and wrong ones by a prompt that shows nothing of gold",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Keep all of it there: JSON, CSV by question, the picture, the oracle's answers  "
    "[default: only these, in results/diagnosis/…]",
)  # fmt: skip
@click.option(
    "--examples", type=click.IntRange(min=0), default=0, metavar="N",
    help="Show so many wrong answers of each reason, with question and gold",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures and each wrong answer as JSON")
def diagnose_command(
    run: Path,
    chosen: Chosen,
    ids: Path | None,
    oracle: bool,
    controls: int,
    out: Path | None,
    examples: int,
    as_json: bool,
) -> None:
    """Tell why a run's wrong answers are wrong: context or behaviour.

    Each wrong answer is compared with gold part by part: what differs has a name (table, join, condition, value …), the
    first of which counts. From that, and from what stood in the prompt, it tells how many points better context could
    bring at most, how many better behaviour, and what to try next. With --oracle the run's own model is asked again,
    until one turns right; its cost is said before, its answers are kept, and the same command without --oracle uses
    them. The benchmark is the run's; where its folder is needed, name it.
    """
    from spider_opt.analysis.diagnosis import diagnose
    from spider_opt.analysis.diagnosis.examining import examine, usual_folder
    from spider_opt.analysis.diagnosis.oracle import ask_oracle, read_oracle
    from spider_opt.analysis.diagnosis.oracle.answers import FILE as ORACLE_FILE
    from spider_opt.analysis.diagnosis.text import examined_to_markdown, to_json
    from spider_opt.benchmarks.subsets import listed
    from spider_opt.cli.out_file import check_folder_writable
    from spider_opt.errors import UsageError
    from spider_opt.progress import progress
    from spider_opt.runs import Run, RunInfo
    from spider_opt.runs.info import FILE

    context = click.get_current_context()
    if not oracle and context.get_parameter_source("controls") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError("--controls says how many answers --oracle asks beside: give --oracle, too, or leave it out")
    if examples and as_json:
        raise UsageError("--examples is shown as text, and --json has all wrong answers: leave one of them out")
    if out is not None:
        check_folder_writable(out)
    info = RunInfo.read(run)
    if out is not None and (out / FILE).exists():
        raise click.BadParameter(f"{out} is a run's folder: name another", param_hint="'--out'")
    benchmark = chosen.load_of(info.benchmark, info.split)
    read = Run.read(run, benchmark)
    if ids is not None:
        read = read.only([example.index for example in listed(benchmark, ids).examples])
        if not read.n:
            raise UsageError(f"{run} has no answer to any question that {ids} lists")
    found = diagnose(read, benchmark, progress=progress)
    folder = out or usual_folder(run, ids)
    told: OracleFindings | None
    if oracle:
        tell = partial(click.echo, err=True)
        told = ask_oracle(found, benchmark, folder, controls=controls, tell=tell, progress=progress)
        click.echo(f"the oracle's answers: {folder}", err=True)
    else:
        told = read_oracle(found, benchmark, folder)
        if told is None and (folder / ORACLE_FILE).exists():
            click.echo(f"the oracle's answers in {folder} are not all there: --oracle goes on with them", err=True)
    examined = examine(found, benchmark, told, progress=progress)
    if out is not None:
        _keep(examined, out)
    click.echo(json.dumps(to_json(examined), indent=1) if as_json else examined_to_markdown(examined))
    if examples and not as_json:
        _show(found, benchmark, examples)


def _keep(examined: Examination, out: Path) -> None:
    from spider_opt.analysis.diagnosis.files import write

    pictures: dict[str, str | bytes] = {}
    try:
        from spider_opt.report.picture import to_png, to_svg
        from spider_opt.report.quadrant import draw_quadrant

        figure = draw_quadrant(examined.standing)
        pictures = {"quadrant.svg": to_svg(figure), "quadrant.png": to_png(figure)}
    except ImportError as error:
        click.echo(f"no picture ({error}): pip install 'spider-opt[report]'", err=True)
    click.echo(f"written: {', '.join(map(str, write(examined, out, pictures)))}", err=True)


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
