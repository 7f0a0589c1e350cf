"""The one fake of a model that the tests ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from spider_opt.types import Completion, ModelInfo, Request, Usage

COST = Usage(1, 50, 40, 9, 0.5)
One = str | Completion | BaseException
Answer = str | BaseException | Sequence[Completion]
"""A text for all samples of a request, or what they are, or an error to raise."""


class FakeModel:
    """Answers from what it is given, and keeps the ``requests`` it got and what was ``spent`` on them.

    Each sample takes the next of some texts or completions, the last one again and again; a request that comes to an
    error raises it. One function in their place answers whole requests. With none at all nobody may ask. ``usage`` is
    what a request costs, where the answers do not say.
    """

    def __init__(
        self,
        *says: One | Callable[[Request], Answer],
        info: ModelInfo = ModelInfo("fake"),  # noqa: B008 (it is frozen)
        usage: Usage = COST,
        cache_tag: str = "",
    ) -> None:
        self.says = says
        self.info = info
        self.usage = usage
        self.cache_tag = cache_tag
        self.requests: list[Request] = []
        self.spent = Usage()
        self.closed = 0
        self._next = 0
        self._lock = threading.Lock()

    def complete(self, request: Request) -> list[Completion]:
        with self._lock:
            self.requests.append(request)
        answer = self._answer(request)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            answer = [Completion(answer)] * request.n
        if answer and all(completion.usage == Usage() for completion in answer):
            answer = [replace(answer[0], usage=self.usage), *answer[1:]]
        with self._lock:
            self.spent = sum((completion.usage for completion in answer), self.spent)
        return list(answer)

    def close(self) -> None:
        self.closed += 1

    @property
    def prompts(self) -> list[str]:
        """What was asked, one text a request."""
        return [request.text for request in self.requests]

    def _answer(self, request: Request) -> Answer:
        if not self.says:
            raise AssertionError("nobody asks this model")
        if callable(self.says[0]):
            return self.says[0](request)
        said = []
        with self._lock:
            for _ in range(request.n):
                one = self.says[min(self._next, len(self.says) - 1)]
                self._next += 1
                if isinstance(one, BaseException):
                    return one
                said.append(one if isinstance(one, Completion) else Completion(str(one)))
        return said
