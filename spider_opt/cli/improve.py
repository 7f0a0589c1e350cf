"""``spider-opt improve``: answer, score, learn from failures, compare, and keep what is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import benchmark_folder_options
from spider_opt.cli.finetune import above_0
from spider_opt.cli.options import check_finite, engine_option

if TYPE_CHECKING:
    from spider_opt.cli.benchmark_options import Chosen
    from spider_opt.models import Engine
    from spider_opt.steps.finetune import AnswerForm
    from spider_opt.training.spec import Compute


@click.command(
    "improve",
    epilog="\b\nExample:\n  spider-opt improve --name better --start spider --spider spider/ --examples 500\n"
    "  spider-opt eval --method finetune:adapter=better+rag --spider spider/",
)
@click.option("--name", default="improved", show_default=True, help="What the adapters are called, and the best")
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True, help="How many rounds in all")
@click.option("--start", metavar="NAME", help="Begin with this adapter, in its rank and its form (default: tune one)")
@click.option("--model", metavar="NAME", help="Embedded model to tune where there is no --start")
@benchmark_folder_options
@click.option(
    "--examples", type=click.IntRange(1), metavar="N", help="Training questions that a round asks (default: all)"
)
@click.option("--samples", type=click.IntRange(1), default=4, show_default=True, help="Answers to each of them")
@click.option("--temperature", type=above_0, default=1.0, show_default=True, help="They are drawn at")
@click.option(
    "--folds", type=click.IntRange(2), default=2, show_default=True,
    help="Adapters that answer, each tuned without the databases that it is asked about",
)  # fmt: skip
@click.option(
    "--review", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help='What people say of training questions: lines of {"id": …, "sql": right query} or {"id": …, "drop": true}',
)  # fmt: skip
@click.option("--context", default="rag", show_default=True, metavar="METHOD", help="What retrieval shows; or none")
@click.option("--epochs", type=above_0, default=1.0, show_default=True, help="Times each question is seen in a tuning")
@click.option("--minutes", type=above_0, help="End each tuning after this time at the latest")
@click.option("--rate", type=above_0, default=2e-4, show_default=True, help="Highest learning rate from nothing")
@click.option("--rate-on", type=above_0, default=1e-4, show_default=True, help="The same where an adapter is tuned on")
@click.option("--rank", type=click.IntRange(1, 256), default=16, show_default=True, help="Rank of the adapters")
@click.option("--pack", type=click.IntRange(1, 64), default=16, show_default=True, help="Questions that share a schema")
@click.option("--batch", type=click.IntRange(1, 256), default=2, show_default=True, help="Schemas learnt in one step")
@click.option(
    "--compute", type=click.Choice(["auto", "int8", "float32", "bfloat16"]), default="auto", show_default=True,
    help="How the frozen weights are computed",
)  # fmt: skip
@engine_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all that is drawn")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the loop (default: improve/NAME)"
)
@click.pass_context
def improve_command(
    ctx: click.Context,
    name: str,
    rounds: int,
    start: str | None,
    model: str | None,
    chosen: Chosen,
    examples: int | None,
    samples: int,
    temperature: float,
    folds: int,
    review: Path | None,
    context: str,
    epochs: float,
    minutes: float | None,
    rate: float,
    rate_on: float,
    rank: int,
    pack: int,
    batch: int,
    compute: Compute,
    engine: Engine,
    seed: int,
    out: Path | None,
) -> None:
    """Tune on from failures, and keep what is better beyond chance.

    A round answers training questions with adapters that did not see their databases, scores them, and tunes the best
    adapter on: what failed is learnt twice, right answers in other words beside the gold query, and what people say in
    --review in its place. The new adapter is compared with the best one on all questions of held-out databases, and
    kept where the whole 95 % interval of the change is above 0. Ctrl-C or a kill loses nothing that was done: the same
    command goes on. Questions whose gold query may be wrong are listed in the folder, in the form of --review.
    """
    import sys
    from functools import partial

    from click.core import ParameterSource

    from spider_opt.answering.drafts import Look
    from spider_opt.cli.ended import how_ended, interrupted_by_signals
    from spider_opt.cli.finetune_here import check_tunable, teller
    from spider_opt.cli.training_questions import Wanted, training_questions
    from spider_opt.errors import UsageError
    from spider_opt.evaluation.running import evaluate
    from spider_opt.improving.loop import Loop, check_context
    from spider_opt.improving.plan import Plan, Questions
    from spider_opt.improving.review import check_apart, read_review
    from spider_opt.improving.state import ROUNDS, table
    from spider_opt.models.adapters import find_adapter, folder_for
    from spider_opt.models.catalog import DEFAULT_MODEL
    from spider_opt.models.torch.base import import_transformers
    from spider_opt.paths import write_whole
    from spider_opt.progress import lines, progress
    from spider_opt.steps.finetune import form_of
    from spider_opt.training import job_state
    from spider_opt.training.loop import Settings
    from spider_opt.training.spec import TuneSpec
    from spider_opt.training.tune import tune

    check_finite(ctx.params)
    given = {option for option in ctx.params if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE}
    folder_for(name)
    form: AnswerForm = "from-first"
    look, adapter = Look(values=2), None
    if start is not None:
        if "/" in start:
            raise UsageError(f"--start {start} is a path: name an adapter (see: spider-opt models list)")
        for option in ("model", "rank"):
            if option in given:
                raise UsageError(f"--{option} is as in the adapter that --start names: leave one of them out")
        adapter = find_adapter(start)
        settings = adapter.card.get("settings")
        known = settings.get("rank") if isinstance(settings, dict) else None
        if adapter.path is None or not isinstance(known, int):
            raise UsageError(f"{start!r} is no adapter that was tuned on a machine like this: leave --start out")
        (look, form), model, rank = form_of(adapter), adapter.base, known
    else:
        check_tunable(model or DEFAULT_MODEL)
    check_context(context)
    import_transformers()
    data = training_questions(Wanted(chosen, None, "random", None, context, 0.7, seed, start=adapter))
    told = partial(click.echo, err=True)
    labels = {} if review is None else read_review(review, [item.question.id for item in data.training])
    if review is not None:
        told(f"{len(labels):,} questions are learnt, or left out, as {review} says")
        if not labels:
            raise UsageError(f'{review} says nothing: give a question\'s "sql", or set its "drop" to true')
        check_apart(labels, data.is_asked)
    folder = out or Path("improve") / name
    spec = TuneSpec(
        model or DEFAULT_MODEL,
        Settings(epochs=epochs, rate=rate, rank=rank, alpha=2.0 * rank, packs=batch, minutes=minutes, seed=seed),
        look,
        form,
        questions_per_pack=pack,
        compute=compute,
    )
    plan = Plan(
        name, folder, spec, rounds, folds, examples, samples, temperature, context, rate_on, adapter, labels, engine,
        seed,
    )  # fmt: skip
    loop = Loop(
        Questions(data.training, data.validation, data.source, data.databases, data.about, data.is_asked),
        plan,
        tune=partial(tune, progress=progress, tell=teller()),
        ask=partial(evaluate, tell=told),
        tell=told,
        progress=lines,
    )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with job_state.held(folder), interrupted_by_signals():
            for _ in loop.run():
                write_whole(folder / ROUNDS, table(loop.state.rounds) + "\n")
    except KeyboardInterrupt as interrupt:
        how, code = how_ended(interrupt)
        click.echo(f"\n{how}; what was done is kept, the same command goes on from there.", err=True)
        sys.exit(code)
    click.echo(table(loop.state.rounds))
    kept = [one for one in loop.state.rounds if one.kept]
    if not kept and adapter is not None:
        click.echo(f"no round was better than {start} beyond chance")
    else:
        click.echo(
            f"next: spider-opt eval --method finetune:adapter={name}" + ("" if context == "none" else f"+{context}")
        )
