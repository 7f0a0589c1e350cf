"""What is known of a database, and where its foreign keys come from."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.errors import DatasetError
from spider_opt.scoring.exact_match.matcher import matcher
from spider_opt.scoring.exact_match.names import Names, read_names

SQL = """CREATE TABLE Maker (ID INTEGER PRIMARY KEY, "Full Name" TEXT);
CREATE TABLE "odd table" (id INTEGER PRIMARY KEY AUTOINCREMENT, maker INTEGER REFERENCES Maker);
CREATE VIEW seen AS SELECT id FROM Maker;"""
ENTRY = {
    "db_id": "shop",
    "table_names_original": ["Maker", "odd table"],
    "column_names_original": [[-1, "*"], [0, "ID"], [0, "Full Name"], [1, "id"], [1, "maker"]],
    "foreign_keys": [[3, 1]],
}
OWN = {"__maker.id__": "__maker.id__", "__odd table.maker__": "__maker.id__"}
TOLD = {"__maker.id__": "__maker.id__", "__odd table.id__": "__maker.id__"}


def shop(folder: Path, *entries: object, tables: str = "tables.json") -> Path:
    """Make a database in a folder like Spider's."""
    path = folder / "shop" / "shop.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SQL)
    if entries:
        (folder.parent / tables).write_text(json.dumps(entries))
    return path


def test_names_are_those_of_tables_in_small_letters(tmp_path):
    names = read_names(shop(tmp_path / "database"), "shop")
    assert names.columns == {
        "maker": ["id", "full name"], "odd table": ["id", "maker"], "sqlite_sequence": ["name", "seq"]
    }  # fmt: skip
    assert names.ids["odd table.maker"] == "__odd table.maker__"
    assert names.ids["*"] == "__all__"
    assert names.ids["maker"] == "__maker__"
    assert "seen" not in names.ids
    assert isinstance(names, Names)
    assert names.one_of == OWN


@pytest.mark.parametrize(("folder", "tables"), [("database", "tables.json"), ("test_database", "test_tables.json")])
def test_foreign_keys_are_those_of_tables_json(tmp_path, folder, tables):
    assert read_names(shop(tmp_path / folder, ENTRY, tables=tables), "shop").one_of == TOLD


def test_no_foreign_keys_in_it_are_none(tmp_path):
    assert read_names(shop(tmp_path / "database", {**ENTRY, "foreign_keys": []}), "shop").one_of == {}


def test_what_is_not_in_it_has_its_own(tmp_path):
    assert read_names(shop(tmp_path / "database", {**ENTRY, "db_id": "store"}), "shop").one_of == OWN
    path = shop(tmp_path / "other" / "test_database", ENTRY)
    assert read_names(path, "shop").one_of == OWN  # it is beside another folder of databases


@pytest.mark.parametrize(
    "part",
    [
        {"foreign_keys": [[3, 9]]}, {"foreign_keys": [3]}, {"foreign_keys": None}, {"table_names_original": []},
        {"column_names_original": [["0", "ID"]]}, {"column_names_original": 3}, {"table_names_original": [1, 2]},
    ],
)  # fmt: skip
def test_a_broken_entry_is_named(tmp_path, part):
    with pytest.raises(DatasetError, match=r"The entry of shop in .*tables\.json is broken, .*: mend them, or leave"):
        read_names(shop(tmp_path / "database", {**ENTRY, **part}), "shop")


def test_it_is_read_anew_once_it_has_changed(tmp_path):
    path = shop(tmp_path / "database", ENTRY)
    assert read_names(path, "shop").one_of == TOLD
    (tmp_path / "tables.json").write_text(json.dumps([{**ENTRY, "foreign_keys": [[4, 1]]}]) + " ")
    assert read_names(path, "shop").one_of == OWN
    (tmp_path / "tables.json").unlink()
    assert read_names(path, "shop").one_of == OWN


def test_a_pair_joins_the_first_group_that_it_meets(tmp_path):
    """As there: columns 1 and 2, 3 and 4, and what joins 2 to 3 joins 3 to the first two, and not 4."""
    path = shop(tmp_path / "database", {**ENTRY, "foreign_keys": [[2, 1], [4, 3], [3, 2]]})
    assert read_names(path, "shop").one_of == {
        "__maker.id__": "__maker.id__", "__maker.full name__": "__maker.id__", "__odd table.id__": "__odd table.id__",
        "__odd table.maker__": "__odd table.id__",
    }  # fmt: skip


def test_columns_that_foreign_keys_join_match(tmp_path):
    path = shop(tmp_path / "database", {**ENTRY, "foreign_keys": [[4, 1]]})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('ALTER TABLE "odd table" RENAME TO odd')
    (tmp_path / "tables.json").write_text(json.dumps([{**ENTRY, "table_names_original": ["maker", "ODD"]}]))
    join = "FROM maker AS T1 JOIN odd AS T2 ON T1.id = T2.id"
    assert matcher(path).verdict(f"SELECT T1.id {join}", f"SELECT T2.id {join}").correct
    assert not matcher(path).verdict(f"SELECT T1.id {join}", f"SELECT T2.maker {join}").correct
    (tmp_path / "tables.json").write_text(json.dumps([{**ENTRY, "foreign_keys": []}]))
    assert not matcher(path).verdict(f"SELECT T1.id {join}", f"SELECT T2.id {join}").correct


def test_foreign_keys_of_files_are_those_of_tables_json(shared, tmp_path):
    """Of Spider's databases here all but two declare the foreign keys that ``tables.json`` has."""
    folder = shared / "spider" / "database"
    differ = []
    for name in sorted(os.listdir(folder)):
        path = folder / name / f"{name}.sqlite"
        if path.exists():
            alone = tmp_path / path.name
            alone.symlink_to(path)
            if read_names(alone, name).one_of != read_names(path, name).one_of:
                differ.append(name)
    assert differ == ["loan_1", "store_product"]
