"""From training questions to an adapter with its card, in one call."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from spider_opt import __version__
from spider_opt.benchmarks.equal_contents import equal_contents
from spider_opt.errors import TrainingError
from spider_opt.models.adapters import NEXT, Adapter, check_unchanged, replace, write_card, write_learnt
from spider_opt.models.lagging import warn_of_lag
from spider_opt.models.torch.base import import_transformers, keep_memory, open_base
from spider_opt.models.torch.gguf import check_architecture, read_gguf, write_adapter
from spider_opt.progress import Progress, silent
from spider_opt.runs.describing import commit
from spider_opt.sql.from_first import to_from_first
from spider_opt.sql.implied_joins import to_implied_joins
from spider_opt.sql.skeleton import skeleton
from spider_opt.steps.finetune import AnswerForm
from spider_opt.training.accuracy import held_out_accuracy
from spider_opt.training.checkpoint import signs
from spider_opt.training.dataset import Item, check_training
from spider_opt.training.learnt import check_start, learnt_databases, learnt_questions, said_of_data
from spider_opt.training.loop import Step, Training
from spider_opt.training.packer import Packer, Target
from spider_opt.training.spec import TuneSpec
from spider_opt.types import Benchmark, Database, Schema

_LOG = logging.getLogger("spider_opt")
N_WATCHED = 128
MAX_TOKENS = 200
NOTHING_HELD_OUT = "Nothing was held out that could tell whether it was long enough."


def plain(sql: str, schema: Schema) -> str:
    """Return the query as it is."""
    return sql


def skeleton_first(sql: str, schema: Schema) -> str:
    """Return the query behind a line of comment with its skeleton, which says how it is built before any name."""
    return f"-- {skeleton(sql)}\n{sql}"


def from_first(sql: str, schema: Schema) -> str:
    """Return the query with FROM first, or as it is where it cannot be written so."""
    try:
        return to_from_first(sql, schema)
    except ValueError:
        return sql


def implied_joins(sql: str, schema: Schema) -> str:
    """Return the query with FROM first and without what can be put back, or as far as it can be written so."""
    try:
        return to_implied_joins(sql, schema)
    except ValueError:
        return from_first(sql, schema)


TARGETS: Mapping[AnswerForm, Target] = {
    "plain": plain, "skeleton-first": skeleton_first, "from-first": from_first, "implied-joins": implied_joins,
}  # fmt: skip


def tune(
    training: Sequence[Item],
    validation: Sequence[Item],
    databases: Mapping[str, Database],
    folder: Path,
    spec: TuneSpec,
    *,
    resume: bool = False,
    about: Mapping[str, Any] | None = None,
    source: Benchmark | None = None,
    packs: Callable[[Any], Packer] | None = None,
    target: str = "",
    tell: Callable[[Step], None] = lambda step: None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Tune a model as ``spec`` says and write the adapter to ``folder``; return its card.

    ``about`` goes into the card as what the data is, with the ids of its databases; ``learnt.txt`` beside it says which
    questions. An adapter of what was learnt is written with each checkpoint, also when it is stopped. The card's
    ``signs`` say whether the training was too short or too long. At the end ``spec.check`` questions of ``validation``,
    which are of ``source``, are answered; its ``held_out`` says how well. ``packs`` makes what packs the items, of a
    tokenizer, where they are other than queries to questions, and ``target`` is what the card then calls the answers.

    Raises:
        TrainingError: what trains is not installed, adapters of this model cannot be written, the folder's training
            is another one or cannot be written to, or the adapter to start with is of another rank.
        WeightsError: that adapter cannot be read, or was replaced since it was found.
        LeakError: an item must not be trained on, or the adapter to start with has learnt what is held out.
    """
    settings, start = spec.settings, spec.start
    check_training(training, hold_out=spec.hold_out)
    if start is not None and validation:
        _check_start(start, validation, source)
    import_transformers()
    import torch

    from spider_opt.models.torch.compute import chosen_compute
    from spider_opt.models.torch.decoding import Decoder
    from spider_opt.models.torch.lora import add_lora, take_weights, weights_of

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype, int8 = chosen_compute(spec.compute, device)
    base = open_base(spec.model, dtype=torch.bfloat16 if int8 else dtype, device=device)
    check_architecture(base.model.config.model_type)
    lora = add_lora(base.model, rank=settings.rank, alpha=settings.alpha, seed=settings.seed, int8=int8)
    begun = ""
    if start is not None and start.path is not None:
        warn_of_lag(start)
        learnt = read_gguf(start.path)
        check_unchanged([start.path], start.sha256)
        if (learnt.alpha, learnt.rank) != (settings.alpha, settings.rank):
            other = f"{start.name} is of rank {learnt.rank} and alpha {learnt.alpha:g}"
            raise TrainingError(f"{other}; nothing else can begin with it")
        take_weights(lora, learnt.weights)
        begun = f"+{start.card['sha256']}"
    packer = packs(base.tokenizer) if packs else Packer(
        base.tokenizer, databases, look=spec.look, target=TARGETS[spec.form], n=spec.questions_per_pack,
        rename=spec.rename, noise=spec.noise, others=_schemas(training) if spec.noise else (),
    )  # fmt: skip
    watched = random.Random(0).sample(list(validation), min(N_WATCHED, len(validation)))
    card: dict[str, Any] = {}

    def write() -> None:
        if train.n:
            card.clear()
            card.update(_write(folder, weights_of(lora), base, train, said))

    train = Training(
        base.model,
        lora,
        packer,
        training,
        watched,
        settings,
        folder,
        base=base.sha256 + begun,
        beside=write,
        hold_out=spec.hold_out,
    )
    if resume:
        train.resume()
    else:
        train.checkpoint.unlink(missing_ok=True)
    machine = torch.cuda.get_device_name() if device == "cuda" else "processor"
    said = {
        "base": {"name": base.name, "sha256": base.sha256},
        "start": None if start is None else {"name": start.name, "sha256": start.card["sha256"]},
        "look": asdict(spec.look),
        "target": target or spec.form,
        "data": said_of_data(about, learnt_databases(training, start)),
        "settings": {**asdict(settings), "questions_per_pack": spec.questions_per_pack, "renamed": spec.rename}
        | ({"noise": spec.noise} if spec.noise else {}),
        "training": {"machine": f"{machine}, {'int8' if int8 else str(dtype).removeprefix('torch.')}"}
        | ({} if spec.hold_out else {"signs": NOTHING_HELD_OUT}),
        "version": __version__,
        "commit": commit(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_learnt(folder, learnt_questions(training, start))
    with ExitStack() as kept:
        if device == "cpu":
            kept.callback(keep_memory())
        for step in kept.enter_context(closing(train.run())):
            tell(step)
        if spec.check and validation and source:
            decoder = Decoder(base.model, [base.tokenizer.eos_token_id])
            decode = partial(decoder.decode, max_tokens=MAX_TOKENS)
            found = held_out_accuracy(
                decode, base.tokenizer, spec.look, spec.form, source, validation, spec.check, progress=progress
            )
            card["held_out"] = found
            write_card(folder, card)
    return card


def _check_start(start: Adapter, validation: Sequence[Item], source: Benchmark | None) -> None:
    alike = equal_contents(source) if source else ()
    check_start(start, validation, alike, lambda said: _LOG.warning("%s", said))


def _schemas(items: Sequence[Item]) -> list[Schema]:
    """Return the schemas of items, each once, in one order."""
    found = {item.question.db_id: item.question.schema for item in items}
    return [schema for _, schema in sorted(found.items())]


def _write(folder: Path, weights: Any, base: Any, train: Training, said: Mapping[str, Any]) -> dict[str, Any]:
    """Write the adapter and its card: ``said`` is what was asked for, the rest what came of it."""
    from safetensors import SafetensorError

    settings = train.settings
    architecture = base.model.config.model_type
    steps = [json.loads(line) for line in train.log.read_text(encoding="utf-8").splitlines()]
    watched = [step["validation"] for step in steps if step["validation"] is not None]
    done = {
        "steps": train.n,
        "of": train.n_steps,
        "examples": train.examples,
        "tokens": train.tokens,
        "minutes": round(train.seconds / 60, 1),
        "last_loss": steps[-1]["loss"] if steps else None,
        "validation_loss": watched[-1] if watched else None,
        "signs": signs(steps),
        **said["training"],
    }
    try:
        sha256 = write_adapter(
            folder, weights, base=base.name, architecture=architecture, rank=settings.rank, alpha=settings.alpha,
            file=NEXT,
        )  # fmt: skip
        card = {"name": folder.name, "sha256": sha256, **said, "training": done}
        replace(folder, card)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise TrainingError(f"The adapter in {folder} cannot be written ({why}); what stood there is kept") from error
    return card
