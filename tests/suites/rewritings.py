"""Queries that mean the same as a gold query, made of it by rule."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from spider_opt.sql.parse import parse
from spider_opt.suites.ties import both_ways

OPPOSITE = {exp.GT: exp.LTE, exp.LT: exp.GTE, exp.GTE: exp.LT, exp.LTE: exp.GT, exp.EQ: exp.NEQ}


def rewritings(gold: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, query): written anew, conditions denied twice, parts in another order, ties broken."""
    tree = parse(gold)
    if not isinstance(tree, exp.Query):
        return
    yield "written anew", tree.sql(dialect="sqlite")
    for kind, change in (
        ("denied twice", _deny),
        ("joins turned", _turn_joins),
        ("conditions turned", _turn_conditions),
    ):
        copy = tree.copy()
        if change(copy):
            yield kind, copy.sql(dialect="sqlite")
    if not any(one.is_star for one in tree.selects):
        yield from (("ties broken", sql) for sql in both_ways(gold, len(tree.selects)))
    if "order by" not in gold.lower():
        yield "in FROM", f"SELECT * FROM ({gold.rstrip('; ')})"


def _deny(tree: exp.Query) -> int:
    n = 0
    for node in list(tree.find_all(*OPPOSITE)):
        if not isinstance(node.find_ancestor(exp.Join, exp.Select), exp.Join):
            other = OPPOSITE[type(node)](this=node.this.copy(), expression=node.expression.copy())
            node.replace(exp.Not(this=exp.Paren(this=other)))
            n += 1
    return n


def _turn_joins(tree: exp.Query) -> int:
    n = 0
    for select in tree.find_all(exp.Select):
        joins, origin = select.args.get("joins") or [], select.args.get("from_") or select.args.get("from")
        inner = len(joins) == 1 and joins[0].args.get("on") is not None and not joins[0].side
        if inner and isinstance(joins[0].this, exp.Table) and not any(one.is_star for one in select.selects):
            first, second = origin.this.copy(), joins[0].this.copy()
            origin.set("this", second)
            joins[0].set("this", first)
            n += 1
    return n


def _turn_conditions(tree: exp.Query) -> int:
    n = 0
    for node in tree.find_all(exp.And, exp.Or):
        left, right = node.this.copy(), node.expression.copy()
        node.set("this", right)
        node.set("expression", left)
        n += 1
    return n
