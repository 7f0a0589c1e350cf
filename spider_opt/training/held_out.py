"""What a tuned model gets right on training databases that it never saw."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from spider_opt.asking import ask_all, by_database
from spider_opt.benchmarks.heldout import is_held_out, only
from spider_opt.databases import DatabasePool
from spider_opt.errors import LeakError, ModelError
from spider_opt.models import CachedModel
from spider_opt.models.adapters import open_tuned
from spider_opt.paths import cache_dir
from spider_opt.runs import Progress, silent
from spider_opt.scoring import Rules, score
from spider_opt.steps.finetune import FineTuned
from spider_opt.training.dataset import Item
from spider_opt.types import Benchmark, Prediction, Task, Tools


def held_out_accuracy(
    folder: Path, benchmark: Benchmark, items: Sequence[Item], n: int, *, progress: Progress = silent
) -> dict[str, Any]:
    """Ask ``n`` of ``items``, questions of ``benchmark``, of the model that the adapter in ``folder`` tunes.

    Which they are does not depend on the adapter, so that adapters compare. Returns ``n``, ``ex`` in percent, and the
    count of each outcome.

    Raises:
        LeakError: an item is of a database that is trained on.
        UsageError: the adapter's model is not here.
        ModelError: a question got no answer.
    """
    for item in items:
        if not is_held_out(item.question.db_id):
            raise LeakError(f"{item.question.id} must not be asked: its database {item.question.db_id} is trained on")
    chosen = random.Random(0).sample([item.question.id for item in items], min(n, len(items)))
    asked = only(benchmark, chosen, "what is held out")
    name = str(folder.absolute())
    generator = FineTuned(name).wrap(_nothing, Tools(DatabasePool(asked.paths)))
    answers = []
    opened = CachedModel(open_tuned([name]), cache_dir() / "responses.sqlite")
    with closing(opened) as model, progress("answering held-out questions", len(chosen)) as advance:
        for example, got in ask_all(by_database(asked.examples), generator, model, seed=0, concurrency=1):
            if isinstance(got, ModelError):
                raise got
            answers.append((example, got.sql))
            advance()
    summary = score(asked, answers, Rules()).summary()
    return {key: summary[key] for key in ("n", "ex", "outcomes")}


def _nothing(task: Task) -> Prediction:
    raise AssertionError("a draft is the innermost step")
