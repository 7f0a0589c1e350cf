"""Asks a generator many questions, some of them at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from collections.abc import Generator as Yields
from itertools import islice
from math import inf
from queue import Empty, SimpleQueue

from spider_opt.errors import BudgetSpent, ModelError, ModelUnavailable
from spider_opt.types import ChatModel, Example, Generator, Prediction, Task

LOOK_UP_S = 0.2
_Answered = tuple[Example, Prediction | BaseException]


def by_database(examples: Sequence[Example]) -> list[Example]:
    """Return examples with those of one database together, so that a server's prefix cache works."""
    first: dict[str, int] = {}
    for example in examples:
        first.setdefault(example.question.db_id, example.index)
    return sorted(examples, key=lambda ex: (first[ex.question.db_id], ex.index))


def ask_all(
    todo: Sequence[Example],
    generator: Generator,
    model: ChatModel,
    seed: int,
    concurrency: int,
    *,
    left_s: Callable[[], float] = lambda: inf,
) -> Yields[tuple[Example, Prediction | ModelError]]:
    """Yield each question with its answer, or the error it got instead, as they come.

    Close it to ask no further. Its threads are daemons, so that Ctrl-C need not wait for a model that hangs. Where
    ``left_s`` says that no time is left, it ends at once, whatever is still asked.

    Raises:
        BudgetSpent: what may be spent is. What was asked by then has been yielded, but for want of time.
        ModelUnavailable: no use to go on.
    """
    jobs: SimpleQueue[Example | None] = SimpleQueue()
    answered: SimpleQueue[_Answered] = SimpleQueue()

    def ask() -> None:
        while (example := jobs.get()) is not None:
            try:
                answered.put((example, generator(Task(example.question, model, seed=seed))))
            except BaseException as error:  # carried over to the thread that listens
                answered.put((example, error))

    n_threads = min(concurrency, len(todo))
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    waiting = iter(todo)
    for example in islice(waiting, n_threads):
        jobs.put(example)
    asked, stopped = n_threads, None
    try:
        while asked:
            example, got = _next(answered, left_s)
            asked -= 1
            if isinstance(got, BudgetSpent):
                stopped = stopped or got
                continue
            if isinstance(got, ModelUnavailable):
                raise got
            if isinstance(got, BaseException) and not isinstance(got, ModelError):
                raise got
            yield example, got
            # Only now the next: never are more than ``concurrency`` answers not yet with the listener.
            for following in islice(waiting, 0 if stopped else 1):
                jobs.put(following)
                asked += 1
        if stopped:
            raise stopped
    finally:
        for _ in threads:
            jobs.put(None)
    for thread in threads:
        thread.join()  # scoring forks only where no other thread is left


def _next(answered: SimpleQueue[_Answered], left_s: Callable[[], float]) -> _Answered:
    # Where the system hands Ctrl-C to another thread, or none may be woken by it, this one looks up by itself.
    while True:
        left = left_s()
        try:
            return answered.get(timeout=min(LOOK_UP_S, max(0.0, left)))
        except Empty:
            if left <= 0:
                raise BudgetSpent("the time that was given is over") from None
