"""One database file that answers hostile queries, and cannot be changed by them.

What is covered, each by an attack in ``tests/fixtures/attacks.json``:

- **Writing anywhere.** The file is opened read-only, and an authorizer refuses all but reading: every
  write, transactions, ATTACH, VACUUM (also INTO), PRAGMA, temporary objects. Extensions are not loaded.
- **Time.** The clock is read every 250 opcodes, every 10 where a function in the query can be slow, and
  while compiling at every name. One call of a function is bounded by ``max_value_bytes``.
- **Memory and disk.** SQLite's heap, one value, the query's text, its program, the rows fetched: all have
  a cap. Nothing is ever spilled to a temporary file.
- **Afterwards** the same sandbox answers the next query.

What is not:

- A *database file* made by an enemy (views, triggers and virtual tables written to harm, damaged pages).
  Its schema is not trusted with unsafe functions, no more. FTS5 tables cannot be read, other modules can.
- Between two looks at the clock a query can overrun its time. The worst found with the default limits, on
  one busy 2.5 GHz core: 0.5 s for one call of a function, 2 s for planning a natural join of 64 tables,
  5 s for sorting as many rows as fit into memory (one opcode), 5 s for compiling a union of 490 terms
  under a condition of 950, and minutes for hundreds of the slowest calls in one row, between which SQLite
  has no clock read. Whoever must be sure runs the sandbox in a process, and kills it some seconds
  after the deadline.
- The cap on SQLite's heap is one for the process, whatever else uses SQLite there included; freed memory
  goes back to the process, not always to the system, so a process can be seen with twice the cap.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from spider_opt.databases.files import check_database, open_read_only
from spider_opt.databases.guard import Guard
from spider_opt.databases.limits import DEFAULT_LIMITS, Limits
from spider_opt.errors import DatasetError, NotAQuery, QueryError, QueryFailed, QueryLimit
from spider_opt.sql.names import quoted
from spider_opt.types import Result

_READING = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE))
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "eval"))
_NEVER_ON_A_COPY = frozenset((sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_CREATE_VTABLE))
_TELLING_PRAGMAS = ("_info", "_xinfo", "_list", "_check")
_EXPLAIN_COLUMNS = frozenset(
    (("addr", "opcode", "p1", "p2", "p3", "p4", "p5", "comment"), ("id", "parent", "notused", "detail"))
)


class Sandbox:
    """A ``Database`` over one SQLite file; may be shared by threads, which then wait for each other.

    The file is opened by the first query, one connection serves all, and is closed by ``close()`` or at
    the end of a ``with`` block; a query after that opens it again.
    """

    def __init__(self, path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path = Path(path)
        self.limits = limits
        self._guard: Guard | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it is open."""
        with self._lock:
            self._close()

    def run(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run one reading statement; ``stop_after_rows`` fetches no more than that many rows.

        Raises:
            NotAQuery: something else than one SELECT, WITH … SELECT or VALUES.
            QueryFailed: SQLite refused it; the message is SQLite's.
            QueryTimeout: no answer within ``limits.timeout_s``.
            QueryLimit: another limit was hit; the message says which.
            DatasetError: the file is missing or not a database.
        """
        with self._lock:
            if self._guard is None:
                self._guard = self._open()
            try:
                result = self._guard.run(sql, stop_after_rows)
            except QueryLimit:
                self._close()  # gives back what the query has left in caches
                raise
        if not result.columns:
            raise NotAQuery("no statement in the text")
        if result.columns in _EXPLAIN_COLUMNS and "explain" in sql.lower():
            raise NotAQuery("EXPLAIN is not a query")
        return result

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run one statement of any kind on a copy of the database in memory.

        The official evaluator runs whatever was predicted. What could reach the disk or the process
        (ATTACH, DETACH, VACUUM, virtual tables, PRAGMAs that set something) is not run and counts as
        without rows, as does text without a statement; there are no columns then. The copy must fit into
        ``limits.max_memory_bytes``.

        Raises:
            QueryError: as for ``run``; two statements are an error here too.
            DatasetError: the file is missing or not a database.
        """
        guard = self._copy()
        try:
            return guard.run(sql, stop_after_rows)
        except _NotRun:
            return Result((), [])
        finally:
            guard.close()

    def _close(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _open(self) -> Guard:
        connection = open_read_only(self.path)
        try:
            connection.execute("PRAGMA query_only = ON")
            _connect_virtual_tables(connection)
            return Guard(connection, self.limits, _only_reading)
        except sqlite3.Error as error:
            connection.close()
            raise DatasetError(f"{self.path} is not a database that SQLite can read: {error}.") from error

    def _copy(self) -> Guard:
        check_database(self.path)
        content = bytearray(self.path.read_bytes())
        content[18:20] = b"\1\1"  # not in WAL mode, which a copy in memory cannot have
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.deserialize(content)
            return Guard(connection, self.limits, _only_on_the_copy)
        except MemoryError:
            connection.close()
            raise QueryLimit(f"{self.path} is too large to try statements on a copy in memory") from None
        except sqlite3.Error as error:
            connection.close()
            raise DatasetError(f"{self.path} is not a database that SQLite can read: {error}.") from error


class _NotRun(NotAQuery):
    """A statement that is not run even on a copy."""


def _only_reading(action: int, _: str | None, name: str | None) -> QueryError | None:
    if action not in _READING:
        return NotAQuery("not a reading query: it does more than SELECT from the database's tables")
    return _forbidden_function(action, name)


def _only_on_the_copy(action: int, first: str | None, second: str | None) -> QueryError | None:
    if action in _NEVER_ON_A_COPY:
        return _NotRun("could reach the disk or the process")
    if action == sqlite3.SQLITE_PRAGMA and second and first and not first.lower().endswith(_TELLING_PRAGMAS):
        return _NotRun("sets something")
    return _forbidden_function(action, second)


def _forbidden_function(action: int, name: str | None) -> QueryError | None:
    if action == sqlite3.SQLITE_FUNCTION and name is not None and name.lower() in _FORBIDDEN_FUNCTIONS:
        return QueryFailed(f"not authorized to use function: {name}")
    return None


def _connect_virtual_tables(connection: sqlite3.Connection) -> None:
    """Touch each virtual table once: SQLite's first use of one looks like a write to the authorizer."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL %'").fetchall()
    for table in ("json_each", "json_tree", *(name for (name,) in found)):
        with contextlib.suppress(sqlite3.OperationalError):  # this SQLite may lack the module
            connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 0").fetchall()
