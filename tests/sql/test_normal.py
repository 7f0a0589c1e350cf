"""Spellings of one query are one text, and two queries are two."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spider_opt.sql.normal import normalized, tokens

SAME = [
    ("case", "SELECT Name FROM Cat WHERE x = 'A'", "select NAME from cat where X = 'A'"),
    ("space", "SELECT a,b FROM t", " SELECT  a ,\n b\tFROM t "),
    ("semicolon", "SELECT a FROM t", "SELECT a FROM t ; "),
    ("comments", "SELECT a FROM t", "SELECT a FROM t -- it is"),
    ("quotes of values", "SELECT a FROM t WHERE b = 'It''s'", 'SELECT a FROM t WHERE b = "It\'s"'),
    ("quotes of names", 'SELECT "a b" FROM t', "SELECT [A b] FROM `T`"),
    ("needless quotes", 'SELECT "a" FROM "t"', "SELECT a FROM t"),
    ("aliases", "SELECT t.a FROM t JOIN u ON t.x = u.x", "SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.x = T2.x"),
    ("aliases without AS", "SELECT t.a FROM t JOIN u ON t.x = u.x", "SELECT p.a FROM t p JOIN u q ON P.x = q.x"),
    ("aliases of one table", "SELECT a FROM t WHERE b = 1", "SELECT T1.a FROM t AS T1 WHERE t1.b = 1"),
    ("aliases of stars", "SELECT t.* FROM t JOIN u ON t.x = u.x", "SELECT z.* FROM t AS z JOIN u ON z.x = u.x"),
    ("names of results", "SELECT count(*) FROM t WHERE a > 1", "SELECT COUNT(*) AS n FROM t WHERE a > 1"),
    ("names without AS", "SELECT a, max(b) FROM t GROUP BY a", "SELECT x.a first, max(x.b) most FROM t x GROUP BY x.a"),
    ("a column's own name", "SELECT a FROM t WHERE a = 1", "SELECT a AS A FROM t WHERE a = 1"),
    ("names on both sides", "SELECT a FROM t UNION SELECT b FROM u", "SELECT a AS x FROM t UNION SELECT b AS y FROM u"),
    (
        "self-joins",
        "SELECT A.x FROM t AS A JOIN t AS B ON A.id = B.of",
        "SELECT T1.x FROM t AS T1 JOIN t AS T2 ON T1.id = T2.of",
    ),
    (
        "one alias for two tables",
        "SELECT t.a FROM t JOIN u ON t.x = u.x INTERSECT SELECT v.a FROM v JOIN u ON v.x = u.x",
        "SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.x = T2.x INTERSECT "
        "SELECT T1.a FROM v AS T1 JOIN u AS T2 ON T1.x = T2.x",
    ),
    (
        "aliases seen from a subquery",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.x = t.x)",
        "SELECT T1.a FROM t AS T1 WHERE EXISTS (SELECT 1 FROM u AS T2 WHERE T2.x = T1.x)",
    ),
    ("inequality", "SELECT a FROM t WHERE b != 1", "SELECT a FROM t WHERE b <> 1"),
    ("a broken query", "SELECT a,, FROM T WHERE", "select A , ,from t where;"),
]

DIFFERENT = [
    ("SELECT b AS a FROM t ORDER BY a", "SELECT b FROM t ORDER BY a"),
    ("SELECT x FROM (SELECT a AS x, b AS y FROM t)", "SELECT y FROM (SELECT a AS x, b AS y FROM t)"),
    ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'X'"),
    ("SELECT a FROM t WHERE b = 'x y'", "SELECT a FROM t WHERE b = 'x  y'"),
    ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = x"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = '1'"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = -1"),
    ("SELECT t.a FROM t JOIN u ON t.x = u.x", "SELECT u.a FROM t JOIN u ON t.x = u.x"),
    ("SELECT A.x FROM t AS A JOIN t AS B ON A.id = B.of", "SELECT B.x FROM t AS A JOIN t AS B ON A.id = B.of"),
    (
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.x = t.x)",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.x = u.x)",
    ),
    ('SELECT "full name" FROM t', "SELECT full AS name FROM t"),
]


@pytest.mark.parametrize(("one", "other"), [pair for _, *pair in SAME], ids=[why for why, *_ in SAME])
def test_spellings_of_one_query(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_queries(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    "sql", [sql for _, *pair in SAME for sql in pair] + [sql for pair in DIFFERENT for sql in pair]
)
def test_what_is_normalized_stays(sql: str) -> None:
    assert normalized(normalized(sql)) == normalized(sql)


@pytest.mark.parametrize(
    "sql", ["", ";", "'", '"', "SELECT 'no end", "(" * 500, "DROP TABLE T", "no query at all", "[`"]
)
def test_anything_has_a_normal_form(sql: str) -> None:
    assert normalized(sql) == normalized(sql + " ;") or sql.startswith(("'", '"', "SELECT '", "["))


def test_a_double_quoted_text_is_a_value_only_where_one_is_due() -> None:
    kinds = [
        (token.kind, token.text) for token in tokens('SELECT "A b" FROM t WHERE t."c" = "C" AND "d" IN ("e", "F")')
    ]
    assert [text for kind, text in kinds if kind == "value"] == ["'C'", "'e'", "'F'"]
    assert [text for kind, text in kinds if kind == "name"] == ['"a b"', "c", "d"]


def test_the_shared_tree_is_left_as_it_is() -> None:
    from spider_opt.sql.parse import parse

    plain = "select t1.a from t as t1 where t1.b = 1"
    before = parse(plain).sql()  # type: ignore[union-attr]
    normalized(plain)
    assert parse(plain).sql() == before  # type: ignore[union-attr]


def test_golds_that_differ_only_in_aliases_are_found(shared: Path) -> None:
    golds = [item["query"] for item in json.loads((shared / "spider" / "dev.json").read_text())[::20]]
    for gold in golds:
        assert normalized(re.sub(r"\b[tT](\d)\b", r"Z\1x", gold)) == normalized(gold)
