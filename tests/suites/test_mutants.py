"""What is changed in a gold query: each kind of mistake, on queries that have room for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import read_schema
from spider_opt.sql.parse import parse
from spider_opt.suites.contents import Contents, read_contents
from spider_opt.suites.literals import literals_of
from spider_opt.suites.mutants import MOST, mutants

SCHEMA = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c TEXT, d TEXT);
    CREATE TABLE u (t INTEGER REFERENCES t (id), n INTEGER, m INTEGER, "my name" TEXT);
    INSERT INTO t VALUES (1, 2, 3, 'x', 'p'), (2, 4, 6, 'y', 'q');
"""
# kind, query, and a mutant that must be among those of the kind
CASES = [
    ("operator", "SELECT a FROM t WHERE b > 3", "SELECT a FROM t WHERE b >= 3"),
    ("operator", "SELECT a FROM t WHERE b = 3", "SELECT a FROM t WHERE b <> 3"),
    ("operator", "SELECT a FROM t WHERE c LIKE '%x%'", "SELECT a FROM t WHERE c = 'x'"),
    ("operator", "SELECT a FROM t WHERE c = 'x'", "SELECT a FROM t WHERE c LIKE '%x%'"),
    ("operator", "SELECT a FROM t WHERE b BETWEEN 1 AND 3", "SELECT a FROM t WHERE b >= 1"),
    ("operator", "SELECT a FROM t WHERE b BETWEEN 1 AND 3", "SELECT a FROM t WHERE (b > 1 AND b < 3)"),
    ("operator", "SELECT a FROM t WHERE id NOT IN (SELECT t FROM u)", "SELECT a FROM t WHERE id IN (SELECT t FROM u)"),
    ("operator", "SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE NOT (b IS NULL)"),
    ("literal", "SELECT a FROM t WHERE b > 3", "SELECT a FROM t WHERE b > 2"),
    ("literal", "SELECT a FROM t WHERE b > -1", "SELECT a FROM t WHERE b > -2"),
    ("literal", 'SELECT a FROM t WHERE c = "x"', "SELECT a FROM t WHERE c = 'y'"),
    ("literal", "SELECT a FROM t WHERE c LIKE '%x%'", "SELECT a FROM t WHERE c LIKE 'x%'"),
    ("column", "SELECT a FROM t WHERE c = 'x'", "SELECT a FROM t WHERE \"d\" = 'x'"),
    ("join", "SELECT a FROM t JOIN u ON t.id = u.t", "SELECT a FROM t LEFT JOIN u ON t.id = u.t"),
    ("join", "SELECT a FROM t LEFT JOIN u ON t.id = u.t", "SELECT a FROM t JOIN u ON t.id = u.t"),
    ("join", "SELECT a FROM t JOIN u ON t.id = u.t", "SELECT a FROM t"),
    ("join", "SELECT a FROM t JOIN u ON t.id = u.t", "SELECT a FROM t, u"),
    ("aggregate", "SELECT max(a) FROM t", "SELECT MIN(a) FROM t"),
    ("aggregate", "SELECT sum(a) FROM t", "SELECT AVG(a) FROM t"),
    ("aggregate", "SELECT avg(a) FROM t", "SELECT a FROM t"),
    ("distinct", "SELECT a FROM t", "SELECT DISTINCT a FROM t"),
    ("distinct", "SELECT DISTINCT a FROM t", "SELECT a FROM t"),
    ("distinct", "SELECT count(DISTINCT a) FROM t", "SELECT COUNT(a) FROM t"),
    ("order", "SELECT a FROM t ORDER BY b", "SELECT a FROM t ORDER BY b DESC"),
    ("order", "SELECT a FROM t ORDER BY b DESC LIMIT 1", "SELECT a FROM t ORDER BY b ASC LIMIT 1"),
    ("order", "SELECT a FROM t ORDER BY b, c", "SELECT a FROM t ORDER BY b"),
    ("order", "SELECT a FROM t ORDER BY b LIMIT 2", "SELECT a FROM t LIMIT 2"),
    ("limit", "SELECT a FROM t ORDER BY b LIMIT 2", "SELECT a FROM t ORDER BY b LIMIT 3"),
    ("limit", "SELECT a FROM t ORDER BY b LIMIT 2", "SELECT a FROM t ORDER BY b"),
    ("and/or", "SELECT a FROM t WHERE b > 3 AND c = 'x'", "SELECT a FROM t WHERE (b > 3 OR c = 'x')"),
    ("condition", "SELECT a FROM t WHERE b > 3 AND c = 'x'", "SELECT a FROM t WHERE c = 'x'"),
    ("condition", "SELECT a FROM t WHERE b > 3", "SELECT a FROM t"),
    ("condition", "SELECT a FROM t GROUP BY a HAVING count(*) > 1", "SELECT a FROM t GROUP BY a"),
    ("group", "SELECT a, b, count(*) FROM t GROUP BY a, b", "SELECT a, b, COUNT(*) FROM t GROUP BY a"),
    ("group", "SELECT a FROM t GROUP BY a", "SELECT a FROM t"),
    ("set operation", "SELECT a FROM t UNION SELECT n FROM u", "SELECT a FROM t INTERSECT SELECT n FROM u"),
    ("set operation", "SELECT a FROM t EXCEPT SELECT n FROM u", "SELECT n FROM u EXCEPT SELECT a FROM t"),
    ("set operation", "SELECT a FROM t EXCEPT SELECT n FROM u", "SELECT a FROM t"),
    ("set operation", "SELECT a FROM t UNION SELECT n FROM u", "SELECT a FROM t UNION ALL SELECT n FROM u"),
]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    path = tmp_path_factory.mktemp("m") / "m.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return read_contents(Path(path), read_schema(path, "m"), 0)


@pytest.mark.parametrize(("kind", "gold", "wanted"), CASES)
def test_each_kind_of_mistake_is_made(kind, gold, wanted, contents):
    made = [
        one.sql
        for one in mutants(gold, contents, literals_of([gold], {"a", "b", "c", "d", "n"}), 0)
        if one.kind == kind
    ]
    assert wanted in made


@pytest.mark.parametrize("gold", sorted({gold for _, gold, _ in CASES}))
def test_mutants_can_be_read_are_no_copies_and_always_the_same(gold, contents):
    made = mutants(gold, contents, {}, 0)
    assert len({one.sql for one in made}) == len(made) > 0
    assert all(parse(one.sql) is not None for one in made)
    assert made == mutants(gold, contents, {}, 0)


def test_there_are_not_too_many_of_a_long_query(contents):
    gold = "SELECT a FROM t WHERE " + " OR ".join(f"b = {number}" for number in range(100))
    assert len(mutants(gold, contents, {}, 0)) == MOST


@pytest.mark.parametrize("text", ["", "SELECT FROM", "DROP TABLE t; SELECT 1"])
def test_what_cannot_be_read_has_none(text, contents):
    assert mutants(text, contents, {}, 0) == []
