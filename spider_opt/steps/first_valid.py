"""First-valid: where the answer does not run, sample others until one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from spider_opt.answering.candidates import sample_of, told, within
from spider_opt.answering.choosing import chosen
from spider_opt.answering.outcomes import Tried, tried
from spider_opt.answering.samples import Sampling
from spider_opt.types import Generator, Prediction, Stage, Task, Tools, Usage


@dataclass(frozen=True, slots=True)
class FirstValid(Sampling):
    """Sample up to n answers and take the first that runs; most questions need but the first.

    Where none runs, the first answer stands.

    Source: Wang et al. 2018 (execution-guided decoding).

    Options:
        n: samples at most.
        temperature: they are drawn at.
        greedy: the first sample is the answer that there would be without this step.
        chunk: samples asked for in one request after the first, none for all: fewer cost less, more are faster each.
        nonempty: sample on where the result is empty, too; a query that ran stands before one that failed.
        orders: in so many orders of its tables and columns the schema is shown, its own first, one to each sample in
            turn; with greedy the first in each order is not sampled.
    """

    stage: ClassVar[Stage] = Stage.REFINE

    chunk: int | None = 1

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to n times."""

        def generate(task: Task) -> Prediction:
            run = cache(lambda sql: tried(tools.databases[task.question.db_id], sql))
            samples: list[Prediction] = []
            outcomes: list[Tried] = []
            for sample in self.draw(inner, task):
                samples.append(sample)
                outcomes.append(run(sample.sql))
                if outcomes[-1].outcome == "rows" or (outcomes[-1].ran and not self.nonempty):
                    break
            candidates = told("first-valid", samples, outcomes)
            answer = samples[sample_of(candidates[chosen(candidates, "first-nonempty")], samples)]
            trace = {"step": "first-valid", "n": len(samples), "outcomes": [str(o.outcome) for o in outcomes]}
            usage = sum((sample.usage for sample in samples), Usage())
            return replace(
                answer, usage=usage, trace=(*answer.trace, trace), candidates=(*within(samples), *candidates)
            )

        return generate
