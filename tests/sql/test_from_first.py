"""What is written FROM first says the same, in few words, and finds the way back; anything else does no harm."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool
from spider_opt.scoring.compare import official_equal
from spider_opt.sql.from_first import from_from_first, to_from_first
from spider_opt.types import Benchmark, Column, Schema, Table

SCHEMA = Schema(
    "zoo",
    tuple(
        Table(name, tuple(Column(column, "") for column in columns.split(", ")))
        for name, columns in {
            "Animal": "id, Name, kind, age, mother_id, keeper_id",
            "keeper": "id, name, Town, boss_id",
            "visit": "animal_id, day, price",
            "first aid": "first word, order, T1",
            "group": "group, select",
        }.items()
    ),
)
ROWS = {
    "Animal": [
        (1, "Ada", "ape", 30, None, 1),
        (2, "Bo", "ape", 4, 1, 1),
        (3, "Cy", "cat", 9, None, 2),
        (4, "kind", "cat", 2, 3, None),
        (5, "It's", "emu", None, None, 3),
    ],
    "keeper": [(1, "Kim", "Rome", None), (2, "Lu", "Oslo", 1), (3, "Cy", "Rome", 1)],
    "visit": [(1, "2020-01-02", 5), (1, "2021-03-04", 7.5), (3, "2020-05-06", 2), (5, "2021-07-08", 9)],
    "first aid": [("a", 2, "x"), ("b", 1, "x y")],
    "group": [(1, "from"), (2, "first aid")],
}

# Name, query, the same FROM first.
FORMS = [
    ("columns of one table are bare", "SELECT T1.name FROM animal AS T1 WHERE T1.age > 3",
     "FROM Animal SELECT Name WHERE age > 3"),
    ("columns of a join are under their table",
     "SELECT T2.name, age FROM animal AS T1 JOIN keeper AS T2 ON T1.keeper_id = T2.id WHERE town = 'Rome'",
     "FROM Animal JOIN keeper ON Animal.keeper_id = keeper.id SELECT keeper.name, Animal.age"
     " WHERE keeper.Town = 'Rome'"),
    ("aliases without AS", "select a.name from animal a join visit v on a.id = v.animal_id",
     "FROM Animal JOIN visit ON Animal.id = visit.animal_id SELECT Animal.Name"),
    ("JOIN without ON", "SELECT T1.name FROM animal AS T1 JOIN visit AS T2 WHERE T1.id = T2.animal_id",
     "FROM Animal JOIN visit SELECT Animal.Name WHERE Animal.id = visit.animal_id"),
    ("comma", "SELECT price FROM animal, visit WHERE id = animal_id",
     "FROM Animal JOIN visit SELECT visit.price WHERE Animal.id = visit.animal_id"),
    ("LEFT JOIN", "SELECT k.name, a.name FROM keeper k LEFT OUTER JOIN animal a ON a.keeper_id = k.id AND a.age < 10",
     "FROM keeper LEFT OUTER JOIN Animal ON Animal.keeper_id = keeper.id AND Animal.age < 10"
     " SELECT keeper.name, Animal.Name"),
    ("USING", "SELECT k.town, a.name FROM keeper k JOIN animal a USING (ID)",
     "FROM keeper JOIN Animal USING (id) SELECT keeper.Town, Animal.Name"),
    ("a self-join keeps aliases", "SELECT c.name, m.name FROM animal AS c JOIN animal AS m ON c.mother_id = m.id",
     "FROM Animal AS T1 JOIN Animal AS T2 ON T1.mother_id = T2.id SELECT T1.Name, T2.Name"),
    ("a self-join beside another table",
     "SELECT k.name, c.age FROM keeper k JOIN animal c ON c.keeper_id = k.id JOIN animal m ON c.mother_id = m.id",
     "FROM keeper JOIN Animal AS T1 ON T1.keeper_id = keeper.id JOIN Animal AS T2 ON T1.mother_id = T2.id"
     " SELECT keeper.name, T1.age"),
    ("a self-join of two queries",
     "SELECT T1.name FROM animal AS T1 WHERE T1.age > (SELECT avg(T2.age) FROM animal AS T2 WHERE T2.kind = T1.kind)",
     "FROM Animal AS T1 SELECT Name WHERE age > (FROM Animal SELECT AVG(age) WHERE kind = T1.kind)"),
    ("aliases of nested queries",
     "SELECT a.name FROM animal a WHERE EXISTS (SELECT 1 FROM animal b JOIN animal c ON b.id = c.mother_id"
     " WHERE b.id = a.id)",
     "FROM Animal AS T1 SELECT Name WHERE EXISTS(FROM Animal AS T2 JOIN Animal AS T3 ON T2.id = T3.mother_id SELECT 1"
     " WHERE T2.id = T1.id)"),
    ("a column of the query around", "SELECT name FROM keeper k WHERE NOT EXISTS"
     " (SELECT * FROM animal WHERE keeper_id = k.id AND town = 'Rome')",
     "FROM keeper SELECT name WHERE NOT EXISTS"
     "(FROM Animal SELECT * WHERE keeper_id = keeper.id AND keeper.Town = 'Rome')"),
    ("set operations",
     "SELECT name FROM animal WHERE age > 3 EXCEPT SELECT T1.name FROM animal AS T1 JOIN visit AS T2"
     " ON T1.id = T2.animal_id UNION ALL SELECT town FROM keeper",
     "FROM Animal SELECT Name WHERE age > 3 EXCEPT FROM Animal JOIN visit ON Animal.id = visit.animal_id"
     " SELECT Animal.Name UNION ALL FROM keeper SELECT Town"),
    ("a set operation in order", "SELECT name AS n FROM animal UNION SELECT name FROM keeper ORDER BY n LIMIT 3",
     "FROM Animal SELECT Name AS n UNION FROM keeper SELECT name ORDER BY n LIMIT 3"),
    ("a query in FROM", "SELECT count(*) FROM (SELECT kind FROM animal GROUP BY kind HAVING count(*) > 1) AS x",
     "FROM (FROM Animal SELECT kind GROUP BY kind HAVING COUNT(*) > 1) SELECT COUNT(*)"),
    ("a query in FROM whose columns are used",
     "SELECT max(x.n) FROM (SELECT kind AS k, count(*) AS n FROM animal AS a GROUP BY a.kind) AS x",
     "FROM (FROM Animal SELECT kind, COUNT(*) AS n GROUP BY kind) SELECT MAX(n)"),
    ("a query in a join",
     "SELECT x.NAME, x.n FROM (SELECT T1.name, T1.id, count(*) AS n FROM animal AS T1 JOIN visit AS T2"
     " ON T1.id = T2.animal_id GROUP BY T1.id) AS x JOIN visit AS y ON x.id = y.animal_id",
     "FROM (FROM Animal JOIN visit ON Animal.id = visit.animal_id SELECT Animal.Name, Animal.id, COUNT(*) AS n"
     " GROUP BY Animal.id) AS T1 JOIN visit ON T1.id = visit.animal_id SELECT T1.Name, T1.n"),
    ("a star of a query in FROM", "SELECT kind FROM (SELECT a.* FROM animal a JOIN keeper k ON a.keeper_id = k.id)",
     "FROM (FROM Animal JOIN keeper ON Animal.keeper_id = keeper.id SELECT Animal.*) SELECT kind"),
    ("WITH", "WITH old(who) AS (SELECT name FROM animal WHERE age > 8) SELECT o.who FROM old AS o",
     "WITH old(who) AS (FROM Animal SELECT Name WHERE age > 8) FROM old SELECT who"),
    ("stars", "SELECT T1.*, T2.day FROM animal AS T1 JOIN visit AS T2 ON T1.id = T2.animal_id",
     "FROM Animal JOIN visit ON Animal.id = visit.animal_id SELECT Animal.*, visit.day"),
    ("a star of one table", "SELECT a.* FROM animal a", "FROM Animal SELECT *"),
    ("names that nobody uses", "SELECT count(*) AS total, kind k FROM animal GROUP BY kind",
     "FROM Animal SELECT COUNT(*), kind GROUP BY kind"),
    ("names in ORDER BY", "SELECT kind, count(*) AS age FROM animal GROUP BY kind ORDER BY age DESC, kind",
     "FROM Animal SELECT kind, COUNT(*) GROUP BY kind ORDER BY COUNT(*) DESC, kind"),
    ("names of sums", "SELECT age + id AS x FROM animal WHERE x * 2 > 20 ORDER BY x",
     "FROM Animal SELECT age + id WHERE (age + id) * 2 > 20 ORDER BY age + id"),
    ("a name that is a column too", "SELECT kind AS name FROM animal WHERE name = 'Bo'",
     "FROM Animal SELECT kind WHERE Name = 'Bo'"),
    ("text in double quotes", 'SELECT name FROM animal WHERE name = "kind" OR name = "Bo"',
     "FROM Animal SELECT Name WHERE Name = kind OR Name = 'Bo'"),
    ("text with quotes", 'SELECT id FROM animal WHERE name = "It\'s" OR name = \'a "b"\'',
     "FROM Animal SELECT id WHERE Name = 'It''s' OR Name = 'a \"b\"'"),
    ("keywords in texts", "SELECT id FROM keeper WHERE name = ' SELECT ( FROM t UNION' LIMIT 1",
     "FROM keeper SELECT id WHERE name = ' SELECT ( FROM t UNION' LIMIT 1"),
    ("names with spaces and keywords", 'SELECT T1."first word", "Order" FROM [First Aid] AS T1 ORDER BY `order`',
     'FROM "first aid" SELECT "first word", "order" ORDER BY "order"'),
    ("a table and columns like keywords", 'SELECT g."group" FROM "group" g WHERE g."select" LIKE "FROM"',
     "FROM \"group\" SELECT \"group\" WHERE \"select\" LIKE 'FROM'"),
    ("tests", "SELECT id FROM animal WHERE age IS NOT NULL AND age NOT BETWEEN 3 AND 5 AND kind NOT IN ('emu')"
     " AND name NOT LIKE '%o' AND id <> 7 AND mother_id IS NULL",
     "FROM Animal SELECT id WHERE age IS NOT NULL AND age NOT BETWEEN 3 AND 5 AND kind NOT IN ('emu')"
     " AND Name NOT LIKE '%o' AND id != 7 AND mother_id IS NULL"),
    ("NOT", "SELECT id FROM animal WHERE NOT kind IN ('emu') AND NOT (age = 4 OR age = 30)",
     "FROM Animal SELECT id WHERE kind NOT IN ('emu') AND NOT (age = 4 OR age = 30)"),
    ("IN and NOT IN", "SELECT name FROM keeper WHERE id NOT IN (SELECT keeper_id FROM animal WHERE keeper_id > 1)",
     "FROM keeper SELECT name WHERE id NOT IN (FROM Animal SELECT keeper_id WHERE keeper_id > 1)"),
    ("CASE", "SELECT sum(CASE WHEN age > 8 THEN 1 ELSE 0 END), CAST(sum(age) AS REAL) / count(*) FROM animal",
     "FROM Animal SELECT SUM(CASE WHEN age > 8 THEN 1 ELSE 0 END), CAST(SUM(age) AS REAL) / COUNT(*)"),
    ("DISTINCT", "SELECT DISTINCT kind, count(DISTINCT age) FROM animal GROUP BY kind",
     "FROM Animal SELECT DISTINCT kind, COUNT(DISTINCT age) GROUP BY kind"),
    ("everything in order", "SELECT kind FROM animal WHERE id < 9 GROUP BY kind HAVING avg(age) >= 3"
     " ORDER BY count(*) DESC, max(age) ASC LIMIT 2 OFFSET 1",
     "FROM Animal SELECT kind WHERE id < 9 GROUP BY kind HAVING AVG(age) >= 3"
     " ORDER BY COUNT(*) DESC, MAX(age) ASC LIMIT 2 OFFSET 1"),
    ("subqueries as values", "SELECT (SELECT count(*) FROM keeper), name FROM animal"
     " WHERE age = (SELECT max(age) FROM animal)",
     "FROM Animal SELECT (FROM keeper SELECT COUNT(*)), Name WHERE age = (FROM Animal SELECT MAX(age))"),
    ("a window", "SELECT name, row_number() OVER (PARTITION BY kind ORDER BY age) AS n FROM animal",
     "FROM Animal SELECT Name, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY age)"),
    ("comments, space and a semicolon", "SELECT name -- who\nFROM\tanimal /* all */ ;", "FROM Animal SELECT Name"),
    ("no table", "SELECT 1, 'FROM'", "SELECT 1, 'FROM'"),
    ("half of it without a table", "SELECT 1 UNION SELECT id FROM keeper", "SELECT 1 UNION FROM keeper SELECT id"),
    ("the number of a row", "SELECT rowid FROM animal WHERE ROWID > 3", "FROM Animal SELECT rowid WHERE rowid > 3"),
]  # fmt: skip
FROM_FIRST = [text for _, _, text in FORMS]


@pytest.fixture(scope="module")
def zoo() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for table in SCHEMA.tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', ROWS[table.name])
        yield connection


@pytest.mark.parametrize(("sql", "text"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_it_is_written_so_and_says_the_same(zoo: sqlite3.Connection, sql: str, text: str) -> None:
    assert to_from_first(sql, SCHEMA) == text
    rows = zoo.execute(sql).fetchall()
    assert zoo.execute(from_from_first(text)).fetchall() == rows
    assert rows or "' SELECT" in sql


@pytest.mark.parametrize("text", FROM_FIRST)
def test_the_way_back_is_exact(text: str) -> None:
    plain = from_from_first(text)
    assert from_from_first(plain) == plain
    assert to_from_first(plain, SCHEMA) == text
    assert re.sub(r"\W", "", plain).startswith(("SELECT", "WITH"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT size FROM Animal",
        "SELECT Name FROM plant",
        "SELECT visit.Name FROM Animal JOIN visit ON Animal.id = visit.animal_id",
        "SELECT T3.Name FROM Animal AS T1",
        "SELECT `Kim` FROM Animal",
        "SELECT value FROM json_each('[1]')",
        "SELECT Name FROM (Animal JOIN visit ON id = animal_id)",
        "SELECT Name FROM Animal WHERE",
        "SELECT Name FROM Animal; SELECT Name FROM Animal",
        "DELETE FROM Animal",
        "WITH x AS (SELECT * FROM x) SELECT a FROM x",
        "",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM Animal",
    ],
    ids=lambda sql: sql[:40],
)
def test_what_cannot_be_written_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        to_from_first(sql, SCHEMA)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("FROM a SELECT b;", "SELECT b FROM a;"),
        ("from a\nselect b\nwhere c = 'from'", "select b from a where c = 'from'"),
        ("```sql\nFROM a SELECT b\n```\nThat is all.", "```sql\nSELECT b FROM a\n```\nThat is all."),
        ("FROM a WHERE c = 1 SELECT b LIMIT 1", "SELECT b FROM a WHERE c = 1 LIMIT 1"),
        ("FROM a SELECT b ORDER BY c GROUP BY d", "SELECT b FROM a GROUP BY d ORDER BY c"),
        ("FROM a SELECT b -- so\nWHERE c", "SELECT b FROM a WHERE c"),
        ("FROM (FROM a SELECT b) SELECT c", "SELECT c FROM (SELECT b FROM a)"),
        ("SELECT c FROM (FROM a SELECT b)", "SELECT c FROM (SELECT b FROM a)"),
        ("FROM a SELECT b WHERE c IN (FROM d SELECT e", "SELECT b FROM a WHERE c IN (SELECT e FROM d"),
        ("FROM a SELECT b WHERE c = 'open", "SELECT b FROM a WHERE c = 'open"),
        ("FROM a SELECT b)", "SELECT b) FROM a"),
        ('FROM "Größe" SELECT "ß (", `FROM`, [SELECT', 'SELECT "ß (", `FROM`, [SELECT FROM "Größe"'),
        ("FROM a SELECT b; FROM c SELECT d", "SELECT b FROM a; SELECT d FROM c"),
    ],
)
def test_what_a_model_may_write(text: str, sql: str) -> None:
    assert from_from_first(text) == sql


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "SELECT a FROM b WHERE c IN (SELECT d FROM e) UNION SELECT f FROM g ORDER BY 1",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT 1",
        "FROM a WHERE b = 1",
        "FROM a SELECT b SELECT c",
        "FROM a SELECT b FROM c",
        "I cannot tell.",
        "DROP TABLE a",
        "((((",
        "))))",
        "FROM a UNION SELECT b",
        "'" * 999,
        "😀 FROM",
        "x" * 30_000,
    ],
)
def test_anything_else_comes_back_as_it_is(text: str) -> None:
    assert from_from_first(text) == text


@pytest.mark.parametrize(
    "piece", ["(", "FROM a SELECT b WHERE c IN (", "'", '"', "``` ", "/*", "--", "FROM ", "FROM a SELECT b UNION ", "é"]
)
def test_long_and_deep_texts_take_no_time(piece: str) -> None:
    started = time.process_time()
    for n in (19_990, 10_000_000):
        text = (piece * (n // len(piece)))[:n]
        assert isinstance(from_from_first(text), str)
        assert isinstance(from_from_first(f"FROM a SELECT b WHERE {text}"), str)
    assert time.process_time() - started < 3


def test_nothing_gets_lost() -> None:
    """Whatever stands in a text without comments, its letters come back, in some order."""
    chance = random.Random(3)
    pieces = ["FROM", "SELECT", "WHERE", "UNION", ";", "```", "(", ")", "'", '"', "a", "b.c", ",", "\n", "ß", "1"]
    for _ in range(3000):
        text = " ".join(chance.choices(pieces, k=chance.randrange(1, 25)))
        assert sorted(re.sub(r"\s", "", from_from_first(text))) == sorted(re.sub(r"\s", "", text)), text


def differing(benchmark: Benchmark, step: int = 1) -> list[str]:
    """Return the golds that cannot be written or whose results change."""
    found = []
    golds = sorted({(e.question.db_id, e.gold_sql, e.question.schema) for e in benchmark.examples}, key=lambda g: g[:2])
    pool = DatabasePool(benchmark.paths)
    for db_id, sql, schema in golds[::step]:
        text = to_from_first(sql, schema)
        rows = pool[db_id].run(sql).rows, pool[db_id].run(from_from_first(text)).rows
        if not official_equal(*rows, "order by" in sql.lower()) or not text.startswith(("FROM ", "WITH ")):
            found.append(sql)
    for sandbox in pool.values():
        sandbox.close()
    return found


@pytest.mark.parametrize("split", ["train", "test"])
def test_golds_of_the_bundled_benchmark_keep_their_results(split: str) -> None:
    assert differing(load(f"spider-mini:{split}")) == []


@pytest.mark.filterwarnings("ignore")
def test_golds_of_spider_keep_their_results(shared: Path) -> None:
    assert differing(real_spider("dev", shared), step=8) == []
