"""The databases of a benchmark, read; one that cannot be costs its own questions only."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from spider_opt.databases import database_hash, read_schema
from spider_opt.databases.files import open_read_only
from spider_opt.databases.snapshots import settled
from spider_opt.errors import DatasetError
from spider_opt.types import Schema


def read_databases(
    paths: Mapping[str, Path], tables: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Path], dict[str, Schema], dict[str, str]]:
    """Return the files and schemas of the databases that can be read, and of each other one why it cannot.

    Where something writes to a database its file is a snapshot, which all that is asked of the benchmark then sees.

    Raises:
        DatasetError: none can be read, or an entry of ``tables.json`` is broken.
    """
    read: dict[str, Path] = {}
    schemas: dict[str, Schema] = {}
    broken: dict[str, str] = {}
    for db_id, path in paths.items():
        try:
            file = settled(path)
            schemas[db_id] = read_schema(file, db_id, tables.get(db_id))
            database_hash(file)
            read[db_id] = file
        except DatasetError as error:
            if _is_sound(path):
                raise
            broken[db_id] = str(error)
    if broken and not read:
        raise DatasetError(next(iter(broken.values())))
    return read, schemas, broken


def _is_sound(path: Path) -> bool:
    try:
        with closing(open_read_only(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            database_hash(path)
    except (DatasetError, sqlite3.Error):
        return False
    return True
