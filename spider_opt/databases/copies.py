"""A statement of any kind, on a copy of a database in memory that is thrown away."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Literal

from spider_opt.databases.files import MAGIC, check_database
from spider_opt.databases.guard import Guard, OutOfMemory, without_broken_bytes
from spider_opt.databases.limits import Limits
from spider_opt.databases.policies import NotRun, on_a_copy
from spider_opt.databases.snapshots import settled
from spider_opt.errors import DatasetError, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.sql.lexer import Token, tokens, unquoted
from spider_opt.types import Result

SHARE_OF_MEMORY = 2
"""A copy may take half of what a query may: the statement needs some, too."""
_NOTHING = Result((), [])


def run_on_copy(
    path: Path, sql: str, limits: Limits, stop_after_rows: int | None = None, within_s: float | None = None
) -> Result:
    """Run one statement of any kind, as ``Sandbox.run_on_copy`` does.

    Raises:
        QueryError: it failed, was stopped, or the database is too large to be copied.
        DatasetError: the file is missing or not a database.
    """
    guard = _copied(path, limits)
    try:
        return _ran(guard, sql, stop_after_rows, within_s)
    finally:
        guard.close()


def run_in_order(path: Path, statements: Sequence[str], limits: Limits, within_s: float | None = None) -> list[Result]:
    """Run statements of any kind one after the other on one copy, as ``Sandbox.run_in_order`` does.

    Raises:
        QueryError: one failed, was stopped, or the database is too large to be copied.
        DatasetError: the file is missing or not a database.
    """
    guard = _copied(path, limits, as_python_does=True)
    given_s = limits.timeout_s if within_s is None else min(within_s, limits.timeout_s)
    until = monotonic() + given_s
    try:
        return [_ran(guard, sql, None, max(0.0, until - monotonic()), distinct=True) for sql in statements]
    except QueryTimeout:
        raise QueryTimeout(f"no answer within {given_s:g} s") from None
    finally:
        guard.close()


def _ran(
    guard: Guard, sql: str, stop_after_rows: int | None, within_s: float | None, *, distinct: bool = False
) -> Result:
    try:
        return guard.run(sql, stop_after_rows, within_s, distinct)
    except NotRun:
        if attached := _attached(sql):
            _check_file(attached[0])
            guard.run(f"ATTACH ':memory:' AS {attached[1]}")
        return _NOTHING


def _copied(path: Path, limits: Limits, *, as_python_does: bool = False) -> Guard:
    """Open a copy; ``as_python_does`` begins transactions by itself and refuses text that is no UTF-8."""
    check_database(path)
    file = settled(path)
    n_bytes = file.stat().st_size
    if n_bytes > limits.max_memory_bytes // SHARE_OF_MEMORY:
        raise QueryLimit(f"the database is too large ({n_bytes:,} bytes) to try statements on a copy in memory")
    content = bytearray(n_bytes)
    with file.open("rb") as stream:
        stream.readinto(content)
    content[18:20] = b"\1\1"  # not in WAL mode, which a copy in memory cannot have
    level: Literal["DEFERRED"] | None = "DEFERRED" if as_python_does else None
    connection = sqlite3.connect(":memory:", isolation_level=level, check_same_thread=False)
    try:
        connection.deserialize(content)
        modules = {name.lower() for (name,) in connection.execute("PRAGMA module_list")}
        guard = Guard(connection, limits, partial(on_a_copy, modules), n_bytes)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)
        if not as_python_does:
            connection.text_factory = without_broken_bytes  # at once: a statement that writes cannot be run twice
        return guard
    except MemoryError:
        connection.close()
        raise OutOfMemory("a copy of the database to try statements on needs more memory than there is") from None
    except sqlite3.Error as error:
        connection.close()
        raise DatasetError(f"{path} is not a database that SQLite can read: {error}.") from error


def _attached(sql: str) -> tuple[list[Token], str] | None:
    """Return what an ATTACH names as the file, and the text of the name it gives; None for other statements."""
    spoken = [token for token in tokens(sql) if not token.says_nothing]
    words = [token.text.lower() for token in spoken]
    if words[:1] != ["attach"] or "as" not in words:
        return None
    at = len(words) - 1 - words[::-1].index("as")
    return spoken[1 + (words[1] == "database") : at], sql[spoken[at].end :]


def _check_file(named: list[Token]) -> None:
    """Refuse a file that SQLite could not attach, where its name is plain; it would make one that is not there.

    Raises:
        QueryFailed: as SQLite would say it.
    """
    if len(named) != 1 or named[0].text[0] not in "'\"":
        return
    name = unquoted(named[0].text)
    if name in ("", ":memory:") or name.startswith("file:"):
        return
    path = Path(name)
    try:
        if path.is_dir() or not path.parent.is_dir():
            raise QueryFailed(f"unable to open database: {name}")
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise QueryFailed("file is not a database")
    except (OSError, ValueError):
        raise QueryFailed(f"unable to open database: {name}") from None
