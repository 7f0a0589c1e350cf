"""What two queries give, side by side: which rows belong together, and which of their cells differ.

Rows stand together as execution accuracy sees them: by position where the gold query says ORDER BY, else wherever equal
rows stand, and then those that have most in common. Columns may stand in another order, as the official rule lets them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spider_opt.types import Result, Value

MOST_COMPARED = 2_000
"""Rows of each result that are fetched and compared."""
MOST_SHOWN = 40
"""Pairs of rows on a page: where there are more, those that differ first."""
MOST_COLUMNS = 40
MOST_CHARACTERS = 300
"""Of one value."""
MOST_MATCHED = 60
"""Rows without an equal on the other side that are matched by what they have in common; beyond, by position."""
SAFE = 2**53
Cell = Any
"""None, a number, a text, ``{"n": "1.0"}`` for a number that JavaScript would not show as it is, ``{"b": hex}``."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Pairs of rows: of gold, of the other query (None where it has none), and which columns differ, of each.

    ``columns`` is for each column of the other query the one of gold that it is compared with, None for none.
    ``n_differ`` counts the pairs that differ, also of those that are not in ``pairs``.
    """

    columns: tuple[int | None, ...]
    pairs: list[tuple[tuple[Value, ...] | None, tuple[Value, ...] | None, list[int], list[int]]] = field(
        default_factory=list
    )
    n_differ: int = 0
    n_pairs: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        reordered = list(self.columns) != list(range(len(self.columns)))
        return {
            "columns": list(self.columns) if reordered else None,
            "n_differ": self.n_differ,
            "n_pairs": self.n_pairs,
            "pairs": [[_row(gold), _row(other), marks, others] for gold, other, marks, others in self.pairs],
        }


def beside(gold: Result, other: Result, *, ordered: bool) -> SideBySide:
    """Pair the rows of two results.

    >>> gold, other = Result(("a", "b"), [(1, "x"), (2, "y")]), Result(("a", "b"), [(2, "y"), (1, "z")])
    >>> found = beside(gold, other, ordered=False)
    >>> found.n_differ, found.pairs[0]
    (1, ((1, 'x'), (1, 'z'), [1], [1]))
    """
    columns = _columns(gold, other)
    if ordered:
        n = max(len(gold.rows), len(other.rows))
        couples = [(i if i < len(gold.rows) else None, i if i < len(other.rows) else None) for i in range(n)]
    else:
        couples = _couples(gold.rows, other.rows, columns, len(gold.columns))
    told = []
    for a, b in couples:
        left, right = None if a is None else gold.rows[a], None if b is None else other.rows[b]
        told.append((left, right, *_marks(left, right, columns, len(gold.columns), len(other.columns))))
    differing = [pair for pair in told if pair[2] or pair[3]]
    if len(told) > MOST_SHOWN:
        told = [*differing, *(pair for pair in told if not (pair[2] or pair[3]))][:MOST_SHOWN]
    return SideBySide(tuple(columns), told, len(differing), len(couples))


def _columns(gold: Result, other: Result) -> list[int | None]:
    """Return for each column of the other query that of gold which it is compared with."""
    width, n = len(gold.columns), len(other.columns)
    if not other.rows or not gold.rows:
        return [i if i < width else None for i in range(n)]
    wanted = [Counter(row[i] for row in gold.rows) for i in range(width)]
    given = [Counter(row[i] for row in other.rows) for i in range(n)]
    found: list[int | None] = [i if i < width and wanted[i] == given[i] else None for i in range(n)]
    for i in range(n):  # those with the same values, then those at the same place
        if found[i] is None:
            found[i] = next((j for j in range(width) if j not in found and wanted[j] == given[i]), None)
    if width == n:
        for i in range(n):
            if found[i] is None:
                found[i] = i if i not in found else next(j for j in range(width) if j not in found)
    return found


def _couples(
    gold: Sequence[tuple[Value, ...]], other: Sequence[tuple[Value, ...]], columns: Sequence[int | None], width: int
) -> list[tuple[int | None, int | None]]:
    mapped = [_as_golds(row, columns, width) for row in other]
    at: dict[Any, list[int]] = {}
    for i, row in enumerate(mapped):
        at.setdefault(row, []).append(i)
    for same in at.values():
        same.reverse()
    partner = {a: waiting.pop() for a, row in enumerate(gold) if (waiting := at.get(row))}
    taken = set(partner.values())
    left = [a for a in range(len(gold)) if a not in partner]
    right = [b for b in range(len(other)) if b not in taken]
    if max(len(left), len(right)) <= MOST_MATCHED:
        scores = sorted(
            (-sum(x == y for x, y in zip(gold[a], mapped[b], strict=True)), a, b) for a in left for b in right
        )
        for score, a, b in scores:
            if score < 0 and a not in partner and b not in taken:
                partner[a] = b
                taken.add(b)
    else:
        partner |= dict(zip(left, right, strict=False))
        taken |= set(right[: len(left)])
    return [*((a, partner.get(a)) for a in range(len(gold))), *((None, b) for b in range(len(other)) if b not in taken)]


_NONE = object()


def _as_golds(row: tuple[Value, ...], columns: Sequence[int | None], width: int) -> tuple[Any, ...]:
    """Return a row with its values where gold has them."""
    found: list[Any] = [_NONE] * width
    for i, j in enumerate(columns):
        if j is not None:
            found[j] = row[i]
    return tuple(found)


def _marks(
    gold: tuple[Value, ...] | None,
    other: tuple[Value, ...] | None,
    columns: Sequence[int | None],
    width: int,
    n: int,
) -> tuple[list[int], list[int]]:
    if gold is None or other is None:
        return ([] if gold is None else [*range(width)]), ([] if other is None else [*range(n)])
    there = {j: i for i, j in enumerate(columns) if j is not None}
    marks = [j for j in range(width) if j not in there or gold[j] != other[there[j]]]
    return marks, [i for i, j in enumerate(columns) if j is None or gold[j] != other[i]]


def shown(result: Result, n: int | None = None) -> dict[str, Any]:
    """Return a result for the page: its first rows, and how many there are.

    ``n`` is None where no more than ``MOST_COMPARED`` were fetched, and there may be more.
    """
    return {
        "columns": [cut(name, 100) for name in result.columns[:MOST_COLUMNS]],
        "n_columns": len(result.columns),
        "n": n,
        "rows": [_row(row) for row in result.rows[:MOST_SHOWN]],
    }


def _row(row: tuple[Value, ...] | None) -> list[Cell] | None:
    return None if row is None else [cell(value) for value in row[:MOST_COLUMNS]]


def cell(value: Value) -> Cell:
    """Return a value as the page shows it.

    >>> cell(3), cell(3.0), cell(None), cell(b"ab"), cell(2**60)
    (3, {'n': '3.0'}, None, {'b': '6162', 'length': 2}, {'n': '1152921504606846976'})
    """
    if value is None or isinstance(value, str):
        return value if value is None else cut(value, MOST_CHARACTERS)
    if isinstance(value, bytes):
        return {"b": value[:32].hex(), "length": len(value)}
    if isinstance(value, int):
        return value if abs(value) < SAFE else {"n": str(value)}
    return value if math.isfinite(value) and not value.is_integer() else {"n": repr(value)}


def cut(text: str, most: int) -> str:
    """Return a text, where it is long its beginning and how much there is.

    >>> cut("abcdef", 3)
    'abc… (6 characters)'
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
