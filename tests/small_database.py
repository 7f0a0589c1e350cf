"""A small database in a file, and what goes with it where sandboxes are tested."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

RUNAWAY = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


def make(path: Path, script: str = "") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA synchronous = OFF; CREATE TABLE t(a INTEGER, b TEXT); CREATE TABLE e(a UNIQUE);"
            "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, NULL);" + script
        )
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}
