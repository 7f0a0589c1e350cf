"""Makes n samples of one prompt one request, so that a server computes the prompt once and decodes them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from zlib import crc32

from spider_opt.answering.choosing import settled
from spider_opt.answering.outcomes import Tried, orders, tried
from spider_opt.errors import ModelError
from spider_opt.prompts.orders import in_orders
from spider_opt.types import ChatModel, Completion, Database, Generator, ModelInfo, Prediction, Request, Task, Usage


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many answers to a task are drawn, and how: what steps that sample have in common."""

    n: int = 8
    temperature: float = 0.7
    greedy: bool = True
    chunk: int | None = None
    nonempty: bool = False
    orders: int = 1

    def __post_init__(self) -> None:
        if self.n < 1 or (self.chunk is not None and self.chunk < 1):
            raise ValueError("n and chunk must be at least 1")
        if self.temperature <= 0:
            raise ValueError("temperature must be more than 0, or all samples are the same")
        if not 1 <= self.orders <= self.n:
            raise ValueError("orders must be from 1 to n: each is shown to one sample at least")

    def draw(self, inner: Generator, task: Task) -> Iterator[Prediction]:
        """Yield ``n`` answers; with ``greedy`` the first is the one there would be without sampling.

        The schema is shown in one of ``orders`` after the other, and the first of each is then not sampled.

        Raises:
            ModelError: the model did not answer.
        """
        schemas = in_orders(task.question.schema, self.orders)
        shared = [
            SharedSamples(task.model, range(int(self.greedy), -(-(self.n - order) // self.orders)), self.chunk)
            for order in range(self.orders)
        ]
        for i in range(self.n):
            number, order = divmod(i, self.orders)
            temperature = task.temperature if self.greedy and number == 0 else self.temperature
            yield inner(
                replace(
                    task,
                    question=replace(task.question, schema=schemas[order]),
                    model=shared[order].model(number),
                    temperature=temperature,
                    seed=task.seed + order * self.n,  # a schema that looks alike in two orders is drawn for anew
                )
            )

    def draw_and_try(self, inner: Generator, task: Task, database: Database) -> tuple[list[Prediction], list[Tried]]:
        """Return the answers and what came of running each; no more are drawn where they cannot change a vote.

        Raises:
            ModelError: the model did not answer.
        """
        run = cache(lambda sql: tried(database, sql))
        samples: list[Prediction] = []
        tries: list[Tried] = []
        for sample in self.draw(inner, task):
            samples.append(sample)
            tries.append(run(sample.sql))
            if settled(orders(tries, nonempty=self.nonempty), self.n - len(samples)):
                break
        return samples, tries


class SharedSamples:
    """A model for each of several answers to one task, which are drawn one after another, not by several threads.

    The numbers in ``samples`` share the first request above temperature 0 that one of them makes: until then
    nothing has set them apart, so all will make it. It is made for ``chunk`` of them at a time, None for all.
    What a sample asks later, or again, is asked alone with a seed of its own, as is all that a number outside of
    ``samples`` asks. At temperature 0 nothing is asked twice, whoever asks it.

    What a request cost goes, once, to the sample that caused it.
    """

    def __init__(self, inner: ChatModel, samples: range, chunk: int | None = None) -> None:
        self.inner = inner
        self.samples = samples
        self.chunk = chunk or max(1, len(samples))
        self._common: Request | None = None
        self._batches: dict[int, list[Completion]] = {}
        self._certain: dict[Request, list[Completion]] = {}
        self._due = Usage()

    def model(self, number: int) -> ChatModel:
        """Return the model for one sample; each is to be taken once."""
        return _Sample(self, number)

    def answer(self, number: int, request: Request, times: int) -> list[Completion]:
        """Answer a request that this sample has made so many times before.

        Raises:
            ModelError: the model did not answer.
        """
        if request.temperature <= 0:
            if request not in self._certain:
                self._certain[request] = self._ask(request, request.n, request.seed)
            return self._charged(self._certain[request])
        if number in self.samples and request.n == 1 and not times:
            self._common = self._common or request
            own = self._from_batch(number, request) if request == self._common else []
            if own:
                return self._charged(own)
        # A number far from seed + i, which a step further out or in may have given to another sample.
        seed = crc32(f"{request.seed} {number} {times}".encode()) >> 1
        return self._charged(self._ask(request, request.n, seed))

    def _from_batch(self, number: int, request: Request) -> list[Completion]:
        """Return the sample's own completion, none where the model gave fewer than it was asked for."""
        place = (number - self.samples.start) % self.chunk
        first = number - place
        if first not in self._batches:
            n = min(self.chunk, self.samples.stop - first)
            self._batches[first] = self._ask(request, n, request.seed + first)
        return self._batches[first][place : place + 1]

    def _ask(self, request: Request, n: int, seed: int) -> list[Completion]:
        """Ask the inner model and keep back what it cost."""
        done = self.inner.complete(replace(request, n=n, seed=seed))
        if not done:
            raise ModelError(f"{self.inner.info.name} was asked for {n} samples and gave none.")
        self._due = sum((completion.usage for completion in done), self._due)
        return [replace(completion, usage=Usage()) for completion in done]

    def _charged(self, completions: Sequence[Completion]) -> list[Completion]:
        first, *others = completions
        due, self._due = self._due, Usage()
        return [replace(first, usage=due), *others]


class _Sample:
    def __init__(self, shared: SharedSamples, number: int) -> None:
        self._shared = shared
        self._number = number
        self._asked: Counter[Request] = Counter()

    @property
    def info(self) -> ModelInfo:
        return self._shared.inner.info

    def complete(self, request: Request) -> list[Completion]:
        times = self._asked[request]
        self._asked[request] += 1
        return self._shared.answer(self._number, request, times)
