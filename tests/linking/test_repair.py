from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from spider_opt.databases import Sandbox
from spider_opt.linking.alike import SURE, alike
from spider_opt.linking.contents import Contents
from spider_opt.linking.repair import mends, value_mends
from spider_opt.sql.names import quoted
from spider_opt.sql.parse import parse
from spider_opt.types import Column, ForeignKey, Schema, Table


def table(name: str, *columns: str) -> Table:
    """Return a table; a column that ends in * is a primary key."""
    return Table(
        name,
        tuple(
            Column(c.rstrip("*"), "TEXT", c.rstrip("*").replace("_", " ").lower(), primary_key=c.endswith("*"))
            for c in columns
        ),
        name.replace("_", " ").lower(),
    )


SCHEMA = Schema(
    "zoo",
    (
        table("Keeper", "keeper_id*", "keeper_first_name", "phone", "town"),
        table("Animal", "animal_id*", "name", "age", "species", "house"),
        table("House", "house_no*", "Heated", "size"),
        table("Care", "keeper_id*", "animal_id*", "since"),
        table("Visit", "visit_id*", "animal_name", "species", "day of week"),
        table("Island", "island_id*", "climate"),
    ),
    (
        ForeignKey("Care", "keeper_id", "Keeper", "keeper_id"),
        ForeignKey("Care", "animal_id", "Animal", "animal_id"),
        ForeignKey("Animal", "house", "House", "house_no"),
    ),
)
CASES = {
    "of the other table of a join": (
        "SELECT T2.name, T2.since FROM Animal AS T1 JOIN Care AS T2 ON T1.animal_id = T2.animal_id",
        "SELECT T1.name, T2.since FROM Animal AS T1 JOIN Care AS T2 ON T1.animal_id = T2.animal_id",
    ),
    "of a table that is not there": (
        "SELECT name FROM Animal WHERE heated = 'yes'",
        "SELECT name FROM Animal JOIN House ON Animal.house = House.house_no WHERE House.Heated = 'yes'",
    ),
    "of a table that is two joins away": (
        "SELECT name FROM Animal WHERE phone = '1'",
        "SELECT name FROM Animal JOIN Care ON Care.animal_id = Animal.animal_id "
        "JOIN Keeper ON Care.keeper_id = Keeper.keeper_id WHERE Keeper.phone = '1'",
    ),
    "under the name of a table that is not there": (
        "SELECT House.size FROM Animal",
        "SELECT House.size FROM Animal JOIN House ON Animal.house = House.house_no",
    ),
    "under an alias nobody declared": (
        "SELECT T1.name, T2.size FROM Animal AS T1 WHERE T2.size > 3",
        "SELECT T1.name, House.size FROM Animal AS T1 JOIN House ON T1.house = House.house_no WHERE House.size > 3",
    ),
    "under the name of a table that has an alias": (
        "SELECT Animal.name FROM Animal AS a",
        "SELECT a.name FROM Animal AS a",
    ),
    "a table in place of the wrong one": ("SELECT size FROM Keeper", "SELECT size FROM House"),
    "a table that has all that is used": (
        "SELECT animal_name FROM Animal WHERE species = 'owl' AND `day of week` = 1",
        "SELECT animal_name FROM Visit WHERE species = 'owl' AND \"day of week\" = 1",
    ),
    "what is counted stays": (
        "SELECT size, COUNT(*) FROM Animal GROUP BY size",
        "SELECT House.size, COUNT(*) FROM Animal JOIN House ON Animal.house = House.house_no GROUP BY size",
    ),
    "a prefix left out": ("SELECT first_name FROM Keeper", "SELECT Keeper.keeper_first_name FROM Keeper"),
    "the table as a prefix": ("SELECT T1.animal_age FROM Animal T1", "SELECT T1.age FROM Animal AS T1"),
    "misspelt": ("SELECT specie, agee FROM Animal", "SELECT Animal.species, Animal.age FROM Animal"),
    "an id by another name": ("SELECT a.zoo_id FROM Animal AS a", "SELECT a.animal_id FROM Animal AS a"),
    "a table misspelt": ("SELECT Animals.name FROM Animals", "SELECT Animal.name FROM Animal"),
    "a table known by its columns": ("SELECT heated, size FROM Building", "SELECT heated, size FROM House"),
    "a count of nothing there": (
        "SELECT COUNT(T1.qqqq) FROM Island AS T1",
        "SELECT COUNT(*) FROM Island AS T1",
    ),
    "ambiguous": (
        "SELECT animal_id, name FROM Care AS T1 JOIN Animal AS T2 ON T1.animal_id = T2.animal_id",
        "SELECT T1.animal_id, name FROM Care AS T1 JOIN Animal AS T2 ON T1.animal_id = T2.animal_id",
    ),
    "ambiguous, said elsewhere": (
        "SELECT animal_id FROM Care AS T1 JOIN Animal AS T2 ON T1.animal_id = T2.animal_id ORDER BY T2.animal_id",
        "SELECT T2.animal_id FROM Care AS T1 JOIN Animal AS T2 ON T1.animal_id = T2.animal_id ORDER BY T2.animal_id",
    ),
    "a join with its columns swapped": (
        "SELECT 1 FROM Animal AS T1 JOIN House AS T2 ON T1.house_no = T2.house",
        "SELECT 1 FROM Animal AS T1 JOIN House AS T2 ON T1.house = T2.house_no",
    ),
    "a join on an invented column": (
        "SELECT 1 FROM Animal AS T1 JOIN House AS T2 ON T1.place = T2.place",
        "SELECT 1 FROM Animal AS T1 JOIN House AS T2 ON T1.house = T2.house_no",
    ),
    "a join past the table between": (
        "SELECT T2.town FROM Animal AS T1 JOIN Keeper AS T2 ON T1.keeper_id = T2.keeper_id",
        "SELECT T2.town FROM Animal AS T1 JOIN Care ON Care.animal_id = T1.animal_id "
        "JOIN Keeper AS T2 ON Care.keeper_id = T2.keeper_id",
    ),
    "a star keeps its meaning": (
        "SELECT * FROM Animal WHERE heated = 1",
        "SELECT Animal.* FROM Animal JOIN House ON Animal.house = House.house_no WHERE House.Heated = 1",
    ),
    "names that a join would make ambiguous": (
        "SELECT animal_id, name FROM Animal WHERE since > 2000",
        "SELECT Animal.animal_id, name FROM Animal JOIN Care ON Care.animal_id = Animal.animal_id "
        "WHERE Care.since > 2000",
    ),
    "an alias that the new table would have": (
        "SELECT House.name, House.size, House.animal_id FROM Animal AS House",
        "SELECT House.name, T2.size, House.animal_id FROM Animal AS House "
        "JOIN House AS T2 ON House.house = T2.house_no",
    ),
    "the same mistake inside and outside": (
        "SELECT name FROM Animal WHERE size > (SELECT AVG(size) FROM Animal)",
        "SELECT name FROM Animal JOIN House ON Animal.house = House.house_no "
        "WHERE House.size > (SELECT AVG(size) FROM House)",
    ),
    "in one half of a union": (
        "SELECT name FROM Animal UNION SELECT town FROM Animal WHERE phone = 1 ORDER BY name",
        "SELECT name FROM Animal UNION SELECT town FROM Keeper WHERE phone = 1 ORDER BY name",
    ),
    "sorted by a count without groups": (
        "SELECT species FROM Visit ORDER BY COUNT(*) DESC LIMIT 1",
        "SELECT species FROM Visit GROUP BY species ORDER BY COUNT(*) DESC LIMIT 1",
    ),
    "sorted by a count of what refers to it": (
        "SELECT town FROM Keeper ORDER BY COUNT(*) DESC LIMIT 1",
        "SELECT town FROM Keeper JOIN Care ON Care.keeper_id = Keeper.keeper_id "
        "GROUP BY Keeper.keeper_id ORDER BY COUNT(*) DESC LIMIT 1",
    ),
    "a bare name that means something outside by accident": (
        "SELECT name FROM Animal WHERE age = (SELECT age FROM Island GROUP BY age ORDER BY COUNT(*) LIMIT 1)",
        "SELECT name FROM Animal WHERE age = (SELECT age FROM Animal GROUP BY age ORDER BY COUNT(*) LIMIT 1)",
    ),
    "a parenthesis not closed": (
        "SELECT name FROM Animal WHERE animal_id IN (SELECT animal_id FROM Care WHERE since = 'a(b'",
        "SELECT name FROM Animal WHERE animal_id IN (SELECT animal_id FROM Care WHERE since = 'a(b')",
    ),
    "cut off": (
        "SELECT name FROM Animal WHERE age = 1 AND animal_id IN (SELECT animal_id FROM Care WHERE since = 2 AND key",
        "SELECT name FROM Animal WHERE age = 1 AND animal_id IN (SELECT animal_id FROM Care WHERE since = 2)",
    ),
    "clauses in the wrong order": (
        "SELECT name FROM Animal LIMIT 1 WHERE age > 3",
        "SELECT name FROM Animal WHERE age > 3 LIMIT 1",
    ),
    "double quotes are text": (
        'SELECT nam FROM Animal WHERE species = "first name" AND house = "it\'s"',
        'SELECT Animal.name FROM Animal WHERE species = "first name" AND house = "it\'s"',
    ),
    "backticks are a name": (
        "SELECT `day_of_week` FROM Visit",
        'SELECT Visit."day of week" FROM Visit',
    ),
}


@pytest.fixture(scope="module")
def zoo() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for made in SCHEMA.tables:
        connection.execute(f"CREATE TABLE {quoted(made.name)} ({', '.join(quoted(c.name) for c in made.columns)})")
    yield connection
    connection.close()


def runs(zoo: sqlite3.Connection, sql: str) -> bool:
    try:
        zoo.execute(sql).fetchall()
    except sqlite3.Error:
        return False
    return True


def first_that_runs(zoo: sqlite3.Connection, sql: str) -> str | None:
    return next((mend.sql for mend in mends(SCHEMA, sql) if runs(zoo, mend.sql)), None)


@pytest.mark.parametrize(("broken", "mended"), CASES.values(), ids=CASES)
def test_mends(zoo: sqlite3.Connection, broken: str, mended: str) -> None:
    assert not runs(zoo, broken) or "`" in broken
    assert first_that_runs(zoo, broken) == mended


@pytest.mark.parametrize(
    "hopeless",
    [
        "",
        "hello",
        "SELECT",
        "SELECT FROM WHERE",
        "SELECT qqqq",
        "SELECT qqqq.* FROM Animal",
        "SELECT climate, heated FROM Island WHERE island_id = 1 AND qqqq = 2",
        "SELECT a FROM qqqq",
        "SELECT name FROM Animal) ORDER BY (1",
        "DELETE FROM Animal WHERE qqqq = 1",
    ],
)
def test_what_cannot_be_mended_is_not(zoo: sqlite3.Connection, hopeless: str) -> None:
    assert first_that_runs(zoo, hopeless) in (None, hopeless)


@pytest.mark.parametrize(
    "fine",
    [
        "SELECT rowid, oid FROM Animal",
        "SELECT age AS years FROM Animal WHERE years > 1 GROUP BY years ORDER BY years",
        "SELECT 1 FROM Animal AS a WHERE EXISTS (SELECT 1 FROM Care WHERE Care.animal_id = a.animal_id AND age > 3)",
        "SELECT n FROM (SELECT name AS n FROM Animal) AS t",
        "SELECT x FROM (SELECT *, 1 AS x FROM Animal)",
        "WITH old AS (SELECT name FROM Animal) SELECT old.name FROM old",
        "SELECT keeper_id FROM Keeper JOIN Care USING (keeper_id)",
        "SELECT keeper_id FROM Keeper NATURAL JOIN Care",
        "SELECT Care.* FROM Care, Keeper",
        "SELECT value FROM json_each('[1]')",
        'SELECT "no column" FROM Animal',
        "SELECT (SELECT COUNT(*) FROM Care) FROM Animal ORDER BY (SELECT MAX(age) FROM Animal)",
        "SELECT name FROM Animal ORDER BY COUNT(*) OVER ()",
        "SELECT COUNT(*) FROM Animal ORDER BY COUNT(*)",
    ],
)
def test_names_that_mean_something_stay(zoo: sqlite3.Connection, fine: str) -> None:
    assert runs(zoo, fine)
    first = next(mends(SCHEMA, fine), None)
    tree = parse(fine)
    assert tree is not None
    assert first is None or first == (tree.sql(dialect="sqlite"), ())


def test_each_mend_comes_once_and_says_what_was_done() -> None:
    found = list(mends(SCHEMA, "SELECT T2.name, T1.size FROM Animal AS T1 JOIN Care AS T2 ON T1.animal_id = T2.x"))
    assert len({mend.sql for mend in found}) == len(found) > 1
    assert found[0].what == ("requalified", "joined", "on")
    assert next(mends(SCHEMA, "SELECT nam FROM Animal WHERE (age = 1")).what == ("closed", "respelled")


def test_long_and_deep_queries_end() -> None:
    long = "SELECT qqqq FROM Animal WHERE " + " AND ".join(f"siz = {i}" for i in range(100))
    deep = "SELECT name FROM Animal WHERE siz IN (" * 40 + "1" + ")" * 40
    cut = "SELECT name FROM Animal WHERE siz IN (" * 300
    for sql in (long, deep, cut):
        assert len(list(mends(SCHEMA, sql))) < 100


def test_texts_that_no_model_writes_are_not_tried() -> None:
    query = "SELECT nothing FROM animal WHERE " + " OR ".join(f"kind = '{i}'" for i in range(100_000))
    start = time.process_time()
    assert list(mends(SCHEMA, query)) == []
    assert time.process_time() - start < 1


def test_mending_ends_when_its_time_is_up() -> None:
    assert list(mends(SCHEMA, "SELECT nam FROM animal", lambda: False)) == []


def test_the_shared_tree_is_left_alone() -> None:
    sql = "SELECT size FROM Animal"
    before = repr(parse(sql))
    assert list(mends(SCHEMA, sql))
    assert repr(parse(sql)) == before


@pytest.mark.parametrize(
    ("wrong", "right", "table", "sure"),
    [
        ("First_Name", "firstName", "", True),
        ("singer_name", "Name", "singers", True),
        ("last_name", "staff_last_name", "Staff", True),
        ("authorID", "authID", "", True),
        ("asessment_outcome_code", "assessment_outcome_code", "", True),
        ("country", "county", "", False),
        ("visit_fee", "visit", "", False),
        ("city", "city_id", "", False),
        ("id", "street_id", "house", False),
        ("größe", "groesse", "", False),
        ("", "name", "", False),
    ],
)
def test_alike(wrong: str, right: str, table: str, sure: bool) -> None:
    assert (alike(wrong, right, table) >= SURE) is sure
    assert 0 <= alike(right, wrong, table) <= 1


def held(name: str, rows: list[tuple[object, ...]]) -> tuple[str, list[tuple[object, ...]]]:
    """Return a statement that fills a table, and the rows."""
    return f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows


ROWS = (
    held("Keeper", [("k1", "Ann", "555-0101", "Owl Town"), ("k2", "Ben", "555-0102", "Paris")]),
    held("Animal", [("a1", "Leo", "3", "big cats", "h1"), ("a2", "Zoë", "4", "Owl", ""), ("a3", "h", "5", "ant", "")]),
    held("House", [("h1", "yes", "Large"), ("h2", "no", " small")]),
    held("Care", [("k1", "a1", "2001"), ("k2", "a2", "2002")]),
    held("Visit", [("v1", "Leo", "big cats", "Monday"), ("v2", "Kim", "Owl", "Friday")]),
    held("Person", [("Ann", "Bell", "F", "4560596484842", "Lyon, France"), ("Max", "Stone", "M", "12", "Oslo")]),
    held("Trip", [("k1", "k2")]),
)  # fmt: skip
FULL = Schema(
    "zoo",
    (
        *(t for t in SCHEMA.tables if t.name != "Island"),
        table("Person", "fname", "last name", "sex", "card", "born_in"),
        table("Trip", "guide", "driver"),
        table("Nothing", "nothing_id*", "town"),
    ),
    (
        *SCHEMA.foreign_keys,
        ForeignKey("Trip", "guide", "Keeper", "keeper_id"),
        ForeignKey("Trip", "driver", "Keeper", "keeper_id"),
    ),
)
VALUES = {
    "case": ("SELECT 1 FROM Visit WHERE animal_name = 'leo'", "SELECT 1 FROM Visit WHERE animal_name = 'Leo'"),
    "plural": ("SELECT 1 FROM Animal WHERE species <> 'owls'", "SELECT 1 FROM Animal WHERE species <> 'Owl'"),
    "accent": ("SELECT 1 FROM Animal WHERE name LIKE 'Zoe'", "SELECT 1 FROM Animal WHERE name LIKE 'Zoë'"),
    "double quotes": ('SELECT 1 FROM Animal WHERE name = "leo"', "SELECT 1 FROM Animal WHERE name = 'Leo'"),
    "a column in double quotes": (
        'SELECT 1 FROM Visit WHERE "day of week" = "monday"',
        "SELECT 1 FROM Visit WHERE \"day of week\" = 'Monday'",
    ),
    "the text first": ("SELECT 1 FROM Animal WHERE 'leo' = name", "SELECT 1 FROM Animal WHERE 'Leo' = name"),
    "one in a list": (
        "SELECT 1 FROM Animal WHERE name IN ('Leo', 'zoë')",
        "SELECT 1 FROM Animal WHERE name IN ('Leo', 'Zoë')",
    ),
    "more words": (
        "SELECT 1 FROM Person WHERE born_in = 'Lyon'",
        "SELECT 1 FROM Person WHERE born_in = 'Lyon, France'",
    ),
    "fewer words": (
        "SELECT 1 FROM Keeper WHERE town = 'Paris (France)'",
        "SELECT 1 FROM Keeper WHERE town = 'Paris'",
    ),
    "an initial": ("SELECT 1 FROM Person WHERE sex = 'female'", "SELECT 1 FROM Person WHERE sex = 'F'"),
    "another column": ("SELECT 1 FROM Animal WHERE name = 'owl'", "SELECT 1 FROM Animal WHERE species = 'Owl'"),
    "another column for a list": (
        "SELECT 1 FROM Animal WHERE name IN ('Owl', 'ant')",
        "SELECT 1 FROM Animal WHERE species IN ('Owl', 'ant')",
    ),
    "a number for a text": (
        "SELECT 1 FROM Person WHERE born_in = 4560596484842",
        "SELECT 1 FROM Person WHERE card = '4560596484842'",
    ),
    "a pattern": (
        "SELECT 1 FROM Animal WHERE name LIKE '%cats%'",
        "SELECT 1 FROM Animal WHERE species LIKE '%cats%'",
    ),
    "of another table in FROM": (
        "SELECT 1 FROM Keeper AS a, Animal AS b WHERE a.town = 'Leo'",
        "SELECT 1 FROM Keeper AS a CROSS JOIN Animal AS b WHERE b.name = 'Leo'",
    ),
    "a key for what it refers to": (
        "SELECT name FROM Animal WHERE house = 'large'",
        "SELECT name FROM Animal JOIN House ON Animal.house = House.house_no WHERE House.size = 'Large'",
    ),
    "a key that is not the one joined by": (
        "SELECT 1 FROM Trip AS t JOIN Keeper AS k ON t.guide = k.keeper_id WHERE t.driver = 'Ben'",
        "SELECT 1 FROM Trip AS t JOIN Keeper AS k ON t.guide = k.keeper_id JOIN Keeper "
        "ON t.driver = Keeper.keeper_id WHERE Keeper.keeper_first_name = 'Ben'",
    ),
    "a key for what the table between refers to": (
        "SELECT Care.since FROM Care WHERE animal_id = 'Leo'",
        "SELECT Care.since FROM Care JOIN Animal ON Care.animal_id = Animal.animal_id WHERE Animal.name = 'Leo'",
    ),
    "two keys away": (
        "SELECT name FROM Animal WHERE species = '555-0102'",
        "SELECT name FROM Animal JOIN Care ON Care.animal_id = Animal.animal_id "
        "JOIN Keeper ON Care.keeper_id = Keeper.keeper_id WHERE Keeper.phone = '555-0102'",
    ),
    "in a subquery": (
        "SELECT name FROM Animal WHERE house IN (SELECT house_no FROM House WHERE Heated = 'large')",
        "SELECT name FROM Animal WHERE house IN (SELECT house_no FROM House WHERE size = 'Large')",
    ),
    "a first and a last name": (
        "SELECT sex FROM Person AS p WHERE p.fname = 'Max Stone' OR 1 = 2",
        "SELECT sex FROM Person AS p WHERE (p.fname = 'Max' AND p.\"last name\" = 'Stone') OR 1 = 2",
    ),
    "several": (
        "SELECT 1 FROM Animal WHERE name = 'leo' AND species = 'big cat' AND age = '3'",
        "SELECT 1 FROM Animal WHERE name = 'Leo' AND species = 'big cats' AND age = '3'",
    ),
    "one that can be helped": (
        "SELECT 1 FROM Animal WHERE name = 'nobody' OR species = 'owl'",
        "SELECT 1 FROM Animal WHERE name = 'nobody' OR species = 'Owl'",
    ),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    path = tmp_path_factory.mktemp("zoo") / "zoo.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for made in FULL.tables:
            connection.execute(f"CREATE TABLE {quoted(made.name)} ({', '.join(quoted(c.name) for c in made.columns)})")
        for statement, rows in ROWS:
            connection.executemany(statement, rows)
        connection.commit()
    with Sandbox(path) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("wrong", "meant"), VALUES.values(), ids=VALUES)
def test_a_text_goes_where_it_is_held(full: Sandbox, wrong: str, meant: str) -> None:
    assert len(full.run(wrong).columns) == 1
    assert [mend.sql for mend in value_mends(FULL, wrong, Contents(FULL, full))][:1] == [meant]
    assert full.run(meant).rows


@pytest.mark.parametrize(
    "fine",
    [
        "SELECT 1 FROM Animal WHERE name = 'Leo' AND species = 'ant'",
        "SELECT 1 FROM Animal WHERE name LIKE 'LEO'",
        "SELECT 1 FROM Animal WHERE name IN ('Leo', 'nobody')",
        "SELECT 1 FROM Animal WHERE name = 'nobody at all'",
        "SELECT 1 FROM Animal WHERE name = ''",
        "SELECT 1 FROM Animal WHERE name = '%'",
        "SELECT 1 FROM Animal WHERE name LIKE '%nt%'",
        "SELECT 1 FROM Animal WHERE name > 'owl'",
        "SELECT 1 FROM Animal WHERE age = 2001",
        "SELECT 1 FROM House WHERE size = 'small'",
        "SELECT 1 FROM Nothing WHERE town = 'Paris'",
        "SELECT 1 FROM (SELECT name FROM Animal) AS t WHERE t.name = 'leo'",
        "WITH t AS (SELECT name FROM Animal) SELECT 1 FROM t WHERE name = 'leo'",
        "SELECT 1 FROM Animal WHERE lower(name) = 'Leo'",
        "SELECT 'leo' = 'owl'",
        "SELECT 1 FROM Animal WHERE name = species",
        "SELECT 1 FROM Animal WHERE name = (SELECT 'owl')",
        "not a query",
    ],
)
def test_a_text_stays_where_it_is_held_or_nowhere_better(full: Sandbox, fine: str) -> None:
    assert list(value_mends(FULL, fine, Contents(FULL, full))) == []


def test_long_lists_and_many_texts_end(full: Sandbox) -> None:
    long = f"SELECT 1 FROM Animal WHERE name IN ({', '.join(repr(f'leo {i}') for i in range(500))})"
    many = "SELECT 1 FROM Animal WHERE " + " OR ".join(["name = 'owl'"] * 40)
    for sql in (long, many):
        assert list(value_mends(FULL, sql, Contents(FULL, full))) == []


def test_it_says_how_a_text_was_mended(full: Sandbox) -> None:
    wrong = "SELECT 1 FROM Animal WHERE name = 'leo' AND house = 'large'"
    assert next(value_mends(FULL, wrong, Contents(FULL, full))).what == ("spelled", "key")
