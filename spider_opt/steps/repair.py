"""Repair: an answer that names what its FROM, or asks for a text that its column, does not have is mended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

from spider_opt.errors import QueryError, QueryFailed
from spider_opt.linking.contents import Contents
from spider_opt.linking.patience import OutOfTime, Patience
from spider_opt.linking.repair import Mend, mends, value_mends
from spider_opt.types import Generator, Prediction, Schema, Stage, Task, Tools

SECONDS = 10.0
"""How long one question's queries may take together; what is mended by then stands."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Run the answer; where the database refuses it, take the first mended form that runs. No model is asked.

    Names are resolved against the schema: a column goes to the table that has it, joined in along the foreign keys
    where it must be, or is taken for the column whose name is most like it. A text that never stands in the column it
    is compared with is spelled as it stands there, or the column gives way to one that holds it.

    Source: none; what it does is what a reader does with the database's message, the schema and the tables. Found by
    counting: 9 in 10 refused answers of a 0.5B model name a column that their FROM does not have, and 1 in 10 of the
    others compare a column with a text that it does not hold.

    Options:
        k: how many mended forms are run at most.
        rows: prefer the first that gives rows to the first that runs.
        values: mend texts too, where that gives rows (one of nothing but zeros and NULLs is none).
    """

    stage: ClassVar[Stage] = Stage.REFINE
    rank: ClassVar[int] = 1

    k: int = 4
    rows: bool = True
    values: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError("k must be at least 1")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that mends what ``inner`` answers."""
        contents: dict[str, Contents] = {}

        def generate(task: Task) -> Prediction:
            drafted = inner(task)
            schema = task.question.schema
            database = Patience(tools.databases[schema.db_id], SECONDS)
            outcome, mend = self._repaired(drafted.sql, schema, database)
            if self.values and outcome != "stuck":
                held = contents.setdefault(schema.db_id, Contents(schema, tools.databases[schema.db_id]))
                if better := self._revalued(mend.sql, schema, database, held.within(database)):
                    outcome, mend = "mended", Mend(better.sql, (*mend.what, *better.what))
            trace = {"step": "repair", "outcome": outcome, "what": list(mend.what)}
            return replace(drafted, sql=mend.sql, trace=(*drafted.trace, trace))

        return generate

    def _repaired(self, sql: str, schema: Schema, database: Patience) -> tuple[str, Mend]:
        as_it_is = Mend(sql, ())
        try:
            database.run(sql)
        except QueryFailed:
            pass
        except QueryError:
            return "stuck", as_it_is  # no name is to blame
        else:
            return "ran", as_it_is
        without_rows: Mend | None = None
        for mend in islice(mends(schema, sql, database.lasts), self.k):
            try:
                result = database.run(mend.sql)
            except QueryError:
                continue
            except OutOfTime:
                break
            if result.rows or not self.rows:
                return "mended", mend
            without_rows = without_rows or mend
        return ("mended", without_rows) if without_rows else ("stuck", as_it_is)

    def _revalued(self, sql: str, schema: Schema, database: Patience, contents: Contents) -> Mend | None:
        with suppress(OutOfTime):
            for mend in islice(value_mends(schema, sql, contents, database.lasts), self.k):
                with suppress(QueryError):
                    rows = database.run(mend.sql).rows
                    if len(rows) > 1 or any(any(row) for row in rows):
                        return mend
        return None
