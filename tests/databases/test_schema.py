"""Schemas read from files, alone and with an entry of tables.json."""

from __future__ import annotations

import copy
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.databases import read_schema
from spider_opt.errors import DatasetError
from spider_opt.types import Column, ForeignKey

SCRIPT = """
PRAGMA synchronous = OFF;
CREATE TABLE Singer(Singer_ID INTEGER PRIMARY KEY AUTOINCREMENT, "Full Name" TEXT, age, "order" VARCHAR(20) NOT NULL);
CREATE TABLE stadium(A INT, B INT, PRIMARY KEY (B, A)) WITHOUT ROWID;
CREATE TABLE concert(
    id INTEGER PRIMARY KEY, singer INT REFERENCES SINGER, x INT, y INT, z INT REFERENCES nowhere(q),
    twice INT GENERATED ALWAYS AS (x * 2), FOREIGN KEY (x, y) REFERENCES Stadium
);
CREATE VIEW v AS SELECT 1;
CREATE INDEX i ON concert(x);
INSERT INTO Singer(age, "order") VALUES (1, 'x');
ANALYZE;
"""
ENTRY: dict[str, Any] = {
    "db_id": "tour",
    "table_names_original": ["singer", "STADIUM", "concert", "sqlite_sequence"],
    "table_names": ["singer person", "stadium", "concert", "sqlite sequence"],
    "column_names_original": [
        [-1, "*"], [0, "singer_id"], [0, "full name"], [1, "a"], [1, "b"], [2, "id"], [2, "singer"], [2, "z"],
        [3, "seq"],
    ],
    "column_names": [
        [-1, "*"], [0, "singer number"], [0, "name"], [1, "a"], [1, ""], [2, "id"], [2, "singer"], [2, "z"],
        [3, "seq"],
    ],
    "column_types": ["text"] * 9,
    "primary_keys": [1, [3, 4], 5],
    "foreign_keys": [[6, 1], [7, 3], [8, 1]],
}  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "tour.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    return path


def test_tables_and_columns_as_the_file_has_them(db: Path) -> None:
    schema = read_schema(db, "tour")
    assert schema.db_id == "tour"
    assert [table.name for table in schema.tables] == ["Singer", "stadium", "concert", "v"]
    singer, stadium, concert, _ = schema.tables
    assert singer.columns == (
        Column("Singer_ID", "INTEGER", "singer id", True),
        Column("Full Name", "TEXT", "full name"),
        Column("age", "", "age"),
        Column("order", "VARCHAR(20)", "order"),
    )
    assert singer.words == "singer"
    assert [(c.name, c.primary_key) for c in stadium.columns] == [("A", True), ("B", True)]
    assert [c.name for c in concert.columns] == ["id", "singer", "x", "y", "z", "twice"]


def test_foreign_keys_of_the_file_in_declared_order_spelled_as_it_spells(db: Path) -> None:
    assert read_schema(db, "tour").foreign_keys == (
        ForeignKey("concert", "singer", "Singer", "Singer_ID"),
        ForeignKey("concert", "x", "stadium", "B"),
        ForeignKey("concert", "y", "stadium", "A"),
    )


def test_an_entry_adds_words_and_foreign_keys_whatever_its_case(db: Path) -> None:
    schema = read_schema(db, "tour", ENTRY)
    singer, stadium, *_ = schema.tables
    assert singer.words == "singer person"
    assert [c.words for c in singer.columns] == ["singer number", "name", "age", "order"]
    assert [c.words for c in stadium.columns] == ["a", "b"]
    assert schema.foreign_keys == (
        ForeignKey("concert", "singer", "Singer", "Singer_ID"),
        ForeignKey("concert", "x", "stadium", "B"),
        ForeignKey("concert", "y", "stadium", "A"),
        ForeignKey("concert", "z", "stadium", "A"),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("foreign_keys", [[6, 99]]),
        ("foreign_keys", [[6, -1]]),
        ("foreign_keys", [[0, 1]]),
        ("foreign_keys", [[6]]),
        ("foreign_keys", [["6", 1]]),
        ("foreign_keys", None),
        ("column_names_original", [[-1, "*"], [9, "a"]]),
        ("column_names_original", [[-1, "*"], [-1, "a"]]),
        ("column_names_original", [[-1, "*"], [0, None]]),
        ("column_names", [[-1, "*"]]),
        ("table_names", ["one"]),
        ("table_names_original", [1, 2, 3, 4]),
    ],
)
def test_a_broken_entry_names_its_database(db: Path, key: str, value: object) -> None:
    broken = copy.deepcopy(ENTRY)
    broken[key] = value
    with pytest.raises(DatasetError, match=r"The entry of tour in tables\.json is broken"):
        read_schema(db, "tour", broken)


@pytest.mark.parametrize("key", [key for key in ENTRY if key != "db_id"])
def test_a_part_of_an_entry_may_be_missing(db: Path, key: str) -> None:
    whole, lacking = (
        read_schema(db, "tour", ENTRY),
        read_schema(db, "tour", {k: v for k, v in ENTRY.items() if k != key}),
    )
    assert [table.name for table in lacking.tables] == [table.name for table in whole.tables]
    assert len(lacking.foreign_keys) == (
        3 if key in ("foreign_keys", "column_names_original", "table_names_original") else 4
    )
    words = [c.words for c in lacking.tables[0].columns]
    assert (words == [c.words for c in whole.tables[0].columns]) == (
        not key.startswith(("column_names", "table_names_or"))
    )


def test_an_entry_of_nothing_adds_nothing(db: Path) -> None:
    assert read_schema(db, "tour", {"db_id": "tour"}) == read_schema(db, "tour")


SEARCH = """
CREATE TABLE boat(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);
CREATE VIRTUAL TABLE notes USING fts5(subject, body);
CREATE VIRTUAL TABLE older USING fts4(page);
CREATE VIRTUAL TABLE places USING rtree(id, west, east);
CREATE TABLE boat_data(x);
CREATE VIEW sailing AS SELECT id, title AS "boat name" FROM boat WHERE kind = 'sail';
CREATE VIEW broken AS SELECT gone FROM boat;
CREATE VIEW lost AS SELECT * FROM nowhere;
"""


def test_views_are_shown_and_not_what_virtual_tables_keep_their_data_in(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SEARCH)
    schema = read_schema(path, "x")
    assert {table.name: [c.name for c in table.columns] for table in schema.tables} == {
        "boat": ["id", "title", "kind"],
        "notes": ["subject", "body"],
        "older": ["page"],
        "places": ["id", "west", "east"],
        "boat_data": ["x"],
        "sailing": ["id", "boat name"],
    }
    assert schema.tables[-1].name == "sailing"
    assert schema.tables[-1].columns[0] == Column("id", "INTEGER", "id")


def test_a_missing_file_is_a_dataset_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No database at"):
        read_schema(tmp_path / "none.sqlite", "none")


def test_a_file_that_is_no_database_is_a_dataset_error(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(DatasetError, match="not a database"):
        read_schema(path, "x")


def test_an_empty_database_has_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t(a); DROP TABLE t")
    assert read_schema(path, "x").tables == ()


def test_all_of_spider(shared: Path) -> None:
    spider = shared / "spider"
    entries = {entry["db_id"]: entry for entry in json.loads((spider / "tables.json").read_text("utf-8"))}
    paths = sorted((spider / "database").glob("*/*.sqlite"))
    assert len(paths) >= 163
    for path in paths:
        db_id = path.stem
        entry = entries[db_id]
        schema = read_schema(path, db_id, entry)
        names = [name.lower() for name in entry["table_names_original"]]
        told = [(names[i], name.lower()) for i, name in entry["column_names_original"][1:]]
        columns = [(table.name, column.name) for table in schema.tables for column in table.columns]
        assert [table.name.lower() for table in schema.tables] == [name for name in names if name != "sqlite_sequence"]
        assert sorted((table.lower(), column.lower()) for table, column in columns) == sorted(
            (table, column) for table, column in told if table != "sqlite_sequence"
        )
        for key in schema.foreign_keys:
            assert (key.table, key.column) in columns
            assert (key.ref_table, key.ref_column) in columns
        assert len(schema.foreign_keys) >= len({tuple(pair) for pair in entry["foreign_keys"]})


def test_a_key_to_a_table_with_letters_that_sqlite_does_not_fold(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript('CREATE TABLE "Ärzte"(Id INTEGER PRIMARY KEY); CREATE TABLE b(x REFERENCES "Ärzte")')
    assert read_schema(path, "d").foreign_keys == (ForeignKey("b", "x", "Ärzte", "Id"),)
