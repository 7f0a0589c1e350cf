"""What can be changed in a query, node by node: each maker yields (kind, change) for a node that it knows.

A change is given the same node of a copy of the query. It returns what stands there instead, or changes the node and
returns None.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.suites.contents import Contents
from spider_opt.suites.literals import Literals, value_of
from spider_opt.suites.places import place_of, sources

if TYPE_CHECKING:
    from sqlglot import exp

Change = Callable[["exp.Expr"], "exp.Expr | None"]
Found = Iterator[tuple[str, Change]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a change may look at: the database, the values that golds ask for, chance."""

    contents: Contents
    literals: Literals
    chance: random.Random

    @property
    def names(self) -> frozenset[str]:
        """The names of all columns, in small letters."""
        return frozenset(
            column.name.lower()
            for table in self.contents.tables.values()
            for column in (*table.columns, *table.computed)
        )


def operators(node: exp.Expr, scene: Scene) -> Found:
    """Another comparison, or its opposite."""
    from sqlglot import exp

    others: dict[type[exp.Expr], tuple[type[exp.Binary], ...]] = {
        exp.EQ: (exp.NEQ,), exp.NEQ: (exp.EQ,), exp.GT: (exp.GTE, exp.LT), exp.GTE: (exp.GT, exp.LTE),
        exp.LT: (exp.LTE, exp.GT), exp.LTE: (exp.LT, exp.GTE),
    }  # fmt: skip
    if _in_join(node):
        return
    for other in others.get(type(node), ()):
        yield "operator", lambda n, other=other: other(this=n.this, expression=n.args["expression"])  # type: ignore[misc]
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div):
        for kind in (exp.Add, exp.Sub, exp.Mul):
            if kind is not type(node):
                yield "operator", lambda n, kind=kind: kind(this=n.this, expression=n.args["expression"])  # type: ignore[misc]
    if isinstance(node, exp.EQ | exp.Like) and isinstance(value := value_of(node.expression, scene.names), str):
        plain = value.strip("%")
        if isinstance(node, exp.EQ):
            yield "operator", lambda n: exp.Like(this=n.this, expression=exp.Literal.string(f"%{plain}%"))
        else:
            yield "operator", lambda n: exp.EQ(this=n.this, expression=exp.Literal.string(plain))
    if isinstance(node, exp.Between):
        yield "operator", lambda n: exp.GTE(this=n.this, expression=n.args["low"])
        yield "operator", lambda n: exp.LTE(this=n.this, expression=n.args["high"])
        yield (
            "operator",
            lambda n: exp.Paren(
                this=exp.And(
                    this=exp.GT(this=n.this.copy(), expression=n.args["low"]),
                    expression=exp.LT(this=n.this.copy(), expression=n.args["high"]),
                )
            ),
        )
    denied = isinstance(node.parent, exp.Not)
    if isinstance(node, exp.In | exp.Like | exp.Between | exp.Exists | exp.Is) and not denied:
        yield "operator", lambda n: exp.Not(this=exp.Paren(this=n.copy()))
    if isinstance(node, exp.Not):
        yield "operator", lambda n: n.this.copy()


def literals(node: exp.Expr, scene: Scene) -> Found:
    """Another value near the one that is asked for."""
    from sqlglot import exp

    if isinstance(node.parent, exp.Limit | exp.Offset | exp.Ordered | exp.Group | exp.Neg | exp.Interval):
        return
    value = value_of(node, scene.names)
    if isinstance(value, int | float):
        for other in (value + 1, value - 1):
            made = exp.Literal.number(abs(other))
            yield "literal", lambda n, made=made, other=other: made if other >= 0 else exp.Neg(this=made)  # type: ignore[misc]
    elif isinstance(value, str) and not isinstance(node.parent, exp.Alias):
        if isinstance(node.parent, exp.Like) and "%" in value:
            for text in dict.fromkeys((value.removeprefix("%"), value.removesuffix("%"), value.strip("%"))):
                if text != value:
                    yield "literal", lambda n, text=text: exp.Literal.string(text)  # type: ignore[misc]
        other_texts = [text for text in _texts_beside(node, scene) if text != value]
        some = scene.chance.sample(other_texts, min(2, len(other_texts)))
        for text in (*some, f"{value}s"):
            yield "literal", lambda n, text=text: exp.Literal.string(text)  # type: ignore[misc]


def columns(node: exp.Expr, scene: Scene) -> Found:
    """Another column of the same table; in a join another key."""
    from sqlglot import exp

    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return
    place = place_of(node, scene.contents)
    if place is None:
        return
    table, column = place
    others = [other for other in table.columns if other.name != column.name]
    like = [other for other in others if other.affinity == column.affinity] or others
    for other in scene.chance.sample(like, min(2, len(like))):
        kind = "join" if _in_join(node) else "column"
        yield kind, lambda n, other=other: exp.column(other.name, table=n.args.get("table"), quoted=True)  # type: ignore[misc]


def joins(node: exp.Expr, scene: Scene) -> Found:
    """An outer join for an inner one, a table less, no condition."""
    from sqlglot import exp

    if not isinstance(node, exp.Join):
        return
    if not isinstance(node.this, exp.Table):
        return
    if node.side:
        yield "join", _changed(side=None)
    elif node.args.get("on") is not None or node.args.get("using"):
        yield "join", _changed(kind=None, side="LEFT")
    if node.args.get("on") is not None:
        yield "join", _changed(on=None, side=None)
    yield "join", lambda n: n.pop() and None


def aggregates(node: exp.Expr, scene: Scene) -> Found:
    """Another aggregate, or none."""
    from sqlglot import exp

    kinds: dict[type[exp.Expr], tuple[type[exp.Func], ...]] = {
        exp.Sum: (exp.Avg, exp.Count, exp.Max), exp.Avg: (exp.Sum, exp.Max), exp.Max: (exp.Min, exp.Avg),
        exp.Min: (exp.Max, exp.Sum),
    }  # fmt: skip
    if isinstance(node.parent, exp.Window):
        return
    for other in kinds.get(type(node), ()):
        yield "aggregate", lambda n, other=other: other(this=n.this)  # type: ignore[misc]
    if type(node) in kinds:
        yield "aggregate", lambda n: n.this.copy()
    if isinstance(node, exp.Count):
        star = isinstance(node.this, exp.Star)
        if not star and not isinstance(node.this, exp.Distinct):
            yield "aggregate", lambda n: exp.Sum(this=n.this)
            yield "aggregate", lambda n: exp.Count(this=exp.Star())
            yield "distinct", lambda n: exp.Count(this=exp.Distinct(expressions=[n.this]))
            yield "aggregate", lambda n: n.this.copy()
        if isinstance(node.this, exp.Distinct):
            yield "distinct", lambda n: exp.Count(this=n.this.expressions[0])
        select = node.find_ancestor(exp.Select)
        if star and select is not None:
            for named, table in sources(select, scene.contents).items():
                some = [column.name for column in table.columns if column.nullable]
                for name in scene.chance.sample(some, min(1, len(some))):
                    yield (
                        "aggregate",
                        lambda n, named=named, name=name: exp.Count(  # type: ignore[misc]
                            this=exp.column(name, table=named, quoted=True)
                        ),
                    )


def selects(node: exp.Expr, scene: Scene) -> Found:
    """DISTINCT or not, groups, conditions and sorting left out."""
    from sqlglot import exp

    if isinstance(node, exp.Select):
        if node.args.get("distinct"):
            yield "distinct", _changed(distinct=None)
        elif not isinstance(node.parent, exp.In | exp.Exists | exp.SetOperation):
            yield "distinct", _changed(distinct=exp.Distinct())
    for kind, part in (
        ("condition", exp.Where), ("condition", exp.Having), ("group", exp.Group), ("order", exp.Order),
        ("limit", exp.Limit),
    ):  # fmt: skip
        if isinstance(node, part) and not isinstance(node.parent, exp.Window):
            yield kind, lambda n: n.pop() and None
    if isinstance(node, exp.Group | exp.Order) and len(node.expressions) > 1:
        for at in range(len(node.expressions)):
            kind = "group" if isinstance(node, exp.Group) else "order"
            yield kind, lambda n, at=at: n.expressions[at].pop() and None  # type: ignore[misc]
    if isinstance(node, exp.Ordered):
        down = not node.args.get("desc")
        yield "order", _changed(desc=down, nulls_first=not down)  # NULLs as SQLite has them where nothing is said
    if isinstance(node, exp.Limit) and isinstance(node.expression, exp.Literal) and str(node.expression.this).isdigit():
        count = int(node.expression.this)
        for other in (count + 1, count - 1):
            if other > 0:
                yield "limit", _changed(expression=exp.Literal.number(other))


def conditions(node: exp.Expr, scene: Scene) -> Found:
    """AND for OR, one of several conditions left out."""
    from sqlglot import exp

    if isinstance(node, exp.And | exp.Or):
        if not _in_join(node):
            other = exp.Or if isinstance(node, exp.And) else exp.And
            yield "and/or", lambda n: exp.Paren(this=other(this=n.this, expression=n.args["expression"]))
        yield "condition", lambda n: n.this.copy()
        yield "condition", lambda n: n.args["expression"].copy()


def set_operations(node: exp.Expr, scene: Scene) -> Found:
    """Another set operation, one of its sides alone, or the sides exchanged."""
    from sqlglot import exp

    if not isinstance(node, exp.SetOperation):
        return
    for other in (exp.Union, exp.Intersect, exp.Except):
        if type(node) is not other:
            yield "set operation", lambda n, other=other: other(**{**n.args, "distinct": True})  # type: ignore[misc]
    if isinstance(node, exp.Union):
        yield "set operation", _changed(distinct=not node.args.get("distinct"))
    if isinstance(node, exp.Except):
        yield (
            "set operation",
            lambda n: exp.Except(**{**n.args, "this": n.args["expression"], "expression": n.this}),
        )
    yield "set operation", lambda n: n.this.copy()
    yield "set operation", lambda n: n.args["expression"].copy()


CHANGES: tuple[Callable[[exp.Expr, Scene], Found], ...] = (
    operators, literals, columns, joins, aggregates, selects, conditions, set_operations
)  # fmt: skip


def _changed(**parts: object) -> Change:
    """Return the change that gives a node other parts."""

    def change(node: exp.Expr) -> None:
        for name, part in parts.items():
            node.set(name, part)

    return change


def _in_join(node: exp.Expr) -> bool:
    from sqlglot import exp

    join = node.find_ancestor(exp.Join, exp.Select)
    return isinstance(join, exp.Join)


def _texts_beside(node: exp.Expr, scene: Scene) -> list[str]:
    """Return texts that stand in the column which a value is compared with, those first that golds ask for."""
    from sqlglot import exp

    compared = node.parent
    for column in compared.find_all(exp.Column) if compared is not None else ():
        place = place_of(column, scene.contents)
        if place is not None:
            table, stored = place
            at = table.columns.index(stored)
            own = dict.fromkeys(row[at] for row in table.rows[:50])
            return [
                text for text in (*scene.literals.get(stored.name.lower(), ()), *own) if isinstance(text, str) and text
            ]
    return []
