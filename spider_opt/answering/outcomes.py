"""What comes of running an answer: a word for it, and a short stand-in for its result."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spider_opt.errors import QueryError
from spider_opt.sql.statement import is_ordered
from spider_opt.types import Database, Outcome, Result, Value

EMPTY = ""
"""The digest of a result without rows."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a query: ``rows`` or ``empty`` with the digests, or the way it failed with the message."""

    outcome: Outcome | Literal["rows", "empty"]
    message: str = ""
    digest: str = EMPTY
    order: str = ""

    @property
    def ran(self) -> bool:
        """Whether the query gave a result, be it empty."""
        return self.outcome in ("rows", "empty")


def tried(database: Database, sql: str) -> Tried:
    """Run a query and say what came of it; its result itself may be large."""
    if not sql:
        return Tried(Outcome.NO_SQL, "there is no SQL query in it")
    try:
        result = database.run(sql)
    except QueryError as error:
        return Tried(error.outcome, str(error))
    return Tried("rows", "", *digests(result, sql)) if result.rows else Tried("empty", "its result is empty")


def best(attempts: Sequence[Tried]) -> int:
    """Return the number of the first attempt that gave rows, else that ran, else 0.

    >>> best([Tried(Outcome.TIMEOUT), Tried("empty"), Tried("rows"), Tried("rows")]), best([Tried(Outcome.LIMIT)] * 2)
    (2, 0)
    """
    return min(range(len(attempts)), key=lambda i: (attempts[i].outcome != "rows", not attempts[i].ran))


def orders(attempts: Sequence[Tried], *, nonempty: bool = False) -> list[list[str]]:
    """Return the orders of the results that count in a vote, by content; with ``nonempty`` only of those with rows.

    >>> orders([Tried("rows", "", "a", "x"), Tried("empty"), Tried("rows", "", "a"), Tried(Outcome.TIMEOUT)])
    [['x', ''], ['']]
    """
    groups: dict[str, list[str]] = {}
    for attempt in attempts:
        if attempt.outcome == "rows" or (attempt.ran and not nonempty):
            groups.setdefault(attempt.digest, []).append(attempt.order)
    return list(groups.values())


def digests(result: Result, sql: str) -> tuple[str, str]:
    """Return two digests: results of equal content have the first in common, in equal order also the second.

    The order of columns says nothing, the order of rows only in the second digest, which is '' where the query has
    no ORDER BY of its own. ``1`` equals ``1.0``, fractions count to nine digits. All empty results are one, ``EMPTY``.
    Columns that hold the same values, in another order, are told apart by their place only.

    >>> one = Result(("n", "name"), [(1, "Ann"), (2, "Bob")])
    >>> two = Result(("name", "n"), [("Bob", 2.0), ("Ann", 1.0)])
    >>> digests(one, "SELECT n, name FROM t") == digests(two, "SELECT name, n FROM t")
    True
    >>> digests(one, "SELECT … ORDER BY n")[1] == digests(two, "SELECT … ORDER BY n DESC")[1]
    False
    """
    if not result.rows:
        return EMPTY, ""
    columns = sorted(([_plain(cell) for cell in column] for column in zip(*result.rows, strict=True)), key=sorted)
    rows = list(zip(*columns, strict=True))
    return _digest(sorted(rows)), _digest(rows) if len(rows) > 1 and is_ordered(sql) else ""


def _plain(cell: Value) -> str:
    if isinstance(cell, str):
        return f"'{cell}"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{cell:.9g}"
    return repr(cell)


def _digest(rows: Sequence[Sequence[str]]) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()
