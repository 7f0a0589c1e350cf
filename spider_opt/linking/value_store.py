"""Where the values of a database are looked up by their words: in memory, or of a large one in a file that is kept.

The file lies in the cache by the hash of the database, so that a large one is read once. Reading ends after ``READ_S``
seconds: each column has its share of them, and what is not read by then is not found, then or later.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from threading import Lock
from time import monotonic
from typing import Protocol

from spider_opt.databases import Sandbox, database_hash
from spider_opt.databases.samples import is_large
from spider_opt.errors import DatasetError
from spider_opt.paths import cache_dir
from spider_opt.types import Database

Words = tuple[str, ...]
Place = tuple[str, str, str]
"""(table, column, value)"""
READ_S = 12.0
FOLDER = "values"
_RECIPE = 1
"""Another one when anything else is kept of the same database."""
_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TABLE source (id INTEGER PRIMARY KEY, "table" TEXT, "column" TEXT, n INTEGER);
CREATE TABLE place (words TEXT, source INTEGER, value TEXT);
CREATE TABLE start (start TEXT, words TEXT);
"""
_INDICES = """
CREATE INDEX by_words ON place (words);
CREATE TABLE begun AS SELECT start, words, min(rowid) AS rank FROM start GROUP BY start, words;
DROP TABLE start; CREATE INDEX by_start ON begun (start, rank);
"""
_BETWEEN = " "
_LOG = logging.getLogger("spider_opt")


class Reader(Protocol):
    """Reads the texts of a column in so many seconds, and gives the words of each; the second tells whether of all."""

    def __call__(self, table: str, column: str, within_s: float) -> tuple[Sequence[tuple[Words, str]], int, bool]:
        """Return (words, value) of those that are looked up, how many values were read, and whether these are all."""


class Values(Protocol):
    """Values by their words."""

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many values a (table, column) has."""

    def places(self, words: Words) -> Sequence[Place]:
        """Return where a value with these words stands, each with its spelling."""

    def starting(self, start: str) -> Sequence[Words]:
        """Return the words of values of which one begins so, as many as are worth to be compared and one more."""


class InMemory:
    """Values of a database that is small enough."""

    def __init__(self) -> None:
        self.counts = dict[tuple[str, str], int]()
        self._places: dict[Words, list[Place]] = {}
        self._starts: dict[str, list[Words]] = {}

    def add(self, table: str, column: str, values: Iterable[tuple[Words, str]], n: int) -> None:
        """Take in the values of a column."""
        self.counts[table, column] = n
        for words, value in values:
            if words not in self._places:
                self._places[words] = []
                for start in starts(words):
                    self._starts.setdefault(start, []).append(words)
            self._places[words].append((table, column, value))

    def places(self, words: Words) -> Sequence[Place]:
        """Return where a value with these words stands, each with its spelling."""
        return self._places.get(words, ())

    def starting(self, start: str) -> Sequence[Words]:
        """Return the words of values of which one begins so."""
        return self._starts.get(start, ())


class OnDisk:
    """Values of a large database, in a file; may be shared by threads."""

    def __init__(self, connection: sqlite3.Connection, most_alike: int) -> None:
        self._connection = connection
        self._most_alike = most_alike
        self._lock = Lock()
        rows = connection.execute('SELECT id, "table", "column", n FROM source').fetchall()
        self._sources = {number: (table, column) for number, table, column, _ in rows}
        self.counts = {(table, column): n for _, table, column, n in rows}

    def places(self, words: Words) -> Sequence[Place]:
        """Return where a value with these words stands, each with its spelling."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT source, value FROM place WHERE words = ? ORDER BY rowid", (_BETWEEN.join(words),)
            ).fetchall()
        return [(*self._sources[source], value) for source, value in rows]

    def starting(self, start: str) -> Sequence[Words]:
        """Return the words of values of which one begins so, as many as are worth to be compared and one more."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT words FROM begun WHERE start = ? ORDER BY rank LIMIT ?", (start, self._most_alike + 1)
            ).fetchall()
        return [tuple(words.split(_BETWEEN)) for (words,) in rows]


def starts(words: Words) -> Iterable[str]:
    """Return what the longer of some words begin with."""
    return dict.fromkeys(word[:4] for word in words if len(word) >= 4)


def kept_values(database: Database, columns: Sequence[tuple[str, str]], read: Reader, most_alike: int) -> Values | None:
    """Return the values of a large database, from the file that is kept of it or read now; None of any other one."""
    if not isinstance(database, Sandbox) or not is_large(database):
        return None
    try:
        path = cache_dir() / FOLDER / f"{database_hash(database.path)}-{_RECIPE}.sqlite"
    except DatasetError:
        return None
    with suppress(sqlite3.Error):
        if path.is_file():
            return OnDisk(_opened(path), most_alike)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".new-{token_hex(8)}")
        try:
            _write(draft, columns, read, str(database.path))
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return OnDisk(_opened(path), most_alike)
    except (OSError, sqlite3.Error) as error:
        _LOG.warning("what %s holds is not kept, and read anew each time: %s", database.path, error)
    connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)  # a file that nobody else sees
    _fill(connection, columns, read, str(database.path))
    return OnDisk(connection, most_alike)


def _opened(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)


def _write(path: Path, columns: Sequence[tuple[str, str]], read: Reader, called: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        _fill(connection, columns, read, called)


def _fill(connection: sqlite3.Connection, columns: Sequence[tuple[str, str]], read: Reader, called: str) -> None:
    connection.executescript(_TABLES)
    until, partly = monotonic() + READ_S, []
    for number, (table, column) in enumerate(columns):
        left_s = max(0.0, until - monotonic())
        found, n, whole = read(table, column, left_s / (len(columns) - number)) if left_s else ((), 0, False)
        if not whole:
            partly.append(f"{table}.{column}")
        said = [(_BETWEEN.join(words), number, value) for words, value in found]
        connection.execute("BEGIN")
        connection.execute("INSERT INTO source VALUES (?, ?, ?, ?)", (number, table, column, n))
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", said)
        begun = (
            (start, _BETWEEN.join(words)) for words in dict.fromkeys(w for w, _ in found) for start in starts(words)
        )
        connection.executemany("INSERT INTO start VALUES (?, ?)", begun)
        connection.execute("COMMIT")
    connection.executescript(_INDICES)
    if partly:
        named = ", ".join(partly[:3]) + (f" and {len(partly) - 3} more" if len(partly) > 3 else "")
        _LOG.warning("%s: of %s not all values are looked up, for reading takes more than %g s", called, named, READ_S)
