"""Runs each gold once on its database, and keeps how it is to be spelled and what came of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from spider_opt.answering import outcomes
from spider_opt.answering.outcomes import digests
from spider_opt.databases import Sandbox, database_hash
from spider_opt.errors import QueryError
from spider_opt.progress import Progress
from spider_opt.retrieval.text_cache import TextCache
from spider_opt.sql import lexer, names, normal, parse, spacing, statement
from spider_opt.training import spelling
from spider_opt.types import Database, Example, Schema

MADE_BY = (lexer, names, normal, outcomes, parse, spacing, spelling, statement)
"""The modules that what is kept depends on, and this one."""


class Gold(NamedTuple):
    """What is known of a gold query.

    ``sql`` is the text to learn; ``result`` are the digests of its result, see ``answering.outcomes``. ``failure`` says
    why there is none; ``as_written`` that the text could not be spelled like the others without doubt.
    """

    sql: str
    result: tuple[str, str]
    failure: str = ""
    as_written: bool = False


def run_golds(
    examples: Sequence[Example], databases: Mapping[str, Database], path: Path, progress: Progress
) -> dict[tuple[str, str], Gold]:
    """Return what is known of each (db_id, gold query), running those that never ran."""
    by_database: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_database[example.question.db_id].append(example)
    known: dict[tuple[str, str], Gold] = {}
    with closing(TextCache(path)) as kept, progress("running golds, a database at a time", len(by_database)) as advance:
        for db_id, group in by_database.items():
            known |= {(db_id, sql): gold for sql, gold in _run(group, databases[db_id], kept).items()}
            advance()
    return known


def _run(examples: Sequence[Example], database: Database, kept: TextCache) -> dict[str, Gold]:
    """Return what is known of the golds of one database."""
    schema, golds = examples[0].question.schema, [*dict.fromkeys(example.gold_sql for example in examples)]

    def make(some: Sequence[str]) -> Iterable[bytes]:
        return (json.dumps(_tried(sql, schema, database)).encode() for sql in some)

    if isinstance(database, Sandbox):
        kind = f"gold {_code()} {sqlite3.sqlite_version} {database.limits} {database_hash(database.path)}"
        made = kept.made(kind, golds, make, "running golds")
    else:
        made = dict(zip(golds, make(golds), strict=True))
    read = {sql: json.loads(text) for sql, text in made.items()}
    return {sql: Gold(text, (one, other), why, doubtful) for sql, (text, (one, other), why, doubtful) in read.items()}


def _tried(sql: str, schema: Schema, database: Database) -> Gold:
    plain = spacing.tidy(spelling.without_gaps(sql))
    try:
        result = database.run(plain)
    except QueryError as error:
        return Gold(plain, ("", ""), f"{error.outcome}: {error}")
    mended = spelling.spelled(sql, schema)
    with suppress(QueryError):
        if mended is not None and (mended == plain or database.run(mended).rows == result.rows):
            return Gold(mended, digests(result, plain))
    return Gold(plain, digests(result, plain), as_written=True)


@cache
def _code() -> str:
    """Return a hash of the code that mends, so that nothing is kept beyond a change of it."""
    digest = hashlib.sha256(version("sqlglot").encode())
    for file in (__file__, *(str(module.__file__) for module in MADE_BY)):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:16]
