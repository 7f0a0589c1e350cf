"""A query as the official script understands it: sets of units, not a tree of expressions.

Columns are named ``__table.column__``, tables ``__table__`` and the star ``__all__``, as there. Operators are numbers,
places in the lists below.

Source: official evaluator, ``process_sql.py``, the comment at its head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

AGGREGATES = ("none", "max", "min", "count", "sum", "avg")
OPERATORS = ("not", "between", "=", ">", "<", ">=", "<=", "!=", "in", "like", "is", "exists")
ARITHMETIC = ("none", "-", "+", "*", "/")


class Column(NamedTuple):
    """A column under an aggregate; ``distinct`` is None where it does not count."""

    aggregate: int
    name: str
    distinct: bool | None


class Unit(NamedTuple):
    """A column, or two with an arithmetical operator between them."""

    operator: int
    left: Column
    right: Column | None


class Condition(NamedTuple):
    """``unit [NOT] operator value [AND value2]``; a value is None where it does not count."""

    negated: bool
    operator: int
    unit: Unit
    value: Value
    value2: Value


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT with what is joined to it by INTERSECT, EXCEPT or UNION.

    Conditions and the ``and`` or ``or`` between them take turns, on which the script counts: where the text lacks such
    a word they do not. ``order`` is empty or a direction, one for all, and units. ``limit`` is 1 where there is one.
    """

    distinct: bool | None = False
    select: tuple[tuple[int, Unit], ...] = ()
    tables: tuple[str | Query, ...] = ()
    on: Conditions = ()
    where: Conditions = ()
    group: tuple[Column, ...] = ()
    having: Conditions = ()
    order: tuple[()] | tuple[str, tuple[Unit, ...]] = ()
    limit: int | None = None
    intersect: Query | None = None
    except_: Query | None = None
    union: Query | None = None


Value = None | float | str | Column | Query
Conditions = tuple[Condition | str, ...]
EMPTY = Query()
"""What stands for a prediction that cannot be read."""
