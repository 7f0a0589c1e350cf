"""Zero-shot: one instruction, the schema, the question, SQL only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from spider_opt.errors import QueryError
from spider_opt.prompts import schema as schemas
from spider_opt.prompts import texts
from spider_opt.sql.extract import extract_sql
from spider_opt.types import Database, Generator, Prediction, Schema, Stage, Task, Tools, Value


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """Show the schema, ask the question, take the SQL; the baseline of everything.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023), first rung;
    schema forms after Rajkumar et al. 2022 and DAIL-SQL (Gao et al. 2023).

    Options:
        schema: ``ddl`` (CREATE TABLE) or ``compact`` (one line a table).
        keys: show primary and foreign keys.
        rows: sample rows shown under each table.
        form: ``chat``, ``prefill`` (chat whose answer is begun with a code fence) or ``completion``.
        rules: add rules against the usual mistakes.
    """

    stage: ClassVar[Stage] = Stage.DRAFT

    schema: schemas.Form = "ddl"
    keys: bool = True
    rows: int = 0
    form: texts.Form = "chat"
    rules: bool = False

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once."""
        shown: dict[str, str] = {}

        def generate(task: Task) -> Prediction:
            schema = task.question.schema
            if schema.db_id not in shown:
                samples = _sample_rows(schema, tools.databases[schema.db_id], self.rows) if self.rows else None
                shown[schema.db_id] = schemas.serialise(schema, self.schema, keys=self.keys, rows=samples)
            request = texts.zero_shot(self.form, shown[schema.db_id], task.question.text, self.rules)
            stop = ("```",) if self.form == "prefill" else (";", "\n\n") if self.form == "completion" else ()
            [completion] = task.model.complete(request, temperature=task.temperature, seed=task.seed, stop=stop)
            text = completion.text
            if self.form == "completion":
                text = f"SELECT {text}"
            trace = {"step": "zero-shot", "finish": completion.finish_reason}
            return Prediction(extract_sql(text), completion.usage, (trace,))

        return generate


def _sample_rows(schema: Schema, database: Database, n: int) -> Mapping[str, Sequence[Sequence[Value]]]:
    """Return the first ``n`` rows of each table, cells in the order of the schema's columns."""
    samples = {}
    for table in schema.tables:
        columns = ", ".join(schemas.quoted(c.name) for c in table.columns)
        try:
            samples[table.name] = database.run(f"SELECT {columns} FROM {schemas.quoted(table.name)} LIMIT {n}").rows
        except QueryError:
            continue  # a table that cannot be read has no rows to show
    return samples
