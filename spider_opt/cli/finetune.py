"""``spider-opt finetune``: tune a model on training questions, here or at a provider."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from spider_opt.cli.benchmark_options import benchmark_folder_options
from spider_opt.cli.finetune_asked import Asked
from spider_opt.cli.options import check_finite, in_sections

if TYPE_CHECKING:
    from spider_opt.cli.benchmark_options import Chosen
    from spider_opt.steps.finetune import AnswerForm
    from spider_opt.training.dataset import By
    from spider_opt.training.spec import Compute

READ = ("ids", "answers", "corrections")
LEARNT = ("benchmark", "data", "spider", "examples", "choose", "focus", "context", "share", "demos", "hold_out", *READ)
HERE = ("start", "minutes", "rate", "rank", "pack", "rename", "noise", "batch", "compute", "check", "resume")
THERE = ("base_url", "batch_size", "rate_multiplier", "price", "yes", "cancel", "chats")
STARTED = ("model", "rank", "values", "form")
SECTIONS = {
    "What is learnt": (*LEARNT, "values", "form"),
    "Tuning on this machine": HERE,
    "Tuning at a provider": ("provider", *THERE),
}
above_0 = click.FloatRange(min=0, min_open=True)


@click.command(
    "finetune",
    cls=in_sections(SECTIONS),
    epilog="\b\nExample:\n  spider-opt finetune --name mine --minutes 10\n"
    "  spider-opt eval --method finetune:adapter=mine\n"
    "  spider-opt finetune --name hosted --provider openai --model gpt-4.1-nano-2025-04-14 --spider spider/",
)
@click.option("--name", default="mine", show_default=True, help="What the adapter is called")
@click.option("--model", metavar="NAME", help="Embedded model to tune, or the provider's name of one")
@click.option("--epochs", type=above_0, help="Times each question is seen (default: 2, or what the provider takes)")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of order, shuffling and first weights")
@benchmark_folder_options
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Only N training questions")
@click.option(
    "--choose", type=click.Choice(["random", "hardness", "skeletons"]), default="skeletons", show_default=True,
    help="How these are chosen, where --focus does not",
)  # fmt: skip
@click.option(
    "--focus", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="RUN",
    help="Learn twice, and choose first, what this run over training questions got wrong",
)  # fmt: skip
@click.option(
    "--context", default="rag", show_default=True, metavar="METHOD",
    help="What retrieval shows with the questions; none for nothing",
)  # fmt: skip
@click.option(
    "--share", type=click.FloatRange(0, 1), default=0.7, show_default=True,
    help="Share of the questions that are shown with it",
)  # fmt: skip
@click.option(
    "--demos", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the questions that are shown with one to three training examples, too",
)  # fmt: skip
@click.option(
    "--hold-out/--no-hold-out", default=True, show_default=True,
    help="Keep the held-out databases to watch it by; without, they are learnt too, as for an adapter to be shipped",
)  # fmt: skip
@click.option(
    "--ids", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="Only the training questions whose ids FILE lists",
)  # fmt: skip
@click.option(
    "--answers", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="RUN",
    help="Learn, too, what RUN over training questions, by a model that had not learnt them, answered rightly in other "
    "words; may be repeated",
)  # fmt: skip
@click.option(
    "--corrections", metavar="FILE",
    help="Learn corrected golds in place of wrong ones: a JSON or CSV file, or spider-train, which comes with this "
    "package",
)  # fmt: skip
@click.option("--values", type=click.IntRange(0), default=2, show_default=True, help="Sample values beside each column")
@click.option(
    "--form", type=click.Choice(["plain", "skeleton-first", "from-first", "implied-joins"]), default="from-first",
    show_default=True, help="How queries are learnt: as they are, behind their skeleton, FROM first and without "
    "aliases, or so and without the ON of joins that keys determine",
)  # fmt: skip
@click.option("--start", metavar="NAME", help="Begin with the weights of this adapter, in its rank and its form")
@click.option("--minutes", type=above_0, help="End after this time at the latest")
@click.option("--rate", type=above_0, default=2e-4, show_default=True, help="Highest learning rate")
@click.option("--rank", type=click.IntRange(1, 256), default=16, show_default=True, help="Rank of the adapter")
@click.option(
    "--pack", type=click.IntRange(1, 64), default=16, show_default=True, help="Most questions that share a schema"
)
@click.option(
    "--rename", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the schemas that are shown with other names for tables and columns",
)  # fmt: skip
@click.option(
    "--noise", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the schemas that lack unused tables and show tables of others, and values of other rows",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 256), default=2, show_default=True, help="Schemas learnt in one step")
@click.option(
    "--compute", type=click.Choice(["auto", "int8", "float32", "bfloat16"]), default="auto", show_default=True,
    help="How the frozen weights are computed; auto takes what is fastest here",
)  # fmt: skip
@click.option(
    "--check", type=click.IntRange(0), default=50, show_default=True, metavar="N",
    help="Questions of held-out databases that the tuned model is asked at the end",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint")
@click.option("--provider", type=click.Choice(["openai"]), help="Tune there, by OpenAI's interface")
@click.option("--base-url", metavar="URL", help="Another provider with that interface")
@click.option("--batch-size", type=click.IntRange(1), help="The provider's batch size")
@click.option("--rate-multiplier", type=above_0, help="The provider's learning rate")
@click.option("--price", type=click.FloatRange(min=0), help="Dollars per million training tokens")
@click.option("--yes", is_flag=True, help="Agree to the cost that is shown")
@click.option("--cancel", is_flag=True, help="Stop the provider's job")
@click.option(
    "--chats", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="Your own JSONL of chats; --form says how their answers are",
)  # fmt: skip
@click.pass_context
def finetune_command(
    ctx: click.Context,
    name: str,
    model: str | None,
    epochs: float | None,
    seed: int,
    chosen: Chosen,
    examples: int | None,
    choose: By,
    focus: Path | None,
    context: str,
    share: float,
    demos: float,
    hold_out: bool,
    ids: Path | None,
    answers: tuple[Path, ...],
    corrections: str | None,
    values: int,
    form: AnswerForm,
    start: str | None,
    minutes: float | None,
    rate: float,
    rank: int,
    pack: int,
    rename: float,
    noise: float,
    batch: int,
    compute: Compute,
    check: int,
    resume: bool,
    provider: str | None,
    base_url: str | None,
    batch_size: int | None,
    rate_multiplier: float | None,
    price: float | None,
    yes: bool,
    cancel: bool,
    chats: Path | None,
) -> None:
    """Tune a LoRA adapter on training questions, on this machine.

    Without --benchmark, --spider and SPIDER_DIR the bundled training questions are used. Questions of held-out
    databases are not trained on (but see --no-hold-out); they show how it goes. Ctrl-C or SIGTERM keeps what was
    learnt, to go on with by --resume. The adapter is used by finetune:adapter=NAME in eval's --method. With
    --provider the tuning is done, and paid for, elsewhere.
    """  # fmt: skip
    from spider_opt.cli.finetune_here import tune_here
    from spider_opt.models.adapters import folder_for

    asked = Asked(
        name=name, model=model, epochs=epochs, seed=seed, chosen=chosen, examples=examples, choose=choose,
        focus=focus, context=context, share=share, demos=demos, values=values, form=form, start=start, minutes=minutes,
        rate=rate, rank=rank, pack=pack, rename=rename, noise=noise, batch=batch, compute=compute, check=check,
        resume=resume, provider=provider, base_url=base_url, batch_size=batch_size, rate_multiplier=rate_multiplier,
        price=price, yes=yes, cancel=cancel, chats=chats,
        hold_out=hold_out, ids=ids, answers=answers, corrections=corrections,
    )  # fmt: skip
    check_finite(ctx.params)
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if not hold_out and check:
        _refuse(given, ("check",), "asks held-out questions, which --no-hold-out learns: leave one of them out")
    folder = folder_for(asked.name)
    if asked.provider is None:
        _refuse(given, THERE, "is for a provider: give --provider too, or leave it out")
        if asked.start is not None:
            _refuse(given, STARTED, "is as in the adapter that --start names: leave one of them out")
        tune_here(asked, folder)
    else:
        _refuse(given, HERE, "is for tuning on this machine: leave it out, or --provider")
        if asked.chats is not None:
            _refuse(given, LEARNT, "chooses what is learnt, and so does --chats: leave one of them out")
            asked = asked if "form" in given else replace(asked, form="plain")
        _hosted(asked, folder)


def _refuse(given: set[str], names: Iterable[str], why: str) -> None:
    from spider_opt.errors import UsageError

    for name in names:
        if name in given:
            raise UsageError(f"--{name.replace('_', '-')} {why}")


def _hosted(asked: Asked, folder: Path) -> None:
    from spider_opt.answering.drafts import Look
    from spider_opt.cli.hosted import hosted
    from spider_opt.cli.training_questions import training_questions
    from spider_opt.errors import UsageError
    from spider_opt.models.adapters import FILE
    from spider_opt.models.lagging import CHECKPOINT

    if not asked.model and not asked.cancel:
        raise UsageError("Which of the provider's models? Name it with --model")
    if (folder / FILE).exists() or (folder / CHECKPOINT).exists():
        raise UsageError(f"There is an adapter {asked.name!r} of this machine already: take another --name")
    epochs = asked.epochs
    if epochs is not None and epochs != int(epochs):
        raise UsageError(f"--epochs is {epochs}, but a provider takes a whole number")
    data = None if asked.cancel or asked.chats is not None else training_questions(asked.wanted)
    hosted(
        asked.chats or (data.training if data else []),
        data.validation if data else [],
        databases=data.databases if data else {},
        folder=folder,
        model=asked.model or "",
        look=Look(values=asked.values),
        form=asked.form,
        about=data.about if data else {},
        base_url=asked.base_url,
        epochs=None if epochs is None else int(epochs),
        batch_size=asked.batch_size,
        learning_rate_multiplier=asked.rate_multiplier,
        seed=asked.seed,
        price=asked.price,
        yes=asked.yes,
        cancel=asked.cancel,
    )
