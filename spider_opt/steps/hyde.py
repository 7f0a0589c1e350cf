"""HyDE: draft the query, and show training examples whose queries are built like the draft."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from spider_opt.answering.demos import library_for, with_demos
from spider_opt.answering.drafts import Drafter, Look, drafted
from spider_opt.linking.masking import masked
from spider_opt.sql.skeleton import skeleton
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class HyDE:
    """Draft the query, and show training examples whose queries have a skeleton near the drafts'.

    The draft comes from the direct prompt, whatever the rest of the method is. Where no draft holds a query, the
    examples are those with the nearest masked question.

    Source: HyDE (Gao et al. 2022, arXiv:2212.10496), on the skeletons of queries after DAIL-SQL (Gao et al. 2023,
    arXiv:2308.15363); OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023).

    Options:
        k: how many examples.
        n: how many drafts; the mean of their vectors is what is looked for.
        temperature: of the drafts where there are several.
        question: let the question count as one more draft.
        schemas: show each example with its own schema.
    """

    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = 1

    k: int = 3
    n: int = 1
    temperature: float = 0.7
    question: bool = False
    schemas: bool = False

    def __post_init__(self) -> None:
        if self.k < 1 or self.n < 1:
            raise ValueError("k and n must be 1 or more")
        if not 0 < self.temperature <= 2:
            raise ValueError("temperature must be above 0, for drafts that differ, and at most 2")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks for the drafts in one call, unless it is handed one, then ``inner`` once."""
        library = library_for("hyde", tools)
        drafter = Drafter(Look(), tools.databases)

        def generate(task: Task) -> Prediction:
            drafts, candidates, usage = drafted(task, drafter, "hyde", n=self.n, temperature=self.temperature)
            if self.n == 1:
                task = replace(task, draft=drafts[0])
            context, k = task.context, self.k + len(task.context.demos)
            texts = [skeleton(sql) for sql in drafts if sql]
            if texts:
                if self.question:
                    texts.append(task.question.text)
                found = library.nearest("skeleton", texts, k, question=task.question, level=context.level)
            else:
                found = library.nearest(
                    "masked", [masked(task.question)], k, question=task.question, level=context.level
                )
            shown, ids = with_demos(task, found, self.k, library=library, own_schema=self.schemas)
            answered = inner(shown)
            trace = (*answered.trace, {"step": "hyde", "demos": ids, "drafts": drafts})
            candidates = (*answered.candidates, *candidates)
            return replace(answered, usage=usage + answered.usage, trace=trace, candidates=candidates)

        return generate
