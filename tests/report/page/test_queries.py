from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.report.page.queries import LONGEST, differences, laid_out, with_own_names
from spider_opt.types import Column, Schema, Table

ZOO = Schema(
    "zoo",
    (
        Table("Animal", (Column("id", "INT"), Column("Name", "TEXT"))),
        Table("Visit", (Column("animal_id", "INT"), Column("day", "TEXT"))),
    ),
)


@given(st.text(max_size=60), st.text(max_size=60))
def test_pieces_are_the_text(gold: str, sql: str) -> None:
    left, right = differences(gold, sql)
    assert "".join(text for text, _ in left) == gold
    assert "".join(text for text, _ in right) == sql


@given(st.text(max_size=60))
def test_a_text_does_not_differ_from_itself(sql: str) -> None:
    assert not any(differs for pieces in differences(sql, sql) for _, differs in pieces)


def test_what_differs_and_what_does_not() -> None:
    left, right = differences("SELECT \"name\" FROM t WHERE x = 'A'", "select Name from t where x = 'a'")
    assert [text for text, differs in left if differs] == ["'A'"]
    assert [text for text, differs in right if differs] == ["'a'"]


def test_aliases_are_no_difference() -> None:
    gold = "SELECT T1.name FROM animal AS T1 JOIN visit AS T2 ON T1.id = T2.animal_id"
    other = "SELECT Animal.Name FROM Animal JOIN Visit ON Animal.id = Visit.animal_id"
    assert with_own_names(gold, ZOO) == with_own_names(other, ZOO) is not None


@pytest.mark.parametrize(
    "sql", ["", "SELECT FROM WHERE", "DROP TABLE x; SELECT 1", "SELECT " + "(" * 5000, "\0", "x" * 100_000]
)
def test_what_cannot_be_read_is_left_as_it_is(sql: str) -> None:
    assert with_own_names(sql, ZOO) is None
    left, right = differences("SELECT 1", sql)
    assert "".join(text for text, _ in right) == sql
    assert "".join(text for text, _ in left) == "SELECT 1"


def test_long_texts_are_not_compared() -> None:
    long = "SELECT 1, " * LONGEST
    assert differences(long, "SELECT 1") == ([[long, 0]], [["SELECT 1", 0]])
    assert laid_out(long + "2") is None
