"""Training examples into the context of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spider_opt.benchmarks.validation import is_query_split
from spider_opt.errors import LeakError, MethodError
from spider_opt.retrieval.library import OwnExamples
from spider_opt.types import Demo, Library, Task, Tools
from spider_opt.wording import argument, either


def library_for(step: str, tools: Tools) -> Library:
    """Return the training examples.

    Raises:
        MethodError: there are none.
    """
    if tools.library is None:
        given = argument("examples", either("[…]", "FILE"))
        raise MethodError(f"step {step!r} needs examples: give some ({given}), or leave it out")
    return tools.library


def with_demos(
    task: Task, found: Sequence[Demo], k: int, *, library: Library, own_schema: bool
) -> tuple[Task, list[str]]:
    """Return the task with the first ``k`` of ``found`` behind the demos it has already, and their ids.

    Raises:
        LeakError: one of them is of the question's own database, ``library`` is not of the user's own examples, and the
            question is of no query split.
    """
    there = {demo.question.id for demo in task.context.demos}
    new = [demo for demo in found if demo.question.id not in there][:k]
    here = [demo for demo in new if demo.question.db_id.lower() == task.question.db_id.lower()]
    if here and not isinstance(library, OwnExamples) and not is_query_split(task.question.id):
        leak = here[0].question
        raise LeakError(f"training example {leak.id} is of the question's own database {leak.db_id}")
    shown = (*task.context.demos, *(replace(demo, own_schema=own_schema and demo not in here) for demo in new))
    return replace(task, context=replace(task.context, demos=shown)), [demo.question.id for demo in new]
