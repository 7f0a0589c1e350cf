"""Select: sample several answers, and where their results differ ask a judge which is right.

Not in the table of steps: it stands there when there is a judge that is measured to gain over a vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from spider_opt.answering.candidates import sample_of, told, within
from spider_opt.answering.choosing import chosen
from spider_opt.answering.disagreement import disagrees, groups
from spider_opt.answering.drafts import Drafter, Look
from spider_opt.answering.judging import Metered, best, judge_named, scores
from spider_opt.answering.samples import Sampling
from spider_opt.types import Candidate, Generator, Prediction, Stage, Task, Tools, Usage


@dataclass(frozen=True, slots=True)
class Select(Sampling):
    """Sample n answers, and where results differ answer with the one that a judge holds likeliest to be right.

    Answers are drawn, dropped and grouped as ``vote`` does it, which also decides where no two results stand against
    each other. The judge is shown each group's query with the first rows of its result.

    Source: Cobbe et al. 2021 (verifiers); Ni et al. 2023 (LEVER: what came of running it is part of what is judged).

    Options:
        n: samples.
        temperature: they are drawn at.
        greedy: the first sample is the answer that there would be without this step.
        chunk: samples asked for in one request, none for all: fewer can save some, more are faster each.
        nonempty: empty results count only where there are no others.
        orders: in so many orders of its tables and columns the schema is shown, its own first, one to each sample in
            turn; with greedy the first in each order is not sampled.
        judge: its name, where there are several.
        votes: the judge's number counts as often as a result was had; no: it counts alone.
    """

    stage: ClassVar[Stage] = Stage.REFINE
    rank: ClassVar[int] = -1

    judge: str = ""
    votes: bool = True

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to n times, and the judge where that disagrees."""
        opens = judge_named(self.judge)
        drafter = Drafter(Look(), tools.databases)

        def judged(candidates: Sequence[Candidate], task: Task) -> tuple[int, list[float], Usage]:
            """Return who is chosen, the judge's numbers, and what they cost."""
            counting = tuple(c for c in candidates if not self.nonempty or c.outcome != "empty")
            if not disagrees(counting):
                return chosen(candidates, "vote-nonempty" if self.nonempty else "vote"), [], Usage()
            model, question = Metered(task.model), task.question
            found = groups(counting, tools.databases[question.db_id])
            said = scores(opens(model), question, drafter.shown(question.schema, task.context), found)
            return candidates.index(counting[best(found, said, by_votes=self.votes)]), said, model.spent

        def generate(task: Task) -> Prediction:
            samples, tries = self.draw_and_try(inner, task, tools.databases[task.question.db_id])
            candidates = told("select", samples, tries)
            number, said, spent = judged(candidates, task)
            first = sample_of(candidates[number], samples)
            sizes = Counter(attempt.digest for attempt in tries if attempt.ran)
            trace: dict[str, Any] = {
                "step": "select",
                "n": len(samples),
                "groups": sorted(sizes.values(), reverse=True),
                "failed": len(samples) - sizes.total(),
                "chosen": first,
            }
            return replace(
                samples[first],
                usage=sum((sample.usage for sample in samples), spent),
                trace=(*samples[first].trace, trace | ({"scores": [round(one, 4) for one in said]} if said else {})),
                candidates=(*within(samples), *candidates),
            )

        return generate
