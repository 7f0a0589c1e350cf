"""Tables of questions about a database of boats, and what importing them makes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.benchmarks.importing import Imported, import_benchmark

BOATS = (
    "CREATE TABLE boat (name TEXT, kind TEXT, crew INT); INSERT INTO boat VALUES ('Alba','sail',3),('Borg','motor',5)"
)
ROWS = [
    ("How many boats are there?", "SELECT count(*) FROM boat"),
    ("Which boats sail?", "SELECT name FROM boat WHERE kind = 'sail'"),
    ("Who rows?", "SELECT name FROM boat WHERE kind = 'row'"),
]


def database(path: Path, script: str = BOATS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def table(rows: Iterable[Iterable[str]], header: str = "question,query", name: str = "questions.csv") -> Path:
    path = Path(name)
    path.write_text("\n".join([header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]) + "\n")
    return path


def made(path: Path, *databases: str, **options: object) -> Imported:
    files = [Path(name) for name in databases or ("harbour.db",)]
    return import_benchmark(path, files, Path("own"), **options)  # type: ignore[arg-type]


TWO = ("SELECT name FROM boat WHERE crew > 4", "SELECT name, crew FROM boat WHERE crew > 4")
ASKS = "Which boats have a large crew?"


def spreadsheet(path: Path, *sheets: list[list[object]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path
