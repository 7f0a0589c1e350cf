"""Whose a column is, is asked of SQLite too: its authorizer is told of each column that a query reads."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_spider import real_spider
from sqlglot import exp

from spider_opt.benchmarks import load
from spider_opt.databases.files import open_read_only
from spider_opt.sql.parse import parse
from spider_opt.sql.resolver import Resolver, own_columns, part_of
from spider_opt.sql.used import used
from spider_opt.types import Benchmark, Column, Schema, Table

TABLES = {"Owner": ("Id", "Name", "Town"), "Dog": ("Id", "Name", "Owner_Id", "Age"), "Walk": ("Dog_Id", "Day", "Km")}
SCHEMA = Schema("d", tuple(Table(name, tuple(Column(c, "TEXT") for c in columns)) for name, columns in TABLES.items()))

RIGHT = [
    "SELECT name FROM dog",
    "SELECT d.NAME, o.name FROM dog AS d JOIN owner o ON d.owner_id = o.id",
    "SELECT town, km FROM owner, dog, walk WHERE owner.id = owner_id AND dog_id = dog.id",
    "SELECT age FROM dog WHERE id IN (SELECT dog_id FROM walk WHERE km > age)",
    "SELECT name FROM owner WHERE EXISTS (SELECT 1 FROM dog WHERE owner_id = owner.id AND name = town)",
    "SELECT name FROM owner AS t WHERE (SELECT max(t.age) FROM dog AS t WHERE t.owner_id = town) > 1",
    "SELECT t.town FROM owner AS t WHERE id IN (SELECT t.town FROM walk AS w JOIN owner AS t)",
    "SELECT x FROM (SELECT age AS x, name FROM dog) WHERE name = 'a'",
    "SELECT name FROM (SELECT * FROM dog) AS d JOIN walk ON walk.dog_id = d.id",
    "SELECT n FROM (SELECT dog.*, km AS n FROM dog JOIN walk ON dog_id = id)",
    "WITH old AS (SELECT id AS old_id, name FROM dog WHERE age > 9) SELECT NAME FROM Old JOIN walk ON dog_id = OLD_ID",
    "WITH c(a, b) AS (SELECT id, town FROM owner) SELECT b FROM c WHERE a = 1",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, age FROM n JOIN dog ON id = i LIMIT 3",
    "SELECT name FROM dog UNION SELECT town FROM owner ORDER BY name",
    "SELECT name AS town FROM dog GROUP BY town HAVING count(age) > 1 ORDER BY town",
    "SELECT age AS a FROM dog WHERE a > 1",
    "SELECT rowid FROM dog",
    "SELECT name FROM dog NATURAL JOIN owner",
    "SELECT dog.name FROM dog JOIN owner USING (id)",
    "SELECT km FROM (dog JOIN walk ON dog.id = dog_id)",
    "SELECT name FROM dog WHERE name = \"Rex\" AND \"age\" > 1",
    "SELECT `name` FROM [dog] WHERE \"dog\".[age] = 1",
    "SELECT count(*) FROM dog AS a JOIN dog AS b ON a.age = b.owner_id",
    "SELECT max(km) OVER (PARTITION BY day) FROM walk",
    "SELECT * FROM dog",
]  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        yield connection


def read_by_sqlite(database: sqlite3.Connection, sql: str) -> set[tuple[str, str]]:
    """Return the (table, column) that SQLite reads, without those that only a star stands for."""
    read: set[tuple[str, str]] = set()

    def note(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and first and second:
            read.add((first, second))
        return sqlite3.SQLITE_OK

    database.set_authorizer(note)
    try:
        database.execute(f"EXPLAIN {sql}").close()
    finally:
        database.set_authorizer(None)
    return read


@pytest.mark.parametrize("sql", RIGHT)
def test_columns_are_of_what_sqlite_takes_them_to_be_of(database: sqlite3.Connection, sql: str) -> None:
    found = used(sql, SCHEMA)
    assert found is not None
    named, read = set(found.columns), read_by_sqlite(database, sql)
    if "*" in sql.replace("count(*)", "") or "NATURAL" in sql:
        assert named <= read  # SQLite also tells what a star and NATURAL stand for
    elif "USING" in sql:
        assert named == read | {("Dog", "Id"), ("Owner", "Id")}  # of which it does not tell
    else:
        assert named == ({("", "rowid")} if "rowid" in sql else read)


def differing(benchmark: Benchmark, step: int = 1) -> list[str]:
    """Return the golds whose columns SQLite takes to be others."""
    found = []
    for example in benchmark.examples[::step]:
        names = used(example.gold_sql, example.question.schema)
        with contextlib.closing(open_read_only(benchmark.paths[example.question.db_id])) as database:
            read = read_by_sqlite(database, example.gold_sql)
        stars = "*" in example.gold_sql.replace("(*)", "")
        if names is None or not (names.columns <= read if stars else names.columns == read):
            found.append(example.gold_sql)
    return found


@pytest.mark.parametrize("split", ["train", "test"])
def test_columns_of_the_bundled_benchmarks_golds(split: str) -> None:
    assert differing(load(f"spider-mini:{split}")) == []


@pytest.mark.filterwarnings("ignore")
def test_columns_of_spiders_golds(shared: Path) -> None:
    assert differing(real_spider("dev", shared), step=4) == []


# --- queries that are wrong ----------------------------------------------------------------------


def resolver(sql: str) -> tuple[Resolver, list[exp.Column]]:
    tree = parse(sql)
    assert tree is not None
    tree = tree.copy()
    return Resolver(tree, SCHEMA, sql), list(tree.find_all(exp.Column, bfs=False))


@pytest.mark.parametrize(
    ("sql", "owners"),
    [
        ("SELECT Name FROM dog JOIN owner", ["dog owner"]),
        ("SELECT dog.Name FROM dog JOIN owner", ["dog"]),
        ("SELECT Name FROM dog JOIN owner USING (Id)", ["dog"]),
        ("SELECT Name FROM dog NATURAL JOIN owner", ["dog"]),
        ("SELECT d.Age FROM owner d JOIN dog d", ["d"]),
        ("SELECT Km FROM dog", [""]),
        ("SELECT walk.Km FROM dog", [""]),
        ("SELECT x.Km FROM dog AS x", [""]),
        ("SELECT Km, Name FROM wolf JOIN dog", ["", "dog"]),
        ("SELECT value, Name FROM json_each('[1]') AS j JOIN dog", ["j", "j dog"]),
        ("SELECT 1 FROM dog WHERE Id IN (SELECT Id FROM walk)", ["dog", "dog"]),
        ("SELECT t.Age FROM dog AS t WHERE Id = (SELECT t.Age FROM walk AS t)", ["t", "t", "t"]),
        ("SELECT Age FROM (SELECT Name FROM dog) AS d", ["", "dog"]),
        ("SELECT Age FROM (SELECT * FROM dog) AS d", ["d"]),
        ("SELECT Age FROM (SELECT * FROM wolf, json_each('[1]')) AS d", ["d"]),
        ("SELECT d.* FROM dog AS d JOIN owner AS o", ["d"]),
        ("WITH RECURSIVE r AS (SELECT * FROM r) SELECT Name FROM r", ["r"]),
        ("SELECT Name FROM dog UNION SELECT Town FROM owner ORDER BY Name", ["dog", "owner", "dog owner"]),
    ],
)
def test_a_name_may_be_of_none_or_of_several(sql: str, owners: list[str]) -> None:
    names, columns = resolver(sql)
    found = [next((f for _, f in names.owners(column) if f), []) for column in columns]
    assert [" ".join(source.name for source in sources) for sources in found] == owners
    assert [names.owner(column) for column in columns] == [sources[0] if sources else None for sources in found]


def test_the_innermost_query_is_asked_first() -> None:
    names, columns = resolver("SELECT Age FROM dog WHERE Id IN (SELECT Dog_Id FROM walk WHERE Age > 1)")
    inner = columns[-1]
    assert [[source.own for source in found] for _, found in names.owners(inner)] == [[], ["Dog"]]


def test_what_stands_in_from() -> None:
    common, inner = "WITH c AS (SELECT Km AS k FROM walk)", "(SELECT count(*), Age + 1 AS a FROM dog)"
    names, _ = resolver(f"{common} SELECT 1 FROM DOG d, C, {inner} s, wolf, f(1)")
    assert isinstance(names.tree, exp.Select)
    sources = names.sources(names.tree)
    assert [(s.name, s.own, s.table is not None, s.inner is not None, s.is_missing) for s in sources] == [
        ("d", "Dog", True, False, False),
        ("C", "c", False, True, False),
        ("s", "", False, True, False),
        ("wolf", "wolf", False, False, True),
        ("", "", False, False, False),
    ]
    assert [s.columns for s in sources[1:]] == [{"k": "k"}, {"a": "a"}, {}, None]
    dog, cte, *_, function = sources
    assert [dog.spelling(c) for c in ("NAME", "ROWID", "Km")] == ["Name", "rowid", None]
    assert (cte.has("K"), cte.has("rowid"), function.has("anything"), function.spelling("anything")) == (
        True,
        False,
        True,
        None,
    )


def test_texts_and_aliases_are_no_columns() -> None:
    sql = 'SELECT Age AS years, "Rex" FROM dog WHERE `Rex` = "Bo" AND years > 1 ORDER BY d.years'
    names, columns = resolver(sql)
    assert [c.name for c in columns if names.is_text(c)] == ["Rex", "Rex", "Bo"]  # all that the tree tells
    assert [c.sql() for c in columns if names.is_alias(c)] == ["years"]


def test_a_tree_that_has_changed_is_looked_at_again() -> None:
    names, [column] = resolver("SELECT Km FROM dog")
    assert names.owner(column) is None
    table = names.tree.find(exp.Table)
    assert table is not None
    table.set("this", exp.to_identifier("walk"))
    assert names.owner(column) is None
    names.forget()
    owner = names.owner(column)
    assert owner is not None
    assert owner.own == "Walk"


def test_columns_of_a_select_are_those_outside_of_its_subqueries() -> None:
    names, columns = resolver("SELECT Age FROM dog WHERE Id IN (SELECT Dog_Id FROM walk) ORDER BY Name")
    select = names.tree
    assert isinstance(select, exp.Select)
    assert [column.name for column in own_columns(select)] == ["Age", "Id", "Name"]
    assert [part_of(column, select) for column in columns] == ["expressions", "where", "where", "order"]
