"""A query in parts that can be compared: each expression as a text in one spelling, its values apart.

Covered: aliases, letter case, quotes, names with and without their table, either column of a join, joins in ON, USING
or WHERE, numbers in ORDER BY and GROUP BY, comparisons written the other way round, WITH, compounds, subqueries.
Not covered: NATURAL JOIN joins nothing; BETWEEN and a pair of comparisons, IN and a chain of OR are two conditions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.analysis.diagnosis.expressions import (
    Expression,
    Scope,
    called,
    conjuncts,
    leaves,
    named,
    plain_name,
    within,
)
from spider_opt.sql.parse import parse
from spider_opt.sql.resolver import Resolver, Source, part_of
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp

MOST_CHARACTERS = 20_000
"""Longer queries are not taken apart: no gold of any benchmark has a tenth of that."""
Order = tuple[tuple[Expression, bool], ...]
"""What is sorted by, each with whether it descends."""


@dataclass(frozen=True, slots=True)
class Block:
    """One SELECT. ``joins`` are sets of columns that are joined by, ``outer`` the tables of outer joins.

    ``where`` and ``having`` are the conditions without the AND and OR between them, of which ``ors`` counts the latter.
    ``inner`` are the queries inside, each with its place (``from``, ``where``, ``having``, ``select``).
    """

    select: tuple[Expression, ...]
    distinct: bool
    tables: tuple[str, ...]
    joins: frozenset[frozenset[str]]
    outer: tuple[str, ...]
    where: tuple[Expression, ...]
    having: tuple[Expression, ...]
    ors: int
    group: tuple[Expression, ...]
    order: Order
    limit: str
    inner: tuple[tuple[str, Parts], ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """A query: its SELECTs in order, the words between them, and what sorts and cuts a compound."""

    blocks: tuple[Block, ...]
    operations: tuple[str, ...] = ()
    order: Order = ()
    limit: str = ""

    def tables(self) -> Counter[str]:
        """Return how often each table is read in all of the query, in lower case."""
        found: Counter[str] = Counter()
        for block in self.blocks:
            found.update(block.tables)
            for _, query in block.inner:
                found += query.tables()
        return found

    def places(self) -> Counter[str]:
        """Return where in all of the query other queries stand."""
        found: Counter[str] = Counter()
        for block in self.blocks:
            for place, query in block.inner:
                found[place] += 1
                found += query.places()
        return found


def parts(sql: str, schema: Schema) -> Parts | None:
    """Take a query apart; None for what cannot be parsed as one, is too long or too deep.

    >>> from spider_opt.types import Column, Table
    >>> zoo = Schema("zoo", (Table("Animal", (Column("Name", "TEXT"), Column("Age", "INTEGER"))),))
    >>> one, other = (parts(sql, zoo) for sql in ("select T1.name from animal T1 where 3 < AGE",
    ...     'SELECT "Name" AS n FROM Animal WHERE Animal.Age > 3;'))
    >>> one == other, one.blocks[0].where[0].text
    (True, 'animal.age > ?')
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(sql) > MOST_CHARACTERS:
        return None
    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return None
    try:
        return _Reader(Resolver(tree, schema, sql)).query(tree)
    except (RecursionError, SqlglotError):
        return None


class _Reader:
    def __init__(self, names: Resolver) -> None:
        self._names = names
        self._inside: set[int] = set()

    def query(self, tree: exp.Expr) -> Parts:
        from sqlglot import exp

        while isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Query):
            tree = tree.this
        if isinstance(tree, exp.Select):
            return Parts((self._block(tree),))
        if not isinstance(tree, exp.SetOperation):  # VALUES
            return Parts(())
        left, right = self.query(tree.this), self.query(tree.expression)
        word = tree.key + ("" if tree.args.get("distinct") or not isinstance(tree, exp.Union) else " all")
        sorting = self._sorted(tree, Scope(self._names, tree, {}, {}))
        return Parts((*left.blocks, *right.blocks), (*left.operations, word, *right.operations), *sorting)

    def _block(self, select: exp.Select) -> Block:
        from sqlglot import exp

        sources = self._names.sources(select)
        classes, pairs = self._classes(select)
        same = {name: min(several) for several in classes for name in several}
        scope = Scope(self._names, select, named(sources), same)
        where, having, group = (select.args.get(part) for part in ("where", "having", "group"))
        on = [leaf for join in _joins(select) for leaf in leaves(join.args.get("on"))]
        conditions = [*on, *leaves(where and where.this)]
        order, limit = self._sorted(select, scope)
        return Block(
            tuple(scope.expression(output.unalias()) for output in select.expressions),
            bool(select.args.get("distinct")),
            tuple(sorted(map(called, sources))),
            frozenset((*classes, *pairs)),
            tuple(sorted(called(source) for source in self._outer(select))),
            tuple(scope.condition(leaf) for leaf in conditions if not self._is_join(leaf, select)),
            tuple(scope.condition(leaf) for leaf in leaves(having and having.this)),
            sum(isinstance(node, exp.Or) for part in (where, having) if part for node in within(part.this, select)),
            tuple(scope.expression(scope.meant(key)) for key in group.expressions) if group else (),
            order,
            limit,
            tuple(self._inner(select)),
        )

    def _inner(self, select: exp.Select) -> Iterator[tuple[str, Parts]]:
        from sqlglot import exp

        in_from = [source.inner for source in self._names.sources(select) if source.inner is not None]
        for inner in in_from:
            if id(inner) not in self._inside:  # WITH RECURSIVE
                self._inside.add(id(inner))
                yield "from", self.query(inner)
                self._inside.discard(id(inner))
        for node in within(select, select, queries=True):
            if node is select or any(node is inner for inner in in_from):
                continue
            if isinstance(node, exp.Select | exp.SetOperation):
                place = part_of(node, select)
                if place != "with_":
                    yield (
                        {"expressions": "select", "from_": "from", "joins": "from"}.get(place, place),
                        self.query(node),
                    )

    def _sorted(self, query: exp.Expr, scope: Scope) -> tuple[Order, str]:
        from sqlglot import exp

        order = query.args.get("order")
        keys = []
        for key in order.expressions if order else ():
            inner = key.this if isinstance(key, exp.Ordered) else key
            keys.append((scope.expression(scope.meant(inner)), bool(key.args.get("desc"))))
        cuts = [query.args.get(part) for part in ("limit", "offset")]
        cut = [f"{part.key} {part.expression.sql(dialect='sqlite')}" for part in cuts if part and part.expression]
        return tuple(keys), " ".join(cut)

    def _outer(self, select: exp.Select) -> Iterator[Source]:
        """Yield what comes in by an outer join."""
        by_node = {id(source.node): source for source in self._names.sources(select)}
        for join in _joins(select):
            if join.side and (source := by_node.get(id(join.this))):
                yield source

    def _classes(self, select: exp.Select) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
        """Return the sets of columns that inner joins make equal, and the pairs that outer joins compare."""
        outer = {id(source) for source in self._outer(select)}
        names = named(self._names.sources(select))
        classes: dict[str, frozenset[str]] = {}
        pairs = []
        for pair in self._pairs(select):
            both = [plain_name(names, *one) for one in pair]
            if any(id(source) in outer for source, _ in pair):
                pairs.append(frozenset(both))
                continue
            merged = frozenset().union(*(classes.get(name, frozenset({name})) for name in both))
            classes |= dict.fromkeys(merged, merged)
        return list(dict.fromkeys(classes.values())), pairs

    def _pairs(self, select: exp.Select) -> Iterator[tuple[tuple[Source | None, exp.Expr], ...]]:
        """Yield the pairs of columns that tables are joined by, wherever that stands."""
        from sqlglot import exp

        where = select.args.get("where")
        on = [leaf for join in _joins(select) for leaf in leaves(join.args.get("on"))]
        for leaf in (*on, *conjuncts(where and where.this)):
            if isinstance(leaf, exp.EQ) and self._is_join(leaf, select):
                sides = (leaf.left.unnest(), leaf.right.unnest())
                yield tuple((self._names.owner(side), side) for side in sides if isinstance(side, exp.Column))
        sources = self._names.sources(select)
        for join in _joins(select):
            joined = next((source for source in sources if source.node is join.this), None)
            for column in join.args.get("using") or ():
                before = sources[: sources.index(joined)] if joined else []
                other = next((one for one in before if one.columns is not None and one.spelling(column.name)), None)
                if joined and other:
                    yield (other, column), (joined, column)

    def _is_join(self, leaf: exp.Expr, select: exp.Select) -> bool:
        """Tell whether a condition says that columns of two things in FROM are equal; a name of nothing may be one."""
        from sqlglot import exp

        if not isinstance(leaf, exp.EQ):
            return False
        left, right = leaf.left.unnest(), leaf.right.unnest()
        if not (isinstance(left, exp.Column) and isinstance(right, exp.Column)):
            return False
        above = []
        node = leaf.parent
        while node is not None and node is not select:
            above.append(node)
            node = node.parent
        if any(isinstance(one, exp.Or | exp.Not | exp.Having) for one in above):
            return False
        one, other = self._names.owner(left), self._names.owner(right)
        if one is None or other is None:
            texts = self._names.is_text(left) or self._names.is_text(right)
            return any(isinstance(node, exp.Join) for node in above) and not texts
        return one is not other and one.select is other.select


def _joins(select: exp.Select) -> Iterator[exp.Join]:
    """Yield the joins of a FROM, those in parentheses too."""
    first = select.args.get("from_")
    waiting = [*([first.this] if first else []), *(select.args.get("joins") or ())]
    while waiting:
        item = waiting.pop(0)
        if item.key == "join":
            yield item
            item = item.this
        if item.key == "subquery" and item.this.key == "table":
            waiting.append(item.this)
        waiting += item.args.get("joins") or ()
