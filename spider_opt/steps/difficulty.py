"""Difficulty: guess how hard the question is, and take examples of that level only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from spider_opt.answering.demos import library_for
from spider_opt.answering.drafts import Drafter, Look, drafted
from spider_opt.sql.hardness import hardness
from spider_opt.types import Candidate, Generator, Prediction, Stage, Task, Tools, Usage


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Take training examples only of the level that the question seems to have.

    A draft that cannot be parsed leaves all levels open.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): examples of the same
    difficulty; the levels are Spider's (Yu et al. 2018, arXiv:1809.08887).

    Options:
        by: the level of a ``draft`` from the direct prompt, or what a ``classifier`` trained on the examples says.
    """

    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = -1
    needs: ClassVar[tuple[str, ...]] = ("fewshot", "hyde")

    by: Literal["draft", "classifier"] = "draft"

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks for a draft, unless it is handed one or needs none, then ``inner`` once."""
        library = library_for("difficulty", tools)
        drafter = Drafter(Look(), tools.databases)

        def generate(task: Task) -> Prediction:
            candidates: tuple[Candidate, ...] = ()
            usage = Usage()
            if self.by == "draft":
                [draft], candidates, usage = drafted(task, drafter, "difficulty")
                task, level = replace(task, draft=draft), hardness(draft)
            else:
                level = library.level(task.question)
            answered = inner(replace(task, context=replace(task.context, level=level)))
            trace = (*answered.trace, {"step": "difficulty", "level": level})
            candidates = (*answered.candidates, *candidates)
            return replace(answered, usage=usage + answered.usage, trace=trace, candidates=candidates)

        return generate
