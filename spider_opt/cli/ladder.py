"""``spider-opt ladder``: the whole climb in one table and one picture."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_folder_options
from spider_opt.cli.options import (
    REQUEST_OPTIONS,
    allow_learnt_option,
    engine_option,
    give_up_option,
    request_options,
    typed_options,
)

if TYPE_CHECKING:
    from spider_opt.models import Engine
    from spider_opt.report import Ladder
    from spider_opt.runs.conditions import AskedAs
    from spider_opt.types import JSON, Benchmark

RUNS = Path("results/runs")
_OF_THE_LADDER = {
    "model_name": "--model", "others": "--beside", "tuned": "--tuned",
    "methods": "--rung", "benchmark": "--benchmark", "data": "--data",
    "spider": "--spider", "recorded": "--recorded", "out": "--out",
}  # fmt: skip
# How a model is asked: runs that were made otherwise are not the ladder's.
_OF_ITS_RUNS = {"base_url": "--base-url", "engine": "--engine", **REQUEST_OPTIONS}
_OF_ASKING = {
    "concurrency": "--concurrency", "give_up": "--give-up", "allow_learnt": "--allow-learnt", "as_json": "--json"
}  # fmt: skip


@click.command(
    "ladder",
    epilog="\b\nExample:\n  spider-opt ladder\n"
    "  spider-opt ladder --run --spider spider/ --rung zero-shot --rung rag --rung finetune+rag",
)
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--model", "model_name", metavar="NAME", help="Whose ladder (default: the embedded model's)")
@click.option("--beside", "others", multiple=True, metavar="NAME", help="Show what another model's runs come to, too")
@click.option("--tuned", metavar="NAME", help="What the fine-tuned model is called, where it has its own name")
@click.option(
    "--rung", "methods", multiple=True, metavar="METHOD",
    help="A rung, the lowest first; say it once for each (default: from prompt to fine-tuning and votes)",
)  # fmt: skip
@benchmark_folder_options
@click.option(
    "--recorded", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Show published systems too: DIR has a .txt file of predictions for each",
)  # fmt: skip
@click.option("--run", "ask", is_flag=True, help="Run the rungs that were not run, as eval would")
@click.option("--base-url", metavar="URL", help="OpenAI-compatible endpoint that is asked")
@engine_option
@request_options
@click.option(
    "--concurrency", type=click.IntRange(1, 256),
    help="With --run: questions asked at the same time (default: as eval's)",
)  # fmt: skip
@give_up_option
@allow_learnt_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results"), show_default=True,
    help="Folder for ladder.md, ladder.csv, ladder.png and ladder.svg",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON")
@click.pass_context
def ladder_command(
    context: click.Context,
    runs: tuple[Path, ...],
    model_name: str | None,
    others: tuple[str, ...],
    tuned: str | None,
    methods: tuple[str, ...],
    chosen: Chosen,
    recorded: Path | None,
    ask: bool,
    base_url: str | None,
    engine: Engine,
    max_tokens: int | None,
    request_timeout_s: float | None,
    system: str,
    extra: dict[str, JSON],
    concurrency: int | None,
    give_up: int,
    allow_learnt: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Show what each rung brings, from prompt to fine-tuning.

    The rungs are taken from finished runs (RUNS are run folders or folders of them, default: results/runs); no
    database and no model is needed for that. Each row shows EX with its standard error, the gain over the rung
    below with its 95 % interval, and the costs, beside the figures of OpenAI's talk. The benchmark is Spider unless
    another is named; its folder is needed for --run and --recorded only. Where options say who is asked and how,
    runs that were asked otherwise are left out.
    """
    from spider_opt.benchmarks.loading import source_of
    from spider_opt.cli.show import fail_if_lost
    from spider_opt.errors import RunError
    from spider_opt.evaluation.learnt import check_asked
    from spider_opt.methods import parse_method
    from spider_opt.models import DEFAULT_MODEL
    from spider_opt.report import RUNGS, climb, recorded_systems
    from spider_opt.report.ladder import is_tuned, with_beside
    from spider_opt.report.table import cells, to_markdown

    for method in methods:
        parse_method(method)
    rungs = [(method, method) for method in methods] or RUNGS
    model = model_name or DEFAULT_MODEL
    name, data = chosen.named("spider")
    _, source = source_of(name, data)
    benchmark = chosen.load("spider") if ask or recorded or data is not None else None
    label = f"{benchmark.name} {benchmark.split}" if benchmark else f"{name} {source.default}"

    roots = (*runs, RUNS) if ask or not runs else runs
    whole = benchmark if ask else None
    asked_as = _asked_as(context)
    look = partial(climb, rungs, roots, model, label, tuned=tuned, whole=whole, asked_as=asked_as)
    if ask:
        missing = look(tell=lambda _: None).missing
        assert benchmark
        todo = [(rung, tuned if tuned and is_tuned(rung.method) else model) for rung in missing]
        for rung, asked in todo:  # before the first is asked
            check_asked(parse_method(rung.method).for_model(asked, base_url), benchmark, allow_learnt=allow_learnt)
        for rung, asked in todo:
            _run(
                benchmark, rung.method, asked, base_url=base_url, engine=engine, concurrency=concurrency,
                max_tokens=max_tokens, system=system == "yes", extra=extra, request_timeout_s=request_timeout_s,
                give_up=give_up, allow_learnt=allow_learnt,
            )  # fmt: skip
    ladder = look(tell=partial(click.echo, err=True))
    typed = _typed(context)
    if ladder.missing:
        folder = ["--spider" if name == "spider" else "--data", "DIR"]
        where = [] if data is not None or source.root is not None else folder
        how = f"to run what is missing: {shlex.join([*_typed(context, asking=True), *where, '--run'])}"
        if len(ladder.missing) == len(rungs):
            raise RunError(f"no finished run of {model} on {ladder.benchmark} in {', '.join(map(str, roots))}; {how}")
        click.echo(f"not run yet: {', '.join(rung.method for rung in ladder.missing)}; {how}", err=True)
    if others:
        beside = [climb(rungs, roots, other, label, tell=partial(click.echo, err=True)) for other in others]
        ladder = with_beside(ladder, beside)
    if recorded and benchmark:
        ladder = replace(ladder, systems=recorded_systems(recorded, benchmark, ladder))
    click.echo(json.dumps(cells(ladder), indent=1) if as_json else to_markdown(ladder), nl=as_json)
    written = _write(ladder, out, shlex.join(typed))
    click.echo(f"written: {', '.join(str(path) for path in written)}", err=True)
    if benchmark:
        for rung in ladder.rungs:
            if rung.run and rung.run.info.fingerprint == benchmark.fingerprint:
                fail_if_lost(replace(rung.run, benchmark=benchmark))


def _run(benchmark: Benchmark, method: str, model: str, **how: Any) -> None:
    from spider_opt.evaluation.folders import default_folder
    from spider_opt.evaluation.running import evaluate

    tell = partial(click.echo, err=True)  # stdout is the ladder's
    tell(f"running {method} with {model}")
    run = evaluate(method, benchmark, model=model, out=default_folder, tell=tell, **how)
    tell(f"{run} in {run.folder}")


def _asked_as(context: click.Context) -> AskedAs:
    """Return what the options say of who is asked and how; nothing of what they do not say."""
    from spider_opt.models.manner import Manner
    from spider_opt.models.openai.urls import checked_url
    from spider_opt.models.secrets import shown_url
    from spider_opt.runs.conditions import AskedAs

    given = context.params
    manner = Manner(given["max_tokens"], given["system"] == "yes", given["extra"])
    in_a_manner = typed_options(context, {name: REQUEST_OPTIONS[name] for name in ("max_tokens", "system", "extra")})
    return AskedAs(
        endpoint=None if given["base_url"] is None else shown_url(checked_url(given["base_url"])),
        engine=given["engine"] if typed_options(context, {"engine": "--engine"}) else None,
        manner=str(manner) if in_a_manner else None,
    )


def _typed(context: click.Context, *, asking: bool = False) -> list[str]:
    """Return the command that makes this ladder again from its runs; ``asking`` adds what a run is asked with."""
    options = _OF_THE_LADDER | _OF_ITS_RUNS | (_OF_ASKING if asking else {})
    if not asking:
        del options["request_timeout_s"]
    runs = context.params["runs"]
    roots = (*runs, RUNS) if runs and context.params["ask"] and not asking else runs  # what was asked lies there
    return ["spider-opt", "ladder", *map(str, roots), *typed_options(context, options)]


def _write(ladder: Ladder, out: Path, typed: str) -> list[Path]:
    from spider_opt.paths import write_all_whole
    from spider_opt.report.table import to_csv, to_markdown

    out.mkdir(parents=True, exist_ok=True)
    texts: dict[str, str | bytes] = {
        "ladder.md": f"Made by `{typed}`.\n\n{to_markdown(ladder)}",
        "ladder.csv": to_csv(ladder),
    }
    try:
        from spider_opt.report.picture import draw, to_png, to_svg

        figure = draw(ladder)
    except ImportError as error:
        click.echo(f"no picture ({error}): pip install 'spider-opt[report]'", err=True)
    else:
        texts |= {"ladder.svg": to_svg(figure), "ladder.png": to_png(figure)}
    files = {out / name: text for name, text in texts.items()}
    write_all_whole(files)
    return list(files)
