"""What a query is made of, counted: joins, subqueries and the like, by which accuracies are told apart.

The kinds are NL2SQL360's (Li et al. 2024, arXiv:2406.01265; ``SQLParser``, commit 97883836), and so are the counts,
of the whole text, but for: ``tables``, which it does not have; ``subqueries``, of which it also counts a side of a set
operation that stands in brackets, and not one behind EXISTS; ORDER BY within a window, which is none here; and
``scalar_functions``, of which it has a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse

if TYPE_CHECKING:
    from sqlglot import exp

MANY = 3
"""So many, or more, are told as one."""
CHARACTERISTICS = (
    "tables", "joins", "subqueries", "set_operations", "logical_connectors", "order_by", "group_by", "limit",
    "aggregates", "distinct", "like", "arithmetic", "scalar_functions", "control_flow", "windows",
)  # fmt: skip
"""``tables`` are different ones of the database; comma joins are joins; logical connectors are AND and OR."""


def characteristics(sql: str) -> Mapping[str, int] | None:
    """Return how often a query has each of ``CHARACTERISTICS``, or None where it cannot be parsed as a query.

    >>> found = characteristics("SELECT name FROM a JOIN b ON a.x = b.x WHERE y = 1 AND z IN (SELECT z FROM c)")
    >>> {name: n for name, n in found.items() if n}
    {'tables': 3, 'joins': 1, 'subqueries': 1, 'logical_connectors': 1}
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return None
    nodes = list(tree.walk())

    def count(*kinds: type[exp.Expr]) -> int:
        return sum(isinstance(node, kinds) for node in nodes)

    def clauses(kind: type[exp.Expr]) -> int:
        return sum(isinstance(node, kind) and isinstance(node.parent, exp.Query) for node in nodes)

    named = {cte.alias.lower() for cte in nodes if isinstance(cte, exp.CTE)}
    tables = {node.name.lower() for node in nodes if isinstance(node, exp.Table) and node.name}
    return {
        "tables": len(tables - named),
        "joins": count(exp.Join),
        "subqueries": sum(isinstance(node, exp.Query) and _is_inner(node) for node in nodes),
        "set_operations": count(exp.SetOperation),
        "logical_connectors": count(exp.And, exp.Or),
        "order_by": clauses(exp.Order),
        "group_by": clauses(exp.Group),
        "limit": clauses(exp.Limit),
        "aggregates": count(exp.AggFunc),
        "distinct": count(exp.Distinct),
        "like": count(exp.Like),
        "arithmetic": count(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod),
        "scalar_functions": sum(_is_scalar(node) for node in nodes),
        "control_flow": sum(isinstance(node, exp.Case | exp.If) and node.arg_key != "ifs" for node in nodes),
        "windows": count(exp.Window),
    }


@lru_cache(maxsize=8192)
def told_apart(sql: str) -> Mapping[str, str]:
    """Return the part that a query belongs to by each characteristic: ``0``, ``1``, ``2``, ``3+``; ``-`` where unknown.

    >>> told_apart("SELECT count(*) FROM a, b, c, d")["joins"]
    '3+'
    """
    found = characteristics(sql)
    if found is None:
        return MappingProxyType(dict.fromkeys(CHARACTERISTICS, "-"))
    return MappingProxyType({name: f"{n}" if n < MANY else f"{MANY}+" for name, n in found.items()})


def _is_inner(query: exp.Expr) -> bool:
    """Tell whether a query stands in another as a subquery: not as the side of a set operation, nor in WITH."""
    from sqlglot import exp

    if isinstance(query, exp.Subquery):  # the brackets around one
        return False
    parent = query.parent
    while isinstance(parent, exp.Subquery | exp.Paren):
        parent = parent.parent
    return parent is not None and not isinstance(parent, exp.SetOperation | exp.CTE)


def _is_scalar(node: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return True
    other = exp.AggFunc | exp.Connector | exp.Predicate | exp.Case | exp.If
    return isinstance(node, exp.Func) and not isinstance(node, other)
