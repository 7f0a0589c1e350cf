"""One skeleton for queries of one build, whatever they name; some skeleton for whatever a model writes."""

from __future__ import annotations

import pytest

from spider_opt.sql.skeleton import skeleton

SKELETONS = [
    ("SELECT a FROM t", "SELECT _ FROM _"),
    ("SELECT a, b , c FROM t", "SELECT _ , _ , _ FROM _"),
    ("SELECT t.* FROM t", "SELECT * FROM _"),
    ("SELECT count(*), avg(x) FROM t", "SELECT COUNT ( * ) , AVG ( _ ) FROM _"),
    ("SELECT DISTINCT a FROM t ORDER BY b DESC LIMIT 3", "SELECT DISTINCT _ FROM _ ORDER BY _ DESC LIMIT ?"),
    ("SELECT a - b, a * 2 FROM t WHERE c = -1.5e3", "SELECT _ - _ , _ * ? FROM _ WHERE _ = ?"),
    (
        "SELECT a FROM t WHERE b IS NOT NULL AND c NOT LIKE '%x%'",
        "SELECT _ FROM _ WHERE _ IS NOT NULL AND _ NOT LIKE ?",
    ),
    ("SELECT a FROM t WHERE b BETWEEN 'x' AND \"y\"", "SELECT _ FROM _ WHERE _ BETWEEN ? AND ?"),
    (
        "SELECT a FROM t EXCEPT SELECT a FROM u WHERE x IN (SELECT y FROM v)",
        "SELECT _ FROM _ EXCEPT SELECT _ FROM _ WHERE _ IN ( SELECT _ FROM _ )",
    ),
    (
        "SELECT CASE WHEN a > 1 THEN 'x' ELSE NULL END kind, CAST(b AS REAL) FROM t",
        "SELECT CASE WHEN _ > ? THEN ? ELSE NULL END , CAST ( _ ) FROM _",
    ),
    ("WITH x AS (SELECT a FROM t) SELECT a FROM x", "WITH _ AS ( SELECT _ FROM _ ) SELECT _ FROM _"),
    ("WITH RECURSIVE x(n) AS (SELECT 1) SELECT n FROM x", "WITH RECURSIVE _ ( _ ) AS ( SELECT ? ) SELECT _ FROM _"),
]

SAME = [
    ("names", "SELECT name FROM cat WHERE age > 1", "SELECT colour FROM van WHERE doors > 1"),
    ("quoted names", "SELECT a FROM t", 'SELECT "full name" FROM [my table]'),
    ("backticks", "SELECT a FROM t WHERE b = 1", "SELECT `a b` FROM t WHERE `c d` = 1"),
    ("qualified names", "SELECT a FROM t", 'SELECT t."a b" FROM main.t'),
    ("names that are words of SQL elsewhere", "SELECT a, b FROM t", "SELECT year, language FROM date"),
    ("a table called cast", "SELECT a FROM t JOIN u ON t.x = u.x", "SELECT a FROM cast AS T1 JOIN u ON T1.x = u.x"),
    ("values", "SELECT a FROM t WHERE b = 'it''s' LIMIT 1", "SELECT a FROM t WHERE b = 2.5 LIMIT 10"),
    ("quotes", "SELECT a FROM t WHERE b = 'x'", 'SELECT a FROM t WHERE b = "x"'),
    ("words in values", "SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'select , from ; -- ('"),
    ("signs", "SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = - 1"),
    ("signs elsewhere", "SELECT max(1, a), 2 FROM t LIMIT 1", "SELECT max(-1, a), +2 FROM t LIMIT -1"),
    ("lists", "SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN ('x', \"y\", -3)"),
    ("case", "SELECT count(*) FROM t GROUP BY a", "select COUNT(*) from T group by A"),
    ("space", "SELECT a,b FROM t WHERE c>=1", "  SELECT a ,\n\tb FROM t  WHERE c >= 1 ;\n"),
    ("comments", "SELECT a FROM t", "SELECT a -- the ' name\nFROM /* that\n */ t"),
    ("aliases", "SELECT a FROM t JOIN u ON t.x = u.x", "SELECT p.a FROM t AS p JOIN u q ON p.x = q.x"),
    ("aliases of columns", "SELECT count(*), a FROM t", "SELECT count(*) AS 'how many', a \"x y\" FROM t"),
    ("aliases of subqueries", "SELECT a FROM (SELECT b FROM t)", "SELECT z.a FROM (SELECT b FROM t) AS z"),
    ("spellings", "SELECT a FROM t JOIN u ON t.x = u.x", "SELECT a FROM t INNER JOIN u ON t.x == u.x"),
    ("inequality", "SELECT a FROM t WHERE b != 1", "SELECT a FROM t WHERE b <> 1"),
    ("ascending", "SELECT a FROM t ORDER BY b", "SELECT a FROM t ORDER BY b ASC"),
]

DIFFERENT = [
    ("SELECT a FROM t", "SELECT a, b FROM t"),
    ("SELECT a FROM t", "SELECT DISTINCT a FROM t"),
    ("SELECT a FROM t", "SELECT * FROM t"),
    ("SELECT max(a) FROM t", "SELECT min(a) FROM t"),
    ("SELECT count(*) FROM t", "SELECT count(a) FROM t"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = c"),
    ("SELECT a FROM t WHERE b = 1 AND c = 2", "SELECT a FROM t WHERE b = 1 OR c = 2"),
    ("SELECT a FROM t ORDER BY b", "SELECT a FROM t ORDER BY b DESC"),
    ("SELECT a FROM t JOIN u ON t.x = u.x", "SELECT a FROM t LEFT JOIN u ON t.x = u.x"),
    ("SELECT a FROM t WHERE b IN (1, 2)", "SELECT a FROM t WHERE b IN (SELECT c FROM u)"),
]


@pytest.mark.parametrize(("sql", "expected"), SKELETONS, ids=[sql for sql, _ in SKELETONS])
def test_skeleton(sql: str, expected: str) -> None:
    assert skeleton(sql) == expected


@pytest.mark.parametrize(("one", "other"), [pair for _, *pair in SAME], ids=[why for why, *_ in SAME])
def test_queries_of_one_build(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_queries_of_two_builds(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("", ""),
        (" ; -- nothing", ""),
        ("SELECT FROM WHERE", "SELECT FROM WHERE"),
        ("SELECT a FROM t WHERE b = 'no end", "SELECT _ FROM _ WHERE _ = ?"),
        ('SELECT a FROM t WHERE b = "no end', "SELECT _ FROM _ WHERE _ = ?"),
        ("SELECT a FROM t WHERE (b = 1", "SELECT _ FROM _ WHERE ( _ = ?"),
        ("SELECT a, FROM t GROUP", "SELECT _ , FROM _ GROUP"),
        ("SELECT `a FROM [t", "SELECT _"),
        ("SELECT a FROM t /* open", "SELECT _ FROM _"),
        ("SELECT é, 名 FROM ü", "SELECT _ , _ FROM _"),
    ],
)
def test_what_does_not_parse_has_a_skeleton_too(broken: str, expected: str) -> None:
    assert skeleton(broken) == expected


def test_a_list_of_columns_is_not_a_list_of_values() -> None:
    assert skeleton("SELECT 1, 2, 3") == "SELECT ? , ? , ?"
    assert skeleton('SELECT 1, "full name" FROM t WHERE b = 1 AND "full name" = \'x\'') == (
        "SELECT ? , _ FROM _ WHERE _ = ? AND _ = ?"
    )


def test_a_long_query_takes_no_time() -> None:
    sql = "SELECT a FROM t WHERE b IN (" + ", ".join(["'x'"] * 3000) + ") AND " + "(" * 3000 + '"'
    assert skeleton(sql).startswith("SELECT _ FROM _ WHERE _ IN ( ? ) AND ( (")
