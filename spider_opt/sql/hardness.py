"""Spider's four levels of difficulty, a function of a query's text alone.

Counts are taken over the outermost query; of a compound, over its first SELECT.
Source: official evaluator, ``eval_hardness`` and ``count_component1/2/others``, commit e97acc5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.types import Hardness

if TYPE_CHECKING:
    from sqlglot import exp


def hardness(sql: str) -> Hardness | None:
    """Return the level of ``sql``, or None where it cannot be parsed as a query.

    >>> hardness("SELECT count(*) FROM singer")
    'easy'
    >>> hardness("SELECT name FROM a WHERE x > 1 AND y IN (SELECT z FROM b) ORDER BY name")
    'extra'
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return None
    first = tree.unnest()
    compound = isinstance(first, exp.SetOperation)
    while isinstance(first, exp.SetOperation):
        first = first.this.unnest()
    if not isinstance(first, exp.Select) or not first.expressions:
        return None
    return _level(first, compound)


def _level(query: exp.Select, compound: bool) -> Hardness:
    from sqlglot import exp

    joins = query.args.get("joins") or []
    clauses = [_flatten(join.args.get("on")) for join in joins] + [
        _flatten(query.args[name].this if query.args.get(name) else None) for name in ("where", "having")
    ]
    (where_conditions, _), (having_conditions, having_connectors) = clauses[-2:]
    conditions = [c for found, _ in clauses for c in found]
    connectors = [c for _, found in clauses for c in found]
    group = query.args["group"].expressions if query.args.get("group") else []
    order = [o.this for o in query.args["order"].expressions] if query.args.get("order") else []

    component1 = (
        bool(where_conditions)
        + bool(group)
        + bool(order)
        + bool(query.args.get("limit"))
        + len(joins)
        + sum(isinstance(c, exp.Or) for c in connectors)
        + sum(isinstance(_bare(c), exp.Like) for c in conditions)
    )
    component2 = sum(_operand_queries(c) for c in conditions) + compound
    # Quirks of the reference: NOT counts as an aggregate, so does each AND/OR of HAVING, and a real
    # aggregate inside HAVING does not.
    aggregates = (
        sum(_starts_with_aggregate(e) for e in query.expressions)
        + sum(_starts_with_aggregate(e) for e in group)
        + sum(isinstance(part, exp.AggFunc) for e in order for part in _operands(e))
        + sum(_negated(c) for c in where_conditions + having_conditions)
        + len(having_connectors)
    )
    others = (aggregates > 1) + (len(query.expressions) > 1) + (len(where_conditions) > 1) + (len(group) > 1)

    if component1 <= 1 and others == 0 and component2 == 0:
        return "easy"
    if component2 == 0 and ((others <= 2 and component1 <= 1) or (component1 <= 2 and others < 2)):
        return "medium"
    if (
        (others > 2 and component1 <= 2 and component2 == 0)
        or (2 < component1 <= 3 and others <= 2 and component2 == 0)
        or (component1 <= 1 and others == 0 and component2 <= 1)
    ):
        return "hard"
    return "extra"


def _flatten(tree: exp.Expr | None) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """Return the conditions of a clause and the AND/OR nodes between them, in text order.

    A quirk of the reference: where a condition's right side is a column, its parser swallows an OR and all
    that follows up to the next AND.
    """
    conditions, connectors = _in_order(tree)
    if not conditions:
        return [], []
    kept, joined = conditions[:1], []
    for connector, condition in zip(connectors, conditions[1:], strict=True):
        if connector.key == "or" and _ends_in_column(kept[-1]):
            continue
        joined.append(connector)
        kept.append(condition)
    return kept, joined


def _in_order(tree: exp.Expr | None) -> tuple[list[exp.Expr], list[exp.Expr]]:
    from sqlglot import exp

    if tree is None:
        return [], []
    inner = tree.unnest()
    if not isinstance(inner, exp.Connector):
        return [inner], []
    left, right = _in_order(inner.left), _in_order(inner.right)
    return left[0] + right[0], [*left[1], inner, *right[1]]


def _ends_in_column(condition: exp.Expr) -> bool:
    from sqlglot import exp

    if not isinstance(condition, exp.Binary) or not isinstance(condition.right, exp.Column):
        return False
    # Double-quoted text stands for a string in Spider's queries, not for a column.
    return not condition.right.this.args.get("quoted")


def _negated(condition: exp.Expr) -> bool:
    from sqlglot import exp

    # "!=" and IS NOT NULL are no NOT to the reference: the first is an operator of its own, in the
    # second NOT follows IS.
    return isinstance(condition, exp.Not) and not isinstance(condition.this, exp.Is)


def _bare(condition: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return condition.this.unnest() if isinstance(condition, exp.Not) else condition


def _operand_queries(condition: exp.Expr) -> int:
    """Count the subqueries that stand directly as an operand of ``condition``."""
    from sqlglot import exp

    return sum(
        isinstance(node, exp.Subquery | exp.Query)
        for key, node in ((n.arg_key, n) for n in _bare(condition).iter_expressions())
        if key != "this" or isinstance(_bare(condition), exp.Exists)
    )


def _operands(expression: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    inner = expression.unnest()
    return [inner.left.unnest(), inner.right.unnest()] if isinstance(inner, exp.Binary) else [inner]


def _starts_with_aggregate(expression: exp.Expr) -> bool:
    from sqlglot import exp

    inner = expression.unalias()
    while isinstance(inner, exp.Binary):
        inner = inner.left
    return isinstance(inner, exp.AggFunc)
