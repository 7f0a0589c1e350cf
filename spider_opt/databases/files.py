"""Opening SQLite files so that nothing can change them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from mmap import ACCESS_READ, mmap
from pathlib import Path

from spider_opt.databases.snapshots import settled, size_of
from spider_opt.errors import DatasetError
from spider_opt.paths import file_hash

MAGIC = b"SQLite format 3\0"


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a database file for reading; it and its folder stay as they are.

    The file counts as immutable: without that, SQLite makes ``-wal`` and ``-shm`` files beside a
    database in WAL mode even to read it, and locks the file around each query. A benchmark's database
    never changes; where something writes to it all the same, a snapshot is opened, as of now.

    Raises:
        DatasetError: there is no such file, or it is not a database that can be read.
    """
    check_database(path)
    return _opened(settled(path), path)


def check_database(path: Path) -> None:
    """Refuse what is not a SQLite database.

    Raises:
        DatasetError: says what it is.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except FileNotFoundError:
        raise DatasetError(f"No database at {path}.") from None
    except OSError as error:
        raise DatasetError(f"Cannot read the database {path}: {error.strerror}.") from error
    if magic != MAGIC:
        raise DatasetError(f"{path} is not a SQLite database.")


def is_damaged(path: Path) -> bool:
    """Tell whether SQLite's own check finds damage in a database; it reads the whole file."""
    try:
        with closing(open_read_only(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except (sqlite3.Error, DatasetError):
        return True


def database_hash(path: str | Path) -> str:
    """Return the SHA-256 of a database's bytes in hex, as ``paths.file_hash`` has it.

    Where something writes to the database, those of a snapshot as of now.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return file_hash(settled(Path(path)))
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror}.") from error


def holds(path: str | Path, word: str) -> bool:
    """Tell whether a database's bytes hold a word, in whatever letters and encoding.

    Raises:
        DatasetError: the file cannot be read.
    """
    spellings = map("".join, product(*({letter.lower(), letter.upper()} for letter in word)))
    wanted = [found for said in spellings for found in (said.encode(), "\0".join(said).encode())]
    try:
        with settled(Path(path)).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return any(data.find(said) >= 0 for said in wanted)
    except (OSError, ValueError) as error:
        raise DatasetError(f"Cannot read {path}: {error}.") from error


def is_as_it_was(path: Path, known: str) -> bool:
    """Tell whether a database has the hash that is ``known`` of it; where it was only opened by somebody, it has.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        same = file_hash(path) == known
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror}.") from error
    return (same and not any(size_of(Path(f"{path}{side}")) for side in ("-wal", "-journal"))) or (
        database_hash(path) == known
    )


def _opened(file: Path, path: Path) -> sqlite3.Connection:
    try:
        uri = file.absolute().as_uri() + "?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise DatasetError(f"Cannot open the database {path}: {error}.") from error
