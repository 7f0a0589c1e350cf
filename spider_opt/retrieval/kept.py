"""Keeps on disk what is slow to make of many texts: their vectors, their queries' skeletons.

Several threads and processes may share the file, and one killed at any moment leaves it whole. It only saves
time: no trouble with it costs an answer, and a broken file is begun anew.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from spider_opt.paths import cache_dir, use_wal
from spider_opt.progress import Progress, silent

BUSY_TIMEOUT_S = 60.0
AT_ONCE = 256
"""Texts made, and kept, together: what is lost by a kill."""
_LOG = logging.getLogger("spider_opt")
_T = TypeVar("_T")


def retrieval_dir() -> Path:
    """Return the folder of the cache where all that belongs to retrieval lies."""
    return cache_dir() / "retrieval"


class Kept:
    """Bytes by kind and text, in the SQLite file at ``path``; ``kind`` says all that they depend on but the text."""

    def __init__(self, path: Path, progress: Progress = silent) -> None:
        self.path = path
        self.progress = progress
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._usable = True

    def made(
        self, kind: str, texts: Iterable[str], make: Callable[[Sequence[str]], Iterable[bytes]], label: str
    ) -> dict[str, bytes]:
        """Return what ``make`` makes of each text, from the file where it was made before.

        Of two processes that make the same at once, the first counts.
        """
        wanted = list(dict.fromkeys(texts))
        found = self._get(kind, wanted)
        missing = [text for text in wanted if text not in found]
        portions = [missing[start : start + AT_ONCE] for start in range(0, len(missing), AT_ONCE)]
        with self.progress(f"{label}, {AT_ONCE} at a time", len(portions)) as advance:
            for some in portions:
                fresh = dict(zip(some, make(some), strict=True))
                self._put(kind, fresh)
                found |= fresh | self._get(kind, some)
                advance()
        return found

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def __del__(self) -> None:
        self.close()

    def _get(self, kind: str, texts: Sequence[str]) -> dict[str, bytes]:
        keys = {_key(kind, text): text for text in texts}
        names = list(keys)

        def select(db: sqlite3.Connection) -> dict[str, bytes]:
            found = {}
            for start in range(0, len(names), 500):
                some = names[start : start + 500]
                marks = ",".join("?" * len(some))
                rows = db.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some)
                found.update({keys[key]: value for key, value in rows})
            return found

        return self._do(select) or {}

    def _put(self, kind: str, made: Mapping[str, bytes]) -> None:
        rows = [(_key(kind, text), value) for text, value in made.items()]

        def insert(db: sqlite3.Connection) -> None:
            with db:
                db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", rows)

        self._do(insert)

    def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Work on the open file; begin a broken one anew and work once more; else do without."""
        with self._lock:
            for broken_before in (False, True):
                if not self._usable:
                    return None
                try:
                    if self._db is None:
                        self._db = _open(self.path)
                    return work(self._db)
                except (sqlite3.Error, OSError) as error:
                    self._recover(error, broken_before)
        return None

    def _recover(self, error: sqlite3.Error | OSError, broken_before: bool) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) and not broken_before:
            _LOG.warning("%s is broken (%s); it is begun anew.", self.path, error)
            with suppress(OSError):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            return
        self._usable = False
        _LOG.warning("%s cannot be used (%s); what is made is not kept.", self.path, error)


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        use_wal(db, BUSY_TIMEOUT_S)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL)")
        db.commit()
    except sqlite3.Error:
        db.close()
        raise
    return db
