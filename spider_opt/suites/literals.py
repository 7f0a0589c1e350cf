"""Which values golds ask for, by the column that is asked, and what lies near them."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.types import Value

if TYPE_CHECKING:
    from sqlglot import exp

_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
Literals = Mapping[str, Sequence[Value]]
"""Values by the name of the column that they are compared with, in small letters."""


def literals_of(golds: Iterable[str], columns: Collection[str]) -> dict[str, list[Value]]:
    r"""Return the values that queries compare columns with; ``columns`` are all names, in small letters.

    >>> literals_of(["SELECT a FROM t WHERE b > 3 AND c LIKE '%x%' AND d = \"y\""], {"a", "b", "c", "d"})
    {'b': [3], 'c': ['x', 'x x', 'ax', 'xb', 'axb'], 'd': ['y']}
    """
    from sqlglot import exp

    found: dict[str, dict[Value, None]] = defaultdict(dict)
    compared = (exp.Predicate, exp.Between, exp.In, exp.Like, exp.Is)
    for gold in golds:
        tree = parse(gold)
        for node in tree.walk() if tree is not None else ():
            if not isinstance(node, compared) or isinstance(node, exp.Query):
                continue
            parts = [part for part in _parts(node) if part is not None]
            values: list[Value] = [told for part in parts if (told := value_of(part, columns)) is not None]
            names = [column.name.lower() for part in parts for column in _columns(part, columns)]
            if isinstance(node, exp.Like):
                values = [made for value in values for made in _matching(str(value))]
            for name in names:
                found[name].update(dict.fromkeys(values))
    return {name: list(values) for name, values in sorted(found.items()) if values}


def value_of(node: exp.Expr, columns: Collection[str]) -> Value:
    """Return what a node says if it is a literal, also one in double quotes that is no column; else None."""
    from sqlglot import exp

    if isinstance(node, exp.Neg):
        inside = value_of(node.this, columns)
        return -inside if isinstance(inside, int | float) else None
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else number(str(node.this))
    if isinstance(node, exp.Column) and not node.table and node.this.args.get("quoted"):
        return None if node.name.lower() in columns else str(node.name)
    return None


def number(text: str) -> Value:
    """Return what a number says, None where it is written in another way."""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def near(value: Value, chance: random.Random) -> Value:
    """Return a value near another: one more or less, a text that is longer, shorter or in other letters, a day on."""
    if isinstance(value, int):
        return value + chance.choice((-1, 1, 2))
    if isinstance(value, float):
        return value + chance.choice((-1.0, -0.25, 0.25, 1.0))
    if not isinstance(value, str):
        return value
    if _DAY.match(value):
        return _other_day(value, chance)
    said = number(value)
    if said is not None:
        return str(near(said, chance))
    return chance.choice((f"{value}s", f"{value} 2", f"New {value}", value.swapcase(), value[:-1] or "a"))


def _other_day(value: str, chance: random.Random) -> str:
    found = _DAY.match(value)
    assert found is not None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])) + timedelta(days=chance.choice((-365, -31, -1, 1, 400)))
    except (ValueError, OverflowError):
        return value
    return day.isoformat() + value[found.end() :]


def _parts(node: exp.Expr) -> Iterator[exp.Expr | None]:
    from sqlglot import exp

    yield node.this
    for name in ("expression", "low", "high"):
        yield node.args.get(name)
    if isinstance(node, exp.In):
        yield from node.expressions


def _columns(node: exp.Expr, columns: Collection[str]) -> Iterator[exp.Column]:
    from sqlglot import exp

    if isinstance(node, exp.Query | exp.Subquery):
        return
    if isinstance(node, exp.Column) and node.name.lower() in columns:
        yield node
    elif not isinstance(node, exp.Column):
        for part in node.iter_expressions():
            yield from _columns(part, columns)


def _matching(pattern: str) -> list[Value]:
    """Return texts that a pattern of LIKE matches."""
    plain = pattern.replace("_", "o")
    return list(
        dict.fromkeys(
            (
                plain.replace("%", ""),
                " ".join([plain.replace("%", "")] * 2) if "%" in plain else plain,
                plain.replace("%", "a", 1).replace("%", ""),
                "b".join(plain.rsplit("%", 1)).replace("%", ""),
                "b".join(plain.replace("%", "a", 1).rsplit("%", 1)).replace("%", ""),
            )
        )
    )
