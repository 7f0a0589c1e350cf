"""What a model that is being tuned gets right on training databases that it never saw."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.benchmarks.subsets import only
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.databases import DatabasePool
from spider_opt.errors import LeakError
from spider_opt.models.torch.base import tokens_of
from spider_opt.models.torch.engine import SIDE_BY_SIDE
from spider_opt.progress import Progress, silent
from spider_opt.runs.concurrency import by_database
from spider_opt.scoring import Rules, score
from spider_opt.steps.finetune import MEANT, AnswerForm
from spider_opt.training.dataset import Item
from spider_opt.types import Benchmark, Example, Task

Decode = Callable[[Sequence[Sequence[int]]], list[list[int]]]
"""Answers prompts, all of them in tokens; see ``models.torch.decoding``."""


def held_out_accuracy(
    decode: Decode,
    tokenizer: Any,
    look: Look,
    form: AnswerForm,
    benchmark: Benchmark,
    items: Sequence[Item],
    n: int,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Ask a model ``n`` of ``items``, questions of ``benchmark``, with nothing retrieved, and judge its answers.

    Which they are does not depend on the model, so that trainings compare. Returns ``n``, ``ex`` in percent, and the
    count of each outcome.

    Raises:
        LeakError: an item is of a database that is trained on.
    """
    for item in items:
        if not is_held_out(item.question.db_id):
            raise LeakError(f"{item.question.id} must not be asked: its database {item.question.db_id} is trained on")
    chosen = random.Random(0).sample([item.question.id for item in items], min(n, len(items)))
    asked = only(benchmark, chosen, "what is held out")
    drafter = Drafter(look, DatabasePool(asked.paths), meant=MEANT.get(form))
    answers: list[tuple[Example, str]] = []
    with progress("answering held-out questions", len(chosen)) as advance:
        for group in _groups(by_database(asked.examples)):
            tasks = [Task(example.question, None) for example in group]  # type: ignore[arg-type]
            said = decode([tokens_of(tokenizer, drafter.messages(task)) for task in tasks])
            for example, task, tokens in zip(group, tasks, said, strict=True):
                answers.append((example, drafter.read(tokenizer.decode(tokens), task)))
                advance()
    summary = score(asked, answers, Rules()).summary()
    return {key: summary[key] for key in ("n", "ex", "outcomes")}


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    """Return the examples of each database, at most ``SIDE_BY_SIDE`` together."""
    groups: list[list[Example]] = []
    for example in examples:
        full = not groups or len(groups[-1]) == SIDE_BY_SIDE
        if full or groups[-1][0].question.db_id != example.question.db_id:
            groups.append([])
        groups[-1].append(example)
    return groups
