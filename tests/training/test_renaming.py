"""Renamed schemas: every query still says the same, and every name that is shown is one that can be asked."""

from __future__ import annotations

import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.prompts.schema_text import serialise
from spider_opt.sql.names import quoted
from spider_opt.training.renaming import Renaming, renamed
from spider_opt.types import Column, Context, ForeignKey, Schema, Table

ODD = st.text(st.sampled_from("abcXYZ_ %0'\"é"), min_size=1, max_size=9)
NAMES = st.lists(
    st.one_of(ODD, st.sampled_from(["order", "count", "date", "student id", "DEPT_CODE", "petType", "T1", "1st"])),
    min_size=2, max_size=12, unique_by=str.lower,
)  # fmt: skip
SHOP = Schema(
    "shop",
    (
        Table("customers", (Column("customer_id", "INT", "customer id", True), Column("count", "INT"),
                            Column("name", "TEXT"), Column("Home Town", "TEXT"))),
        Table("name", (Column("customer_id", "INT"), Column("department_code", "TEXT"))),
    ),
    (ForeignKey("name", "customer_id", "customers", "customer_id"),),
)  # fmt: skip
NEW = Renaming({"customers": "CSTM", "customer_id": "CSTM_ID", "name": "NM", "home town": "HM_TWN",
                "department_code": "Order"})  # fmt: skip


def schema(names: list[str]) -> Schema:
    """Two tables named by the first two names, which have all the others as columns; the second one refers to both."""
    first, second, *others = names
    columns = tuple(Column(name, "INTEGER", name.lower()) for name in (*others, first))
    return Schema("d", (Table(first, columns), Table(second, columns)), (ForeignKey(second, first, first, first),))


@settings(max_examples=150, deadline=None)
@given(names=NAMES, seed=st.integers(0, 2**32))
def test_a_renamed_schema_and_its_queries_fit_each_other(names: list[str], seed: int) -> None:
    old = schema(names)
    renaming = renamed(old, random.Random(seed))
    new = renaming.schema(old)
    database = sqlite3.connect(":memory:")
    database.executescript(serialise(new, "ddl"))
    assert len({table.name.lower() for table in new.tables}) == 2
    for table, before in zip(new.tables, old.tables, strict=True):
        assert len({column.name.lower() for column in table.columns}) == len(before.columns)
        for column in before.columns:
            sql = f"SELECT {quoted(before.name)}.{quoted(column.name)} FROM {quoted(before.name)} WHERE 'a' = 'name'"
            [described] = database.execute(renaming.query(sql)).description
            assert described[0].lower() == renaming.name(column.name).lower()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FROM customers SELECT COUNT(*), count", "FROM CSTM SELECT COUNT(*), count"),
        ("FROM customers SELECT \"Home Town\" WHERE name = 'name'", "FROM CSTM SELECT HM_TWN WHERE NM = 'name'"),
        ("FROM name SELECT name.customer_id, T1.NAME", "FROM NM SELECT NM.CSTM_ID, T1.NM"),
        ('SELECT name WHERE name = "name"', 'SELECT NM WHERE NM = "name"'),
        ("SELECT max(department_code) AS x", 'SELECT max("Order") AS x'),
        ("SELECT 'it''s a name' || name -- name", "SELECT 'it''s a name' || NM -- NM"),
        ("SELECT 'name", "SELECT 'name"),
        ("name(1)", "name(1)"),
        ("", ""),
    ],
)
def test_names_are_changed_and_text_functions_and_words_are_not(old: str, new: str) -> None:
    assert NEW.query(old) == new


def test_keys_and_values_and_what_is_shown_follow() -> None:
    new = NEW.schema(SHOP)
    assert new.foreign_keys == (ForeignKey("NM", "CSTM_ID", "CSTM", "CSTM_ID"),)
    assert [column.words for column in new.tables[0].columns] == [column.words for column in SHOP.tables[0].columns]
    context = Context(tables=(("customers", ("name", "count")),), values=(("name", "department_code", "name"),))
    assert NEW.context(context).tables == (("CSTM", ("NM", "count")),)
    assert NEW.context(context).values == (("NM", "Order", "name"),)
    assert NEW.values({("customers", "name"): ["name"]}) == {("CSTM", "NM"): ["name"]}


def test_a_seed_draws_the_same_names_again_and_others_draw_others() -> None:
    drawn = [renamed(SHOP, random.Random(seed)).names for seed in range(20)]
    assert drawn == [renamed(SHOP, random.Random(seed)).names for seed in range(20)]
    assert len({tuple(sorted(names.items())) for names in drawn}) > 8
    assert all("count" not in names for names in drawn)
    assert any(names["department_code"] not in ("department_code", "DEPARTMENT_CODE") for names in drawn)
