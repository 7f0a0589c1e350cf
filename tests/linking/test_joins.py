from __future__ import annotations

import pytest

from spider_opt.linking.joins import join_path, shortest_path
from spider_opt.types import Column, ForeignKey, Schema, Table


def table(name: str, *columns: str) -> Table:
    """Return a table; a column that ends in * is a primary key."""
    return Table(name, tuple(Column(c.rstrip("*"), "TEXT", primary_key=c.endswith("*")) for c in columns))


TABLES = (
    table("Baker", "id*", "name"),
    table("Cake", "id*", "title", "baker_id"),
    table("Party", "id*", "day", "host_id"),
    table("Serving", "party_id*", "cake_id*"),
    table("Guest", "guest_no*", "name"),
    table("Gift", "id*", "guest_no"),
    table("Weather", "day*", "rain"),
)
KEYS = (
    ForeignKey("Cake", "baker_id", "Baker", "id"),
    ForeignKey("Serving", "party_id", "Party", "id"),
    ForeignKey("Serving", "cake_id", "Cake", "id"),
    ForeignKey("Party", "host_id", "Guest", "guest_no"),
    ForeignKey("Baker", "id", "Baker", "id"),
)
SCHEMA = Schema("bakery", TABLES, KEYS)


def named(keys: list[ForeignKey] | None) -> list[str] | None:
    return None if keys is None else [f"{key.table}>{key.ref_table}" for key in keys]


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        ([], []),
        (["Cake"], []),
        (["cake", "CAKE"], []),
        (["Cake", "Baker"], ["Cake>Baker"]),
        (["Baker", "Cake"], ["Cake>Baker"]),
        (["baker", "PARTY"], ["Cake>Baker", "Serving>Cake", "Serving>Party"]),
        (["Cake", "Party", "Baker"], ["Cake>Baker", "Serving>Cake", "Serving>Party"]),
        (["Serving", "Guest", "Baker"], ["Serving>Party", "Party>Guest", "Serving>Cake", "Cake>Baker"]),
        (["Baker", "Nowhere"], None),
    ],
)
def test_the_smallest_tree_connects_the_tables(tables: list[str], path: list[str] | None) -> None:
    assert named(join_path(SCHEMA, tables)) == path


def test_each_key_links_a_new_table_to_those_before() -> None:
    path = join_path(SCHEMA, ["Gift", "Baker", "Weather"])
    assert path is not None
    there = {"Gift"}
    for key in path:
        assert len({key.table, key.ref_table} - there) == 1
        there |= {key.table, key.ref_table}
    assert {"Gift", "Baker", "Weather"} <= there


def test_a_column_named_as_another_tables_key_joins_too() -> None:
    assert named(join_path(SCHEMA, ["Gift", "Guest"])) == ["Gift>Guest"]


def test_declared_keys_go_before_implied_ones() -> None:
    near = Schema("d", (table("A", "a_id*"), table("B", "b_id*", "a_id"), table("C", "c_id*")))
    keys = (ForeignKey("B", "b_id", "C", "c_id"), ForeignKey("C", "c_id", "A", "a_id"))
    assert named(join_path(near, ["B", "A"])) == ["B>A"]
    assert named(join_path(Schema("d", near.tables, keys), ["B", "A"])) == ["B>C", "C>A"]


def test_the_earlier_source_wins_a_tie() -> None:
    assert named(shortest_path(SCHEMA, ["Party", "Cake"], ["Serving"])) == ["Serving>Party"]
    assert named(shortest_path(SCHEMA, ["Cake", "Party"], ["Serving"])) == ["Serving>Cake"]
    assert shortest_path(SCHEMA, ["Cake"], ["cake"]) == []
    assert shortest_path(SCHEMA, [], ["Cake"]) is None
