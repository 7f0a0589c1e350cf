"""One way into sqlglot: the SQLite dialect, and None instead of an exception."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


@lru_cache(maxsize=4096)
def parse(sql: str) -> exp.Expr | None:
    """Return the tree of exactly one statement in SQLite's dialect, or None.

    The tree is shared between callers: copy it before changing it.

    >>> parse("SELECT 1").sql(dialect="sqlite")
    'SELECT 1'
    >>> parse("SELECT FROM WHERE") is None
    True
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        # A comment behind the last semicolon is a tree of its own.
        trees = [tree for tree in sqlglot.parse(sql, dialect="sqlite") if not isinstance(tree, exp.Semicolon | None)]
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 else None
