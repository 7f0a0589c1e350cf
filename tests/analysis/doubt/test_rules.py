"""What each rule says of a query, and what it must not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from spider_opt.analysis.doubt.gold import Gold
from spider_opt.analysis.doubt.rules import BY_GOLD
from spider_opt.databases import Sandbox
from spider_opt.databases.schema import read_schema
from spider_opt.types import Example, Question

SCRIPT = """
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, price INTEGER, size TEXT);
INSERT INTO item VALUES (1, 'a', 'x', 5, '9'), (2, 'b', 'x', 5, '100'), (3, 'c', 'y', 3, '20'), (4, 'd', 'y', 1, 'L');
CREATE TABLE sale (item TEXT, item_id INTEGER, n INTEGER);
INSERT INTO sale VALUES ('1', 1, 2), ('1', 1, 3), ('3', 3, 1);
CREATE TABLE mixed (v);
INSERT INTO mixed VALUES (1), ('one');
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    with Sandbox(path) as database:
        yield database, read_schema(path, "shop")


def said(shop, sql, words="What is it?"):
    database, schema = shop
    gold = Gold(Example(0, Question("0", words, schema), sql), database)
    assert not gold.failed
    return {name: found for name in BY_GOLD if (found := "; ".join(BY_GOLD[name](gold)))}


DOUBTFUL = [
    ("empty", "SELECT name FROM item WHERE kind = 'z'", "gives no rows"),
    ("empty", "SELECT max(price), avg(price) FROM item WHERE kind = 'z'", "gives only NULL"),
    ("tie-cut", "SELECT name FROM item ORDER BY price DESC LIMIT 1", "LIMIT cuts a tie of 2 rows"),
    ("tie-cut", "SELECT kind FROM item GROUP BY kind ORDER BY count(*) LIMIT 1", "LIMIT cuts a tie of 2 rows"),
    ("tie-cut", "SELECT name FROM item ORDER BY price LIMIT 1 OFFSET 2", "LIMIT cuts a tie of 2 rows"),
    ("tie-cut", "SELECT name FROM item LIMIT 2", "LIMIT without ORDER BY takes 2 of 4 rows"),
    ("double-quotes", 'SELECT name FROM item WHERE kind = "x"', '"x" in double quotes is no column'),
    (
        "double-quotes",
        'SELECT name FROM item WHERE kind = "x" OR kind = "z"',
        '"x", "z" in double quotes are no columns',
    ),
    ("distinct", "SELECT DISTINCT kind FROM item", "DISTINCT leaves 2 of 4 rows"),
    ("distinct", "SELECT count(DISTINCT kind) FROM item", "DISTINCT changes the answer"),
    ("join-repeats", "SELECT i.name FROM item i JOIN sale s ON i.id = s.item_id", "the join makes 3 rows of 2 of i"),
    (
        "join-repeats",
        "SELECT sum(i.price) FROM item i JOIN sale s ON i.id = s.item_id",
        "the join makes 3 rows of 2 of i",
    ),
    ("join-repeats", "SELECT i.name, s.n FROM item i JOIN sale s", "a join has no condition"),
    ("join-repeats", "SELECT DISTINCT i.name FROM item i, sale s WHERE s.n < 3", "a join has no condition"),
    ("bare-column", "SELECT name, max(price) FROM item", "name stands beside an aggregate, without GROUP BY"),
    ("bare-column", "SELECT name FROM item GROUP BY kind HAVING count(*) > 1", "name differs within a group"),
    ("mixed-types", "SELECT name FROM item ORDER BY size DESC LIMIT 1", "size is text, so that its numbers"),
    ("mixed-types", "SELECT max(size) FROM item", "size is text"),
    ("mixed-types", "SELECT name FROM item WHERE size > 10", "size is text"),
    ("mixed-types", "SELECT s.n FROM item i JOIN sale s ON i.id = s.item", "i.id = s.item joins text with numbers"),
    ("mixed-types", "SELECT v FROM mixed", "v gives text as well as numbers"),
]


@pytest.mark.parametrize(("rule", "sql", "why"), DOUBTFUL)
def test_doubtful(shop, rule, sql, why):
    assert why in said(shop, sql).get(rule, "")


@pytest.mark.parametrize(
    ("sql", "words", "why"),
    [
        ("SELECT name FROM item", "Which items are there, in alphabetical order?", 'says "in alphabetical order"'),
        ("SELECT name FROM item", "List them sorted by price.", 'the question says "sorted"'),
        ("SELECT name FROM item", "List them from cheapest to dearest.", "from cheapest to dearest"),
        ("SELECT name FROM item ORDER BY price", "Which items are there?", "ORDER BY, and no such word"),
        ("SELECT name FROM item ORDER BY price", "Which items are there, in ascending order?", ""),
        ("SELECT name FROM item ORDER BY price LIMIT 1", "Which item is cheapest?", ""),
        ("SELECT name FROM item", "Which items did customers order?", ""),
        ("SELECT count(*) FROM item", "How many are there, sorted?", ""),
    ],
)
def test_order(shop, sql, words, why):
    found = said(shop, sql, words).get("order", "")
    assert why in found
    assert bool(found) == bool(why)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM item",
        "SELECT count(*) FROM item WHERE kind = 'z'",
        "SELECT name FROM item ORDER BY price LIMIT 1",
        "SELECT name FROM item ORDER BY price DESC LIMIT 2",
        "SELECT name FROM item ORDER BY price DESC LIMIT 9",
        "SELECT price FROM item ORDER BY price DESC LIMIT 1",
        'SELECT "name" FROM item',
        'SELECT price AS "p" FROM item WHERE "p" > 1',
        "SELECT DISTINCT name FROM item",
        "SELECT s.n FROM sale s JOIN item i ON i.id = s.item_id",
        "SELECT count(*) FROM item i JOIN sale s ON i.id = s.item_id",
        "SELECT i.name FROM item i, sale s WHERE i.id = s.item_id AND s.n = 2",
        "SELECT i.name, s.n FROM item i JOIN sale s ON i.id = s.item_id",
        "SELECT i.name FROM item i NATURAL JOIN item j",
        "SELECT kind, max(price) FROM item GROUP BY kind",
        "SELECT name, max(price) FROM item GROUP BY id",
        "SELECT name FROM item WHERE price > (SELECT avg(price) FROM item)",
        "SELECT max(name) FROM item",
        "SELECT name FROM item ORDER BY CAST(size AS INTEGER) DESC LIMIT 1",
        "SELECT name FROM item WHERE price > 3",
        "SELECT name FROM item UNION SELECT kind FROM item",
        "SELECT 1",
        "VALUES (1)",
    ],
)
def test_not_doubtful(shop, sql):
    assert said(shop, sql) == {}


def test_what_cannot_be_read_harms_nothing(shop):
    database, schema = shop
    gold = Gold(Example(0, Question("0", "?", schema), "SELECT nope FROM nowhere"), database)
    assert "nowhere" in gold.failed
    for rule in BY_GOLD.values():
        assert isinstance([*rule(gold)], list)
