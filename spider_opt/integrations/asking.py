"""What another harness shows its model of a question: ``zero-shot``'s prompt, and nothing of its gold query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from spider_opt.answering.drafts import MAX_TOKENS as MAX_TOKENS
from spider_opt.answering.drafts import Drafter, Look
from spider_opt.databases import DatabasePool
from spider_opt.errors import MethodError
from spider_opt.evaluation.pipeline import Nobody
from spider_opt.methods import parse_method
from spider_opt.steps.zero_shot import ZeroShot
from spider_opt.types import Benchmark, Example, Message, Task


def look_of(method: str) -> Look:
    """Return how a method's one prompt looks.

    Raises:
        MethodError: there is no such method, it asks more than once or for more than a prompt, or its prompt is no
            chat: then ``spider-opt eval`` must do the asking.
    """
    steps = parse_method(method).steps
    [step, *others] = steps
    if others or not isinstance(step, ZeroShot):
        raise MethodError(
            f"{method!r} is more than a prompt, and the harness asks the model itself: take zero-shot with its options "
            f"(zero-shot:rows=3), or measure it with: spider-opt eval --method {method}"
        )
    if step.form != "chat":
        raise MethodError(f"{method!r} has the form {step.form}, and the harness asks in a chat: leave out form")
    return step


def prompts(benchmark: Benchmark, look: Look) -> Iterator[tuple[Example, tuple[Message, ...]]]:
    """Yield each question that can be scored with what a model is asked, as ``zero-shot`` asks it.

    Raises:
        DatasetError: a database cannot be read.
    """
    nobody = Nobody("another harness's")
    with ExitStack() as opened:
        pool = DatabasePool(benchmark.paths)
        for sandbox in pool.values():
            opened.callback(sandbox.close)
        drafter = Drafter(look, pool)
        for example in benchmark.examples:
            if not example.judged_by:
                continue
            messages = drafter.messages(Task(example.question, nobody))
            assert not isinstance(messages, str), "a chat"
            yield example, messages
