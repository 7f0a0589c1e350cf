"""What is known of golds, on disk: each gold query runs once per database and not once per file of predictions."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from spider_opt.sql.hardness import hardness
from spider_opt.sql.spacing import same_query_key
from spider_opt.store import Store
from spider_opt.types import HARDNESS_LEVELS, Hardness, Result, Value

WAIT_S = 10.0
_HARDNESS = "hardness, rules 2"  # another number when ``sql.hardness`` answers anew, or levels are written otherwise


class GoldCache:
    """What is kept by section and key, where a section is read at once; ``path`` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._store = Store(path, "gold results", wait_s=WAIT_S)
        self._sections: dict[str, dict[str, bytes]] = {}
        self._fresh: dict[str, dict[str, bytes]] = defaultdict(dict)

    @property
    def path(self) -> Path | None:
        """The file, None where there is none or it cannot be used."""
        return self._store.path if self._store.usable else None

    def get(self, section: str, key: str) -> bytes | None:
        """Return what is kept under ``key``, if there is something."""
        known = self._sections.get(section)
        if known is None:
            known = self._sections[section] = self._store.get_section(section)
        return known.get(key)

    def put(self, section: str, key: str, value: str) -> None:
        """Keep a text; it is on disk after ``flush``."""
        self._fresh[section][key] = value.encode()

    def flush(self) -> None:
        """Write what ``put`` collected."""
        for section, entries in self._fresh.items():
            self._store.replace(section, entries)
        self._fresh.clear()

    def close(self) -> None:
        """Write what ``put`` collected and close the file."""
        self.flush()
        self._store.close()


def results_of(database: str) -> str:
    """Return the section for results on the database with that hash."""
    # SQLite's version decides which of tied rows come first, and how it was built what functions do.
    return f"results 3, SQLite {sqlite3.sqlite_version} {_built()}, database {database}"


@cache
def _built() -> str:
    """Return a hash of how this SQLite was built: two of one version may fold case or sort otherwise."""
    with closing(sqlite3.connect(":memory:")) as connection:
        told = [*connection.execute("SELECT sqlite_source_id()"), *connection.execute("PRAGMA compile_options")]
    return sha256(repr(sorted(told)).encode()).hexdigest()[:12]


def kept_result(cache: GoldCache, section: str, sql: str) -> Result | None:
    """Return what ``sql`` gave on the section's database, if it is kept."""
    kept = cache.get(section, same_query_key(sql))
    try:
        return None if kept is None else _decode(kept.decode())
    except (ValueError, TypeError, KeyError):
        return None


def kept_seconds(cache: GoldCache, section: str, sql: str) -> float | None:
    """Return how long ``sql`` took when it gave what is kept of it, None where nothing is: its rows are not read."""
    kept = cache.get(section, same_query_key(sql))
    try:
        return None if kept is None else float(kept.partition(b" ")[0])
    except ValueError:
        return None


def keep_result(cache: GoldCache, section: str, sql: str, result: Result) -> None:
    """Keep what ``sql`` gave on the section's database; who asks knows that it depends on nothing else."""
    cache.put(section, same_query_key(sql), _encode(result))


def levels(golds: Sequence[str], cache: GoldCache) -> list[Hardness | None]:
    """Return the hardness of each gold query, parsing only those that are not in the cache."""
    by_name: dict[bytes, Hardness] = {level.encode(): level for level in HARDNESS_LEVELS}
    known: dict[str, Hardness | None] = {}
    for sql in golds:
        if sql in known:
            continue
        kept = cache.get(_HARDNESS, sql)
        if kept is None:
            known[sql] = hardness(sql)
            cache.put(_HARDNESS, sql, known[sql] or "")
        else:
            known[sql] = by_name.get(kept)
    cache.flush()
    return [known[sql] for sql in golds]


def _encode(result: Result) -> str:
    def blob(value: Value) -> dict[str, str]:
        assert isinstance(value, bytes)
        return {"hex": value.hex()}

    told = [result.columns, result.rows, *([True] if result.lossy else ())]
    return f"{result.seconds:.4g} {json.dumps(told, default=blob, separators=(',', ':'))}"


def _decode(text: str) -> Result:
    seconds, _, told = text.partition(" ")
    columns, rows, *lossy = _DECODER.decode(told)
    return Result(tuple(columns), list(map(tuple, rows)), lossy=bool(lossy), seconds=float(seconds))


def _blob(value: dict[str, Any]) -> bytes:
    return bytes.fromhex(value["hex"])


_DECODER = json.JSONDecoder(object_hook=_blob)
