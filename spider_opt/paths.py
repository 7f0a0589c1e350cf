"""Where things are kept on this machine, and how files are written whole."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache's root: ``SPIDER_OPT_CACHE``, else the user's cache folder for ``spider-opt``.

    The folder may not exist yet. What is in it can be deleted and is made again when
    needed, but for ``adapters``, which were trained here.
    """
    named = os.environ.get("SPIDER_OPT_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("spider-opt"))


def write_whole(path: Path, text: str) -> None:
    """Replace a file's text at once: whoever reads it sees the old one or the new one."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(encoded(text))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def append_whole(path: Path, text: str) -> None:
    """Add text to the end of a file, all of it or, where the disk is full, nothing.

    Only being killed can leave a part of it.
    """
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        left = memoryview(encoded(text))
        try:
            while left:
                left = left[file.write(left) :]
        except BaseException:
            file.truncate(end)
            raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out that lock the same folder; the system frees the lock when a process dies.

    Raises:
        BlockingIOError: another process is in.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system: two at once in one folder are the user's to avoid
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def use_wal(db: sqlite3.Connection, timeout_s: float) -> None:
    """Let a file be written while others read it.

    Where several ask for that at once SQLite refuses some, without waiting for its own timeout.

    Raises:
        sqlite3.Error: it cannot be done, or others were in the way all the time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def encoded(text: str) -> bytes:
    r"""Return text as UTF-8; half a surrogate pair, which UTF-8 lacks, as the escape that JSON reads back.

    >>> encoded('"\ud83d"')
    b'"\\ud83d"'
    """
    return text.encode("utf-8", "backslashreplace")
