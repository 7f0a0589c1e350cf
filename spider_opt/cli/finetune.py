"""``spider-opt finetune``: tune a model on training questions, here or at a provider."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.options import spider_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from spider_opt.training.dataset import Item
    from spider_opt.training.loop import Step
    from spider_opt.types import Benchmark, Database

TELL_EVERY_S = 15.0


@click.command(
    "finetune",
    epilog="\b\nExample:\n  spider-opt finetune --name mine --minutes 10\n"
    "  spider-opt eval --method finetune:adapter=mine\n"
    "  spider-opt finetune --provider openai --model gpt-4.1-nano-2025-04-14 --spider spider/",
)
@spider_option
@click.option("--name", default="mine", show_default=True, help="What the adapter is called")
@click.option("--model", metavar="NAME", help="Embedded model to tune, or the provider's name of one")
@click.option(
    "--form",
    type=click.Choice(["plain", "from-first"]),
    default="from-first",
    show_default=True,
    help="How queries are learnt: as they are, or FROM first and without aliases",
)
@click.option(
    "--context",
    default="rag",
    show_default=True,
    metavar="METHOD",
    help="What retrieval shows with the questions; none for nothing",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.7,
    show_default=True,
    help="Share of the questions that are shown with it",
)
@click.option("--values", type=click.IntRange(0), default=2, show_default=True, help="Sample values beside each column")
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Only N training questions")
@click.option(
    "--choose",
    type=click.Choice(["random", "hardness", "skeletons"]),
    default="skeletons",
    show_default=True,
    help="How these are chosen",
)
@click.option(
    "--focus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="RUN",
    help="Learn first and twice what this run over training questions got wrong",
)
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), help="Times each question is seen [default: 2]")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End after this time at the latest")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=2e-4, show_default=True, help="Highest learning rate"
)
@click.option("--rank", type=click.IntRange(1, 256), default=16, show_default=True, help="Rank of the adapter")
@click.option("--pack", type=click.IntRange(1, 64), default=16, show_default=True, help="Questions that share a schema")
@click.option(
    "--compute",
    type=click.Choice(["auto", "int8", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="How the frozen weights are computed; auto takes what is fastest here",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of order, shuffling and first weights")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint")
@click.option("--provider", type=click.Choice(["openai"]), help="Tune there instead of here")
@click.option("--base-url", metavar="URL", help="Another provider with OpenAI's interface")
@click.option("--batch-size", type=click.IntRange(1), help="The provider's batch size")
@click.option("--rate-multiplier", type=click.FloatRange(min=0, min_open=True), help="The provider's learning rate")
@click.option("--price", type=click.FloatRange(min=0), help="Dollars per million training tokens")
@click.option("--yes", is_flag=True, help="Agree to the cost that is shown")
@click.option("--cancel", is_flag=True, help="Stop the provider's job")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Your own JSONL of chats for the provider",
)
def finetune_command(**options: Any) -> None:
    """Tune a LoRA adapter on training questions, on this machine.

    Without --spider and SPIDER_DIR the bundled training questions are used. Questions of held-out databases are never
    trained on; they show how it goes. Ctrl-C keeps what was learnt, --resume goes on. The adapter is used by
    finetune:adapter=NAME in eval's --method. With --provider the tuning is done, and paid for, elsewhere.
    """  # fmt: skip
    if options["provider"]:
        _hosted(options)
    else:
        _here(options)


def _here(options: dict[str, Any]) -> None:
    from spider_opt.errors import UsageError
    from spider_opt.models.adapters import FILE, adapters_dir
    from spider_opt.models.catalog import DEFAULT_MODEL
    from spider_opt.prompts.drafts import Look
    from spider_opt.training.loop import Settings
    from spider_opt.training.tune import tune

    name, resume = options["name"], options["resume"]
    if Path(name).name != name or name in (".", ".."):
        raise UsageError(f"--name is {name!r}, but an adapter's name is a folder's, without a path")
    for option in ("base_url", "batch_size", "rate_multiplier", "price", "data"):
        if options[option] is not None:
            raise UsageError(f"--{option.replace('_', '-')} is for a provider: give --provider openai, or leave it out")
    folder = adapters_dir() / name
    if not resume and ((folder / FILE).exists() or (folder / "checkpoint.pt").exists()):
        raise UsageError(f"There is an adapter {name!r} already: give --resume, or another --name, or delete {folder}")
    training, validation, databases, about = _learnt(options)
    settings = Settings(
        epochs=options["epochs"] or 2.0,
        rate=options["rate"],
        rank=options["rank"],
        alpha=2.0 * options["rank"],
        minutes=options["minutes"],
        seed=options["seed"],
    )
    click.echo(
        f"tuning on {len(training):,} questions of {len({item.question.db_id for item in training})} databases, "
        f"watching {len(validation):,} of held-out ones; kept in {folder}",
        err=True,
    )
    card = tune(
        training,
        validation,
        databases,
        folder,
        model=options["model"] or DEFAULT_MODEL,
        settings=settings,
        look=Look(values=options["values"]),
        form=options["form"],
        n=options["pack"],
        compute=options["compute"],
        resume=resume,
        about=about,
        tell=_teller(),
    )
    done = card["training"]
    click.echo(f"{done['examples']:,} examples in {done['minutes']} minutes. {done['signs']}")
    click.echo(f"Now type: spider-opt eval --method finetune:adapter={name}")


def _hosted(options: dict[str, Any]) -> None:
    from spider_opt.cli.hosted import hosted
    from spider_opt.errors import UsageError
    from spider_opt.models.adapters import adapters_dir
    from spider_opt.training.tune import TARGETS

    if not options["model"]:
        raise UsageError("Which of the provider's models? Name it with --model")
    epochs = options["epochs"]
    if epochs is not None and epochs != int(epochs):
        raise UsageError(f"--epochs is {epochs}, but a provider takes a whole number")
    training: list[Item] = []
    validation: list[Item] = []
    databases: Any = {}
    if not options["cancel"] and options["data"] is None:
        training, validation, databases, _ = _learnt(options)
    target = TARGETS[options["form"]]
    hosted(
        options["data"] or training,
        validation,
        databases=databases,
        folder=adapters_dir() / options["name"],
        model=options["model"],
        target=lambda item: target(item.sql, item.question.schema),
        base_url=options["base_url"],
        epochs=None if epochs is None else int(epochs),
        batch_size=options["batch_size"],
        learning_rate_multiplier=options["rate_multiplier"],
        seed=options["seed"],
        price=options["price"],
        yes=options["yes"],
        cancel=options["cancel"],
    )


def _learnt(options: dict[str, Any]) -> tuple[list[Item], list[Item], dict[str, Database] | Any, dict[str, Any]]:
    """Return what is trained on, what is watched, the databases, and what the card says of it."""
    from spider_opt.benchmarks import load_benchmark, spider_dir
    from spider_opt.benchmarks.leaks import training_for
    from spider_opt.cli.progress import lines
    from spider_opt.databases import DatabasePool
    from spider_opt.training.contexts import drawn, training_library
    from spider_opt.training.dataset import build, choose, focus, split

    where = spider_dir(options["spider"])
    source: Benchmark = load_benchmark(where, "train")
    kept, left_out = training_for(load_benchmark(where, None), where)
    databases = DatabasePool(source.paths)
    items, report = build([example for example in kept if example.question.db_id in source.paths], databases,
                          progress=lines)  # fmt: skip
    for reason, count in left_out.items():
        click.echo(f"left out: {count:,} for {reason} as the evaluation split has", err=True)
    click.echo(str(report), err=True)
    training, validation = split(items)
    if options["focus"] is not None:
        training = focus(training, options["focus"])
    if options["examples"] is not None:
        training = choose(training, options["examples"], options["choose"], seed=options["seed"])
    if options["context"] != "none":
        draw = {"method": options["context"], "databases": databases, "seed": options["seed"], "progress": lines}
        library = training_library([example for example in kept], progress=lines)
        training = drawn(training, library=library, share=options["share"], **draw)
    about = {
        "source": f"{source.name} {source.split}",
        "fingerprint": source.fingerprint,
        "questions": len(training),
        "databases": len({item.question.db_id for item in training}),
        "context": options["context"],
        "share": options["share"],
    }
    return training, validation, databases, about


def _teller() -> Callable[[Step], None]:
    said = 0.0

    def tell(step: Step) -> None:
        nonlocal said
        if time.monotonic() - said < TELL_EVERY_S and step.validation is None and step.done < 1:
            return
        said = time.monotonic()
        left_s = step.seconds / max(step.done, 1e-9) * (1 - step.done)
        watched = "" if step.validation is None else f", held-out loss {step.validation:.3f}"
        click.echo(
            f"step {step.n}/{step.n_steps}: loss {step.loss:.3f}{watched}, rate {step.rate:.1e}, "
            f"{step.examples / max(step.seconds, 1e-9):.2f} examples/s, about {left_s / 60:.0f} min left",
            err=True,
        )

    return tell
