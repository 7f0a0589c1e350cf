"""One key-value store on disk, for every cache: bytes by section and key, in one SQLite file.

Threads and processes may share the file, one killed at any moment leaves it whole, and a process may fork while it is
open. A store only saves time, so no trouble with it costs an answer: a broken file is set aside and a new one begun,
and where the disk is full, read-only or locked by another program nothing is kept. Either is said once, in a warning
that names the file and why.

Not covered: network drives whose locks do not hold, a power cut (it may lose the last entries, never the file), and
bytes that were changed without SQLite noticing, so whoever reads a value looks whether it is one.

Source: SQLite's "How To Corrupt An SQLite Database File" (fork, and closing a file that others have locked).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from spider_opt.paths import is_full

WAIT_S = 60.0
"""How long a file that another program keeps locked is waited for."""
_AT_ONCE = 500
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SIDES = ("-wal", "-shm", "-journal")
_LOG = logging.getLogger("spider_opt")
_T = TypeVar("_T")


class Older(NamedTuple):
    """The table of an older version, and the query that gives its (section, key, value)."""

    table: str
    entries: str


class Store:
    """Bytes by section and key in the file at ``path``, which is made when it is first used; None keeps nothing.

    ``contents`` says in warnings what is lost; what is in the table ``older`` of the file is taken over.
    """

    _db: sqlite3.Connection | None = None

    def __init__(
        self, path: Path | None, contents: str = "entries", *, older: Older | None = None, wait_s: float = WAIT_S
    ) -> None:
        self.path = path
        self._contents = contents
        self._older = older
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._file: object = None
        self._readable = self._writable = path is not None
        _STORES.add(self)

    @property
    def usable(self) -> bool:
        """Whether anything can be found here, as far as is known."""
        return self._readable

    def get(self, section: str, key: str) -> bytes | None:
        """Return what is kept under a key, if there is something."""
        return self.get_many(section, [key]).get(key)

    def get_many(self, section: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return what is kept under these keys; those without are left out."""
        names = {_bound(key): key for key in keys}
        return self._do(lambda db: _select(db, section, names)) or {}

    def get_section(self, section: str) -> dict[str, bytes]:
        """Return all that a section has, at once."""

        def select(db: sqlite3.Connection) -> dict[str, bytes]:
            rows = db.execute("SELECT key, CAST(value AS BLOB) FROM kept WHERE section = ?", (section,))
            return {_unbound(key): value for key, value in rows}

        return self._do(select) or {}

    def keep(self, section: str, entries: Mapping[str, bytes]) -> dict[str, bytes]:
        """Keep entries, but where there is one already the first counts; return what counts now, for each key."""
        names = {_bound(key): key for key in entries}

        def insert(db: sqlite3.Connection) -> dict[str, bytes]:
            _insert(db, "IGNORE", section, entries)
            return _select(db, section, names)

        return {**entries, **(self._do(insert, writes=True) or {})}

    def replace(self, section: str, entries: Mapping[str, bytes]) -> None:
        """Keep entries in the place of those that have their keys."""
        if entries:
            self._do(lambda db: _insert(db, "REPLACE", section, entries), writes=True)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._close()

    def end(self) -> None:
        """Close the file for good: whoever still asks finds nothing, and what comes late is not kept."""
        with self._lock:
            self._close()
            self._readable = self._writable = False

    def __del__(self) -> None:
        self._close()

    def _do(self, work: Callable[[sqlite3.Connection], _T], *, writes: bool = False) -> _T | None:
        """Do work on the file, opened if need be; None where that cannot be done."""
        with self._lock:
            for broken_before in (False, True):
                if self.path is None or not (self._writable if writes else self._readable):
                    return None
                try:
                    if self._db is None:
                        self._file = _identity(self.path)
                        self._db = _opened(self.path, self._older, self._wait_s)
                        self._file = self._file or _identity(self.path)
                    with self._db:
                        return work(self._db)
                except (sqlite3.Error, OSError, UnicodeError) as error:
                    self._recover(self.path, error, broken_before, only_writing=writes and self._db is not None)
        return None

    def _recover(self, path: Path, error: Exception, broken_before: bool, only_writing: bool) -> None:
        """Begin a broken file anew, once; else do without."""
        self._close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN and not broken_before:
            if _identity(path) != self._file:
                return  # another process has set it aside
            try:
                aside = _set_aside(path)
            except OSError as second:
                error = second
            else:
                _LOG.warning("%s is broken (%s); it was moved to %s, and begins anew.", path, error, aside.name)
                return
        self._writable = False
        self._readable = only_writing
        what = "written" if only_writing else "used"
        why = "the disk is full" if is_full(path, error) else error
        _LOG.warning("%s cannot be %s (%s); %s are not kept.", path, what, why, self._contents)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def count(path: Path) -> int | None:
    """Return how many entries a store's file has, None where there is no such file or it cannot be read."""
    if not path.is_file():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sum(int(db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for (table,) in tables)
    return None


def is_open(path: Path) -> bool:
    """Tell whether another process, or another object of this one, has a store's file open."""
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as db:
            db.execute("PRAGMA journal_mode = DELETE")  # for which nobody else may have the file open
    except sqlite3.Error as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


def _opened(path: Path, older: Older | None, wait_s: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=wait_s, check_same_thread=False)
    try:
        db.text_factory = partial(str, encoding="utf-8", errors="replace")
        _use_wal(db, wait_s)
        db.execute("PRAGMA synchronous = NORMAL")  # safe from kill -9 without waiting for the disk
        # With a rowid: values of 1 to 4 kB, as vectors are, take half the room that they take without.
        db.execute("CREATE TABLE IF NOT EXISTS kept (section TEXT, key TEXT, value BLOB, PRIMARY KEY (section, key))")
        db.execute("SELECT section, key, value FROM kept LIMIT 0")  # another table of that name shows here
        if older is not None:
            _take_over(db, older)
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection, wait_s: float) -> None:
    """Let a file be written while others read it.

    Where several ask for that at once SQLite refuses some, without waiting for its own timeout.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _take_over(db: sqlite3.Connection, older: Older) -> None:
    there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if db.execute(there, (older.table,)).fetchone():
        with db:
            db.execute("BEGIN IMMEDIATE")
            if db.execute(there, (older.table,)).fetchone():  # else another process was first
                db.execute(f"INSERT OR IGNORE INTO kept {older.entries}")
                db.execute(f"DROP TABLE {older.table}")


def _select(db: sqlite3.Connection, section: str, names: Mapping[str | bytes, str]) -> dict[str, bytes]:
    found, keys = {}, list(names)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        # An older version kept text.
        query = f"SELECT key, CAST(value AS BLOB) FROM kept WHERE section = ? AND key IN ({marks})"
        found.update({names[key]: value for key, value in db.execute(query, (section, *some))})
    return found


def _insert(db: sqlite3.Connection, on_conflict: str, section: str, entries: Mapping[str, bytes]) -> None:
    rows = [(section, _bound(key), value) for key, value in entries.items()]
    db.executemany(f"INSERT OR {on_conflict} INTO kept VALUES (?, ?, ?)", rows)


def _bound(key: str) -> str | bytes:
    """Return a key as SQLite takes it, to which half a surrogate pair, as some JSON holds, is no text."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return key.encode("utf-8", "surrogatepass")
    return key


def _unbound(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("utf-8", "surrogatepass")


def _identity(path: Path) -> object:
    """Return what tells a file from another one at the same place, None where there is none."""
    with suppress(FileNotFoundError):
        stat = path.stat()
        return stat.st_dev, stat.st_ino
    return None


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for side in _SIDES:  # first, since the log of one file must never stand beside another
        with suppress(FileNotFoundError):
            Path(f"{path}{side}").replace(f"{aside}{side}")
    return path.replace(aside)


# A connection must be neither used nor closed in a forked process, nor may a lock that another thread had be in it.
_STORES: weakref.WeakSet[Store] = weakref.WeakSet()
_FORKING = threading.Lock()
_held: list[Store] = []


def _before_fork() -> None:
    _FORKING.acquire()
    _held.extend(_STORES)
    for store in _held:
        store._lock.acquire()
        store._close()


def _after_fork() -> None:
    for store in _held:
        store._lock.release()
    _held.clear()
    _FORKING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
