from __future__ import annotations

import pytest

from spider_opt.sql.statement import is_ordered, is_query, never_has_rows, without_empty_ends


@pytest.mark.parametrize(
    ("sql", "so"),
    [
        (" -- a\n/* b */ With x AS (SELECT 1) SELECT 1", True),
        ("\ufeffSELECT 1", True),
        ("/* so */ values (1)", True),
        ("selects", False),
        ("'select'", False),
        ("(SELECT 1)", False),
        ("-- SELECT 1", False),
        ("", False),
    ],
)
def test_a_query_begins_with_select_with_or_values(sql: str, so: bool) -> None:
    assert is_query(sql) == so


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM t ORDER  BY\na LIMIT 1", True),
        ("SELECT a FROM t order /* so */ by a", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("WITH q AS (SELECT 1 AS a) SELECT a FROM q ORDER BY a", True),
        ("SELECT a FROM t ORDER BY replace(b, '(', '')", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY c) ORDER BY sum(a), (b)", True),
        ("SELECT [)] FROM t ORDER BY [(]", True),
        ("SELECT a FORM t ORDER BY", True),  # cannot be parsed
        ("SELECT a FROM t", False),
        ("SELECT border by FROM t", False),
        ("SELECT a FROM t WHERE a IN (SELECT b FROM u ORDER BY b)", False),
        ("SELECT a FROM t WHERE b = (SELECT max(b) FROM t ORDER BY c)", False),
        ("SELECT * FROM (SELECT a FROM t ORDER BY a)", False),
        ("WITH q AS (SELECT a FROM t ORDER BY a) SELECT a FROM q", False),
        ("SELECT a FROM t WHERE a = 'order by'", False),
        ("SELECT a FROM t WHERE x = ' order by '", False),
        ('SELECT a AS "order" FROM t', False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT group_concat(a) FROM t -- order by", False),
    ],
)
def test_only_the_outermost_order_counts(sql: str, ordered: bool) -> None:
    assert is_ordered(sql) == ordered


@pytest.mark.parametrize(
    ("sql", "never"),
    [
        ("delete from t", True),
        ("/* so */ ; INSERT INTO t SELECT 1", True),
        ("attach 'x' as y", True),
        ("SELECT 1", False),
        ("VALUES (1)", False),
        ("PRAGMA user_version", False),
        ("EXPLAIN DELETE FROM t", False),
        ("WITH q AS (SELECT 1) DELETE FROM t", False),  # may be a SELECT, for all that the beginning tells
        ("INSERT INTO t VALUES (1) returning a", False),
        ("", False),
    ],
)
def test_what_can_have_no_rows(sql: str, never: bool) -> None:
    assert never_has_rows(sql) == never


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1", "SELECT 1"),
        (" SELECT 1 -- c", " SELECT 1 -- c"),
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1;;", "SELECT 1"),
        ("; ;\n-- c\nSELECT ';' ; /* ; */ ; ", "SELECT ';'"),
        ("SELECT 1; SELECT 2;", "SELECT 1; SELECT 2"),
        (";;", ";;"),
    ],
)
def test_empty_statements_at_the_ends(sql: str, left: str) -> None:
    assert without_empty_ends(sql) == left
