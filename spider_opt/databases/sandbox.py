"""One database file that answers hostile queries, and cannot be changed by them.

What is covered, each by an attack in ``tests/fixtures/attacks.json``:

- **Writing anywhere.** The file is opened read-only, and an authorizer refuses all but reading: every
  write, transactions, ATTACH, VACUUM (also INTO), PRAGMA, temporary objects. Extensions are not loaded.
- **Time.** The clock is read every 250 opcodes, every 10 where a function in the query can be slow, and
  while compiling at every name. One call of a function is bounded by ``max_value_bytes``, or by the size of the file
  where that is more.
- **Memory and disk.** SQLite's heap, one value, the query's text, its program, the rows fetched: all have
  a cap. Nothing is ever spilled to a temporary file.
- **Afterwards** the same sandbox answers the next query.

What is not:

- A *database file* made by an enemy (views, triggers and virtual tables written to harm, damaged pages).
  Its schema is not trusted with unsafe functions, no more.
- Between two looks at the clock a query can overrun its time. The worst found with the default limits, on
  one busy 2.5 GHz core: 0.5 s for one call of a function, 2 s for planning a natural join of 64 tables,
  5 s for sorting as many rows as fit into memory (one opcode), 5 s for compiling a union of 490 terms
  under a condition of 950, and minutes for hundreds of the slowest calls in one row, between which SQLite
  has no clock read. Whoever must be sure runs the sandbox in a process, and kills it some seconds
  after the deadline.
- The cap on SQLite's heap is one for the process (``databases.turns``), whatever else uses SQLite there included;
  freed memory goes back to the process, not always to the system, so a process can be seen with twice the cap.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from spider_opt.databases.copies import run_in_order, run_on_copy
from spider_opt.databases.files import is_damaged, open_read_only
from spider_opt.databases.guard import Damaged, Guard, OutOfMemory
from spider_opt.databases.limits import DEFAULT_LIMITS, Limits
from spider_opt.databases.policies import only_reading
from spider_opt.databases.turns import TURNS
from spider_opt.errors import DatasetError, NotAQuery, QueryFailed, QueryLimit, SpiderOptError
from spider_opt.sql.names import quoted
from spider_opt.types import Result

_T = TypeVar("_T")
_EXPLAIN_COLUMNS = frozenset(
    (("addr", "opcode", "p1", "p2", "p3", "p4", "p5", "comment"), ("id", "parent", "notused", "detail"))
)


class Sandbox:
    """A ``Database`` over one SQLite file; may be shared by threads, which then wait for each other.

    The file is opened by the first query, one connection serves all, and is closed by ``close()``, at the end of a
    ``with`` block, or when many others are open; a query after that opens it again. With ``forgiving`` a query that
    meets damage in the file fails as any other may, instead of stopping who asked: for those who answer questions.
    """

    def __init__(self, path: str | Path, *, limits: Limits = DEFAULT_LIMITS, forgiving: bool = False) -> None:
        self.path = Path(path)
        self.limits = limits
        self.lock = Lock()
        self._forgiving = forgiving
        self._guard: Guard | None = None
        self._damage: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it is open."""
        with self.lock:
            self.shut()

    def shut(self) -> None:
        """Close the file, for who has the lock."""
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.close()

    def run(
        self, sql: str, *, stop_after_rows: int | None = None, within_s: float | None = None, distinct: bool = False
    ) -> Result:
        """Run one reading statement; ``stop_after_rows`` fetches no more than that many rows.

        ``within_s`` gives it a shorter time than the limits do. ``distinct`` leaves out repeats of rows, equal ones as
        Python has them, and bounds only what stays.

        Raises:
            NotAQuery: something else than one SELECT, WITH … SELECT or VALUES.
            QueryFailed: SQLite refused it; the message is SQLite's.
            QueryTimeout: no answer within ``limits.timeout_s``.
            QueryLimit: another limit was hit; the message says which.
            DatasetError: the file is missing, damaged or not a database.
        """
        result = self._in_turn(lambda: self._run(sql, stop_after_rows, within_s, distinct))
        if not result.columns:
            raise NotAQuery("no statement in the text")
        lowered = sql.lower()
        if result.columns in _EXPLAIN_COLUMNS and "explain" in lowered:
            raise NotAQuery("EXPLAIN is not a query")
        if result.columns == ("data_version",) and "pragma" in lowered:
            raise NotAQuery("PRAGMA is not a query")
        return result

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None, within_s: float | None = None) -> Result:
        """Run one statement of any kind on a copy of the database in memory.

        The official evaluator runs whatever was predicted. What could reach the disk or the process (ATTACH of a file,
        VACUUM, modules that SQLite does not come with, PRAGMAs that set something for the process) is not run and
        counts as without rows, as does text without a statement; there are no columns then. A database of more than
        half of ``limits.max_memory_bytes`` is not copied.

        Raises:
            QueryError: as for ``run``; two statements are an error here too.
            DatasetError: the file is missing or not a database.
        """
        return self._in_turn(lambda: run_on_copy(self.path, sql, self.limits, stop_after_rows, within_s))

    def run_in_order(self, statements: Sequence[str], *, within_s: float | None = None) -> list[Result]:
        """Run statements as ``run_on_copy`` does, one after the other on one copy; rows are ``distinct``.

        The time is for all of them together.

        Raises:
            QueryError: one of them failed, as for ``run_on_copy``.
            DatasetError: the file is missing or not a database.
        """
        return self._in_turn(lambda: run_in_order(self.path, statements, self.limits, within_s))

    def _in_turn(self, work: Callable[[], _T]) -> _T:
        with self.lock:
            try:
                try:
                    with TURNS.beside_others(self):
                        return work()
                except OutOfMemory:
                    with TURNS.alone(self):
                        return work()
            except QueryLimit:
                self.shut()  # gives back what the query has left in caches
                raise
            except Damaged as error:
                self.shut()
                raise self._confirmed(error) from error

    def _run(self, sql: str, stop_after_rows: int | None, within_s: float | None, distinct: bool) -> Result:
        if self._damage is not None:
            raise Damaged(self._damage)
        if self._guard is None:
            self._guard = self._open()
        return self._guard.run(sql, stop_after_rows, within_s, distinct)

    def _open(self) -> Guard:
        connection = open_read_only(self.path)
        try:
            connection.execute("PRAGMA query_only = ON")
            _connect_virtual_tables(connection)
            return Guard(connection, self.limits, only_reading, self.path.stat().st_size)
        except sqlite3.Error as error:
            connection.close()
            raise DatasetError(f"{self.path} is not a database that SQLite can read: {error}.") from error

    def _confirmed(self, error: Damaged) -> SpiderOptError:
        """Say what it is: damage of the file, or of what a statement made of it in memory."""
        if self._damage is None and not is_damaged(self.path):
            return QueryFailed(str(error))
        self._damage = str(error)
        if self._forgiving:
            return QueryFailed(str(error))
        return DatasetError(f"The database {self.path} is damaged: {error}.")


def _connect_virtual_tables(connection: sqlite3.Connection) -> None:
    """Touch each virtual table once: SQLite's first use of one looks like a write to the authorizer."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL %'").fetchall()
    for table in ("json_each", "json_tree", *(name for (name,) in found)):
        with contextlib.suppress(sqlite3.OperationalError):  # this SQLite may lack the module
            connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 0").fetchall()
