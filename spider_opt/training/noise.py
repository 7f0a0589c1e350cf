"""Schemas as nobody asks them: without tables that nothing needs, with tables of others, with values of other rows."""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from dataclasses import replace

from spider_opt.prompts.schema_text import Values
from spider_opt.types import ForeignKey, Schema, Table

LEFT_OUT = 0.3
"""The chance of a table that nothing needs to be left out."""
ADDED = (0, 1, 2)
"""How many tables of another schema come in."""


def noisy(
    schema: Schema, needed: Set[str] | None, others: Sequence[Schema], rng: random.Random
) -> tuple[Schema, Schema]:
    """Return a schema with some tables left out and some of another among them, and that other; itself where none came.

    ``needed`` are the tables, in lower case, that stay; None where all may be needed. Keys of what is left out go with
    it, those of what comes in stay where both their tables come in. A table whose name is taken does not come in, nor
    does one that has a needed table's columns all.
    """
    stays = [
        table for table in schema.tables if needed is None or table.name.lower() in needed or rng.random() >= LEFT_OUT
    ] or list(schema.tables)
    there = {table.name.lower() for table in schema.tables}
    keys: list[ForeignKey] = []
    other = rng.choice(others) if others else schema
    if other.db_id != schema.db_id:
        strangers = [table for table in other.tables if _is_new(table, schema, there)]
        come = rng.sample(strangers, min(rng.choice(ADDED), len(strangers)))
        names = {table.name for table in come}
        keys = [key for key in other.foreign_keys if key.table in names and key.ref_table in names]
        stays += come
        rng.shuffle(stays)
    shown = {table.name for table in stays}
    kept = [key for key in schema.foreign_keys if key.table in shown and key.ref_table in shown]
    return replace(schema, tables=tuple(stays), foreign_keys=(*kept, *keys)), other


def other_values(values: Values, n: int, rng: random.Random) -> Values:
    """Return ``n`` of each column's values, drawn from all that are given."""
    return {column: rng.sample(list(found), min(n, len(found))) for column, found in values.items()}


def _is_new(table: Table, schema: Schema, there: Set[str]) -> bool:
    columns = {column.name.lower() for column in table.columns}
    return table.name.lower() not in there and not any(
        columns <= {column.name.lower() for column in own.columns} for own in schema.tables
    )
