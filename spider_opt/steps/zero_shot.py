"""Zero-shot: one instruction, the schema, the question, SQL only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spider_opt.databases.samples import sample_rows, sample_values
from spider_opt.prompts import schema as schemas
from spider_opt.prompts import texts
from spider_opt.sql.extract import extract_sql
from spider_opt.types import Generator, Prediction, Schema, Stage, Task, Tools

# The longest gold of Spider has some 200 tokens; a small model that goes on longer goes round in circles.
MAX_TOKENS = 300


@dataclass(frozen=True, slots=True)
class ZeroShot:
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

    schema: schemas.Form = "ddl"
    keys: bool = True
    rows: int = 0
    values: int = 3
    form: texts.Form = "chat"
    rules: bool = False

    def __post_init__(self) -> None:
        if self.rows < 0 or self.values < 0:
            raise ValueError("rows and values cannot be less than 0")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once."""
        shown: dict[str, str] = {}

        def generate(task: Task) -> Prediction:
            schema = task.question.schema
            if schema.db_id not in shown:
                shown[schema.db_id] = self._show(schema, tools)
            request = texts.zero_shot(self.form, shown[schema.db_id], task.question.text, self.rules)
            stop = ("```",) if self.form == "prefill" else (";", "\n\n") if self.form == "completion" else ()
            [completion] = task.model.complete(
                request, temperature=task.temperature, seed=task.seed, stop=stop, max_tokens=MAX_TOKENS
            )
            text = completion.text
            if self.form == "completion" and text.strip():
                text = f"SELECT {text}"
            trace = {"step": "zero-shot", "finish": completion.finish_reason}
            return Prediction(extract_sql(text), completion.usage, (trace,))

        return generate

    def _show(self, schema: Schema, tools: Tools) -> str:
        rows = sample_rows(schema, tools.databases[schema.db_id], self.rows) if self.rows else None
        values = sample_values(schema, tools.databases[schema.db_id], self.values) if self.values else None
        return schemas.serialise(schema, self.schema, keys=self.keys, rows=rows, values=values)
