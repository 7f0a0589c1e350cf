"""``spider-opt finetune --provider openai``: show what it costs, begin, follow, print the model's name."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.progress import LINE_EVERY_S, time_left

if TYPE_CHECKING:
    from spider_opt.answering.drafts import Look
    from spider_opt.steps.finetune import AnswerForm
    from spider_opt.training.chat_jsonl import Checked
    from spider_opt.training.dataset import Item
    from spider_opt.training.job_replies import Event
    from spider_opt.training.job_state import JobState, Settings
    from spider_opt.types import Database

SHOWN_FAULTS = 5


def hosted(
    items: Sequence[Item] | Path,
    validation: Sequence[Item] | Path = (),
    *,
    databases: Mapping[str, Database],
    folder: Path,
    model: str,
    look: Look,
    form: AnswerForm = "plain",
    about: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate_multiplier: float | None = None,
    seed: int | None = None,
    suffix: str | None = None,
    price: float | None = None,
    yes: bool = False,
    cancel: bool = False,
) -> None:
    """Tune a model at a provider, or go on with it; what is known of the job stays in ``folder``.

    ``items`` and ``validation`` are training examples, asked in ``look`` and answered in ``form``, or a JSONL file of
    chats that are; the adapter's card says so in the end, and what is to be said ``about`` the data. ``price`` is in
    dollars per million training tokens. Nothing is sent before the cost was shown and agreed to, with ``yes`` or at
    the terminal. With ``cancel`` the folder's job is stopped, and nothing else is looked at.

    Raises:
        UsageError: something is asked for wrongly, or not agreed to.
        RunError: the job came to nothing, or the folder is for another.
        ModelError: the provider cannot be asked.
    """
    from spider_opt.models.adapters import write_learnt
    from spider_opt.training import openai_jobs
    from spider_opt.training.job_state import Settings, load, provider_url
    from spider_opt.training.learnt import chat_questions, learnt_databases, learnt_questions, said_of_data
    from spider_opt.training.openai_api import api_key

    if cancel:
        stopped = openai_jobs.cancel(folder)
        click.echo(f"job {stopped.job}: {stopped.status}")
        return
    settings = Settings(model, provider_url(base_url), epochs, batch_size, learning_rate_multiplier, seed, suffix)
    api_key(settings.base_url)
    files = _files(folder, settings, {"train": items, "validation": validation}, databases, look, form)
    known = load(folder)
    if known is None or known.job is None:
        _agree(settings, files, price, yes)
    try:
        with shown() as tell:
            openai_jobs.tune(folder, settings, files["train"], files.get("validation"), tell=tell)
            state = openai_jobs.follow(folder, tell=tell)
    except KeyboardInterrupt:
        known = load(folder)
        if known is not None and known.job is not None:
            click.echo(
                f"\nThe job {known.job} goes on at {settings.base_url}: type the same command to follow it "
                "again, with --cancel to stop it.",
                err=True,
            )
        raise
    # Of which databases chats of one's own are is not known.
    data = said_of_data(about, None if isinstance(items, Path) else learnt_databases(items))
    write_learnt(folder, chat_questions(items) if isinstance(items, Path) else learnt_questions(items))
    _write_card(folder, state, {"look": asdict(look), "target": form, "data": data})
    _result(state, folder.name)


def _files(
    folder: Path,
    settings: Settings,
    sources: Mapping[str, Sequence[Item] | Path],
    databases: Mapping[str, Database],
    look: Look,
    form: AnswerForm,
) -> dict[str, Checked]:
    """Write the files that are to be sent, and check them and the user's own."""
    from spider_opt.errors import UsageError
    from spider_opt.paths import encoded, write_whole
    from spider_opt.training.chat_jsonl import check_jsonl, jsonl_text
    from spider_opt.training.job_state import state_for
    from spider_opt.training.tune import TARGETS

    def target(item: Item) -> str:
        return TARGETS[form](item.sql, item.question.schema)

    texts = {
        part: jsonl_text(it, databases, target, look) for part, it in sources.items() if it and not isinstance(it, Path)
    }
    paths = {part: it if isinstance(it, Path) else folder / f"{part}.jsonl" for part, it in sources.items() if it}
    if "train" not in paths:
        raise UsageError("There is nothing to learn: no training question is left")
    checked = {part: check_jsonl(path, settings.model) for part, path in paths.items() if part not in texts}
    digests = {part: sha256(encoded(text)).hexdigest() for part, text in texts.items()}
    # Before anything is written: the files there may be those of another job.
    state_for(folder, settings, digests | {part: file.sha256 for part, file in checked.items()})
    folder.mkdir(parents=True, exist_ok=True)
    for part, text in texts.items():
        write_whole(paths[part], text)
        checked[part] = check_jsonl(paths[part], settings.model)
    for part, file in checked.items():
        if file.faults:
            shown = "; ".join(file.faults[:SHOWN_FAULTS])
            more = len(file.faults) - SHOWN_FAULTS
            raise UsageError(f"{paths[part]} cannot be sent: {shown}{f'; and {more} more' if more > 0 else ''}")
    return checked


def _agree(settings: Settings, files: Mapping[str, Checked], price: float | None, yes: bool) -> None:
    """Show what will be sent and what it costs, and ask."""
    from spider_opt.errors import UsageError
    from spider_opt.training.hosted_cost import CLOSING, PRICES_READ, PRICING, estimate, is_openai

    for file in files.values():
        again = f", {file.n_duplicates:,} of them repeat another" if file.n_duplicates else ""
        click.echo(
            f"{file.path}: {file.n_examples:,} examples{again}; {file.n_tokens:,} tokens, {file.counted}", err=True
        )
    cost = estimate(
        files["train"], model=settings.model, base_url=settings.base_url, epochs=settings.epochs, price=price
    )
    usual = "" if settings.epochs else " (the provider decides; OpenAI's usual number)"
    click.echo(f"{settings.model} at {settings.base_url}, {cost.epochs} epochs{usual}", err=True)
    if cost.dollars is None:
        raise UsageError(
            f"What {settings.base_url} takes for training {settings.model} is not known here: give its price per "
            f"million training tokens, --price DOLLARS. It will be about {cost.n_tokens / 1e6:,.2f} million"
        )
    known = "" if price is not None else f" (list price of {PRICES_READ}, {PRICING})"
    click.echo(
        f"about {cost.n_tokens / 1e6:,.2f} million training tokens at ${cost.price:,.2f} a million{known}: "
        f"about ${cost.dollars:,.2f}",
        err=True,
    )
    if is_openai(settings.base_url):
        click.echo(CLOSING, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nothing was sent: there is no terminal to agree at. To begin, type the same with --yes")
    if not click.confirm("Upload the files and begin?", err=True):
        raise UsageError("Nothing was sent")


def _write_card(folder: Path, state: JobState, said: Mapping[str, Any]) -> None:
    """Make the folder an adapter, for the step that asks the model as it was taught."""
    from spider_opt import __version__
    from spider_opt.models.adapters import write_card
    from spider_opt.runs.describing import commit

    asked = asdict(state.settings)
    card = {
        "name": folder.name,
        "base": {"name": asked.pop("model")},
        "base_url": asked.pop("base_url"),
        "model": state.fine_tuned_model,
        **said,
        "settings": asked,
        "training": {"tokens": state.trained_tokens, "job": state.job},
        "version": __version__,
        "commit": commit(),
    }
    write_card(folder, card)


def _result(state: JobState, adapter: str) -> None:
    if state.trained_tokens:
        click.echo(f"{state.trained_tokens:,} tokens were billed", err=True)
    for one in state.checkpoints:
        metrics = "".join(f", {metric} {value:.4g}" for metric, value in one.metrics.items())
        click.echo(f"checkpoint: {one.model} (step {one.step}{metrics})")
    name, url = state.fine_tuned_model or "NAME", shlex.quote(state.settings.base_url)
    click.echo(f"model: {state.fine_tuned_model or f'not named; look for the job {state.job} at the provider'}")
    click.echo(
        f"next: spider-opt eval --method finetune:adapter={adapter} --base-url {url} --model {shlex.quote(name)}"
    )


@contextmanager
def shown() -> Iterator[Callable[[Event], None]]:
    """Yield what shows an event on stderr: training steps as a bar on a terminal, else as a line now and then."""
    how_far = _HowFar()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        with Progress(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
            task = bar.add_task("waiting for the provider", total=None)

            def on_terminal(event: Event) -> None:
                if event.step is None:
                    print(event.text, file=sys.stderr, flush=True)
                else:
                    bar.update(task, description=how_far(event), total=event.steps, completed=event.step)

            yield on_terminal
        return
    last = -LINE_EVERY_S

    def in_log(event: Event) -> None:
        nonlocal last
        said = event.text if event.step is None else how_far(event)
        if event.step is not None:
            now = time.monotonic()
            if now - last < LINE_EVERY_S and event.step != event.steps:
                return
            last = now
        print(said, file=sys.stderr, flush=True)

    yield in_log


class _HowFar:
    """Says how far the training is; the time left is by the provider's clock, from the first step that was seen."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def __call__(self, event: Event) -> str:
        step = event.step or 0
        since, at = self._first = self._first or (step, event.at)
        said = f"step {step}/{event.steps}" if event.steps else f"step {step}"
        if event.loss is not None:
            said += f", loss {event.loss:.3g}"
        if event.steps and step > since:
            left_s = (event.at - at) / (step - since) * (event.steps - step)
            said += f", {time_left(left_s)}"
        return said
