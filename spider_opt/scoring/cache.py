"""What is known of golds, on disk: each gold query runs once per database and not once per file of predictions."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spider_opt.sql.hardness import hardness
from spider_opt.types import HARDNESS_LEVELS, Hardness, Result, Value

_LOG = logging.getLogger("spider_opt")
_TOKEN = re.compile(r"('[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\])|\s*([(),])\s*|(\s+)")


def same_query_key(sql: str) -> str:
    """Return a text that is equal for queries which differ only in spaces and in case outside quotes.

    >>> same_query_key("SELECT  Name FROM t WHERE a = 'X Y' ;") == same_query_key("select name from T where a = 'X Y'")
    True
    """
    sql = sql.strip().rstrip(";").rstrip()
    if "--" in sql or "/*" in sql:
        return sql
    pieces = _TOKEN.split(sql)
    # re.split gives: text, quoted, punctuation, space, text, …
    return "".join(
        (pieces[i + 1] or pieces[i + 2] or " ") if step else pieces[i].lower()
        for i in range(0, len(pieces), 4)
        for step in ((False, True) if i + 1 < len(pieces) else (False,))
    )


class ScoringCache:
    """Texts by key in one SQLite file that processes may share.

    A broken or unreadable file costs its contents, never a score: the cache then starts anew or does
    without. ``path`` None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._fresh: dict[bytes, str] = {}

    def get(self, key: str) -> str | None:
        """Return the text kept under ``key``, if there is one."""
        connection = self._open()
        if connection is None:
            return None
        try:
            row = connection.execute("SELECT value FROM kept WHERE key = ?", (_digest(key),)).fetchone()
        except sqlite3.Error:
            self._give_up()
            return None
        return row[0] if row else None

    def put(self, key: str, value: str) -> None:
        """Keep a text; it is on disk after ``flush``."""
        self._fresh[_digest(key)] = value

    def flush(self) -> None:
        """Write what ``put`` collected."""
        fresh, self._fresh = self._fresh, {}
        connection = self._open() if fresh else None
        if connection is None:
            return
        try:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", fresh.items())
        except sqlite3.Error as error:
            _LOG.warning("gold results are not kept: %s (%s)", error, self._path)

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=10)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value TEXT)")
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
    text = cache.get(_result_key(database, sql))
    return None if text is None else _decode(text)


def keep_result(cache: ScoringCache, database: str, sql: str, result: Result) -> None:
    """Keep what ``sql`` gave on the database with that hash."""
    cache.put(_result_key(database, sql), _encode(result))


def levels(golds: Sequence[str], cache: ScoringCache) -> list[Hardness | None]:
    """Return the hardness of each gold query, parsing only those that are not in the cache."""
    known: dict[str, str] = {}
    for sql in golds:
        if sql in known:
            continue
        key = f"hardness\0{sql}"
        level = cache.get(key)
        if level is None:
            level = hardness(sql) or ""
            cache.put(key, level)
        known[sql] = level
    cache.flush()
    by_name: dict[str, Hardness] = {level: level for level in HARDNESS_LEVELS}
    return [by_name.get(known[sql]) for sql in golds]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def _result_key(database: str, sql: str) -> str:
    # SQLite's version decides which of tied rows come first.
    return f"result\0{sqlite3.sqlite_version}\0{database}\0{same_query_key(sql)}"


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
