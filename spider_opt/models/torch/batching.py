"""Puts what many threads ask a model at about the same time into batches that are decoded side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spider_opt.errors import ModelError
from spider_opt.models.torch.shared_prefix import n_shared

END_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its tokens, and the mean of their log probabilities where that was asked for and there are any."""

    tokens: list[int]
    logprob: float | None = None


class Decode(Protocol):
    """Answers prompts side by side, as ``models.torch.decoding`` does."""

    def __call__(
        self,
        prompts: Sequence[Sequence[int]],
        draws: Sequence[tuple[int, float, int]],
        max_tokens: int,
        wanted: Callable[[], bool],
        grammars: Sequence[str | None],
    ) -> Sequence[Said]:
        """Return an answer for each draw, (prompt, temperature, seed), while they are ``wanted``.

        Each prompt has a grammar that its answers follow, or none.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch has at most: ``prompts``, ``rows`` (answers drawn), ``tokens`` (computed before the first answer's).

    Rows that say the same are computed once. A batch begins when for ``wait_s`` nobody else asked: who was just
    answered is about to ask again.
    """

    prompts: int = 96
    rows: int = 256
    tokens: int = 8192
    wait_s: float = 0.03


@dataclass(frozen=True, slots=True)
class Decoded:
    """The answers; ``seconds`` is their share of what their batches took, by rows.

    ``cached`` counts the prompt's tokens that were computed once, for another prompt of the batch.
    """

    answers: list[Said]
    seconds: float
    cached: int


@dataclass(eq=False, slots=True)
class _Asked:
    prompt: Sequence[int]
    draws: Sequence[tuple[float, int]]
    max_tokens: int
    grammar: str | None = None
    answers: list[Said] = field(default_factory=list)
    seconds: float = 0.0
    cached: int = 0
    error: ModelError | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Batch:
    asked: list[_Asked]
    rows: list[int]


class Batcher:
    """Answers the calls of many threads by one thread of its own, which is a daemon and ends with ``close``.

    It begins with ``begin``, which makes what answers: where two threads of a process compute by OpenMP, as torch
    does, the helpers of each sleep after every product, for which nearly half the speed is lost.
    """

    def __init__(self, begin: Callable[[], tuple[Decode, Limits]]) -> None:
        self._begin = begin
        self._changed = threading.Condition()
        self._waiting: list[_Asked] = []
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
        self._begun = threading.Event()
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the thread and wait until it has begun; what ``begin`` raises is raised here."""
        self._thread.start()
        self._begun.wait()
        if self._error is not None:
            raise self._error

    def ask(
        self,
        prompt: Sequence[int],
        draws: Sequence[tuple[float, int]],
        max_tokens: int,
        grammar: str | None = None,
    ) -> Decoded:
        """Wait for an answer to each draw, (temperature, seed), of a prompt; they follow the ``grammar``.

        Raises:
            ModelError: the batch failed, or this is closed.
        """
        asked = _Asked(prompt, draws, max_tokens, grammar)
        with self._changed:
            if self._closed:
                raise _closed()
            self._waiting.append(asked)
            self._changed.notify_all()
        asked.done.wait()
        if asked.error is not None:
            raise asked.error
        return Decoded(asked.answers, asked.seconds, asked.cached)

    def close(self) -> None:
        """Answer nobody any more: who waits gets an error, and the thread ends with the token it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._fail(None, _closed())
        if self._thread is not threading.current_thread():
            self._thread.join(END_WITHIN_S)  # a process that ends under a thread that computes may crash

    def _work(self) -> None:
        try:
            self._decode, self._limits = self._begin()
        except BaseException as error:  # carried over to the thread that waits
            self._error = error
            return
        finally:
            self._begun.set()
        while True:
            batch = None
            try:
                batch = self._next()
                if batch is None:
                    del self._decode  # and the model with it, whoever still holds this
                    return
                self._answer(batch)
            except BaseException as error:  # carried over to the threads that wait
                said = str(error) or repr(error)
                self._fail(batch, ModelError(f"The answers of this batch could not be computed: {said}"), error)

    def _next(self) -> _Batch | None:
        """Wait for a batch and take it; None where this is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            while len(self._waiting) < self._limits.prompts and not self._closed:
                if not self._changed.wait(self._limits.wait_s):
                    break
            if self._closed:
                return None
            return _batch(self._waiting, self._limits)

    def _answer(self, batch: _Batch) -> None:
        prompts = [asked.prompt for asked in batch.asked]
        draws = [
            (i, *draw)
            for i, (asked, n) in enumerate(zip(batch.asked, batch.rows, strict=True))
            for draw in asked.draws[len(asked.answers) :][:n]
        ]
        start = time.perf_counter()
        grammars = [asked.grammar for asked in batch.asked]
        said = iter(self._decode(prompts, draws, batch.asked[0].max_tokens, lambda: not self._closed, grammars))
        each_s = (time.perf_counter() - start) / len(draws)
        if self._closed:  # what was not wanted any more is no answer
            return
        shared = n_shared(prompts)
        for i, (asked, n) in enumerate(zip(batch.asked, batch.rows, strict=True)):
            asked.cached += shared if i and not asked.answers else 0
            asked.answers += [next(said) for _ in range(n)]
            asked.seconds += n * each_s
            if not _left(asked):
                self._done(asked)

    def _fail(self, batch: _Batch | None, failed: ModelError, cause: BaseException | None = None) -> None:
        """Give an error to all of a batch, or to all who wait; each thread gets one of its own to raise."""
        with self._changed:
            asked = [*(self._waiting if batch is None else batch.asked)]
        for one in asked:
            if not one.done.is_set():
                one.error = ModelError(str(failed))
                one.error.__cause__ = cause
                self._done(one)

    def _done(self, asked: _Asked) -> None:
        with self._changed:
            self._waiting = [one for one in self._waiting if one is not asked]
        asked.done.set()


def _batch(waiting: Sequence[_Asked], limits: Limits) -> _Batch:
    """Choose what is asked together with the one that waits longest, and how many rows of each."""
    batch = _Batch([], [])
    n_rows = n_tokens = 0
    for asked in _together(waiting):
        own = len(asked.prompt) - (n_shared([batch.asked[0].prompt, asked.prompt]) if batch.asked else 0)
        if batch.asked and (n_rows == limits.rows or n_tokens + own > limits.tokens):
            break
        rows = min(_left(asked), limits.rows - n_rows)
        batch.asked.append(asked)
        batch.rows.append(rows)
        n_rows, n_tokens = n_rows + rows, n_tokens + own
        if len(batch.asked) == limits.prompts:
            break
    return batch


def _together(waiting: Sequence[_Asked]) -> list[_Asked]:
    """Return those that begin as the first does, for the most part; if none does, those of which that is true too.

    All have the first one's ``max_tokens``.
    """
    groups: list[list[_Asked]] = []
    for asked in waiting:
        if asked.max_tokens == waiting[0].max_tokens:
            group = next((group for group in groups if _alike(group[0].prompt, asked.prompt)), None)
            if group is None:
                groups.append([asked])
            else:
                group.append(asked)
    return groups[0] if len(groups[0]) > 1 else [group[0] for group in groups if len(group) == 1]


def _alike(one: Sequence[int], other: Sequence[int]) -> bool:
    half = (max(len(one), len(other)) + 1) // 2
    return one[:half] == other[:half]


def _left(asked: _Asked) -> int:
    return len(asked.draws) - len(asked.answers)


def _closed() -> ModelError:
    return ModelError("The model was closed before it answered.")
