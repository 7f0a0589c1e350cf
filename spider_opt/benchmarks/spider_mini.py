"""The bundled benchmark: hand-written questions over small databases, kept as text under ``mini/``.

The SQLite files are built on first use in the cache, with the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from spider_opt.benchmarks.source import Source, Split
from spider_opt.errors import DatasetError
from spider_opt.paths import cache_dir, file_hash

MINI = Path(__file__).parent / "mini"
_RECIPE = b"1"  # raise it when the way of building changes the bytes
_UNWRITABLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_VERSION_FIELD = slice(96, 100)  # SQLITE_VERSION_NUMBER of the writer: information only, and all that differs


def build_databases(source: Path = MINI) -> Path:
    """Build the databases that the cache lacks, or has damaged, and return the folder that holds ``database/``.

    Each file appears complete or not at all, so processes may build at once and be killed at any time.

    Raises:
        DatasetError: a script fails, or the cache cannot be written.
    """
    scripts = _scripts(source)
    digest = hashlib.sha256(_RECIPE)
    for db_id, script in scripts.items():
        digest.update(f"\x00{db_id}\x00{script}".encode())
    root = cache_dir().absolute() / f"mini-{digest.hexdigest()[:16]}"
    try:
        for db_id, script in scripts.items():
            path = root / "database" / db_id / f"{db_id}.sqlite"
            if not _is_whole(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                _build(path, script, source)
    except OSError as error:
        raise DatasetError(
            f"Cannot write the bundled databases to {root}: {error.strerror or error}."
            " Name a folder for them with: SPIDER_OPT_CACHE=DIR"
        ) from error
    return root


def _scripts(source: Path) -> Mapping[str, str]:
    try:
        files = sorted((source / "database").glob("*/*.sql"))
        scripts = {file.stem: file.read_text(encoding="utf-8") for file in files if file.stem == file.parent.name}
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Cannot read the bundled benchmark at {source}: {error}.") from error
    if not scripts:
        raise DatasetError(f"No databases of the bundled benchmark at {source / 'database'}; install spider-opt again.")
    return scripts


def _is_whole(path: Path) -> bool:
    """Tell whether a file is there, and has the bytes that it was built with."""
    try:
        return _noted(path).read_text(encoding="ascii") == file_hash(path)
    except (OSError, UnicodeDecodeError):
        return False


def _noted(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _build(path: Path, script: str, source: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".building-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        try:
            _write_database(draft, script)
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in _UNWRITABLE:
                full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                raise OSError(None, "the disk is full" if full else str(error)) from error
            where = source / "database" / path.stem / f"{path.stem}.sql"
            raise DatasetError(f"{where} fails: {error}.") from error
        note = draft.with_suffix(".sha256")
        note.write_text(file_hash(draft, again=True), encoding="ascii")
        os.replace(note, _noted(path))
        os.replace(draft, path)


def _write_database(path: Path, script: str) -> None:
    """Run a script and write its database, every byte of it decided by the script.

    Settings that a build of SQLite may have its own default for are named, and ``VACUUM INTO`` lays the pages
    out afresh; ``secure_delete`` zeroes what would else be left-over memory.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE; PRAGMA encoding = 'UTF-8';"
            "PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;"
        )
        connection.executescript(script)
        _settle_reals(connection)
        connection.commit()
        connection.execute("VACUUM INTO ?", (str(path),))
    data = bytearray(path.read_bytes())
    data[_VERSION_FIELD] = bytes(4)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle_reals(connection: sqlite3.Connection) -> None:
    """Write every REAL column once more, which stores whole numbers as integers.

    SQLite 3.54 no longer does so on INSERT into a table with an index, where earlier versions do; on UPDATE all do.
    """
    columns = connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND (c.type LIKE '%REAL%' OR c.type LIKE '%FLOA%' OR c.type LIKE '%DOUB%')"
    ).fetchall()
    for table, column in columns:
        quoted_table, quoted_column = (name.replace('"', '""') for name in (table, column))
        connection.execute(f'UPDATE "{quoted_table}" SET "{quoted_column}" = "{quoted_column}"')


SPIDER_MINI = Source(
    title="The bundled benchmark",
    about="Hand-written questions over ten small databases that come with the package; test is what is asked.",
    licence="Apache-2.0",
    splits={name: Split((f"{name}.json",), tables="") for name in ("train", "test")},
    default="test",
    training="train",
    root=MINI,
    build=build_databases,
    aliases={"dev": "test"},
)
