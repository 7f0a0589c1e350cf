from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

from spider_opt.prompts.orders import in_orders, shuffled
from spider_opt.types import Column, ForeignKey, Schema, Table

COLUMNS = (Column("id", "INT", primary_key=True), Column("name", "TEXT"), Column("price", "INT"))


def schema(*names: str, db_id: str = "shop") -> Schema:
    keys = tuple(ForeignKey(a, "id", b, "id") for a, b in pairwise(names))
    return Schema(db_id, tuple(Table(name, COLUMNS) for name in names), keys)


WHOLE = schema("a", "b", "c", "d")


def check(other: Schema) -> None:
    """Make sure that a schema has all that the whole one has."""
    assert other.foreign_keys == WHOLE.foreign_keys
    assert sorted(table.name for table in other.tables) == ["a", "b", "c", "d"]
    for table in other.tables:
        assert Counter(table.columns) == Counter(COLUMNS)


def test_shuffling_keeps_all_there_is() -> None:
    orders = set()
    for seed in range(20):
        other = shuffled(WHOLE, random.Random(seed))
        check(other)
        orders.add(tuple((table.name, table.columns) for table in other.tables))
        assert other == shuffled(WHOLE, random.Random(seed))
    assert len(orders) > 15
    assert schema("a", "b", "c", "d") == WHOLE


def test_its_own_order_comes_first_and_the_others_are_the_same_each_time() -> None:
    found = in_orders(WHOLE, 6)
    assert found[0] is WHOLE
    assert len(set(found)) == 6
    for other in found:
        check(other)
    assert found == in_orders(WHOLE, 6)
    assert in_orders(WHOLE, 3) == found[:3]
    elsewhere = in_orders(schema("a", "b", "c", "d", db_id="market"), 6)
    assert [one.tables for one in elsewhere[1:]] != [one.tables for one in found[1:]]
