"""What the official script knows of a database: its columns, and which of them foreign keys make one.

Tables and columns are those of the SQLite file, in small letters; views are none. Foreign keys are those of
``tables.json``, which the script is given by ``--table``. Here it is looked for where Spider's folder has it, beside
the one of the databases (``database`` and ``tables.json``, ``test_database`` and ``test_tables.json``). Of a database
that is in none those of the SQLite file are taken, which are the same for all of Spider's but two.

Source: official evaluator, ``process_sql.py`` (``get_schema``, ``Schema``), ``evaluation.py``
(``build_foreign_key_map``).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from spider_opt.databases import read_schema
from spider_opt.databases.files import open_read_only
from spider_opt.errors import DatasetError
from spider_opt.types import Schema

STAR = "__all__"
_DATABASES = re.compile("databases?$")
_COLUMNS = (
    "SELECT t.name, c.name FROM sqlite_master t LEFT JOIN pragma_table_info(t.name) c WHERE t.type = 'table' "
    "ORDER BY t.rowid, c.cid"
)


@dataclass(frozen=True, slots=True)
class Names:
    """``columns`` by table; ``ids`` by table, by ``table.column`` and of ``*``; ``one_of`` maps ids to those they mean.

    All names are in small letters. A column that foreign keys join to others means the first of them.
    """

    columns: Mapping[str, Sequence[str]]
    ids: Mapping[str, str]
    one_of: Mapping[str, str]


def read_names(path: Path, db_id: str) -> Names:
    """Read what there is to know of the SQLite file of ``db_id``.

    Raises:
        DatasetError: it cannot be read, or its entry of ``tables.json`` is broken.
    """
    columns: dict[str, list[str]] = {}
    try:
        with closing(open_read_only(path)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            for table, column in connection.execute(_COLUMNS):
                columns.setdefault(table.lower(), []).extend([] if column is None else [column.lower()])
    except sqlite3.Error as error:
        raise DatasetError(f"{path} is not a database that SQLite can read: {error}.") from error
    ids = {"*": STAR}
    ids |= {f"{table}.{name}": f"__{table}.{name}__" for table, names in columns.items() for name in names}
    ids |= {table: f"__{table}__" for table in columns}
    entry = _entry(path, db_id)
    return Names(columns, ids, _of_the_file(path, db_id) if entry is None else entry)


def tables_file(path: Path) -> Path:
    """Return where the ``tables.json`` of a database would be."""
    folder = path.absolute().parent.parent
    return folder.parent / f"{_DATABASES.sub('', folder.name)}tables.json"


def tables_entry(path: Path, db_id: str) -> dict[str, Any]:
    """Return the entry of a database as ``tables.json`` has it, as far as the official script reads it.

    That of a database without one is made of its foreign keys.

    Raises:
        DatasetError: the database cannot be read.
    """
    tables = tables_file(path)
    stat = tables.stat() if tables.is_file() else None
    entry = _tables(tables, stat.st_mtime_ns, stat.st_size).get(db_id) if stat else None
    if entry and "foreign_keys" in entry:
        names = ("db_id", "table_names_original", "column_names_original", "foreign_keys")
        return {name: entry[name] for name in names if name in entry}
    schema = read_schema(path, db_id)
    columns = [(at, column.name) for at, table in enumerate(schema.tables) for column in table.columns]
    ids = [f"__{schema.tables[at].name}.{name}__".lower() for at, name in columns]
    pairs = _pairs(schema, {name: at for at, name in enumerate(ids)})
    return {
        "db_id": db_id,
        "table_names_original": [table.name for table in schema.tables],
        "column_names_original": [[-1, "*"], *([at, name] for at, name in columns)],
        "foreign_keys": [[one + 1, other + 1] for one, other in pairs],
    }


def _entry(path: Path, db_id: str) -> Mapping[str, str] | None:
    """Return what an id means by ``tables.json``; None where the database is not in it."""
    tables = tables_file(path)
    try:
        stat = tables.stat()
    except OSError:
        return None
    entry = _tables(tables, stat.st_mtime_ns, stat.st_size).get(db_id)
    if entry is None:
        return None
    try:
        names = [name.lower() for name in entry["table_names_original"]]
        columns = ((at, column.lower()) for at, column in entry["column_names_original"])
        ids = [f"__{names[at]}.{column}__" if at >= 0 else STAR for at, column in columns]
        return _first_of_each(ids, entry["foreign_keys"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(
            f"The entry of {db_id} in {tables} is broken, its parts do not fit each other ({error}): mend them, or "
            "leave the entry out, which is not needed."
        ) from error


@lru_cache(maxsize=8)
def _tables(path: Path, changed_ns: int, size: int) -> Mapping[str, Mapping[str, Any]]:
    """Read a ``tables.json``, anew once it has changed."""
    from spider_opt.benchmarks.questions import read_tables  # takes as long as all of scoring, which may need none

    return read_tables(path)


def _of_the_file(path: Path, db_id: str) -> Mapping[str, str]:
    """Return what an id means by the foreign keys that the SQLite file declares."""
    schema = read_schema(path, db_id)
    ids = [f"__{table.name}.{column.name}__".lower() for table in schema.tables for column in table.columns]
    return _first_of_each(ids, _pairs(schema, {name: at for at, name in enumerate(ids)}))


def _pairs(schema: Schema, place: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield the places of the columns that foreign keys join, in the order of ``tables.json``."""
    tables = [table.name for table in schema.tables]
    # As tables.json was made: of each table the last that it declares comes first.
    keys = sorted(reversed(schema.foreign_keys), key=lambda key: tables.index(key.table))
    for key in keys:
        yield place[f"__{key.table}.{key.column}__".lower()], place[f"__{key.ref_table}.{key.ref_column}__".lower()]


def _first_of_each(ids: Sequence[str], pairs: Iterable[Sequence[int]]) -> dict[str, str]:
    """Return the first of those that are joined, for each that is joined to another.

    A pair joins the first group that has one of the two; groups that it would join to each other stay two.

    >>> _first_of_each(["__a.x__", "__b.x__", "__b.y__"], [(1, 0)])
    {'__a.x__': '__a.x__', '__b.x__': '__a.x__'}
    """
    groups: list[set[int]] = []
    for one, other in pairs:
        group = next((group for group in groups if one in group or other in group), None)
        if group is None:
            groups.append(group := set())
        group |= {one, other}
    return {ids[at]: ids[min(group)] for group in groups for at in sorted(group)}
