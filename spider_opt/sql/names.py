"""Names and texts as SQLite wants them written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Source: SQLite, parse.y and mkkeywordhash.c: the keywords that cannot stand for a name everywhere.
_RESERVED = (
    "add all alter and as autoincrement between case cast check collate commit constraint create current_date "
    "current_time current_timestamp default deferrable delete distinct drop else escape except exists foreign "
    "from group having if in index insert intersect into is isnull join limit not nothing notnull null on or "
    "order primary raise references returning select set table then to transaction union unique update using "
    "values when where "
)
RESERVED = frozenset(_RESERVED.split())
# SQLite also takes these as names, where they cannot mean anything else; CAST is a function if a parenthesis follows.
_ALSO = "asc by cross desc end full glob inner left like natural offset outer over partition recursive right with"
KEYWORDS = RESERVED.union(_ALSO.split()) - {"cast"}
"""Words of queries that are neither names nor functions."""


def quoted(name: str) -> str:
    """Return a name, in double quotes where SQLite would not take it as it is.

    >>> quoted("name"), quoted("first name"), quoted("order")
    ('name', '"first name"', '"order"')
    """
    if _PLAIN.match(name) and name.lower() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Return a text as SQL.

    >>> quoted_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> exp.Identifier:
    """Return a name as a node of sqlglot's, quoted where it must be."""
    from sqlglot import exp

    return exp.Identifier(this=name, quoted=quoted(name) != name)
