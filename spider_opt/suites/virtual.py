"""Virtual tables: which of them can be filled as tables are, and which are indexes of another table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping

_MODULE = re.compile(r"create\s+virtual\s+table\b.*?\busing\s+(\w+)", re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r"[(,]\s*content\s*=\s*([^,)]*)", re.IGNORECASE)
_FULL_TEXT = ("fts3", "fts4", "fts5")


def indexes_of_others(tables: Mapping[str, str]) -> Iterator[str]:
    """Yield the tables of full-text search whose contents are another table's, which an index can be made of anew.

    Source: SQLite, "FTS5", 6.8; "FTS3 and FTS4", 8.1.
    """
    for name, sql in tables.items():
        found = _MODULE.match(sql)
        content = _CONTENT.search(sql) if found and found[1].lower() in _FULL_TEXT else None
        if content and content[1].strip().strip("'\"`[]"):
            yield name


def left_empty_in(connection: sqlite3.Connection, tables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the virtual tables that cannot be filled, and why not; ``tables`` are the statements that made them.

    Those of full-text search can, or their index is made of another table's contents; but not where they have none
    (``content=''``).
    Source: SQLite, "FTS5", 4.4; "FTS3 and FTS4", 6.2.
    """
    indexes = set(indexes_of_others(tables))
    for name, sql in tables.items():
        if (found := _MODULE.match(sql)) is None:
            continue
        if (module := found[1].lower()) not in _FULL_TEXT:
            yield name, f"a virtual table of {found[1]}"
        elif _CONTENT.search(sql) and name not in indexes:
            yield name, f"a virtual table of {module} without contents"
        else:
            quoted = name.replace('"', '""')
            try:
                connection.execute(f'SELECT * FROM "{quoted}" LIMIT 1').fetchall()
            except sqlite3.Error as error:  # no such module, or its tables are broken
                yield name, str(error)
