"""Retry: run the query, and where it fails show the model the message and ask again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import ClassVar

from spider_opt.answering.candidates import told, within
from spider_opt.answering.outcomes import Tried, best, tried
from spider_opt.sql.names import quoted
from spider_opt.types import Generator, Prediction, Schema, Stage, Task, Tools, Usage

MAX_NAMES = 8
_UNKNOWN = re.compile(r"(?P<what>no such column|ambiguous column name|no such table): (?P<name>.+?)(?: - should .*)?\Z")


@dataclass(frozen=True, slots=True)
class Retry:
    """Run the query; on an error show the model its query and the database's message, and ask again.

    Where no attempt does, the first answer stands: what would be answered without this step, which so can only mend.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023); Chen et al. 2023
    (self-debugging).

    Options:
        k: further attempts at most.
        empty: ask again where the result is empty, too; a query that ran stands before one that failed.
        temperature: of the further attempts.
        hint: say beside an unknown name where there is such a column, or which names are near.
    """

    stage: ClassVar[Stage] = Stage.REFINE

    k: int = 2
    empty: bool = False
    temperature: float = 0.0
    hint: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError("k must be at least 1")
        if self.temperature < 0:
            raise ValueError("temperature cannot be less than 0")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to 1 + k times."""

        def generate(task: Task) -> Prediction:
            schema = task.question.schema
            run = cache(lambda sql: tried(tools.databases[schema.db_id], sql))
            predictions: list[Prediction] = []
            attempts: list[Tried] = []
            while True:
                predictions.append(inner(task))
                sql = predictions[-1].sql
                attempts.append(run(sql))
                if self._does(attempts[-1]) or len(attempts) > self.k:
                    break
                message = attempts[-1].message
                if self.hint:
                    message += hint(message, schema)
                task = replace(task, feedback=(*task.feedback, (sql, message)), temperature=self.temperature)
            answer = predictions[best(attempts)]
            trace = {"step": "retry", "attempts": len(attempts), "outcomes": [str(a.outcome) for a in attempts]}
            usage = sum((p.usage for p in predictions), Usage())
            candidates = (*within(predictions), *told("retry", predictions, attempts))
            return replace(answer, usage=usage, trace=(*answer.trace, trace), candidates=candidates)

        return generate

    def _does(self, attempt: Tried) -> bool:
        return attempt.outcome == "rows" or (attempt.ran and not self.empty)


def hint(message: str, schema: Schema) -> str:
    """Return what the schema has to say about the unknown name in a message of SQLite, as words to put behind it.

    >>> from spider_opt.types import Column, Table
    >>> schema = Schema("d", (Table("pet", (Column("name", "TEXT"),)), Table("home", (Column("town", "TEXT"),))))
    >>> hint("no such column: T2.name", schema), hint("no such column: towns", schema)
    ('; tables with a column name: pet', '; columns with a like name: home.town')
    >>> hint("no such table: homes", schema)
    '; the tables are: home, pet'
    """
    found = _UNKNOWN.search(message)
    if found is None:
        return ""
    name = found["name"].rpartition(".")[2].strip("\"'`[]")
    if found["what"] == "no such table":
        return _listed("the tables are", map(quoted, _near(name, [table.name for table in schema.tables], cutoff=0.0)))
    columns = [(table.name, column.name) for table in schema.tables for column in table.columns]
    tables = [quoted(table) for table, column in columns if column.lower() == name.lower()]
    if tables:
        return _listed(f"tables with a column {name}", tables)
    near = _near(name, [column for _, column in columns], cutoff=0.6)
    return _listed(
        "columns with a like name",
        (f"{quoted(t)}.{quoted(c)}" for n in near for t, c in columns if c.lower() == n.lower()),
    )


def _near(name: str, names: Sequence[str], cutoff: float) -> list[str]:
    """Return the names that are like a name, most like first, whatever their case."""
    spelled = {other.lower(): other for other in names}
    return [spelled[n] for n in get_close_matches(name.lower(), spelled, n=MAX_NAMES, cutoff=cutoff)]


def _listed(what: str, names: Iterable[str]) -> str:
    listed = ", ".join(islice(names, MAX_NAMES))
    return f"; {what}: {listed}" if listed else ""
