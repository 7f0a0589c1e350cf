"""Blanks in queries: changed outside of quotes, never inside."""

from __future__ import annotations

import re
from collections.abc import Callable

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)""")


def tidy(sql: str) -> str:
    r"""Return a query on one line, with single spaces and no final semicolon.

    >>> tidy("SELECT  name\nFROM singer WHERE country  =  'New  York' ;")
    "SELECT name FROM singer WHERE country = 'New  York'"
    """
    return outside_quotes(sql.strip().rstrip("; \n"), lambda text: re.sub(r"\s+", " ", text))


def outside_quotes(sql: str, change: Callable[[str], str]) -> str:
    """Return ``sql`` with each piece that stands outside of quotes changed.

    >>> outside_quotes("a = 'a'", str.upper)
    "A = 'a'"
    """
    parts = _QUOTED.split(sql)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)
