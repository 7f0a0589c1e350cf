"""How much one query may take, and how SQLite is held to it."""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of one query; each default is far above what Spider needs.

    The largest in Spider's dev and train golds: 10,507 rows, 0.2 MB of cells, a value of 213 bytes, a
    query of 577 bytes that compiles to 135 opcodes.

    ``max_bytes`` is about what the fetched rows take in Python. ``max_memory_bytes`` is SQLite's heap,
    shared by all connections of the process (``databases.turns`` deals with that); the lowest value that any of
    them asked for counts, and SQLite before 3.31 knows no such limit. ``max_value_bytes`` bounds each value and each
    stored row: a single call of a slow function is bounded through it, see ``databases.sandbox``. Where the file is
    larger, rows of it may be longer, up to ``max_stored_bytes``.

    ``lifted`` are for a query that is trusted, a benchmark's own gold: of the caps only the time is left, and what
    does not fit into memory goes to temporary files.
    """

    timeout_s: float = 30.0
    max_rows: int = 2_000_000
    max_bytes: int = 256_000_000
    max_memory_bytes: int = 128 * 2**20
    max_value_bytes: int = 100_000
    max_sql_bytes: int = 100_000
    max_opcodes: int = 12_000
    max_stored_bytes: int = 10_000_000
    lifted: bool = False


def lifted(limits: Limits) -> Limits:
    """Return limits of which only the time is left."""
    return replace(
        limits,
        max_rows=sys.maxsize,
        max_bytes=sys.maxsize,
        max_value_bytes=_SQLITES_OWN,
        max_stored_bytes=_SQLITES_OWN,
        max_sql_bytes=_SQLITES_OWN,
        lifted=True,
    )


_SQLITES_OWN = 10**9
DEFAULT_LIMITS = Limits()


def restrain(connection: sqlite3.Connection, limits: Limits) -> None:
    """Bind a fresh connection to its limits, before any hostile text reaches it.

    Sorts and temporary tables stay in memory, where ``max_memory_bytes`` bounds them: on disk nothing would.

    Raises:
        sqlite3.DatabaseError: the file is no database after all.
    """
    connection.execute(f"PRAGMA hard_heap_limit = {limits.max_memory_bytes}")
    connection.execute(f"PRAGMA temp_store = {'FILE' if limits.lifted else 'MEMORY'}")
    connection.execute("PRAGMA cache_size = -2000")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA trusted_schema = OFF")
    for category, value in _ALWAYS.items() if limits.lifted else (_ALWAYS | _capped(limits)).items():
        connection.setlimit(category, value)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, False)


_ALWAYS = {sqlite3.SQLITE_LIMIT_ATTACHED: 0, sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0}


def _capped(limits: Limits) -> dict[int, int]:
    return {
        sqlite3.SQLITE_LIMIT_LENGTH: limits.max_value_bytes,
        sqlite3.SQLITE_LIMIT_SQL_LENGTH: limits.max_sql_bytes,
        sqlite3.SQLITE_LIMIT_VDBE_OP: limits.max_opcodes,
        sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
        sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 999,
        sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
    }


# What one call may take at these lengths, in seconds: 0.5 (14 at 100,000 bytes), 0.5, 1.
_SLOW = ((("trim", "unhex"), 20_000), (("instr", "replace", "_patch"), 100_000), (("like", "glob"), 1_000_000))


def brakes(sql: str, limits: Limits, stored_bytes: int = 0) -> tuple[int, int]:
    """How often to look at the clock (in opcodes) and how long values may be, for this query.

    An opcode takes nanoseconds, unless it calls a function whose time is the product of two lengths. A
    name cannot be spelled otherwise in SQL, so a search of the text finds every one. ``stored_bytes`` is how long
    the database's own rows can be, where one has turned out to be longer than values may be.

    >>> brakes("SELECT name FROM city", DEFAULT_LIMITS)
    (250, 100000)
    >>> brakes("SELECT RTRIM(name, 'xyz') FROM city", DEFAULT_LIMITS)
    (10, 20000)
    """
    if limits.lifted:
        return 250, limits.max_value_bytes
    longest = max(limits.max_value_bytes, min(stored_bytes, limits.max_stored_bytes))
    lowered = sql.lower()
    for names, cap in _SLOW:
        if any(name in lowered for name in names):
            return 10, min(longest, cap)
    return 10 if longest > limits.max_value_bytes else 250, longest
