"""Databases that something writes to: a snapshot is read, and who writes is left in peace.

A journal or a write-ahead log beside a database means that a program has it open, or died over it: the file alone is
not what the database holds. A snapshot is taken as SQLite does it (its backup reads in one transaction, and waits for
who writes), or, where nobody lives who could say so, of the files, on which SQLite then does what it would do there:
roll back the journal, or take over the log. Nothing is written beside the database itself.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from spider_opt.errors import DatasetError
from spider_opt.temporary import temporary_folder

WAIT_S = 2.0
"""How long a writer that lets nobody read is waited for, before the files are copied."""
_TRIES = 5
_SIDES = ("-wal", "-shm", "-journal")


def settled(path: Path) -> Path:
    """Return the file that has what a database holds now: its own, or that of a snapshot, kept until it has changed.

    Raises:
        DatasetError: none can be taken.
    """
    return _SNAPSHOTS.of(path) if _is_written(path) and path.is_file() else path


@contextmanager
def held(path: Path) -> Iterator[Path]:
    """Yield what ``settled`` returns, which stays meanwhile.

    Raises:
        DatasetError: as for ``settled``.
    """
    file = settled(path)
    while file != path and not _SNAPSHOTS.hold(file):
        file = settled(path)  # it has gone, as fast as something writes
    try:
        yield file
    finally:
        if file != path:
            _SNAPSHOTS.leave(file)


def stamp(path: Path) -> tuple[Hashable, ...]:
    """Return what changes when something is written beside a database; () where nothing stands beside it."""
    found = []
    for side in ("-wal", "-journal"):
        with suppress(OSError):
            stat = os.stat(f"{path}{side}")
            found.append((side, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _is_written(path: Path) -> bool:
    sides = [Path(f"{path}{side}") for side in _SIDES]
    wal, shared, journal = (size_of(side) for side in sides)
    if wal is not None and (wal or shared is not None):
        return True
    if not journal:
        return False
    with suppress(OSError), sides[2].open("rb") as file:
        return file.read(1) != b"\0"  # journal_mode = PERSIST leaves one behind that is over
    return False


def size_of(path: Path) -> int | None:
    """Return the size of a file, None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


class _Snapshots:
    """Those of this process, in a folder of its own that goes with it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Know of none."""
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._opened = ExitStack()
        self._taken: dict[Path, tuple[Hashable, Path]] = {}
        self._older: dict[Path, list[Path]] = defaultdict(list)
        self._held: Counter[Path] = Counter()
        self._n = 0

    def of(self, path: Path) -> Path:
        """Return a snapshot of a database, taken when it was last written to."""
        path = path.resolve()
        with self._lock:
            now = _looks(path)
            known = self._taken.get(path)
            if known is not None and known[0] == now:
                return known[1]
            try:
                if self._folder is None:
                    self._folder = self._opened.enter_context(temporary_folder())
                self._n += 1
                into = self._folder / str(self._n) / path.name
                into.parent.mkdir()
                _take(path, into)
            except (OSError, sqlite3.Error) as error:
                why = getattr(error, "strerror", None) or error
                raise DatasetError(
                    f"Something writes to the database {path}, and no snapshot of it can be taken ({why}); wait until"
                    " it is done, or name a copy."
                ) from error
            older = self._older[path]
            for file in [file for file in older if not self._held[file]]:
                shutil.rmtree(file.parent, ignore_errors=True)
                older.remove(file)
            if known is not None:  # another thread may be about to open it, but none of those before
                older.append(known[1])
            self._taken[path] = now, into
            return into

    def hold(self, file: Path) -> bool:
        """Keep a snapshot until ``leave``, if it is still there."""
        with self._lock:
            there = file.exists()
            self._held[file] += there
            return there

    def leave(self, file: Path) -> None:
        """Need a snapshot no longer."""
        with self._lock:
            self._held[file] -= 1

    def close(self) -> None:
        """Remove them, and know of none."""
        self._opened.close()
        self.reset()


def _looks(path: Path) -> Hashable:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stamp(path)


def _take(path: Path, into: Path) -> None:
    # Without its -shm nobody has a log open, and SQLite would make one there to read it.
    if size_of(Path(f"{path}-wal")) is None or size_of(Path(f"{path}-shm")) is not None:
        try:
            uri = path.as_uri() + "?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)) as source:
                source.execute("BEGIN")
                source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # now nobody can lock it any more
                with closing(sqlite3.connect(into)) as target:
                    source.backup(target)
            return
        except sqlite3.Error:
            into.unlink(missing_ok=True)
    for _ in range(_TRIES):
        before = _looks(path)
        for side in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{side}", f"{into}{side}")
        if _looks(path) == before:
            break
        time.sleep(0.1)
    else:
        raise OSError(None, "it changes all the time")
    with closing(sqlite3.connect(into, isolation_level=None)) as copy:
        copy.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def remove_snapshots() -> None:
    """Remove those of this process, which the end of it does too, unless it is a fork."""
    _SNAPSHOTS.close()


_SNAPSHOTS = _Snapshots()
atexit.register(remove_snapshots)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_SNAPSHOTS.reset)
