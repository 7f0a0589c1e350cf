from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.sql.spacing import same_query_key, tidy


def test_tidy_leaves_text_alone() -> None:
    assert tidy(" SELECT\t1 ,\n 'a  b;' ; ; ") == "SELECT 1 , 'a  b;'"


def test_tidy_leaves_no_comment_to_swallow_the_rest() -> None:
    assert tidy("SELECT a -- the 'id\nFROM t /* of\nall */ WHERE b = '-- c'") == "SELECT a FROM t WHERE b = '-- c'"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "select  A\n\tfrom T ;"),
        ("SELECT count(*) , a FROM t", "SELECT count( *),a FROM t"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN(1)"),
        ("SELECT a FROM t WHERE b = 'X  y'", "select a from t where b =   'X  y'"),
    ],
)
def test_queries_that_differ_in_spaces_and_case_only(one: str, other: str) -> None:
    assert same_query_key(one) == same_query_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a'", "SELECT 'A'"),
        ('SELECT "a"', 'SELECT "A"'),
        ("SELECT 'a b'", "SELECT 'a  b'"),
        ("SELECT `a b`", "SELECT `a  b`"),
        ("SELECT [a b]", "SELECT [a  b]"),
        ("SELECT 'it''s A'", "SELECT 'it''s a'"),
        ("SELECT a", "SELECT\xa0a"),  # a letter to SQLite
        ("SELECT a", "SELECT\x0ba"),
        ("SELECT k", "SELECT \u212a"),  # the Kelvin sign, whose lower case is k
        ("SELECT é", "SELECT É"),
        ("SELECT a", "SELECT a;;"),
        ("SELECT a", "SELECT a; ;"),
        ("SELECT a", "SELECT a -- b"),
        ("SELECT a -- b\nFROM t", "SELECT a -- b FROM t"),
        ("SELECT a /* B */", "SELECT a"),
        ("SELECT a b", "SELECT ab"),
        ("SELECT 'a' 'b'", "SELECT 'a''b'"),
        ("SELECT x '41' FROM t", "SELECT x'41' FROM t"),
        ("SELECT 1 + X\n'41'", "SELECT 1 + x'41'"),
        ("SELECT \"it's\", 'B'", "SELECT \"it's\", 'b'"),
    ],
)
def test_queries_that_may_mean_something_else(one: str, other: str) -> None:
    assert same_query_key(one) != same_query_key(other)


@given(
    st.lists(
        st.sampled_from(["'", '"', "`", "[", "]", " ", "  ", "a", "A", "x", "1", ";", "\n", "--", "''"]), max_size=9
    ).map("".join)
)
def test_the_key_says_what_sqlite_says(sql: str) -> None:
    """Literals come back as they went in wherever two texts have one key."""
    connection = sqlite3.connect(":memory:")
    answers = []
    for text in (f"SELECT {sql}", f"select   {sql}\n"):
        try:
            answers.append(connection.execute(text).fetchall())
        except sqlite3.Error:
            answers.append("fails")
    connection.close()
    if same_query_key(f"SELECT {sql}") == same_query_key(f"select   {sql}\n"):
        assert answers[0] == answers[1]
