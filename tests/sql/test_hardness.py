"""The levels by the rules; the official evaluator's own answers are in tests/regression/test_conformance.py."""

from __future__ import annotations

import pytest

from spider_opt.sql.hardness import hardness
from spider_opt.sql.parse import parse

LEVELS = [
    ("easy", "SELECT a FROM t"),
    ("easy", "SELECT count(*) FROM t WHERE a = 1"),
    ("easy", "SELECT a FROM t ORDER BY b DESC"),
    ("easy", "SELECT a FROM t JOIN u ON t.x = u.x"),
    ("easy", "SELECT a FROM t WHERE a != 1"),
    ("easy", "SELECT a FROM t WHERE a IS NOT NULL"),
    ("easy", "SELECT a FROM t GROUP BY a HAVING count(*) > 1"),  # an aggregate in HAVING is not counted
    ("easy", "SELECT a FROM (SELECT a FROM t WHERE b = 1 AND c = 2)"),  # a subquery in FROM is not counted
    ("medium", "SELECT a, b FROM t"),
    ("medium", "SELECT max(a), min(a) FROM t"),
    ("medium", "SELECT a FROM t ORDER BY b LIMIT 1"),
    ("medium", "SELECT a FROM t WHERE a LIKE '%x%'"),
    ("medium", "SELECT a FROM t WHERE a NOT LIKE '%x%'"),
    ("medium", "SELECT a FROM t WHERE a = 1 AND b = 2"),
    ("medium", "SELECT a FROM t WHERE a = 1 OR b = 2"),
    ("medium", "SELECT a, count(*) FROM t GROUP BY a"),
    ("medium", "SELECT a FROM t JOIN u ON t.x = u.x WHERE b = 1"),
    ("hard", "SELECT a FROM t JOIN u ON t.x = u.x JOIN v ON u.y = v.y WHERE b = 1"),
    ("hard", "SELECT a FROM t WHERE b IN (SELECT c FROM u)"),
    ("hard", "SELECT a FROM t WHERE b = (SELECT max(c) FROM u WHERE d IN (SELECT e FROM v))"),  # deeper is not counted
    ("hard", "SELECT a FROM t UNION SELECT b FROM u"),
    ("hard", "SELECT a FROM t EXCEPT SELECT a FROM u WHERE x = 1 AND y = 2 AND z = 3"),  # only the first is looked at
    ("hard", "SELECT a FROM t INTERSECT SELECT a FROM u UNION SELECT b FROM v WHERE x IN (SELECT 1)"),
    ("hard", "SELECT a, b, c FROM t JOIN u ON t.x = u.x WHERE b = 1 GROUP BY a"),
    ("hard", "SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY c"),
    ("extra", "SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY c LIMIT 1"),
    ("extra", "SELECT a, b FROM t WHERE c IN (SELECT d FROM u)"),
    ("extra", "SELECT a FROM t WHERE b = 1 AND c IN (SELECT d FROM u)"),
    ("extra", "SELECT a FROM t WHERE b IN (SELECT c FROM u) AND d IN (SELECT e FROM v)"),
    ("extra", "SELECT a FROM t WHERE b = (SELECT max(b) FROM t) ORDER BY a"),
]


@pytest.mark.parametrize(("level", "sql"), LEVELS, ids=[sql for _, sql in LEVELS])
def test_level(level, sql):
    assert hardness(sql) == level


@pytest.mark.parametrize(("level", "sql"), LEVELS, ids=[sql for _, sql in LEVELS])
def test_spelling_does_not_matter(level, sql):
    assert hardness(f"  {sql.lower()} ;\n") == level
    assert hardness(sql.replace(" ", "\n\t")) == level


@pytest.mark.parametrize(
    "sql", ["", ";", "DROP TABLE t", "SELECT", "SELECT 1; SELECT 2", "VALUES (1)", "no query", "'", "("]
)
def test_what_is_no_query_has_no_level(sql):
    assert hardness(sql) is None


def test_deep_nesting_has_no_level_or_some_but_does_not_fail():
    assert hardness("SELECT " + "(" * 3000 + "1" + ")" * 3000) in (None, "easy")


def test_parse_gives_a_tree_for_one_statement_only():
    assert parse("SELECT a FROM t;").sql(dialect="sqlite") == "SELECT a FROM t"
    assert parse("SELECT a FROM t; -- more") is not None
    assert parse("SELECT 1; SELECT 2") is None
    assert parse("SELECT a FORM t WHERE") is None
    assert parse("") is None
