"""First-valid: where the answer does not run, sample others until one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from spider_opt.databases.outcomes import Tried, best, tried
from spider_opt.models.samples import SharedSamples
from spider_opt.types import Generator, Prediction, Stage, Task, Tools, Usage


@dataclass(frozen=True, slots=True)
class FirstValid:
    """Sample up to n answers and take the first that runs; most questions need but the first.

    Where none runs, the first answer stands.

    Source: Wang et al. 2018 (execution-guided decoding).

    Options:
        n: samples at most.
        temperature: they are drawn at.
        greedy: the first sample is the answer that there would be without this step.
        chunk: samples asked for in one request after the first, none for all: fewer cost less, more are faster each.
        nonempty: sample on where the result is empty, too; a query that ran stands before one that failed.
    """

    stage: ClassVar[Stage] = Stage.REFINE

    n: int = 8
    temperature: float = 0.7
    greedy: bool = True
    chunk: int | None = 1
    nonempty: bool = False

    def __post_init__(self) -> None:
        if self.n < 1 or (self.chunk is not None and self.chunk < 1):
            raise ValueError("n and chunk must be at least 1")
        if self.temperature <= 0:
            raise ValueError("temperature must be more than 0, or all samples are the same")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to n times."""

        def generate(task: Task) -> Prediction:
            run = cache(lambda sql: tried(tools.databases[task.question.db_id], sql))
            shared = SharedSamples(task.model, range(int(self.greedy), self.n), self.chunk)
            samples: list[Prediction] = []
            outcomes: list[Tried] = []
            for i in range(self.n):
                temperature = task.temperature if self.greedy and i == 0 else self.temperature
                samples.append(inner(replace(task, model=shared.model(i), temperature=temperature)))
                outcomes.append(run(samples[i].sql))
                if outcomes[i].outcome == "rows" or (outcomes[i].ran and not self.nonempty):
                    break
            answer = samples[best(outcomes)]
            trace = {"step": "first-valid", "n": len(samples), "outcomes": [str(o.outcome) for o in outcomes]}
            usage = sum((sample.usage for sample in samples), Usage())
            return replace(answer, usage=usage, trace=(*answer.trace, trace))

        return generate
