"""Schemas in other orders: where a table stands says nothing, and still moves what a model answers."""

from __future__ import annotations

import random
from dataclasses import replace

from spider_opt.types import Schema


def shuffled(schema: Schema, rng: random.Random) -> Schema:
    """Return a schema with its tables, and each table's columns, in another order.

    A model that has seen them in one order only learns the order, and makes up columns that it remembers.
    """
    tables = [replace(table, columns=tuple(rng.sample(table.columns, len(table.columns)))) for table in schema.tables]
    rng.shuffle(tables)
    return replace(schema, tables=tuple(tables))


def in_orders(schema: Schema, n: int) -> list[Schema]:
    """Return a schema in ``n`` orders, its own first; the others hang on its database's id and their number alone.

    So prompts of all questions about a database begin alike in each of them.
    """
    return [schema, *(shuffled(schema, random.Random(f"{number} {schema.db_id}")) for number in range(1, n))]
