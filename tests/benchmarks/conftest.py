"""A small Spider in the official layout, written anew for each test."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from import_tables import database


def write_database(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def tables_entry(db_id: str, table: str, columns: list[str]) -> dict[str, Any]:
    names = [[-1, "*"], *([0, column] for column in columns)]
    return {
        "db_id": db_id,
        "table_names": [table],
        "table_names_original": [table],
        "column_names": names,
        "column_names_original": names,
        "column_types": ["text", *("text" for _ in columns)],
        "primary_keys": [],
        "foreign_keys": [],
    }


class SmallSpider:
    """Three questions in dev (over two databases), two in train_spider, one in train_others, one in test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        schemas = [tables_entry(db_id, "item", ["name", "price"]) for db_id in ("shop", "zoo", "school", "farm")]
        self.write("tables.json", schemas)
        self.write("test_tables.json", [tables_entry("moon", "item", ["name", "price"])])
        for folder, db_ids in (("database", ("shop", "zoo", "school", "farm")), ("test_database", ("moon",))):
            for db_id in db_ids:
                write_database(
                    root / folder / db_id / f"{db_id}.sqlite",
                    f"CREATE TABLE item (name TEXT, price REAL); INSERT INTO item VALUES ('{db_id}', 1.5), ('b', NULL)",
                )
        self.write("dev.json", [self.entry("shop", 0), self.entry("zoo", 1, query_toks=["x"]), self.entry("shop", 2)])
        self.write("train_spider.json", [self.entry("school", 3), self.entry("school", 4)])
        self.write("train_others.json", [self.entry("farm", 5)])
        self.write("test.json", [self.entry("moon", 6)])

    @staticmethod
    def entry(db_id: str, number: int, **more: Any) -> dict[str, Any]:
        return {
            "db_id": db_id,
            "question": f"Which names are there, number {number}?",
            "query": f"SELECT name FROM item WHERE {number} = {number}",
            **more,
        }

    def write(self, name: str, content: object) -> Path:
        path = self.root / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def database(self, db_id: str, folder: str = "database") -> Path:
        return self.root / folder / db_id / f"{db_id}.sqlite"


@pytest.fixture
def small(tmp_path: Path) -> SmallSpider:
    return SmallSpider(tmp_path / "spider")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a database of boats."""
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "harbour.db")
    return tmp_path
