"""A judge that is a tuned model: how likely it is to say that a query answers its question.

Source: Cobbe et al. 2021 (arXiv:2110.14168), a verifier over samples; Ni et al. 2023 (LEVER, arXiv:2302.08468), which
reads what came of running them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from spider_opt.answering.disagreement import Group
from spider_opt.errors import ModelError
from spider_opt.prompts.verifying import NO, YES, ask_verifier
from spider_opt.types import ChatModel, Message, Question, Request


def asked_about(question: Question, schema: str, group: Group) -> tuple[Message, ...]:
    """Return what a verifier is asked about a group of candidates with one result."""
    return ask_verifier(
        schema, question.text, group.sql, notes=question.notes, columns=group.columns, rows=group.rows,
        n_rows=group.n_rows, failed=group.failed,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verifier:
    """Asks a model, which was tuned to say yes or no, and which tells log probabilities, for one word."""

    model: ChatModel

    def __call__(self, question: Question, schema: str, group: Group) -> float:
        """Return the probability of yes, 0 to 1.

        Raises:
            ModelError: the model did not answer, says something else, or does not tell how probable its word was.
        """
        [said] = self.model.complete(Request(asked_about(question, schema, group), max_tokens=1))
        word = said.text.strip().lower()
        if said.logprob is None:
            raise ModelError(f"{self.model.info.name} does not tell how probable its words are, and a judge has to")
        if word not in (YES, NO):
            raise ModelError(f"{self.model.info.name} said {said.text!r} where a judge says {YES} or {NO}")
        chance = min(1.0, math.exp(said.logprob))
        return chance if word == YES else 1 - chance
