from __future__ import annotations

import random

import pytest

from spider_opt.training.noise import noisy, other_values
from spider_opt.types import Column, ForeignKey, Schema, Table


def schema(db_id: str, *tables: str, keys: tuple[ForeignKey, ...] = ()) -> Schema:
    """Make a schema of "table: column column"."""
    made = []
    for table in tables:
        name, _, columns = table.partition(": ")
        made.append(Table(name, tuple(Column(column, "TEXT") for column in columns.split())))
    return Schema(db_id, tuple(made), keys)


SHOP = schema(
    "shop", "item: id name", "sale: item_id day", "shop: id town",
    keys=(ForeignKey("sale", "item_id", "item", "id"), ForeignKey("sale", "day", "shop", "id")),
)  # fmt: skip
ZOO = schema(
    "zoo", "Item: id cage", "cage: id size", "animal: name cage_id", "pair: id name",
    keys=(ForeignKey("animal", "cage_id", "cage", "id"), ForeignKey("Item", "cage", "cage", "id")),
)  # fmt: skip


def drawn(needed: set[str] | None, others: list[Schema], n: int = 300) -> list[Schema]:
    return [noisy(SHOP, needed, others, random.Random(seed))[0] for seed in range(n)]


def names(of: Schema) -> set[str]:
    return {table.name for table in of.tables}


def test_what_is_needed_stays_and_the_rest_goes_now_and_then() -> None:
    found = drawn({"item"}, [])
    assert all("item" in names(one) <= names(SHOP) for one in found)
    share = sum("sale" not in names(one) for one in found) / len(found)
    assert 0.2 < share < 0.4
    for one in found:
        assert set(one.foreign_keys) == {k for k in SHOP.foreign_keys if {k.table, k.ref_table} <= names(one)}


def test_where_all_may_be_needed_all_stays() -> None:
    assert all(names(one) == names(SHOP) for one in drawn(None, []))
    assert all(names(one) >= {"item", "sale", "shop"} for one in drawn(None, [ZOO]))
    assert names(noisy(SHOP, set(), [], random.Random(0))[0])  # never none


def test_tables_of_others_come_in() -> None:
    found = drawn(None, [SHOP, ZOO])
    came = [names(one) - names(SHOP) for one in found]
    assert {len(one) for one in came} == {0, 1, 2}
    # One that is called as an own table is, or has an own table's columns, might be the right one, too.
    assert set().union(*came) == {"cage", "animal"}
    for one in found:
        of_zoo = {key for key in one.foreign_keys if key not in SHOP.foreign_keys}
        assert of_zoo == ({ZOO.foreign_keys[0]} if {"cage", "animal"} <= names(one) else set())
        assert one.db_id == "shop"
    assert any(one.tables[-1].name in names(SHOP) for one in found if names(one) != names(SHOP))  # in no fixed place


def test_a_seed_draws_it() -> None:
    assert drawn({"item"}, [ZOO]) == drawn({"item"}, [ZOO])
    assert len({tuple(sorted(names(one))) for one in drawn({"item"}, [ZOO])}) > 8


@pytest.mark.parametrize("n", [1, 2, 5])
def test_values_are_drawn_from_all(n: int) -> None:
    values = {("a", "x"): [1, 2, 3, 4], ("a", "y"): ["only"]}
    found = [other_values(values, n, random.Random(seed)) for seed in range(50)]
    assert {value for one in found for value in one["a", "x"]} == {1, 2, 3, 4}
    assert all(len(one["a", "x"]) == len(set(one["a", "x"])) == min(n, 4) for one in found)
    assert all(one["a", "y"] == ["only"] for one in found)
