"""What a database is made of: its tables with their keys, and rows of its own.

Tables of full-text search (FTS3, FTS4, FTS5) are filled as others are; those whose contents are another table's are
made of it. Other virtual tables, and those without contents, are made as they are and stay without rows.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from spider_opt.databases.files import open_read_only
from spider_opt.errors import DatasetError
from spider_opt.suites.virtual import indexes_of_others, left_empty_in
from spider_opt.types import Schema, Value

Affinity = Literal["integer", "real", "numeric", "text", "blob"]
Row = tuple[Value, ...]
N_ROWS = 1_500
"""Of a larger table so many rows are looked at: the first ones, and others by chance."""
MAX_BYTES = 20_000_000
MAX_VALUE = 2_000
"""Longer texts and blobs are not taken over."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column that is stored; ``nullable`` says that NULL may stand in it, ``has_null`` that it does."""

    name: str
    declared: str
    affinity: Affinity
    nullable: bool
    has_null: bool
    collation: str = "BINARY"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: positions of the columns, and those of the columns that they point to in another table."""

    columns: tuple[int, ...]
    table: str
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table: its columns that are not computed, those that are, keys as positions, and rows of its own."""

    name: str
    columns: tuple[StoredColumn, ...]
    computed: tuple[StoredColumn, ...]
    keys: tuple[tuple[int, ...], ...]
    references: tuple[Reference, ...]
    rows: tuple[Row, ...]

    @property
    def in_reference(self) -> frozenset[int]:
        """The positions of the columns that are part of a foreign key."""
        return frozenset(at for reference in self.references for at in reference.columns)


@dataclass(frozen=True, slots=True)
class Contents:
    """A database: statements that make its tables, then indexes and views, then triggers; and its tables by name.

    ``left_empty`` are the virtual tables that get no rows, with the reason, ``indexes`` those of full-text search whose
    contents are another table's: they are made anew when that is filled.
    """

    db_id: str
    tables: dict[str, StoredTable]
    create: tuple[str, ...]
    then: tuple[str, ...]
    triggers: tuple[str, ...]
    encoding: str
    left_empty: dict[str, str] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()

    def table(self, name: str) -> StoredTable | None:
        """Return a table by its name in whatever case."""
        lowered = name.lower()
        return next((table for table in self.tables.values() if table.name.lower() == lowered), None)


def read_contents(path: Path, schema: Schema, seed: int) -> Contents:
    """Read a database file; ``schema`` may know of more foreign keys than the file has.

    Raises:
        DatasetError: the file is missing or cannot be read.
    """
    with closing(open_read_only(path)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        try:
            return _read(connection, schema, random.Random(f"contents {seed} {schema.db_id}"))
        except sqlite3.Error as error:
            raise DatasetError(f"{path} is not a database that SQLite can read: {error}.") from error


def _read(connection: sqlite3.Connection, schema: Schema, chance: random.Random) -> Contents:
    made = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY rowid"
    ).fetchall()
    shadows = _shadows(connection)
    made = [one for one in made if one[1] not in shadows]
    statements = {name: sql for kind, name, sql in made if kind == "table"}
    left_empty = dict(left_empty_in(connection, statements))
    indexes = tuple(name for name in indexes_of_others(statements) if name not in left_empty)
    names = [name for name in statements if name not in left_empty and name not in indexes]
    columns = {name: _columns(connection, name) for name in names}
    places = {name.lower(): {column.name.lower(): at for at, column in enumerate(columns[name][0])} for name in names}
    spelled = {name.lower(): name for name in names}
    tables = {}
    for name in names:
        references = list(_references(connection, name, places, spelled))
        for key in schema.foreign_keys:
            child, parent = places.get(key.table.lower(), {}), places.get(key.ref_table.lower(), {})
            if key.table.lower() == name.lower() and key.column.lower() in child and key.ref_column.lower() in parent:
                at = child[key.column.lower()]
                if not any(at in reference.columns for reference in references):
                    target = parent[key.ref_column.lower()]
                    references.append(Reference((at,), spelled[key.ref_table.lower()], (target,)))
        stored, computed = columns[name]
        tables[name] = StoredTable(
            name, stored, computed, tuple(_keys(connection, name, places)), tuple(references),
            tuple(_rows(connection, name, stored, chance)),
        )  # fmt: skip
    tables = _with_nulls(tables)
    return Contents(
        schema.db_id,
        tables,
        tuple(sql for kind, _, sql in made if kind == "table"),
        tuple(sql for kind, _, sql in made if kind in ("index", "view")),
        tuple(sql for kind, _, sql in made if kind == "trigger"),
        str(connection.execute("PRAGMA encoding").fetchone()[0]),
        left_empty,
        indexes,
    )


def name_of(name: str) -> str:
    """Return a name as SQL, always in quotes: what looks like a plain one may be a word of a later SQLite."""
    return '"' + name.replace('"', '""') + '"'


def affinity_of(declared: str) -> Affinity:
    """Return what SQLite makes of values in a column of that type.

    Source: SQLite, "Datatypes in SQLite", 3.1.

    >>> affinity_of("VARCHAR(20)"), affinity_of("bigint"), affinity_of(""), affinity_of("date")
    ('text', 'integer', 'blob', 'numeric')
    """
    told = declared.upper()
    if "INT" in told:
        return "integer"
    if any(word in told for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not told or "BLOB" in told:
        return "blob"
    return "real" if any(word in told for word in ("REAL", "FLOA", "DOUB")) else "numeric"


def _shadows(connection: sqlite3.Connection) -> set[str]:
    with suppress(sqlite3.Error):  # SQLite tells since 3.37
        rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
        return {name for (name,) in rows}
    return set()


def _columns(connection: sqlite3.Connection, table: str) -> tuple[tuple[StoredColumn, ...], tuple[StoredColumn, ...]]:
    told = connection.execute(
        'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (table,)
    ).fetchall()
    stored: list[StoredColumn] = []
    computed: list[StoredColumn] = []
    for name, declared, not_null, key, hidden in told:
        if hidden == 1:  # of a virtual table, by which it is asked and not filled
            continue
        column = StoredColumn(name, declared or "", affinity_of(declared or ""), not (not_null or key), False)
        (computed if hidden in (2, 3) else stored).append(column)
    return tuple(stored), tuple(computed)


def _keys(connection: sqlite3.Connection, table: str, places: dict[str, dict[str, int]]) -> Iterable[tuple[int, ...]]:
    told = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,)).fetchall()
    at = places[table.lower()]
    if told and all(name.lower() in at for (name,) in told):
        yield tuple(at[name.lower()] for (name,) in told)
    unique = connection.execute(
        "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND origin <> 'pk' AND NOT partial", (table,)
    ).fetchall()
    for (index,) in unique:
        names = [name for (name,) in connection.execute("SELECT name FROM pragma_index_info(?)", (index,))]
        if all(name is not None and name.lower() in at for name in names):
            yield tuple(at[name.lower()] for name in names)


def _references(
    connection: sqlite3.Connection, table: str, places: dict[str, dict[str, int]], spelled: dict[str, str]
) -> Iterable[Reference]:
    told = connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', (table,)
    ).fetchall()
    for number in dict.fromkeys(row[0] for row in told):
        mine = [row for row in told if row[0] == number]
        other = mine[0][1].lower()
        if other not in places:
            continue
        targets = [row[3] for row in mine]
        if None in targets:
            targets = [
                name
                for (name,) in connection.execute(
                    "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (spelled[other],)
                )
            ]
        here = [row[2].lower() for row in mine]
        if len(targets) != len(here) or not all(name.lower() in places[other] for name in targets):
            continue
        if all(name in places[table.lower()] for name in here):
            yield Reference(
                tuple(places[table.lower()][name] for name in here),
                spelled[other],
                tuple(places[other][name.lower()] for name in targets),
            )


def _rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[StoredColumn], chance: random.Random
) -> Iterable[Row]:
    """Return rows of a table, at most ``N_ROWS``, in a time that does not grow with it."""
    selected = f"SELECT {', '.join(name_of(column.name) for column in columns)} FROM {name_of(table)}"
    found: dict[Row, None] = {}
    rows = _some(connection, f"{selected} LIMIT {N_ROWS + 1}")
    if len(rows) > N_ROWS:
        with suppress(sqlite3.Error):  # there is no rowid
            rows = rows[: N_ROWS // 3]
            low, high = connection.execute(f"SELECT min(rowid), max(rowid) FROM {name_of(table)}").fetchone()
            for _ in range(N_ROWS - len(rows)):
                at = chance.randint(low, high)
                rows += connection.execute(f"{selected} WHERE rowid >= ? LIMIT 1", (at,)).fetchall()
    for row in rows:
        if all(not isinstance(cell, str | bytes) or len(cell) <= MAX_VALUE for cell in row):
            found[tuple(row)] = None
    return found


def _some(connection: sqlite3.Connection, sql: str) -> list[Row]:
    """Return the first rows, until there are too many bytes of them."""
    rows: list[Row] = []
    n_bytes = 0
    for row in connection.execute(sql):
        rows.append(row)
        n_bytes += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
        if n_bytes > MAX_BYTES:
            break
    return rows


def _with_nulls(tables: dict[str, StoredTable]) -> dict[str, StoredTable]:
    return {
        name: replace(
            table,
            columns=tuple(
                replace(column, has_null=any(row[at] is None for row in table.rows))
                for at, column in enumerate(table.columns)
            ),
        )
        for name, table in tables.items()
    }


def collations(connection: sqlite3.Connection, tables: Iterable[StoredTable]) -> dict[tuple[str, str], str]:
    """Return how the columns of tables compare texts, by table and column; an empty database of the schema is asked."""
    found = {}
    for table in tables:
        for column in (*table.columns, *table.computed):
            with suppress(sqlite3.Error):
                connection.execute(f"CREATE INDEX spider_opt_asks ON {name_of(table.name)} ({name_of(column.name)})")
                found[table.name, column.name] = str(
                    connection.execute("SELECT coll FROM pragma_index_xinfo('spider_opt_asks')").fetchone()[0]
                )
                connection.execute("DROP INDEX spider_opt_asks")
    return found
