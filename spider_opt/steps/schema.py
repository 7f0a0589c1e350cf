"""Schema: what of the database the question is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import ClassVar

from spider_opt.linking.table_ranking import ranked
from spider_opt.linking.values import ValueIndex
from spider_opt.types import Generator, Prediction, Stage, Task, Tools


@dataclass(frozen=True, slots=True)
class SchemaLinking:
    """Show values of the database that the question mentions, and only the tables and columns it seems to be about.

    Pruning changes the prompt's beginning from question to question, which the server's prefix cache then has not seen.

    Source: RESDSQL (Li et al. 2023, arXiv:2302.05965) and CodeS (Li et al. 2024, arXiv:2402.16347), which rank with
    a trained classifier, here by the words of the names and by the values.

    Options:
        tables: how many tables are shown, those on the way between them among these; none for all.
        columns: how many columns of each are shown beside its keys; none for all.
        values: how many values are shown at most.
    """

    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = -2

    tables: int | None = None
    columns: int | None = None
    values: int = 3

    def __post_init__(self) -> None:
        if self.values < 0:
            raise ValueError("values cannot be less than 0")
        if (self.tables is not None and self.tables < 1) or (self.columns is not None and self.columns < 1):
            raise ValueError("tables and columns must be 1 or more, or none for all")
        if self.values == 0 and self.tables is None and self.columns is None:
            raise ValueError("there is nothing to do: ask for some values, or fewer tables or columns")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` once."""
        indexes: dict[str, ValueIndex] = {}
        building = Lock()

        def generate(task: Task) -> Prediction:
            schema, text = task.question.schema, task.question.text
            with building:
                if schema.db_id not in indexes:
                    indexes[schema.db_id] = ValueIndex(schema, tools.databases[schema.db_id])
            mentions = indexes[schema.db_id].mentioned(text)
            whole = {(table.name, column.name) for table in schema.tables for column in table.columns}
            pruned = self.tables is not None or self.columns is not None
            tables = ranked(schema, text, mentions, tables=self.tables, columns=self.columns) if pruned else ()
            shown = {(table, column) for table, columns in tables for column in columns} or whole
            if shown == whole:
                tables = ()  # the schema looks the same to all questions, as it does without this step
            values = tuple(mention[:3] for mention in mentions if mention[:2] in shown)[: self.values]
            answered = inner(replace(task, context=replace(task.context, tables=tables, values=values)))
            trace = {
                "step": "schema",
                "tables": [table for table, _ in tables],
                "n_columns": len(shown),
                "n_values": len(values),
            }
            return replace(answered, trace=(*answered.trace, trace))

        return generate
