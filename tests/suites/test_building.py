"""A suite of one database, whatever that is made of."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from suites.hostile import HOSTILE

from spider_opt.databases import read_schema
from spider_opt.scoring import PairScorer
from spider_opt.suites.building import Job, build_one
from spider_opt.suites.report import DatabaseReport, SuiteReport


def make(folder: Path, script: str) -> Path:
    path = folder / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def built(folder: Path, script: str, golds: list[str], **how: int) -> tuple[DatabaseReport, list[Path]]:
    path = make(folder, script)
    chosen = {"seed": 0, "instances": 20, "checks": 40} | how
    report = build_one(Job(folder / "out", path, read_schema(path, "shop"), tuple(golds), **chosen))
    files = sorted((folder / "out" / "shop").glob("*.sqlite"))
    return report, files


def opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)


def schema_of(file: Path) -> set[tuple[str, str]]:
    with closing(opened(file)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def judged(files: list[Path], gold: str, sql: str) -> bool:
    with closing(PairScorer()) as scorer:
        return scorer("suite", files[0], gold, sql, "shop", [str(file) for file in files]).correct


@pytest.mark.parametrize("name", HOSTILE)
def test_instances_have_the_schema_and_keep_its_constraints(name, tmp_path):
    script, golds = HOSTILE[name]
    report, files = built(tmp_path, script, golds)
    assert (report.golds, report.left_out) == (len(golds), {})
    assert report.instances == len(files) - 1 > 0
    assert report.killed > 0
    assert (files[0].name, files[0].read_bytes()) == ("shop.sqlite", (tmp_path / "shop.sqlite").read_bytes())
    for file in files[1:]:
        assert schema_of(file) == schema_of(files[0])
        with closing(opened(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if name != "keys that nobody can follow":
                assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert all(judged(files, gold, gold) for gold in golds)


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_have_rows_and_some_instance_has_many(name, tmp_path):
    script, golds = HOSTILE[name]
    _, files = built(tmp_path, script, golds)
    most: dict[str, int] = {}
    for file in files[1:]:
        with closing(opened(file)) as connection:
            for table, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
                if sql and "VIRTUAL" not in sql and not table.startswith(("sqlite_", "page_")) and table != "log":
                    quoted = '"' + table.replace('"', '""') + '"'
                    n = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0]
                    most[table] = max(most.get(table, 0), n)
    assert most
    assert min(most.values()) >= 2
    assert max(most.values()) <= 60


PETS = """
    CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT, city TEXT, age INTEGER);
    CREATE TABLE pet (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES owner (id), kind TEXT, weight INTEGER);
    INSERT INTO owner VALUES (1, 'Ann', 'Bonn', 30), (2, 'Bob', 'Ulm', 44), (3, 'Cid', 'Bonn', 31),
        (4, 'Dan', 'Kiel', 8);
    INSERT INTO pet VALUES (1, 1, 'dog', 12), (2, 1, 'cat', 4), (3, 2, 'dog', 30), (4, 3, 'cat', 3);
"""
RIGHT = {
    "SELECT name FROM owner WHERE age > 30": [
        "SELECT name FROM owner WHERE age >= 31",
        "SELECT o.name FROM owner AS o WHERE NOT o.age <= 30",
        "SELECT name FROM owner WHERE 30 < age ORDER BY city",
    ],
    "SELECT name FROM owner ORDER BY age DESC LIMIT 1": [
        "SELECT name FROM owner ORDER BY age DESC, id DESC LIMIT 1",
        "SELECT name FROM (SELECT * FROM owner ORDER BY id DESC) ORDER BY age DESC LIMIT 1",
    ],
    "SELECT city, count(*) FROM owner GROUP BY city ORDER BY count(*)": [
        "SELECT city, count(id) FROM owner GROUP BY city ORDER BY count(id), city DESC",
        "SELECT city, count(*) AS n FROM owner GROUP BY city ORDER BY n, max(id)",
    ],
    "SELECT count(*) FROM owner JOIN pet ON owner.id = pet.owner WHERE kind = 'dog'": [
        "SELECT count(*) FROM pet WHERE kind = 'dog'",
        "SELECT count(pet.id) FROM pet, owner WHERE pet.owner = owner.id AND kind IN ('dog')",
    ],
    "SELECT kind, max(weight), owner FROM pet GROUP BY kind": [
        "SELECT p.kind, p.weight, min(p.owner) FROM pet p JOIN (SELECT kind, max(weight) AS w FROM pet GROUP BY kind) m"
        " ON p.kind IS m.kind AND p.weight IS m.w GROUP BY p.kind",
    ],
}
WRONG = {
    "SELECT name FROM owner WHERE age > 30": [
        "SELECT name FROM owner WHERE age >= 30", "SELECT name FROM owner WHERE age > 29",
        "SELECT name FROM owner", "SELECT DISTINCT city FROM owner WHERE age > 30",
    ],
    "SELECT name FROM owner ORDER BY age DESC LIMIT 1": [
        "SELECT name FROM owner ORDER BY age LIMIT 1", "SELECT name FROM owner ORDER BY age DESC LIMIT 2",
        "SELECT name FROM owner ORDER BY id DESC LIMIT 1",
    ],
    "SELECT city, count(*) FROM owner GROUP BY city ORDER BY count(*)": [
        "SELECT city, count(*) FROM owner GROUP BY city ORDER BY count(*) DESC",
        "SELECT city, count(name) FROM owner GROUP BY city ORDER BY count(name)",
        "SELECT city, count(*) FROM owner GROUP BY city ORDER BY city",
    ],
    "SELECT count(*) FROM owner JOIN pet ON owner.id = pet.owner WHERE kind = 'dog'": [
        "SELECT count(DISTINCT owner) FROM pet WHERE kind LIKE 'do%'",
        "SELECT count(*) FROM owner JOIN pet ON owner.id = pet.id WHERE kind = 'dog'",
        "SELECT count(*) FROM owner LEFT JOIN pet ON owner.id = pet.owner AND kind = 'dog'",
    ],
    "SELECT kind, max(weight), owner FROM pet GROUP BY kind": [
        "SELECT kind, min(weight), owner FROM pet GROUP BY kind",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    report, files = built(tmp_path_factory.mktemp("pets"), PETS, list(RIGHT), checks=300)
    assert report.killed / (report.killed + report.differ) >= 0.97
    assert report.equivalent == report.mutants - report.killed - report.differ
    return files  # type: ignore[return-value]


@pytest.mark.parametrize("gold", RIGHT)
def test_what_means_the_same_is_right_on_all_instances(gold, pets):
    made = pets[1:]  # on the database's own rows ties are as they are
    assert [sql for sql in [gold, *RIGHT[gold]] if not judged(made, gold, sql)] == []


@pytest.mark.parametrize("gold", WRONG)
def test_what_is_nearly_the_same_is_wrong_on_some(gold, pets):
    assert [sql for sql in WRONG[gold] if judged(pets, gold, sql)] == []


def test_null_stands_only_where_it_may_and_never_in_a_key_that_always_refers(pets):
    nulls = {"owner": 0, "pet": 0}
    for file in pets[1:]:
        with closing(opened(file)) as connection:
            assert connection.execute("SELECT count(*) FROM pet WHERE owner IS NULL OR id IS NULL").fetchone() == (0,)
            for table in nulls:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                nulls[table] += sum(cell is None for row in rows for cell in row)
    assert min(nulls.values()) > 0


def test_golds_that_cannot_be_judged_are_left_out_and_said(tmp_path):
    golds = [
        "SELECT name FROM owner", "SELECT nothing FROM owner", "DELETE FROM pet", "SELECT name, date('now') FROM owner",
        "SELECT random()", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    ]  # fmt: skip
    report, _ = built(tmp_path, PETS, golds)
    assert report.golds == 1
    assert {gold: why.split(":")[0] for gold, why in report.left_out.items()} == {
        golds[1]: "it fails",
        golds[2]: "it is no query",
        golds[3]: "it depends on the clock or on chance",
        golds[4]: "it depends on the clock or on chance",
        golds[5]: "it fails",
    }


def test_a_database_whose_golds_all_fail_has_a_folder_all_the_same(tmp_path):
    report, files = built(tmp_path, PETS, ["SELECT nothing FROM owner"])
    assert (report.golds, report.mutants, [file.name for file in files]) == (0, 0, ["shop.sqlite"])


SEARCHED = """
    CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO author VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid'), (4, 'Dot');
    CREATE VIRTUAL TABLE page USING {module}(title, body);
    INSERT INTO page VALUES ('boats', 'a boat on a lake'), ('lakes', 'a lake and no ship'), ('hills', 'over the hills'),
        ('boats', 'another boat'), ('ships', 'a ship and a boat');
"""


@pytest.mark.parametrize("module", ["fts3", "fts4", "fts5"])
def test_tables_of_full_text_search_have_rows(tmp_path, module):
    """A suite tells a query by another word, and one without the search, from the gold; what is searched is found."""
    golds = ["SELECT title FROM page WHERE page MATCH 'boat'", "SELECT count(*) FROM page WHERE title = 'boats'"]
    report, files = built(tmp_path, SEARCHED.format(module=module), golds)
    assert (report.golds, report.left_out, report.left_empty) == (2, {}, {})
    assert schema_of(files[1]) == schema_of(files[0])
    counts = []
    for file in files[1:]:
        with closing(opened(file)) as connection:
            bodies = [str(body).lower() for (body,) in connection.execute("SELECT body FROM page")]
            [(matched,)] = connection.execute("SELECT count(*) FROM page WHERE body MATCH 'boat'").fetchall()
            assert matched == sum("boat" in re.findall(r"\w+", body) for body in bodies)
            counts.append(len(bodies))
    assert max(counts) >= 2
    assert all(judged(files, gold, gold) for gold in golds)
    assert not judged(files, golds[0], "SELECT title FROM page WHERE page MATCH 'lake'")
    assert not judged(files, golds[0], "SELECT title FROM page")
    assert not judged(files, golds[1], "SELECT count(*) FROM page")
    (tmp_path / "again").mkdir()
    _, again = built(tmp_path / "again", SEARCHED.format(module=module), golds)
    assert [file.read_bytes() for file in again[1:]] == [file.read_bytes() for file in files[1:]]


def test_virtual_tables_that_cannot_be_filled_stay_empty_and_are_told(tmp_path):
    script = (
        SEARCHED.format(module="fts5")
        + """
        CREATE VIRTUAL TABLE bare USING fts5(word, content='');
        CREATE VIRTUAL TABLE names USING fts5(name, content = gone);
        CREATE VIRTUAL TABLE box USING rtree(id, low, high);
        INSERT INTO box VALUES (1, 2, 3);
    """
    )
    report, files = built(tmp_path, script, ["SELECT name FROM author WHERE id > 2"])
    assert report.left_empty == {
        "bare": "a virtual table of fts5 without contents",
        "names": "no such table: main.gone",
        "box": "a virtual table of rtree",
    }
    for file in files[1:]:
        with closing(opened(file)) as connection:
            assert connection.execute("SELECT count(*) FROM box").fetchone() == (0,)
    told = SuiteReport(tmp_path, "own", "shop", "dev", 0, (report, report), 1.0)
    assert any(
        line.startswith("6 virtual tables left empty on all made databases (shop.bare: ") for line in told.lines()
    )
    assert DatabaseReport.of({k: v for k, v in report.to_json().items() if k != "left_empty"}).left_empty == {}


@pytest.mark.parametrize(
    "made",
    ["fts5(body, content='note', content_rowid='id')", 'fts4(content="note", id, body)', "fts5(body, content=said)"],
)
def test_an_index_of_another_tables_contents_finds_what_stands_there(tmp_path, made):
    script = f"""
        CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
        INSERT INTO note VALUES (1, 'red fox'), (2, 'blue fox'), (3, 'red hen'), (4, 'grey goose');
        CREATE VIEW said AS SELECT id AS rowid, body FROM note;
        CREATE VIRTUAL TABLE found USING {made};
        INSERT INTO found (found) VALUES ('rebuild');
    """
    gold, same = "SELECT rowid FROM found WHERE found MATCH 'red'", "SELECT id FROM note WHERE body LIKE '%red%'"
    report, files = built(tmp_path, script, [gold, "SELECT body FROM note WHERE body LIKE 'red%'"])
    assert (report.left_empty, report.left_out) == ({}, {})
    matched = []
    for file in files[1:]:
        with closing(opened(file)) as connection:
            words = [re.findall(r"\w+", str(body).lower()) for (body,) in connection.execute("SELECT body FROM note")]
            matched.append(len(connection.execute(gold).fetchall()))
            assert matched[-1] == sum("red" in one for one in words)
    assert max(matched) > 0
    assert judged(files[:1], gold, same)
    assert not judged(files, gold, "SELECT rowid FROM found WHERE found MATCH 'goose'")


def test_a_huge_table_is_sampled(tmp_path):
    script = """
        CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER, t TEXT);
        WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 200000)
        INSERT INTO big SELECT i, i % 997, 'text ' || i FROM s;
    """
    report, files = built(tmp_path, script, ["SELECT t FROM big WHERE n = 5"])
    assert report.seconds < 30
    assert all(file.stat().st_size < 100_000 for file in files if file.name != "shop.sqlite")


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path):
    found = []
    for at, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(at)
        folder.mkdir()
        _, files = built(folder, PETS, list(RIGHT)[:2], seed=seed, checks=5)
        found.append([file.read_bytes() for file in files])
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_what_a_foreign_key_is_asked_for_stands_where_it_points(tmp_path):
    script = """
        CREATE TABLE airport (code TEXT PRIMARY KEY, city TEXT);
        CREATE TABLE flight (number INTEGER, origin TEXT REFERENCES airport (code));
        WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 700)
        INSERT INTO airport SELECT printf('Q%03d', i), 'city ' || i FROM s;
        INSERT INTO flight VALUES (1, 'Q001'), (2, 'Q002');
    """
    gold = "SELECT count(*) FROM flight WHERE origin = 'XYZ'"
    report, files = built(tmp_path, script, [gold])
    found = []
    for file in files[1:]:
        with closing(opened(file)) as connection:
            found.append(connection.execute(gold).fetchone()[0])
    assert max(found) > 0
    assert report.differ == 0
