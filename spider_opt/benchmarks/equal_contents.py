"""Databases that hold the same rows under several names: what is learnt of one is known of the other."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

from spider_opt.databases import DatabasePool
from spider_opt.databases.samples import sample_rows
from spider_opt.errors import DatasetError
from spider_opt.paths import encoded
from spider_opt.types import Benchmark, Database, Schema, Value

MAX_ROWS = 5000
"""So many rows of each table are looked at: those of equal tables are mostly in one order."""
SHARE = 0.2
"""The share of a database's rows from which on another has its contents. Of Spider's training databases those that have
any in common have 63 to 100 % of the smaller one's."""
LEAST = 5
"""Fewer rows are nobody's contents."""
# A row of fewer values, or of numbers alone, stands in many databases by chance.
_VALUES, _LETTERS = 3, 6


def equal_contents(benchmark: Benchmark) -> list[frozenset[str]]:
    """Return groups of databases, of two or more, that hold a notable part of each other's rows.

    Who has them in common with one of a group belongs to it. Rows are equal where their values are, in any order and
    case; names of tables and columns do not count. What cannot be read has no rows.
    """
    pool = DatabasePool(benchmark.paths)
    schemas = {example.question.db_id: example.question.schema for example in benchmark.examples}
    rows = {db_id: _rows(schema, pool[db_id]) for db_id, schema in sorted(schemas.items())}
    holders: dict[bytes, list[str]] = defaultdict(list)
    for db_id, hashes in rows.items():
        for row in hashes:
            holders[row].append(db_id)
    common = Counter(pair for db_ids in holders.values() for pair in combinations(db_ids, 2))
    group_of = {db_id: {db_id} for db_id in rows}
    for (one, other), n in common.items():
        if n >= max(LEAST, SHARE * min(len(rows[one]), len(rows[other]))):
            group_of[one] |= group_of[other]
            for member in group_of[one]:
                group_of[member] = group_of[one]
    groups = {frozenset(group) for group in group_of.values() if len(group) > 1}
    return sorted(groups, key=min)


def _rows(schema: Schema, database: Database) -> set[bytes]:
    try:
        tables = sample_rows(schema, database, MAX_ROWS)
    except DatasetError:
        return set()
    return set(_hashes(row for rows in tables.values() for row in rows))


def _hashes(rows: Iterable[Sequence[Value]]) -> Iterable[bytes]:
    for row in rows:
        said = sorted(filter(None, map(_text, row)))
        if len(said) >= _VALUES and sum(map(str.isalpha, "".join(said))) >= _LETTERS:
            yield hashlib.sha256(encoded("\0".join(said))).digest()[:8]


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return "" if value is None else str(value).strip().lower()
