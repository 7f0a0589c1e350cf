"""What is known of golds, on disk: each gold query runs once per database and not once per file of predictions."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from spider_opt.paths import use_wal
from spider_opt.sql.hardness import hardness
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import HARDNESS_LEVELS, Hardness, Result, Value

T = TypeVar("T")
WAIT_S = 10.0
_HARDNESS = "hardness, rules 1"  # another number when ``sql.hardness`` answers anew
_LOG = logging.getLogger("spider_opt")
_VARIES = re.compile(
    r"\brandom|\bnow\b|current_(?:date|time)|(?:date|time|day|epoch)\s*\(\s*\)|strftime\s*\([^,]*\)", re.IGNORECASE
)


class ScoringCache:
    """Texts by section and key in one SQLite file that processes may share; a section is read at once.

    The file never costs a score: where it cannot be used the cache keeps nothing, and a broken one is set
    aside. ``path`` None keeps nothing. Not to be carried into a forked process once it was used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._sections: dict[str, dict[str, str]] = {}
        self._fresh: list[tuple[str, str, str]] = []

    @property
    def path(self) -> Path | None:
        """The file, None where there is none or it cannot be used."""
        return self._path

    def get(self, section: str, key: str) -> str | None:
        """Return the text kept under ``key``, if there is one."""
        known = self._sections.get(section)
        if known is None:
            known = self._sections[section] = dict(
                self._try(lambda c: c.execute("SELECT key, value FROM kept WHERE section = ?", (section,)).fetchall())
                or ()
            )
        return known.get(key)

    def put(self, section: str, key: str, value: str) -> None:
        """Keep a text; it is on disk after ``flush``."""
        self._fresh.append((section, key, value))

    def flush(self) -> None:
        """Write what ``put`` collected."""
        # Half a surrogate pair, which some JSON holds, is no text to SQLite.
        fresh = [entry for entry in self._fresh if entry[1].isascii() or _is_unicode(entry[1])]
        self._fresh = []
        if fresh:
            self._try(lambda c: c.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", fresh))

    def close(self) -> None:
        """Write what ``put`` collected and close the file."""
        self.flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, action: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the file, opened if need be; None where that cannot be done."""
        if self._path is None:
            return None
        try:
            if self._connection is None:
                self._connection = _opened(self._path)
            with self._connection:
                return action(self._connection)
        except sqlite3.OperationalError as error:  # locked, on a read-only disk, the disk full
            self._do_without(str(error))
        except sqlite3.DatabaseError as error:
            with suppress(OSError):
                self._path.replace(self._path.with_suffix(".broken"))
            self._do_without(f"{error}; it is set aside")
        except OSError as error:
            self._do_without(error.strerror or str(error))
        return None

    def _do_without(self, why: str) -> None:
        _LOG.warning("gold results cannot be kept in %s: %s", self._path, why)
        if self._connection is not None:
            self._connection.close()
        self._connection = self._path = None


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=WAIT_S)
    try:
        use_wal(connection, WAIT_S)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS kept (section TEXT, key TEXT, value TEXT, PRIMARY KEY (section, key)) "
            "WITHOUT ROWID"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def results_of(database: str) -> str:
    """Return the section for results on the database with that hash."""
    # SQLite's version decides which of tied rows come first.
    return f"results, SQLite {sqlite3.sqlite_version}, database {database}"


def kept_result(cache: ScoringCache, section: str, sql: str) -> Result | None:
    """Return what ``sql`` gave on the section's database, if it is kept."""
    text = cache.get(section, same_query_key(sql))
    try:
        return None if text is None else _decode(text)
    except (ValueError, TypeError, KeyError):
        return None


def keep_result(cache: ScoringCache, section: str, sql: str, result: Result) -> None:
    """Keep what ``sql`` gave on the section's database, unless that could be something else tomorrow."""
    if not _VARIES.search(sql):
        cache.put(section, same_query_key(sql), _encode(result))


def levels(golds: Sequence[str], cache: ScoringCache) -> list[Hardness | None]:
    """Return the hardness of each gold query, parsing only those that are not in the cache."""
    known: dict[str, str] = {}
    for sql in golds:
        if sql in known:
            continue
        level = cache.get(_HARDNESS, sql)
        if level is None:
            level = hardness(sql) or ""
            cache.put(_HARDNESS, sql, level)
        known[sql] = level
    cache.flush()
    by_name: dict[str, Hardness] = {level: level for level in HARDNESS_LEVELS}
    return [by_name.get(known[sql]) for sql in golds]


def _encode(result: Result) -> str:
    def blob(value: Value) -> dict[str, str]:
        assert isinstance(value, bytes)
        return {"hex": value.hex()}

    return json.dumps([result.columns, result.rows], default=blob, separators=(",", ":"))


def _decode(text: str) -> Result:
    columns, rows = _DECODER.decode(text)
    return Result(tuple(columns), list(map(tuple, rows)))


def _blob(value: dict[str, Any]) -> bytes:
    return bytes.fromhex(value["hex"])


_DECODER = json.JSONDecoder(object_hook=_blob)
