"""Keys by which tables can be joined: the primary one of a table, and those that nobody declared."""

from __future__ import annotations

from collections.abc import Iterator

from spider_opt.types import ForeignKey, Schema, Table


def implied_keys(schema: Schema) -> Iterator[ForeignKey]:
    """Yield the keys that nobody declared: a column with the name of another table's primary key.

    A key that is named alike in both tables, as plain ``id`` is, implies nothing.
    """
    keys = {table.name: only_key(table) for table in schema.tables}
    for table in schema.tables:
        for other in schema.tables:
            name = keys[other.name]
            if table is other or name is None or name.lower() == (keys[table.name] or "").lower():
                continue
            for column in table.columns:
                if column.name.lower() == name.lower() and name.lower() not in ("id", "name"):
                    yield ForeignKey(table.name, column.name, other.name, name)


def only_key(table: Table) -> str | None:
    """Return the name of the one column that is the primary key, None where there are none or several."""
    names = [column.name for column in table.columns if column.primary_key]
    return names[0] if len(names) == 1 else None
