"""Which rows of an ordered gold result tie on its sort key, so that they may come in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse

if TYPE_CHECKING:
    from sqlglot import exp


def is_ordered(sql: str) -> bool:
    """Tell whether the outermost query has an ORDER BY; by the text alone where it cannot be parsed.

    >>> is_ordered("SELECT a FROM t WHERE b IN (SELECT c FROM u ORDER BY c)")
    False
    """
    tree = parse(sql)
    return " order by " in f" {' '.join(sql.lower().split())} " if tree is None else bool(tree.args.get("order"))


def with_tie_rank(sql: str) -> str | None:
    """Return ``sql`` with one more column, last: equal numbers for rows that tie on the sort key.

    None where that cannot be had without changing the rows: no ORDER BY, a compound query, or a
    DISTINCT whose sort key is not selected.

    >>> with_tie_rank("SELECT id FROM u ORDER BY a")
    'SELECT id, DENSE_RANK() OVER (ORDER BY a) FROM u ORDER BY a'
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Select) or not tree.args.get("order"):
        return None
    tree = tree.copy()
    keys = [_spelled_out(ordered, tree.selects) for ordered in tree.args["order"].expressions]
    if tree.args.get("distinct"):
        selected = {e.unalias().sql() for e in tree.selects}
        if any(key.this.sql() not in selected for key in keys):
            return None
    rank = exp.Window(this=exp.DenseRank(), order=exp.Order(expressions=keys))
    return str(tree.select(rank).sql(dialect="sqlite"))


def _spelled_out(ordered: exp.Expr, selects: list[exp.Expr]) -> exp.Expr:
    """Replace an alias or a position in ORDER BY by what it stands for; windows know neither."""
    from sqlglot import exp

    key = ordered.this
    named = {e.alias.lower(): e.unalias() for e in selects if isinstance(e, exp.Alias)}
    target = None
    if isinstance(key, exp.Literal) and key.is_int and 0 < int(key.name) <= len(selects):
        target = selects[int(key.name) - 1].unalias()
    elif isinstance(key, exp.Column) and not key.table:
        target = named.get(key.name.lower())
    copy = ordered.copy()
    if target is not None:
        copy.set("this", target.copy())
    return copy
