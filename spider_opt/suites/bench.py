"""Instances in memory, on which queries are judged by the rule of ``official``.

Beside the database stand others without its keys, with the same rows in other orders, and one that is read backwards:
a query whose answer is not the same on all of them hangs on something that no question says.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress

from spider_opt.errors import GoldError, QueryFailed, QueryTimeout
from spider_opt.scoring.official import judge_rewritten
from spider_opt.suites.contents import Contents, Row, StoredTable, collations, name_of
from spider_opt.suites.filling import Rows
from spider_opt.suites.memory import Connection, empty_database
from spider_opt.types import Result

_PAGE_BYTES = 1024


class Bench:
    """One instance of a database at a time; ``rows`` are what is in it."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.rows: Rows = {}
        connection = empty_database(contents.create + contents.then, contents.encoding)
        self._collated = collations(connection, contents.tables.values())
        self.main = Connection(contents.db_id, connection)
        self._insert = {name: _insertion(table) for name, table in contents.tables.items()}
        self._select = {name: _selection(table) for name, table in contents.tables.items()}
        self._dangling = list(_dangling(contents))
        backwards = empty_database(contents.create + contents.then, contents.encoding)
        backwards.execute("PRAGMA reverse_unordered_selects = ON")
        self._others = [Connection(contents.db_id, backwards)]
        views = [sql for sql in contents.then if sql.lower().lstrip().startswith("create view")]
        for _ in range(3):
            plain = empty_database([*map(self._without_keys, contents.tables.values()), *views], contents.encoding)
            self._others.append(Connection(contents.db_id, plain))
        self._others[2].connection.execute("PRAGMA automatic_index = OFF")
        self._others[3].connection.execute("PRAGMA reverse_unordered_selects = ON")
        self._loaded = 0
        self._all: dict[str, list[Row]] = {}

    def close(self) -> None:
        """Close all connections."""
        for one in (self.main, *self._others):
            one.connection.close()

    def load(self, rows: Rows) -> Rows:
        """Fill the database; rows that break a key or another constraint are left out. Returns what is in it."""
        connection = self.main.connection
        connection.execute("BEGIN")
        for name in self.contents.tables:
            connection.execute(f"DELETE FROM {name_of(name)}")
            _store(connection, self._insert[name], rows.get(name, ()))
        while self._dangling:
            before = connection.total_changes
            for statement in self._dangling:
                connection.execute(statement)
            if connection.total_changes == before:
                break
        _index(connection, self.contents.indexes)
        connection.execute("COMMIT")
        self._all = {name: connection.execute(sql).fetchall() for name, sql in self._select.items()}
        n_stored = {name: len(table.columns) for name, table in self.contents.tables.items()}
        self.rows = {name: [row[: n_stored[name]] for row in got] for name, got in self._all.items()}
        self.main.forget()
        self._loaded = 0
        return self.rows

    def is_right(self, gold: str, sql: str) -> bool | None:
        """Tell whether a query counts as right here; None where that cannot be told, for one takes too long.

        Both are as ``scoring.official`` makes them ready.
        """
        try:
            verdict = judge_rewritten(gold, sql, self.main)
        except GoldError:
            return None
        return None if verdict.outcome == QueryTimeout.outcome else verdict.correct

    def is_definite(self, gold: str, ways: Sequence[str] = (), n_shuffles: int = 0) -> bool:
        """Tell whether a gold has one answer here, whatever order rows are stored and read in.

        ``ways`` is the gold with its ties broken in several ways, see ``ties``; beside the usual orders of rows so many
        shuffled ones are tried. What cannot run without keys (full-text search, say) is asked only of the database
        that is read backwards.
        """
        try:
            wanted = self.main.gold(gold)
        except GoldError:
            return False
        if not all(judge_rewritten(gold, way, self.main).correct for way in ways):
            return False
        by_place = "rowid" in gold.lower() or "oid" in gold.lower().split()
        orders = (0,) if by_place else (1, 0, 2, 3, *[2] * n_shuffles)
        for number, at in enumerate(orders):
            if number >= len(self._others):
                self._loaded &= ~(1 << at)
            other = self._other(at, number)
            try:
                judged = judge_rewritten(gold, f"/**/{gold}", _With(other, wanted))
            except GoldError:
                return False
            if not judged.correct and not (at and judged.outcome == QueryFailed.outcome):
                return False
        return True

    def _other(self, at: int, order: int) -> Connection:
        """Return another database with these rows, which are stored when first asked for."""
        other = self._others[at]
        if not self._loaded & (1 << at):
            self._loaded |= 1 << at
            other.forget()
            connection = other.connection
            connection.execute("BEGIN")
            for name, table in self.contents.tables.items():
                connection.execute(f"DELETE FROM {name_of(name)}")
                rows = self.rows[name] if at == 0 else self._all[name][::-1]
                if at > 1:
                    random.Random(order * 1000 + len(rows)).shuffle(rows)
                width = len(table.columns) + (len(table.computed) if at else 0)
                marks = ", ".join("?" * width)
                _store(
                    connection,
                    self._insert[name] if at == 0 else f"INSERT INTO {name_of(name)} VALUES ({marks})",
                    rows,
                )
            if at == 0:
                _index(connection, self.contents.indexes)
            connection.execute("COMMIT")
        return other

    def _without_keys(self, table: StoredTable) -> str:
        columns = ", ".join(
            f"{name_of(column.name)} {column.declared if _is_plain(column.declared) else ''}"
            f" COLLATE {name_of(self._collated.get((table.name, column.name), 'BINARY'))}"
            for column in (*table.columns, *table.computed)
        )
        return f"CREATE TABLE {name_of(table.name)} ({columns})"

    def file(self) -> bytes:
        """Return the bytes of a database file with these rows; the same rows give the same bytes."""
        contents = self.contents
        made = empty_database(contents.create + contents.then, contents.encoding, _PAGE_BYTES)
        try:
            made.execute("BEGIN")
            for name in contents.tables:
                _store(made, self._insert[name], self.rows[name])
            _index(made, contents.indexes)
            for sql in contents.triggers:
                with suppress(sqlite3.Error):
                    made.execute(sql)
            made.execute("COMMIT")
            made.execute("VACUUM")
            return made.serialize()
        finally:
            made.close()


class _With:
    """A database that is told what gold gives."""

    def __init__(self, other: Connection, gold: Result) -> None:
        self._gold = gold
        self.run: Callable[..., Result] = other.run
        self.run_on_copy, self.run_in_order, self.of_text = other.run_on_copy, other.run_in_order, other.of_text
        self.db_id, self.path, self.timeout_s, self.instances = other.db_id, other.path, 0.0, other.instances

    def gold(self, sql: str) -> Result:
        return self._gold

    def check_gold(self, sql: str) -> None:
        return None


def _store(connection: sqlite3.Connection, sql: str, rows: Sequence[Row]) -> None:
    try:
        connection.executemany(sql, rows)
    except sqlite3.Error:  # one of them: a generated column, an index on an expression, a value too large
        for row in rows:
            with suppress(sqlite3.Error, OverflowError):
                connection.execute(sql, row)
    except OverflowError:
        for row in rows:
            with suppress(sqlite3.Error, OverflowError):
                connection.execute(sql, row)


def _index(connection: sqlite3.Connection, names: Sequence[str]) -> None:
    """Make indexes of full-text search anew, of what the tables hold whose contents are theirs."""
    for name in map(name_of, names):
        with suppress(sqlite3.Error):
            connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")


def _insertion(table: StoredTable) -> str:
    names = ", ".join(name_of(column.name) for column in table.columns)
    return f"INSERT OR IGNORE INTO {name_of(table.name)} ({names}) VALUES ({', '.join('?' * len(table.columns))})"


def _selection(table: StoredTable) -> str:
    names = ", ".join(name_of(column.name) for column in (*table.columns, *table.computed))
    return f"SELECT {names} FROM {name_of(table.name)} NOT INDEXED"


def _dangling(contents: Contents) -> Sequence[str]:
    """Return statements that delete rows which refer to nothing."""
    found = []
    for table in contents.tables.values():
        for reference in table.references:
            child = [name_of(table.columns[at].name) for at in reference.columns]
            other = contents.tables[reference.table]
            parent = [name_of(other.columns[at].name) for at in reference.targets]
            there = " AND ".join(f"p.{b} = c.{a}" for a, b in zip(child, parent, strict=True))
            found.append(
                f"DELETE FROM {name_of(table.name)} AS c WHERE {' AND '.join(f'c.{a} IS NOT NULL' for a in child)}"
                f" AND NOT EXISTS (SELECT 1 FROM {name_of(other.name)} AS p WHERE {there})"
            )
    return found


def _is_plain(declared: str) -> bool:
    return all(letter.isalnum() or letter in " _(),." for letter in declared)
