"""Opening SQLite files so that nothing can change them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from spider_opt.errors import DatasetError
from spider_opt.paths import file_hash

_MAGIC = b"SQLite format 3\0"


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a database file for reading; it and its folder stay as they are.

    The file counts as immutable: without that, SQLite makes ``-wal`` and ``-shm`` files beside a
    database in WAL mode even to read it, and locks the file around each query. A benchmark's database
    never changes, and what counts is the file whose hash is recorded, so a side file with changes
    that are not in it yet is refused.

    Raises:
        DatasetError: there is no such file, or it is not a database that can be read as it is.
    """
    check_database(path)
    uri = path.absolute().as_uri() + "?mode=ro&immutable=1"
    try:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise DatasetError(f"Cannot open the database {path}: {error}.") from error


def check_database(path: Path) -> None:
    """Refuse what is not a SQLite database, or is one in the midst of a change.

    Raises:
        DatasetError: says which.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise DatasetError(f"No database at {path}.") from None
    except OSError as error:
        raise DatasetError(f"Cannot read the database {path}: {error.strerror}.") from error
    if magic != _MAGIC:
        raise DatasetError(f"{path} is not a SQLite database.")
    for side in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")):
        if side.exists() and side.stat().st_size:
            raise DatasetError(
                f"{side} holds changes that are not in the database yet; fold them in with: "
                f'sqlite3 "{path}" "PRAGMA journal_mode = DELETE"'
            )


def database_hash(path: str | Path) -> str:
    """Return the SHA-256 of a database's bytes in hex, as ``paths.file_hash`` has it.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return file_hash(path)
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror}.") from error
