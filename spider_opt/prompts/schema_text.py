"""A schema as text, in the forms that models have seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from spider_opt.sql.names import quoted, quoted_text
from spider_opt.types import Schema, Table, Value

SchemaForm = Literal["ddl", "compact"]
Rows = Mapping[str, Sequence[Sequence[Value]]]
Values = Mapping[tuple[str, str], Sequence[Value]]
_MAX_CELL = 60
# Line ends above all: a cell stands in a comment, which ends with its line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def serialise(
    schema: Schema,
    form: SchemaForm,
    *,
    keys: bool = True,
    rows: Rows | None = None,
    values: Values | None = None,
    about: int = 0,
) -> str:
    """Return ``schema`` as CREATE TABLE statements or one line a table.

    ``keys`` shows primary and foreign keys. ``rows`` maps a table's name to sample rows, cells in the
    order of its columns, which stand under it as comments; ``values`` maps (table, column) to values of
    the column, which stand beside it, behind what the column is said to hold, of which at most ``about`` characters are
    shown.

    >>> from spider_opt.types import Column
    >>> t = Table("my table", (Column("id", "INTEGER", primary_key=True), Column("name", "TEXT")))
    >>> print(serialise(Schema("d", (t,)), "ddl", rows={"my table": [(1, "Ann")]}))
    CREATE TABLE "my table" (
      id INTEGER PRIMARY KEY,
      name TEXT
    );
    -- rows: (1, 'Ann')
    >>> print(serialise(Schema("d", (t,)), "compact"))
    "my table" (id, name)
    """
    parts = []
    for table in schema.tables:
        beside = [
            _beside(column.about, about, (values or {}).get((table.name, column.name), ())) for column in table.columns
        ]
        parts.append(_ddl(schema, table, keys, beside) if form == "ddl" else _compact(table, beside))
        shown = (rows or {}).get(table.name)
        if shown:
            parts.append("-- rows: " + ", ".join(f"({', '.join(literal(cell) for cell in row)})" for row in shown))
    if form == "compact" and keys and schema.foreign_keys:
        links = (
            f"{quoted(k.table)}.{quoted(k.column)} = {quoted(k.ref_table)}.{quoted(k.ref_column)}"
            for k in schema.foreign_keys
        )
        parts.append("foreign keys: " + ", ".join(links))
    return "\n".join(parts)


def pruned(schema: Schema, tables: Sequence[tuple[str, Sequence[str]]]) -> Schema:
    """Return ``schema`` with these (table, columns) only, in the schema's order, and the foreign keys among them.

    >>> from spider_opt.types import Column
    >>> t = Table("t", (Column("a", "INTEGER"), Column("b", "TEXT")))
    >>> [c.name for c in pruned(Schema("d", (t, t)), [("t", ["b"])]).tables[0].columns]
    ['b']
    """
    wanted = {table: set(columns) for table, columns in tables}
    return Schema(
        schema.db_id,
        tuple(
            Table(t.name, tuple(c for c in t.columns if c.name in wanted[t.name]), t.words)
            for t in schema.tables
            if t.name in wanted
        ),
        tuple(
            k
            for k in schema.foreign_keys
            if k.column in wanted.get(k.table, ()) and k.ref_column in wanted.get(k.ref_table, ())
        ),
    )


def pruned_rows(rows: Rows, schema: Schema, few: Schema) -> Rows:
    """Return the rows of the tables of ``few``, with the cells of its columns."""
    whole = {table.name: [column.name for column in table.columns] for table in schema.tables}
    places = {table.name: [whole[table.name].index(c.name) for c in table.columns] for table in few.tables}
    return {name: [[row[i] for i in places[name]] for row in rows[name]] for name in places if name in rows}


def literal(value: Value) -> str:
    """Return a cell as an SQL literal, cut short where it is long."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "x'…'"
    if isinstance(value, str):
        text = _CONTROL.sub(" ", value[:_MAX_CELL])
        return quoted_text(f"{text}…" if len(value) > _MAX_CELL else text)
    return str(value)


def _beside(said: str, about: int, values: Sequence[Value]) -> str:
    text = _CONTROL.sub(" ", said)
    if len(text) > about:
        text = text[: about - 1].rstrip() + "…" if about > 1 else ""
    return ": ".join(filter(None, (text, ", ".join(map(literal, values)))))


def _ddl(schema: Schema, table: Table, keys: bool, beside: Sequence[str]) -> str:
    primary = [c.name for c in table.columns if c.primary_key] if keys else []
    lines = [
        (f"  {quoted(c.name)} {c.type}".rstrip() + (" PRIMARY KEY" if primary == [c.name] else ""), shown)
        for c, shown in zip(table.columns, beside, strict=True)
    ]
    if len(primary) > 1:
        lines.append((f"  PRIMARY KEY ({', '.join(map(quoted, primary))})", ""))
    if keys:
        lines += [
            (f"  FOREIGN KEY ({quoted(k.column)}) REFERENCES {quoted(k.ref_table)}({quoted(k.ref_column)})", "")
            for k in schema.foreign_keys
            if k.table == table.name
        ]
    commas = [","] * (len(lines) - 1) + [""]
    body = (
        line + comma + (f" -- {shown}" if shown else "") for (line, shown), comma in zip(lines, commas, strict=True)
    )
    return f"CREATE TABLE {quoted(table.name)} (\n" + "\n".join(body) + "\n);"


def _compact(table: Table, beside: Sequence[str]) -> str:
    columns = (
        quoted(column.name) + (f" [{shown}]" if shown else "")
        for column, shown in zip(table.columns, beside, strict=True)
    )
    return f"{quoted(table.name)} ({', '.join(columns)})"
