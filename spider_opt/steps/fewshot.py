"""Few-shot: training examples near the question, each with its query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from spider_opt.answering.demos import library_for, with_demos
from spider_opt.linking.masking import masked
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class FewShot:
    """Show training examples whose questions are like this one.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): retrieval by the
    question; DAIL-SQL (Gao et al. 2023, arXiv:2308.15363): by the masked question.

    Options:
        k: how many.
        by: likeness of the ``question``, of the question with schema words and values ``masked``, or at ``random``.
        schemas: show each with its own schema.
    """

    stage: ClassVar[Stage] = Stage.CONTEXT

    k: int = 3
    by: Literal["question", "masked", "random"] = "masked"
    schemas: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError("k must be 1 or more")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` once, with up to ``k`` demos more."""
        library = library_for("fewshot", tools)

        def generate(task: Task) -> Prediction:
            question, level = task.question, task.context.level
            k = self.k + len(task.context.demos)  # as many as can be there already
            if self.by == "random":
                found = library.drawn(k, question=question, seed=task.seed, level=level)
            else:
                text = masked(question) if self.by == "masked" else question.text
                found = library.nearest(self.by, [text], k, question=question, level=level)
            shown, ids = with_demos(task, found, self.k, library=library, own_schema=self.schemas)
            answered = inner(shown)
            return replace(answered, trace=(*answered.trace, {"step": "fewshot", "demos": ids}))

        return generate
