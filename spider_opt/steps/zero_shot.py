"""Zero-shot: one instruction, the schema, the question, SQL only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class ZeroShot(Look):
    """Show the schema, ask the question, take the SQL; the baseline of everything.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023), first rung;
    schema forms after Rajkumar et al. 2022 and DAIL-SQL (Gao et al. 2023).

    Options:
        schema: ``ddl`` (CREATE TABLE) or ``compact`` (one line a table).
        keys: show primary and foreign keys.
        rows: sample rows shown under each table.
        values: sample values shown beside each column.
        form: ``chat``, ``prefill`` (chat whose answer is begun with a code fence) or ``completion``.
        rules: add rules against the usual mistakes.
    """

    stage: ClassVar[Stage] = Stage.DRAFT

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once."""
        drafter = Drafter(self, tools.databases)

        def generate(task: Task) -> Prediction:
            return drafter(task, "zero-shot")

        return generate
