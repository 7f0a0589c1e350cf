"""Which rows of an ordered gold result tie on its sort key, so that they may come in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.types import Value

if TYPE_CHECKING:
    from sqlglot import exp

Row = tuple[Value, ...]


def with_tie_rank(sql: str) -> str | None:
    """Return ``sql`` with one more column, last: equal numbers for rows that tie on the sort key.

    None where that cannot be had without changing the rows: no ORDER BY, a compound query, a DISTINCT
    whose sort key is not selected, a position among the columns that ``*`` stands for.

    >>> with_tie_rank("SELECT id FROM u ORDER BY a")
    'SELECT id, DENSE_RANK() OVER (ORDER BY a) FROM u ORDER BY a'
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Select) or not tree.args.get("order"):
        return None
    tree = tree.copy()
    keys = [_spelled_out(ordered, tree.selects) for ordered in tree.args["order"].expressions]
    if any(_position(key) is not None for key in keys):
        return None
    if tree.args.get("distinct"):
        selected = {e.unalias().sql() for e in tree.selects}
        if any(key.this.sql() not in selected for key in keys):
            return None
    rank = exp.Window(this=exp.DenseRank(), order=exp.Order(expressions=keys))
    return str(tree.select(rank).sql(dialect="sqlite"))


def sort_columns(sql: str) -> list[int] | None:
    """Return which columns of the result are the sort key; None where it is not made of columns alone.

    >>> sort_columns("SELECT a, b FROM t UNION SELECT c, d FROM u ORDER BY 2, a")
    [1, 0]
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query) or not tree.args.get("order"):
        return None
    selects = tree.selects
    names = [] if any(e.is_star for e in selects) else [e.alias_or_name.lower() for e in selects]
    found: list[int] = []
    for ordered in tree.args["order"].expressions:
        position, key = _position(ordered), ordered.this
        if position is not None:
            found.append(position - 1)
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in names:
            found.append(names.index(key.name.lower()))
        else:
            return None
    return found


def runs(rows: Sequence[Row], columns: Sequence[int]) -> list[int]:
    """Number the rows so that neighbours which are equal in ``columns`` have one number.

    >>> runs([("a", 1), ("b", 1), ("c", 2)], [1])
    [0, 0, 1]
    """
    keys = [tuple(row[i] for i in columns) for row in rows]
    return list(accumulate((a != b for a, b in pairwise(keys)), initial=0))[: len(rows)]


def agree_up_to_ties(gold: Sequence[Row], ranked: Sequence[Row], groups: Sequence[int], is_cut: bool) -> bool:
    """Tell whether two results hold the same rows in each group of ties; the last of a result ``is_cut`` may differ.

    >>> agree_up_to_ties([("a",), ("b",)], [("b",), ("a",)], [1, 1], is_cut=False)
    True
    """
    if len(gold) != len(ranked):
        return False
    n = groups.index(groups[-1]) if groups and is_cut else len(groups)
    return Counter(zip(groups[:n], gold[:n], strict=True)) == Counter(zip(groups[:n], ranked[:n], strict=True))


def _spelled_out(ordered: exp.Expr, selects: list[exp.Expr]) -> exp.Expr:
    """Replace an alias or a position in ORDER BY by what it stands for; windows know neither."""
    from sqlglot import exp

    key, position = ordered.this, _position(ordered)
    named = {e.alias.lower(): e.unalias() for e in selects if isinstance(e, exp.Alias)}
    target = None
    if position is not None:
        if position <= len(selects) and not any(e.is_star for e in selects[:position]):
            target = selects[position - 1].unalias()
    elif isinstance(key, exp.Column) and not key.table:
        target = named.get(key.name.lower())
    copy = ordered.copy()
    if target is not None:
        copy.set("this", target.copy())
    return copy


def _position(ordered: exp.Expr) -> int | None:
    """Return which column an ORDER BY term counts off, from 1; None for any other term."""
    from sqlglot import exp

    key = ordered.this
    return int(key.name) if isinstance(key, exp.Literal) and key.is_int else None
