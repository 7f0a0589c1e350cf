"""One connection on which a statement ends in time, or is stopped; sqlite3's errors become ours here."""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from time import monotonic

from spider_opt.databases.formats import formats_are_plain
from spider_opt.databases.limits import Limits, brakes, restrain
from spider_opt.errors import NotAQuery, QueryError, QueryFailed, QueryLimit, QueryTimeout, SpiderOptError
from spider_opt.types import Result, Value

Policy = Callable[[int, str | None, str | None], QueryError | None]
"""What SQLite is about to do (an authorizer code and its two arguments) -> why it may not, or None."""

_FULL = (sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL)
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)


class OutOfMemory(QueryLimit):
    """SQLite's heap is full, which all that the process has open have a part in."""


class Damaged(SpiderOptError):
    """SQLite finds the database damaged, or cannot read it."""


class Guard:
    """Runs statements on a connection under limits; not safe to share between threads.

    The clock is read by the authorizer while SQLite compiles (before 3.41 it looks nowhere else then)
    and by the progress handler while it runs. ``stored_bytes`` is how long a row of the database can be at most.
    """

    def __init__(self, connection: sqlite3.Connection, limits: Limits, policy: Policy, stored_bytes: int = 0) -> None:
        self._connection = connection
        self._limits = limits
        self._policy = policy
        self._stored_bytes = stored_bytes
        self._deadline = float("inf")
        self._given_s = limits.timeout_s
        self._formats_are_plain: Callable[[], bool] = lambda: True
        self._refusal: QueryError | None = None
        self._brakes = (0, 0)
        restrain(connection, limits)
        connection.set_authorizer(self._authorize)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def run(
        self, sql: str, stop_after_rows: int | None = None, within_s: float | None = None, distinct: bool = False
    ) -> Result:
        """Run one statement; a statement that can have no rows gives no columns either.

        ``within_s`` is a shorter time than the limits give. ``distinct`` keeps each row where it came first, and caps
        only what is kept.

        Text that is not UTF-8 loses its broken bytes, and the result is ``lossy``. Source: official evaluator,
        get_cursor_from_path.

        Raises:
            QueryError: it failed, was stopped or was refused.
            Damaged: the database is, as far as the query can tell.
        """
        if len(sql.encode(errors="replace")) > self._limits.max_sql_bytes:
            raise QueryLimit(f"the query is longer than {self._limits.max_sql_bytes:,} bytes")
        self._formats_are_plain, self._refusal = cache(lambda: formats_are_plain(sql)), None
        self._given_s = min(self._limits.timeout_s, self._limits.timeout_s if within_s is None else within_s)
        self._deadline = monotonic() + self._given_s
        try:
            self._brake(brakes(sql, self._limits))
            try:
                result = self._leniently(sql, stop_after_rows, distinct)
            except sqlite3.DataError as error:
                long = brakes(sql, self._limits, self._stored_bytes)
                if error.sqlite_errorcode != sqlite3.SQLITE_TOOBIG or long[1] <= self._brakes[1]:
                    raise
                self._brake(long)
                result = self._leniently(sql, stop_after_rows, distinct)
        except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError) as error:
            raise self._translated(error) from error
        if monotonic() > self._deadline:
            raise self._too_slow()
        return result

    def _leniently(self, sql: str, stop_after_rows: int | None, distinct: bool) -> Result:
        try:
            return self._rows_of(sql, stop_after_rows, distinct)
        except sqlite3.OperationalError as error:
            if not str(error).startswith("Could not decode to UTF-8"):
                raise
        # Almost all text is UTF-8, and decoding in Python would make wide results 1.5 times slower.
        self._connection.text_factory = without_broken_bytes
        try:
            return replace(self._rows_of(sql, stop_after_rows, distinct), lossy=True)
        finally:
            self._connection.text_factory = str

    def _rows_of(self, sql: str, stop_after_rows: int | None, distinct: bool) -> Result:
        cursor = self._connection.execute(sql)
        try:
            if cursor.description is None:
                return Result((), [])
            columns = tuple(column[0] for column in cursor.description)
            return Result(columns, self._fetched(cursor, len(columns), stop_after_rows, distinct))
        finally:
            cursor.close()

    def _fetched(
        self, cursor: sqlite3.Cursor, width: int, stop_after_rows: int | None, distinct: bool
    ) -> list[tuple[Value, ...]]:
        """Fetch in chunks so small that not even one of longest values can break the cap by much."""
        limits = self._limits
        longest_row = 4 * width * self._brakes[1]  # 4 bytes a character: one emoji widens a whole str
        n_chunk = max(1, min(1000, limits.max_rows + 1, limits.max_bytes // longest_row))
        enough = limits.max_rows + 1 if stop_after_rows is None else stop_after_rows
        rows: list[tuple[Value, ...]] = []
        seen: set[tuple[Value, ...]] = set()
        n_bytes = 0
        while len(rows) < enough:
            n_wanted = min(n_chunk, enough - len(rows))
            chunk = fetched = cursor.fetchmany(n_wanted)
            if distinct:
                chunk = [row for row in dict.fromkeys(fetched) if row not in seen]
                seen.update(chunk)
            rows += chunk
            if len(rows) > limits.max_rows:
                rows.clear()  # the traceback would keep them
                raise QueryLimit(f"the result has more than {limits.max_rows:,} rows")
            if len(fetched) < n_wanted:
                break
            # marshal is the fastest way to weigh mixed values; each cell and row has Python's overhead on top.
            n_bytes += len(marshal.dumps(chunk, 2)) + (40 * width + 56) * len(chunk)
            if n_bytes > limits.max_bytes:
                rows.clear()
                raise QueryLimit(f"the result takes more than {limits.max_bytes:,} bytes")
        return rows

    def _brake(self, wanted: tuple[int, int]) -> None:
        if wanted != self._brakes:
            n_opcodes, max_value_bytes = self._brakes = wanted
            self._connection.set_progress_handler(self._expired, n_opcodes)
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_value_bytes)

    def _expired(self) -> bool:
        return monotonic() > self._deadline

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if monotonic() > self._deadline:
            return sqlite3.SQLITE_DENY
        refusal = self._policy(action, first, second)
        formats = action == sqlite3.SQLITE_FUNCTION and second in ("printf", "format") and not self._limits.lifted
        if formats and not self._formats_are_plain():
            refusal = QueryLimit("a format must be written out in its call, with widths below 10,000")
        if refusal is None:
            return sqlite3.SQLITE_OK
        self._refusal = refusal
        return sqlite3.SQLITE_DENY

    def _too_slow(self) -> QueryTimeout:
        return QueryTimeout(f"no answer within {self._given_s:g} s")

    def _translated(self, error: Exception) -> BaseException:
        if monotonic() > self._deadline:
            return self._too_slow()
        if self._refusal is not None:
            return self._refusal
        extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        code = extended & 0xFF
        if isinstance(error, MemoryError) or code in _FULL or extended == sqlite3.SQLITE_IOERR_NOMEM:
            if self._limits.lifted:
                return QueryLimit("the query needs more memory, or room for temporary files, than there is")
            megabytes = self._limits.max_memory_bytes // 10**6
            return OutOfMemory(f"the query needs more than {megabytes:,} MB of memory or too long a program")
        if code == sqlite3.SQLITE_TOOBIG:
            return QueryLimit(f"a value is longer than {self._brakes[1]:,} bytes")
        if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_AUTH):
            # Neither the clock nor the policy said so: Ctrl-C came during a callback, where sqlite3 swallows it.
            return KeyboardInterrupt()
        if code in _UNREADABLE and extended != sqlite3.SQLITE_CORRUPT_VTAB:
            return Damaged(str(error))
        if "one statement at a time" in str(error):
            return NotAQuery("more than one statement")
        return QueryFailed(str(error)[:500])


def without_broken_bytes(raw: bytes) -> str:
    """Decode text as the official evaluator does."""
    return raw.decode(errors="ignore")
