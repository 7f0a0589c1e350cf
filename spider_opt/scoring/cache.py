"""What is known of golds, on disk: each gold query runs once per database and not once per file of predictions."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from spider_opt.sql.hardness import hardness
from spider_opt.types import HARDNESS_LEVELS, Hardness, Result, Value

_LOG = logging.getLogger("spider_opt")
_QUOTED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\])")


@lru_cache(maxsize=8192)
def same_query_key(sql: str) -> str:
    """Return a text that is equal for queries which differ only in spaces and in case outside quotes.

    >>> same_query_key("SELECT  Name FROM t WHERE a = 'X Y' ;") == same_query_key("select name from T where a = 'X Y'")
    True
    """
    sql = sql.strip().rstrip(";").rstrip()
    if "--" in sql or "/*" in sql:
        return sql
    pieces = _QUOTED.split(sql)
    pieces[::2] = [
        " ".join(p.lower().split()).replace(" (", "(").replace("( ", "(").replace(" ,", ",").replace(", ", ",")
        for p in pieces[::2]
    ]
    return "\0".join(pieces)


class ScoringCache:
    """Texts by section and key in one SQLite file that processes may share; a section is read at once.

    A broken or unreadable file costs its contents, never a score: the cache then starts anew or does
    without. ``path`` None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._sections: dict[str, dict[str, str]] = {}
        self._fresh: list[tuple[str, str, str]] = []

    def get(self, section: str, key: str) -> str | None:
        """Return the text kept under ``key``, if there is one."""
        if section not in self._sections:
            self._sections[section] = self._read(section)
        return self._sections[section].get(key)

    def put(self, section: str, key: str, value: str) -> None:
        """Keep a text; it is on disk after ``flush``."""
        self._fresh.append((section, key, value))

    def flush(self) -> None:
        """Write what ``put`` collected."""
        fresh, self._fresh = self._fresh, []
        connection = self._open() if fresh else None
        if connection is None:
            return
        try:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", fresh)
        except (sqlite3.Error, UnicodeEncodeError) as error:
            _LOG.warning("gold results are not kept: %s (%s)", error, self._path)

    def _read(self, section: str) -> dict[str, str]:
        connection = self._open()
        if connection is None:
            return {}
        try:
            return dict(connection.execute("SELECT key, value FROM kept WHERE section = ?", (section,)))
        except sqlite3.Error:
            self._give_up()
            return {}

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=10)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS kept (section TEXT, key TEXT, value TEXT, PRIMARY KEY (section, key)) "
                    "WITHOUT ROWID"
                )
            except (sqlite3.Error, OSError):
                self._give_up()
        return self._connection

    def _give_up(self) -> None:
        """Set a broken file aside and go on without."""
        _LOG.warning("the cache of gold results at %s cannot be used; it is set aside and made anew", self._path)
        if self._connection is not None:
            self._connection.close()
        if self._path is not None and self._path.is_file():
            self._path.replace(self._path.with_suffix(".broken"))
        self._connection = self._path = None


def kept_result(cache: ScoringCache, database: str, sql: str) -> Result | None:
    """Return what ``sql`` gave on the database with that hash, if it is kept."""
    text = cache.get(_section(database), same_query_key(sql))
    return None if text is None else _decode(text)


def keep_result(cache: ScoringCache, database: str, sql: str, result: Result) -> None:
    """Keep what ``sql`` gave on the database with that hash."""
    cache.put(_section(database), same_query_key(sql), _encode(result))


def levels(golds: Sequence[str], cache: ScoringCache) -> list[Hardness | None]:
    """Return the hardness of each gold query, parsing only those that are not in the cache."""
    known: dict[str, str] = {}
    for sql in golds:
        if sql in known:
            continue
        level = cache.get("hardness", sql)
        if level is None:
            level = hardness(sql) or ""
            cache.put("hardness", sql, level)
        known[sql] = level
    cache.flush()
    by_name: dict[str, Hardness] = {level: level for level in HARDNESS_LEVELS}
    return [by_name.get(known[sql]) for sql in golds]


def _section(database: str) -> str:
    # SQLite's version decides which of tied rows come first.
    return f"results, SQLite {sqlite3.sqlite_version}, database {database}"


def _encode(result: Result) -> str:
    def blob(value: Value) -> dict[str, str]:
        assert isinstance(value, bytes)
        return {"hex": value.hex()}

    return json.dumps([result.columns, result.rows], default=blob, separators=(",", ":"))


def _decode(text: str) -> Result:
    columns, rows = json.loads(text, object_hook=_blob)
    return Result(tuple(columns), [tuple(row) for row in rows])


def _blob(value: dict[str, Any]) -> bytes:
    return bytes.fromhex(value["hex"])
