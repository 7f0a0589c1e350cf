from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import Sandbox, read_schema
from spider_opt.linking import contents as module
from spider_opt.linking.contents import Contents
from spider_opt.types import Result

ZOO = (
    'CREATE TABLE keeper (id INTEGER, name TEXT, town TEXT, phone TEXT, "first day" TEXT, unread BLOB)',
    "INSERT INTO keeper VALUES (1, 'Ann O''Neil', 'New York', 12345, 'Monday', NULL)",
    "INSERT INTO keeper VALUES (2, 'ann o''neil', 'Zürich ', '98', 'monday', NULL)",
    "INSERT INTO keeper VALUES (12345, 'Cafés', 'Paris', NULL, NULL, NULL)",
)


class Counting(Sandbox):
    """Notes what it ran."""

    asked: list[str]

    def run(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        self.asked.append(sql)
        return super().run(sql, stop_after_rows=stop_after_rows)


@pytest.fixture
def zoo(tmp_path: Path) -> Iterator[Counting]:
    path = tmp_path / "zoo.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in ZOO:
            connection.execute(statement)
        connection.commit()
    with Counting(path) as sandbox:
        sandbox.asked = []
        yield sandbox


@pytest.fixture
def contents(zoo: Counting) -> Contents:
    return Contents(read_schema(zoo.path, "zoo"), zoo)


@pytest.mark.parametrize(
    ("column", "condition", "held"),
    [
        ("town", "= 'Paris'", True),
        ("town", "= 'paris'", False),
        ("town", "LIKE '%york'", True),
        ("id", "= '12345'", True),
        ("first day", "= 'Monday'", True),
        ("unread", "= 'Paris'", None),
        ("no such column", "= 'Paris'", None),
        ("town", "= 'not closed", None),
    ],
)
def test_holds(contents: Contents, column: str, condition: str, held: bool | None) -> None:
    if column == "no such column":
        condition += " AND no_such_column = 1"  # a name in double quotes that is no column is a text to SQLite
    assert contents.holds("keeper", column, condition) is held


def test_a_text_is_found_in_any_column_whatever_its_case(contents: Contents) -> None:
    assert contents.spelled("keeper", "PARIS") == {"town": "Paris"}
    assert contents.spelled("keeper", "12345") == {"id": "12345", "phone": "12345"}
    assert contents.spelled("keeper", "monday") == {"first day": "monday"}
    assert contents.spelled("keeper", "Monday") == {"first day": "Monday"}
    assert contents.spelled("keeper", "MONDAY")["first day"].lower() == "monday"
    assert contents.spelled("keeper", "ann O'NEIL")["name"].lower() == "ann o'neil"
    assert contents.spelled("keeper", "'; --") == {}


def test_the_texts_of_a_column_but_those_with_blanks_around(contents: Contents) -> None:
    assert contents.texts("keeper", "town") == {"New York": ("new", "york"), "Paris": ("paris",)}
    assert contents.texts("keeper", "name")["Cafés"] == ("cafe",)
    assert contents.texts("keeper", "id") == {}


def test_too_many_texts_are_none(contents: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", 2)
    assert contents.texts("keeper", "name") == {}


def test_each_thing_is_looked_up_once(contents: Contents, zoo: Counting) -> None:
    for _ in range(3):
        assert contents.holds("keeper", "town", "= 'Rome'") is False
        assert contents.spelled("keeper", "Rome") == {}
        assert len(contents.texts("keeper", "town")) == 2
    assert len(zoo.asked) == len(set(zoo.asked)) == 4
