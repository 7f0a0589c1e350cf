"""What kind of query a gold is, by what makes it hard: one kind each, so that the kinds add up."""

from __future__ import annotations

from functools import lru_cache

from spider_opt.sql.parse import parse

KINDS = {
    "set operation": "UNION, INTERSECT or EXCEPT",
    "nested": "a query within the query",
    "grouped join": "several tables, with GROUP BY",
    "join": "several tables",
    "grouped": "one table, with GROUP BY",
    "ordered": "one table, with ORDER BY",
    "aggregate": "one table, with count, sum, avg, min or max",
    "plain": "one table, nothing of these",
    "unknown": "it cannot be read, or is not at hand",
}
"""The kinds, the first that fits counts, and what each means."""


@lru_cache(maxsize=8192)
def kind_of(gold: str) -> str:
    """Return the first of ``KINDS`` that fits a gold query.

    >>> kind_of("SELECT count(*) FROM a JOIN b ON a.x = b.x GROUP BY a.y")
    'grouped join'
    >>> kind_of("SELECT name FROM a WHERE x > (SELECT avg(x) FROM a)")
    'nested'
    """
    from sqlglot import exp

    tree = parse(gold)
    if not isinstance(tree, exp.Query):
        return "unknown"
    if tree.find(exp.SetOperation):
        return "set operation"
    if len([*tree.find_all(exp.Select)]) > 1:
        return "nested"
    several = len([*tree.find_all(exp.Table)]) > 1
    grouped = tree.find(exp.Group) is not None
    if several:
        return "grouped join" if grouped else "join"
    if grouped:
        return "grouped"
    if tree.find(exp.Order):
        return "ordered"
    return "aggregate" if tree.find(exp.AggFunc) else "plain"
