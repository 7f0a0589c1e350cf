"""How much one query may take, and how SQLite is held to it."""

from __future__ import annotations

import re
import sqlite3
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of one query; each default is far above what Spider needs.

    The largest in Spider's dev and train golds: 10,507 rows, 0.2 MB of cells, a value of 213 bytes, a
    query of 577 bytes that compiles to 135 opcodes.

    ``max_bytes`` is about what the fetched rows take in Python. ``max_memory_bytes`` is SQLite's heap,
    shared by all connections of the process; the lowest value that any of them asked for counts, and
    SQLite before 3.31 knows no such limit. ``max_value_bytes`` bounds each value and each stored row:
    a single call of a slow function is bounded through it, see ``databases.sandbox``.
    """

    timeout_s: float = 30.0
    max_rows: int = 2_000_000
    max_bytes: int = 256_000_000
    max_memory_bytes: int = 128 * 2**20
    max_value_bytes: int = 100_000
    max_sql_bytes: int = 100_000
    max_opcodes: int = 12_000


DEFAULT_LIMITS = Limits()


def restrain(connection: sqlite3.Connection, limits: Limits) -> None:
    """Bind a fresh connection to its limits, before any hostile text reaches it.

    Sorts and temporary tables stay in memory, where ``max_memory_bytes`` bounds them: on disk nothing would.

    Raises:
        sqlite3.DatabaseError: the file is no database after all.
    """
    connection.execute(f"PRAGMA hard_heap_limit = {limits.max_memory_bytes}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -2000")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA trusted_schema = OFF")
    for category, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, limits.max_value_bytes),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, limits.max_sql_bytes),
        (sqlite3.SQLITE_LIMIT_VDBE_OP, limits.max_opcodes),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 100),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(category, value)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, False)


def brakes(sql: str, limits: Limits) -> tuple[int, int]:
    """How often to look at the clock (in opcodes) and how long values may be, for this query.

    An opcode takes nanoseconds, unless it calls a function whose time is the product of two lengths. A
    name cannot be spelled otherwise in SQL, so a search of the text finds every one.

    >>> brakes("SELECT name FROM city", DEFAULT_LIMITS)
    (250, 100000)
    >>> brakes("SELECT RTRIM(name, 'xyz') FROM city", DEFAULT_LIMITS)
    (10, 20000)
    """
    lowered = sql.lower()
    if any(name in lowered for name in ("trim", "unhex")):  # one call: 0.5 s at 20,000 bytes, 14 s at 100,000
        return 10, min(limits.max_value_bytes, 20_000)
    if any(name in lowered for name in ("like", "glob", "instr", "replace", "_patch")):
        return 10, limits.max_value_bytes
    return 250, limits.max_value_bytes


_FORMATTING = re.compile(r"""(?:printf|format)["`\]]?(?:\s|/\*.*?\*/|--[^\n]*)*\(""", re.IGNORECASE | re.DOTALL)
_PLAIN_FORMAT = re.compile(r"""\s*(?:'(?:(?!\d{5})[^'*])*'|"(?P<name>(?:(?!\d{5})[^"*])*)")\s*[,)]""")


def formats_are_plain(sql: str) -> bool:
    """Whether each format in the query is written out in it, with widths of four digits at most.

    SQLite 3.40 counts to two billion in ``printf('%.2000000000c')`` before it finds that too long.

    >>> formats_are_plain("SELECT printf('%.2f', price) FROM item")
    True
    >>> formats_are_plain("SELECT printf('%.*c', 2000000000, 'x')")
    False
    """
    formats = [_PLAIN_FORMAT.match(sql, found.end()) for found in _FORMATTING.finditer(sql)]
    # In double quotes it can be a column's name too, which must then stand elsewhere as well.
    names = [found["name"] for found in formats if found and found["name"]]
    return all(formats) and all(sql.count(name) == names.count(name) for name in names)
