"""Training examples into the context of a task, and the drafts by which they are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spider_opt.errors import LeakError, MethodError
from spider_opt.prompts.drafts import MAX_TOKENS, Drafter
from spider_opt.retrieval.library import OwnExamples
from spider_opt.sql.extract import extract_sql
from spider_opt.types import Context, Demo, Library, Request, Task, Tools, Usage


def library_for(step: str, tools: Tools) -> Library:
    """Return the training examples.

    Raises:
        MethodError: there are none.
    """
    if tools.library is None:
        raise MethodError(f"step {step!r} needs examples: give some (examples=[…], --examples FILE), or leave it out")
    return tools.library


def with_demos(
    task: Task, found: Sequence[Demo], k: int, *, library: Library, own_schema: bool
) -> tuple[Task, list[str]]:
    """Return the task with the first ``k`` of ``found`` behind the demos it has already, and their ids.

    Raises:
        LeakError: one of them is of the question's own database, and ``library`` is not of the user's own examples.
    """
    there = {demo.question.id for demo in task.context.demos}
    new = [demo for demo in found if demo.question.id not in there][:k]
    here = [demo for demo in new if demo.question.db_id.lower() == task.question.db_id.lower()]
    if here and not isinstance(library, OwnExamples):
        leak = here[0].question
        raise LeakError(f"training example {leak.id} is of the question's own database {leak.db_id}")
    shown = (*task.context.demos, *(replace(demo, own_schema=own_schema and demo not in here) for demo in new))
    return replace(task, context=replace(task.context, demos=shown)), [demo.question.id for demo in new]


def drafted(task: Task, drafter: Drafter, *, n: int = 1, temperature: float = 0.0) -> tuple[list[str], Usage]:
    """Return ``n`` queries of the direct prompt, without context and feedback, and what they cost.

    One draft is the task's own where it has one, and is else asked for at the task's temperature.

    Raises:
        ModelError: the model did not answer.
    """
    if n == 1 and task.draft is not None:
        return [task.draft], Usage()
    completions = task.model.complete(
        Request(
            drafter.messages(replace(task, context=Context(), feedback=())),
            n=n,
            temperature=task.temperature if n == 1 else temperature,
            seed=task.seed,
            grammar=task.grammar,
            max_tokens=MAX_TOKENS,
        )
    )
    return [extract_sql(c.text) for c in completions], sum((c.usage for c in completions), Usage())
