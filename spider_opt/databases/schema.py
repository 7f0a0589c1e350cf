"""What a database looks like: read from its file, with what Spider's ``tables.json`` adds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from spider_opt.databases.files import open_read_only
from spider_opt.errors import DatasetError
from spider_opt.types import Column, ForeignKey, Schema, Table

_Name = tuple[str, str]
"""(table, column)"""


def read_schema(path: str | Path, db_id: str, entry: Mapping[str, Any] | None = None) -> Schema:
    """Read the schema of a SQLite file; ``entry`` is its object of ``tables.json``.

    Tables and views, columns and their spelling come from the file; words and further foreign keys from the
    entry, whose names are matched whatever their case. What the entry names and the file lacks is left
    out, and so is a foreign key to nowhere. Without an entry, words are the name in lower case with
    spaces for underscores.

    Raises:
        DatasetError: the file cannot be read, or the entry is broken.
    """
    try:
        told = _Entry() if entry is None else _read_entry(entry)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(
            f"The entry of {db_id} in tables.json is broken, its parts do not fit each other ({error}): mend them, or "
            "leave the entry out, which is not needed."
        ) from error
    with closing(open_read_only(Path(path))) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        try:
            tables = tuple(_tables(connection, told))
            spelled = {
                _lower((table.name, column.name)): (table.name, column.name)
                for table in tables
                for column in table.columns
            }
            pairs = [*_foreign_keys(connection, tables), *told.foreign_keys]
        except sqlite3.Error as error:
            raise DatasetError(f"{path} is not a database that SQLite can read: {error}.") from error
    known: dict[tuple[_Name, _Name], None] = {}
    for source, target in pairs:
        if _lower(source) in spelled and _lower(target) in spelled:
            known[spelled[_lower(source)], spelled[_lower(target)]] = None
    return Schema(db_id, tables, tuple(ForeignKey(*source, *target) for source, target in known))


@dataclass(frozen=True, slots=True)
class _Entry:
    """What ``tables.json`` tells; the keys of the dictionaries are in lower case."""

    table_words: dict[str, str] = field(default_factory=dict)
    column_words: dict[_Name, str] = field(default_factory=dict)
    column_about: dict[_Name, str] = field(default_factory=dict)
    foreign_keys: tuple[tuple[_Name, _Name], ...] = ()


def _read_entry(entry: Mapping[str, Any]) -> _Entry:
    """Read what there is: a part may be missing, and what needs it is left out; what is there must fit."""
    told: dict[str, Any] = {"column_names": [], "foreign_keys": [], **entry}
    if "table_names_original" not in entry:
        return _Entry()
    tables = dict(enumerate(name.lower() for name in told["table_names_original"]))
    table_words = dict(zip(tables.values(), told["table_names"], strict=True)) if "table_names" in told else {}
    if "column_names_original" not in entry:
        return _Entry(table_words)
    # Column 0 is "*", of table -1.
    columns = {
        index: (tables[table], name.lower())
        for index, (table, name) in enumerate(told["column_names_original"])
        if index > 0
    }
    words = [words for _, words in told["column_names"][1:]]
    return _Entry(
        table_words,
        dict(zip(columns.values(), words, strict=True)) if "column_names" in entry else {},
        _about(columns.values(), entry.get("column_descriptions")),
        tuple((columns[source], columns[target]) for source, target in told["foreign_keys"]),
    )


def _about(columns: Iterable[_Name], told: Any) -> dict[_Name, str]:
    """Return what KaggleDBQA's file says that columns hold: a text for each, "*" among them or not, maybe in a pair.

    Raises:
        ValueError: there are not as many.
    """
    if told is None:
        return {}
    names = list(columns)
    texts = [item[-1] if isinstance(item, list) and item else item for item in told]
    texts = texts[1:] if len(texts) == len(names) + 1 else texts
    said = zip(names, texts, strict=True)
    return {name: " ".join(text.split()) for name, text in said if isinstance(text, str) and text.strip()}


def _tables(connection: sqlite3.Connection, told: _Entry) -> Iterator[Table]:
    """Yield tables, then views; not what virtual tables keep their own data in, nor a view that cannot be read."""
    names = connection.execute(
        r"SELECT name, type = 'view' OR sql LIKE 'CREATE VIRTUAL%' FROM sqlite_master WHERE type IN ('table', 'view')"
        r" AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY type, rowid"
    ).fetchall()
    shadows = _shadows(connection)
    for name, may_fail in names:
        if name in shadows:
            continue
        try:
            rows = connection.execute(
                "SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1", (name,)
            ).fetchall()
        except sqlite3.Error:
            if may_fail:
                continue
            raise
        columns = tuple(
            Column(
                column,
                kind,
                told.column_words.get((name.lower(), column.lower())) or _plain(column),
                bool(key),
                told.column_about.get((name.lower(), column.lower()), ""),
            )
            for column, kind, key in rows
        )
        if columns or not may_fail:
            yield Table(name, columns, told.table_words.get(name.lower()) or _plain(name))


def _shadows(connection: sqlite3.Connection) -> set[str]:
    """Return the tables in which virtual tables (full-text search, …) keep their data; SQLite tells since 3.37."""
    try:
        rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
        return {name for (name,) in rows}
    except sqlite3.Error:
        return set()


def _foreign_keys(connection: sqlite3.Connection, tables: tuple[Table, ...]) -> Iterator[tuple[_Name, _Name]]:
    """The file's foreign keys in declared order, with names as declared."""

    @cache
    def primary_key(table: str) -> list[str]:
        rows = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
        return [name for (name,) in rows]

    declared = {table.name.lower(): table.name for table in tables}  # SQLite folds the case of ASCII letters only
    for table in tables:
        rows = connection.execute(
            'SELECT seq, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', (table.name,)
        )
        for position, ref_table, column, ref_column in rows:
            if ref_column is not None:
                yield (table.name, column), (ref_table, ref_column)
            else:  # without a column the primary key is meant
                named = declared.get(ref_table.lower())
                for name in primary_key(named)[position : position + 1] if named is not None else ():
                    yield (table.name, column), (ref_table, name)


def _lower(name: _Name) -> _Name:
    return name[0].lower(), name[1].lower()


def _plain(name: str) -> str:
    return name.replace("_", " ").lower()
