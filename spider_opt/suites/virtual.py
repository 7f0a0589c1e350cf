"""Virtual tables: which of them can be filled as tables are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping

_MODULE = re.compile(r"create\s+virtual\s+table\b.*?\busing\s+(\w+)", re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r"[(,]\s*content\s*=", re.IGNORECASE)
_FULL_TEXT = ("fts3", "fts4", "fts5")


def left_empty_in(connection: sqlite3.Connection, tables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the virtual tables that cannot be filled, and why not; ``tables`` are the statements that made them.

    Those of full-text search can, but where their contents are another table's, or none (``content=``).
    Source: SQLite, "FTS5", 4.4; "FTS3 and FTS4", 6.2.
    """
    for name, sql in tables.items():
        if (found := _MODULE.match(sql)) is None:
            continue
        if (module := found[1].lower()) not in _FULL_TEXT:
            yield name, f"a virtual table of {found[1]}"
        elif _CONTENT.search(sql):
            yield name, f"a virtual table of {module} whose contents are not its own"
        else:
            quoted = name.replace('"', '""')
            try:
                connection.execute(f'SELECT * FROM "{quoted}" LIMIT 1').fetchall()
            except sqlite3.Error as error:  # no such module, or its tables are broken
                yield name, str(error)
