"""A few rows and values of a database, to show what stands in it."""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.errors import QueryError
from spider_opt.sql.names import quoted
from spider_opt.types import Database, Schema, Value


def sample_rows(schema: Schema, database: Database, n: int) -> dict[str, Sequence[Sequence[Value]]]:
    """Return the first ``n`` rows of each table that can be read, cells in the order of the schema's columns."""
    samples: dict[str, Sequence[Sequence[Value]]] = {}
    for table in schema.tables:
        columns = ", ".join(quoted(c.name) for c in table.columns)
        rows = _rows(database, f"SELECT {columns} FROM {quoted(table.name)} LIMIT {n}")
        if rows:
            samples[table.name] = rows
    return samples


def sample_values(schema: Schema, database: Database, n: int) -> dict[tuple[str, str], Sequence[Value]]:
    """Return the first ``n`` different values of each column, NULL left out, by (table, column)."""
    samples: dict[tuple[str, str], Sequence[Value]] = {}
    for table in schema.tables:
        for column in table.columns:
            name = quoted(column.name)
            found = _rows(
                database, f"SELECT DISTINCT {name} FROM {quoted(table.name)} WHERE {name} IS NOT NULL LIMIT {n}"
            )
            if found:
                samples[table.name, column.name] = [value for (value,) in found]
    return samples


def _rows(database: Database, sql: str) -> Sequence[Sequence[Value]]:
    try:
        return database.run(sql).rows
    except QueryError:
        return ()  # a table that cannot be read has nothing to show
