"""A split of five questions, one of whose databases is missing, and the ways in which files say answers to it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from spider_opt.types import Schema

SCHEMAS = {name: Schema(name, ()) for name in ("cars", "pets")}
DB_IDS = ["cars", "gone", "pets", "cars", "pets"]  # of the split's file; there is no database for "gone"
WORDS = ["How many wheels?", "What went?", "Which cats, dogs?", "List doors.", "How many wheels?"]
GOLDS = [f"SELECT g{i} FROM t" for i in range(5)]
SQL = [f"SELECT {i}, 'a' FROM t" for i in range(5)]
LINES = [f"{sql}\t{db_id}" for sql, db_id in zip(SQL, DB_IDS, strict=True)]
HERE = [0, 2, 3, 4]
PAIRED = {i: SQL[i] for i in HERE}
MIXED = [3, 0, 1, 4, 2]


def table(*rows: Iterable[object], delimiter: str = ",") -> str:
    """Return rows as CSV."""
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return written.getvalue()


def jsonl(entries: Iterable[object]) -> str:
    """Return entries as JSONL."""
    return "".join(json.dumps(entry) + "\n" for entry in entries)
