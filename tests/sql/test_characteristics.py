from __future__ import annotations

from pathlib import Path

import pytest
from real_spider import real_golds

from spider_opt.sql.characteristics import CHARACTERISTICS, characteristics, told_apart

QUERIES = {
    "SELECT a FROM t": {"tables": 1},
    "SELECT a FROM t, u WHERE t.x = u.x AND (b = 1 OR c = 2)": {"tables": 2, "joins": 1, "logical_connectors": 2},
    "SELECT * FROM t AS a JOIN t AS b ON a.x = b.y": {"tables": 1, "joins": 1},
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u)": {"tables": 2, "subqueries": 1},
    "SELECT a FROM t WHERE x IN (SELECT y FROM u UNION SELECT z FROM w)": {
        "tables": 3, "subqueries": 1, "set_operations": 1,
    },
    "SELECT a FROM (SELECT a FROM t WHERE b = (SELECT max(b) FROM t)) AS q": {
        "tables": 1, "subqueries": 2, "aggregates": 1,
    },
    "(SELECT a FROM t) INTERSECT (SELECT b FROM u) EXCEPT SELECT 1": {"tables": 2, "set_operations": 2},
    "WITH q AS (SELECT a FROM t) SELECT a FROM q": {"tables": 1},
    "SELECT DISTINCT b, count(DISTINCT a) FROM t GROUP BY b ORDER BY count(*) DESC LIMIT 3": {
        "tables": 1, "aggregates": 2, "distinct": 2, "group_by": 1, "order_by": 1, "limit": 1,
    },
    "SELECT a FROM t WHERE NOT b LIKE '%x%' AND c BETWEEN 1 AND 2": {"tables": 1, "like": 1, "logical_connectors": 1},
    "SELECT abs(a), round(b, 1), a + b * 2 FROM t": {"tables": 1, "scalar_functions": 2, "arithmetic": 2},
    "SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, iif(a, 1, 2) FROM t": {"tables": 1, "control_flow": 2},
    "SELECT rank() OVER (ORDER BY a) FROM t": {"tables": 1, "windows": 1},
}  # fmt: skip


@pytest.mark.parametrize("sql", QUERIES)
def test_what_a_query_is_made_of(sql: str) -> None:
    found = characteristics(sql)
    assert found is not None
    assert tuple(found) == CHARACTERISTICS
    named = {name: n for name, n in found.items() if n and name not in ("scalar_functions", "aggregates")}
    expected = {name: n for name, n in QUERIES[sql].items() if name not in ("scalar_functions", "aggregates")}
    assert named == expected
    if "OVER" not in sql:  # what kind of function rank() is, sqlglot says
        assert {name: n for name, n in found.items() if n} == QUERIES[sql]


@pytest.mark.parametrize("sql", ["", "no query", "DROP TABLE t", "SELECT 1; SELECT 2", "\x00", "SELECT " + "(" * 5000])
def test_what_is_no_query_belongs_to_no_part(sql: str) -> None:
    assert characteristics(sql) is None
    assert set(told_apart(sql).values()) == {"-"}


def test_three_and_more_are_one_part() -> None:
    told = [told_apart("SELECT 1 FROM " + ", ".join(f"t{i}" for i in range(n + 1)))["joins"] for n in range(6)]
    assert told == ["0", "1", "2", "3+", "3+", "3+"]


def test_words_of_the_real_golds_are_counted(shared: Path) -> None:
    """As often as their text has the words; but those in strings, of which a few have OR and the like."""
    golds = real_golds(shared)[::7]
    other = {"order_by": 0, "set_operations": 0, "subqueries": 0}
    for sql in golds:
        found, words = characteristics(sql), sql.upper().replace("(", " ( ").split()
        assert found is not None, sql
        compounds = sum(words.count(word) for word in ("UNION", "INTERSECT", "EXCEPT"))
        other["order_by"] += found["order_by"] != words.count("ORDER")
        other["set_operations"] += found["set_operations"] != compounds
        other["subqueries"] += found["subqueries"] != words.count("SELECT") - 1 - compounds
    assert other == {"order_by": 0, "set_operations": 0, "subqueries": 0}
