"""A few rows and values of a database, to show what stands in it.

Looking takes a bounded time: a view may compute for hours to give one row. What is not found by then is not shown, and
that is said; where it is found in time, as almost anywhere, it is the same each time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic

from spider_opt.databases.sandbox import Sandbox
from spider_opt.errors import QueryError, QueryTimeout
from spider_opt.sql.names import quoted
from spider_opt.types import Database, Schema, Value

TABLE_S = 10.0
"""So long one table or view is looked at for one query; where that is not enough it is looked at no more."""
DATABASE_S = 60.0
"""So long a database is looked at for rows, and again for values."""
LARGE_BYTES = 100_000_000
"""From this size on only the first rows of a database's tables are looked at, for a shorter time."""
LARGE_TABLE_S, LARGE_DATABASE_S = 1.0, 8.0
FIRST_ROWS = (20_000, 200)
"""Of a table of a large database; the second where reading the first takes too long."""
_LOG = logging.getLogger("spider_opt")


def sample_rows(schema: Schema, database: Database, n: int) -> dict[str, Sequence[Sequence[Value]]]:
    """Return the first ``n`` rows of each table that is read in time, cells in the order of the schema's columns."""
    samples: dict[str, Sequence[Sequence[Value]]] = {}
    look = _Look(database)
    for table in schema.tables:
        columns = ", ".join(quoted(c.name) for c in table.columns)
        rows = look.rows(table.name, f"SELECT {columns} FROM {quoted(table.name)} LIMIT {n}")
        if rows:
            samples[table.name] = rows
    look.tell(schema.db_id, "rows")
    return samples


def sample_values(schema: Schema, database: Database, n: int) -> dict[tuple[str, str], Sequence[Value]]:
    """Return the first ``n`` different values of each column, NULL left out, by (table, column)."""
    samples: dict[tuple[str, str], Sequence[Value]] = {}
    look = _Look(database)
    for table in schema.tables:
        for column in table.columns:
            name = quoted(column.name)
            found = look.rows(
                table.name,
                *(
                    f"SELECT DISTINCT {name} FROM {rows} WHERE {name} IS NOT NULL LIMIT {n}"
                    for rows in look.parts(name, quoted(table.name))
                ),
            )
            if found:
                samples[table.name, column.name] = [value for (value,) in found]
    look.tell(schema.db_id, "values")
    return samples


def is_large(database: Sandbox) -> bool:
    """Tell whether a database is so large that only a part of it is looked at."""
    try:
        return database.path.stat().st_size >= LARGE_BYTES
    except OSError:  # who asks it something is told
        return False


class _Look:
    """A look at a database, which ends."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._large = isinstance(database, Sandbox) and is_large(database)
        self._table_s, database_s = (LARGE_TABLE_S, LARGE_DATABASE_S) if self._large else (TABLE_S, DATABASE_S)
        self._until = monotonic() + database_s
        self._slow: dict[str, None] = {}

    def parts(self, column: str, table: str) -> Sequence[str]:
        """Return what of a table is looked at for values: all of it, or so many of its first rows."""
        return [f"(SELECT {column} FROM {table} LIMIT {n})" for n in FIRST_ROWS] if self._large else [table]

    def rows(self, table: str, *queries: str) -> Sequence[Sequence[Value]]:
        """Return what the first query gives that ends in time; nothing where none does, or the table cannot be read."""
        for sql in queries[:-1]:
            if (found := self._rows(table, sql)) is not None:
                return found
            self._slow.pop(table, None)
        return self._rows(table, queries[-1]) or ()

    def _rows(self, table: str, sql: str) -> Sequence[Sequence[Value]] | None:
        left = self._until - monotonic()
        if table in self._slow or left <= 0:
            self._slow[table] = None
            return None
        within_s = min(self._table_s, left)
        try:
            database = self._database
            return (database.run(sql, within_s=within_s) if isinstance(database, Sandbox) else database.run(sql)).rows
        except QueryTimeout:
            self._slow[table] = None
            return None
        except QueryError:
            return ()  # a table that cannot be read has nothing to show

    def tell(self, db_id: str, what: str) -> None:
        """Say of which tables not all is shown."""
        if self._slow:
            named = ", ".join([*self._slow][:3]) + (f" and {len(self._slow) - 3} more" if len(self._slow) > 3 else "")
            _LOG.warning(
                "%s: prompts show not all sample %s of %s, for looking takes more than %g s",
                db_id, what, named, self._table_s,
            )  # fmt: skip
