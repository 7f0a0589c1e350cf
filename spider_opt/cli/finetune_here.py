"""``spider-opt finetune`` on this machine."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.finetune_asked import Asked
from spider_opt.progress import time_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from spider_opt.training.loop import Step

TELL_EVERY_S = 15.0


def tune_here(asked: Asked, folder: Path) -> None:
    """Tune an adapter into its folder, and say how it goes.

    Raises:
        UsageError: what is asked for makes no sense, or the folder holds something else.
        TrainingError, WeightsError, LeakError: it cannot be tuned.
    """
    from spider_opt.answering.drafts import Look
    from spider_opt.cli.ended import how_ended, interrupted_by_signals
    from spider_opt.cli.training_questions import training_questions
    from spider_opt.errors import UsageError
    from spider_opt.models.adapters import CARD, FILE, find_adapter
    from spider_opt.models.catalog import DEFAULT_MODEL
    from spider_opt.models.lagging import CHECKPOINT
    from spider_opt.models.torch.base import import_transformers
    from spider_opt.progress import progress
    from spider_opt.steps.finetune import form_of
    from spider_opt.training import job_state
    from spider_opt.training.loop import Settings
    from spider_opt.training.spec import TuneSpec
    from spider_opt.training.tune import tune

    start, look = None, Look(values=asked.values)
    if asked.start is not None:
        start = find_adapter(asked.start)
        settings = start.card.get("settings")
        rank = settings.get("rank") if isinstance(settings, dict) else None
        if start.hosted or not isinstance(rank, int):
            raise UsageError(f"The adapter {start.name!r} was not tuned on a machine like this: leave --start out")
        look, form = form_of(start)
        asked = replace(asked, model=start.base, rank=rank, form=form)
    name, resume, model = asked.name, asked.resume, asked.model or DEFAULT_MODEL
    checkpoint = folder / CHECKPOINT
    if (folder / job_state.FILE).exists():
        raise UsageError(f"{name!r} is tuned at a provider: take another --name, or delete {folder}")
    if resume and not checkpoint.is_file():
        raise UsageError(f"There is no training {name!r} to go on with in {folder}: leave --resume out")
    if not resume and ((folder / FILE).exists() or checkpoint.exists()):
        raise UsageError(f"There is an adapter {name!r} already: give --resume, or another --name, or delete {folder}")
    check_tunable(model)
    import_transformers()
    data = training_questions(replace(asked.wanted, start=start))
    settings = Settings(
        epochs=asked.epochs or 2.0,
        rate=asked.rate,
        rank=asked.rank,
        alpha=2.0 * asked.rank,
        packs=asked.batch,
        minutes=asked.minutes,
        seed=asked.seed,
    )
    watching = f"watching {len(data.validation):,} of held-out ones" if asked.hold_out else "holding out none"
    click.echo(
        f"tuning on {data.about['questions']:,} questions of {data.about['databases']} databases, {watching}; "
        f"kept in {folder}",
        err=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with job_state.held(folder), interrupted_by_signals():
            card = tune(
                data.training,
                data.validation,
                data.databases,
                folder,
                TuneSpec(
                    model,
                    settings,
                    look,
                    asked.form,
                    start=start,
                    questions_per_pack=asked.pack,
                    rename=asked.rename,
                    noise=asked.noise,
                    compute=asked.compute,
                    check=asked.check,
                    hold_out=asked.hold_out,
                ),
                resume=resume,
                about=data.about,
                source=data.source,
                tell=teller(),
                progress=progress,
            )
    except KeyboardInterrupt as error:
        if not checkpoint.is_file():
            raise
        how, code = how_ended(error)
        adapter = f"what was learnt is the adapter {name}, and " if (folder / CARD).is_file() else ""
        click.echo(f"\n{how}; {adapter}the same command with --resume goes on from there.", err=True)
        sys.exit(code)
    done = card["training"]
    click.echo(f"{done['examples']:,} examples in {done['minutes']} minutes. {done['signs']}")
    if found := card.get("held_out"):
        click.echo(f"{found['n']} questions of held-out databases: {found['ex']:.1f} % right")
    click.echo(f"next: spider-opt eval --method finetune:adapter={name}")


def check_tunable(model: str) -> None:
    """Make sure that a model is tuned on this machine.

    Raises:
        UsageError: it is none of those, which are named.
    """
    from spider_opt.errors import UsageError
    from spider_opt.models.catalog import CATALOG

    if model not in CATALOG or not CATALOG[model].chats:
        raise UsageError(
            f"--model {model} is no embedded model; a provider's is tuned with finetune --provider openai, and here: "
            f"{', '.join(name for name, weights in CATALOG.items() if weights.chats)}"
        )


def teller() -> Callable[[Step], None]:
    """Return a function that says how a training goes, now and then."""
    said = 0.0

    def tell(step: Step) -> None:
        nonlocal said
        if time.monotonic() - said < TELL_EVERY_S and step.validation is None and step.done < 1:
            return
        said = time.monotonic()
        left_s = max(0.0, step.seconds / max(step.done, 1e-9) * (1 - step.done))
        watched = "" if step.validation is None else f", held-out loss {step.validation:.3f}"
        click.echo(
            f"step {step.n}/{step.n_steps}: loss {step.loss:.3f}{watched}, rate {step.rate:.1e}, "
            f"{step.examples / max(step.seconds, 1e-9):.2f} examples/s, {time_left(left_s)}",
            err=True,
        )

    return tell
