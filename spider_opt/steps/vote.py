"""Vote: sample several answers, run each, and take the one whose result comes most often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

from spider_opt.answering.candidates import sample_of, told, within
from spider_opt.answering.choosing import chosen
from spider_opt.answering.samples import Sampling
from spider_opt.types import Generator, Prediction, Stage, Task, Tools, Usage


@dataclass(frozen=True, slots=True)
class Vote(Sampling):
    """Sample n answers, drop those that fail, group the rest by result, answer with the largest group's first.

    Within that group, which has one content, the answer is the first that has the most frequent order. Of groups
    equally large the one with the higher mean log probability counts, then the earlier one. Sampling ends early where
    the rest cannot change the answer; where nothing runs, the first answer stands.

    Source: Wang et al. 2022 (self-consistency); Shi et al. 2022 (MBR-exec: by result); DAIL-SQL (Gao et al. 2023).

    Options:
        n: samples.
        temperature: they are drawn at.
        greedy: the first sample is the answer that there would be without this step.
        chunk: samples asked for in one request, none for all: fewer can save some, more are faster each.
        nonempty: empty results count only where there are no others.
        orders: in so many orders of its tables and columns the schema is shown, its own first, one to each sample in
            turn; with greedy the first in each order is not sampled.
    """

    stage: ClassVar[Stage] = Stage.REFINE
    rank: ClassVar[int] = -1

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to n times."""

        def generate(task: Task) -> Prediction:
            samples, tries = self.draw_and_try(inner, task, tools.databases[task.question.db_id])
            candidates = told("vote", samples, tries)
            way = "vote-nonempty" if self.nonempty else "vote"
            first = sample_of(candidates[chosen(candidates, way)], samples)
            sizes = sorted(Counter(attempt.digest for attempt in tries if attempt.ran).values(), reverse=True)
            failed = len(samples) - sum(sizes)
            trace = {"step": "vote", "n": len(samples), "groups": sizes, "failed": failed, "chosen": first}
            return replace(
                samples[first],
                usage=sum((sample.usage for sample in samples), Usage()),
                trace=(*samples[first].trace, trace),
                candidates=(*within(samples), *candidates),
            )

        return generate
