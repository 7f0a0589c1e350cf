"""Golds whose answer hangs on the order of rows, and such whose answer does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from spider_opt.databases import read_schema
from spider_opt.suites.bench import Bench
from spider_opt.suites.contents import read_contents
from spider_opt.suites.golds import read_golds

ROWS = {
    "p": [
        ("ann", "bonn", 3, 1),
        ("bob", "bonn", 5, 1),
        ("cid", "ulm", 5, 2),
        ("dan", "kiel", 1, 9),
        ("eve", "ulm", 2, 4),
    ]
}
OPEN = [
    "SELECT name FROM p ORDER BY n",
    "SELECT name FROM p ORDER BY n DESC LIMIT 1",
    "SELECT name FROM p LIMIT 2",
    "SELECT city FROM p GROUP BY city ORDER BY count(*)",
    "SELECT city FROM p GROUP BY city ORDER BY count(*) DESC LIMIT 1",
    "SELECT city, name FROM p GROUP BY city",
    "SELECT city, name, count(*) FROM p GROUP BY city HAVING count(*) > 1",
    "SELECT max(n), name FROM p",
    "SELECT city, max(n), m FROM p GROUP BY n",
    "SELECT * FROM p GROUP BY city",
    "SELECT name FROM p WHERE n = (SELECT n FROM p WHERE city = 'ulm')",
    "SELECT name FROM p WHERE city = (SELECT city FROM p GROUP BY city ORDER BY count(*) DESC LIMIT 1)",
    "SELECT name FROM p WHERE n IN (SELECT n FROM p ORDER BY m LIMIT 1)",
    "SELECT name FROM p EXCEPT SELECT name FROM p WHERE city IN (SELECT city FROM p ORDER BY n DESC LIMIT 1)",
    "SELECT group_concat(name) FROM p",
    "SELECT city FROM p UNION ALL SELECT name FROM p LIMIT 3",
    "SELECT n FROM p WHERE city IN (SELECT city FROM p ORDER BY m DESC LIMIT 1) OR n > 4 -- order by",
]
ONE = [
    "SELECT name FROM p",
    "SELECT name FROM p ORDER BY n, name",
    "SELECT n FROM p ORDER BY n DESC LIMIT 1",
    "SELECT n FROM p ORDER BY n",
    "SELECT name FROM p ORDER BY n LIMIT 1",
    "SELECT city, count(*) FROM p GROUP BY city",
    "SELECT city, max(n) FROM p GROUP BY city",
    "SELECT min(n), name FROM p",
    "SELECT city, sum(n) AS s FROM p GROUP BY city ORDER BY s",
    "SELECT n, city FROM p WHERE n < 4 GROUP BY n",
    "SELECT name FROM p WHERE n = (SELECT max(n) FROM p)",
    "SELECT name FROM p WHERE n = (SELECT n FROM p ORDER BY n DESC LIMIT 1) AND city = 'ulm'",
    "SELECT city FROM p UNION SELECT name FROM p",
    "SELECT count(*) FROM p WHERE city IN (SELECT city FROM p)",
    "SELECT name FROM p AS a WHERE n = (SELECT max(b.n) FROM p AS b WHERE b.city = a.city)",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bool]]:
    path = tmp_path_factory.mktemp("t") / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE p (name TEXT PRIMARY KEY, city TEXT, n INTEGER, m INTEGER)")
    contents = read_contents(path, read_schema(path, "t"), 0)
    bench = Bench(contents)
    read = read_golds([*OPEN, *ONE], contents, bench)
    assert read.left_out == {}
    bench.load(ROWS)
    found = {}
    for gold in read.golds:
        n = 16 if gold.restless else 0
        found[gold.sql] = all(bench.is_definite(*asked, n) for asked in zip(gold.forms, gold.ways, strict=True))
    yield found
    bench.close()


@pytest.mark.parametrize("gold", OPEN)
def test_ties_leave_the_answer_open(gold, told):
    assert told[gold] is False


@pytest.mark.parametrize("gold", ONE)
def test_one_answer(gold, told):
    assert told[gold] is True
