"""Expressions of a query as texts in one spelling: whose column is meant by its own table's name, values apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spider_opt.sql.resolver import Resolver, Source, first_select

if TYPE_CHECKING:
    from sqlglot import exp

INNER, MASK = "(query)", "?"
DEEPEST = 8
"""How many queries in each other's FROM a column is followed through."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression: ``text`` has ``?`` for each of its ``values``, and ``(query)`` for an inner query.

    ``shape`` is the text with ``_`` for each of the ``columns``; ``aggregates`` are its aggregate functions, in order.
    """

    text: str
    shape: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    aggregates: tuple[str, ...]


def called(source: Source) -> str:
    """Return what is read in a FROM: a table by its own name in lower case, ``(query)`` for a query."""
    if source.inner is not None:
        return INNER
    return source.own.lower() or source.node.sql(dialect="sqlite", comments=False).lower()


def named(sources: Sequence[Source]) -> dict[int, str]:
    """Return what each source of a FROM is called, by its ``id``: its second use of one table is ``name#2``."""
    uses: Counter[str] = Counter()
    names = {}
    for source in sources:
        name = called(source)
        uses[name] += 1
        names[id(source)] = f"{name}#{uses[name]}" if uses[name] > 1 and name != INNER else name
    return names


def plain_name(names: Mapping[int, str], source: Source | None, column: exp.Expr) -> str:
    """Return a column as ``table.column``, as it stands there where it is of nothing."""
    if source is None:
        from sqlglot import exp

        table = column.table if isinstance(column, exp.Column) else ""
        return ".".join(filter(None, (table, column.name))).lower()
    return f"{names.get(id(source)) or called(source)}.{column.name.lower()}"


def leaves(tree: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions between which AND and OR stand, in order of the text."""
    from sqlglot import exp

    yield from _between(tree, (exp.And, exp.Or))


def conjuncts(tree: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions that must all hold."""
    from sqlglot import exp

    yield from _between(tree, (exp.And,))


def _between(tree: exp.Expr | None, kinds: tuple[type[exp.Expr], ...]) -> Iterator[exp.Expr]:
    waiting = [tree] if tree is not None else []
    while waiting:
        node = waiting.pop().unnest()
        if isinstance(node, kinds):
            waiting += [node.args["expression"], node.this]
        else:
            yield node


def within(tree: exp.Expr, select: exp.Expr, *, queries: bool = False) -> Iterator[exp.Expr]:
    """Yield what stands in a part of ``select``, not in its inner queries; with ``queries`` these as well."""
    from sqlglot import exp

    def is_inner(node: exp.Expr) -> bool:
        return isinstance(node, exp.Select | exp.SetOperation) and node is not select

    for node in tree.walk(bfs=False, prune=is_inner):
        if queries or not is_inner(node):
            yield node


@dataclass(frozen=True, slots=True)
class Scope:
    """Writes the expressions of one SELECT, or of what sorts a compound.

    ``called`` are its sources' names, ``same`` maps columns to the one that stands for all that joins make equal.
    """

    names: Resolver
    query: exp.Expr
    called: Mapping[int, str]
    same: Mapping[str, str] = field(default_factory=dict)
    depth: int = 0

    def meant(self, node: exp.Expr) -> exp.Expr:
        """Return the output column that a number or an alias stands for, else what is there."""
        from sqlglot import exp

        inner = node.unnest()
        outputs = self.query.selects if isinstance(self.query, exp.Query) else []
        if isinstance(inner, exp.Literal) and not inner.is_string and inner.this.isdigit():
            place = int(inner.this) if len(inner.this) < 5 else 0
            return outputs[place - 1].unalias() if 0 < place <= len(outputs) else inner
        return self._aliased(inner) or inner

    def condition(self, leaf: exp.Expr) -> Expression:
        """Return a condition; a comparison so that what is compared with stands on the right."""
        from sqlglot import exp

        if leaf.key not in _SIGNS or not isinstance(leaf, exp.Binary):
            return self.expression(leaf)
        left, right = self.expression(leaf.left), self.expression(leaf.right)
        sign = _SIGNS[leaf.key]
        if (_rank(left), left.text) > (_rank(right), right.text):
            left, right, sign = right, left, sign.translate(_TURNED)
        return Expression(
            f"{left.text} {sign} {right.text}",
            f"{left.shape} {sign} {right.shape}",
            left.columns + right.columns,
            left.values + right.values,
            left.aggregates + right.aggregates,
        )

    def expression(self, node: exp.Expr) -> Expression:
        """Return an expression as it is compared."""
        return _Writer(self).written(node.unnest())

    def column(self, column: exp.Column) -> Expression | None:
        """Return a column by its table's own name, or what it stands for; None for a text in double quotes."""
        from sqlglot import exp

        owner = self.names.owner(column)
        if owner is None:
            if self.names.is_text(column):
                return None
            meaning = self._aliased(column) if self.names.is_alias(column) else None
            return self.expression(meaning) if meaning is not None else _only(plain_name({}, None, column))
        select = first_select(owner.inner) if owner.inner is not None else None
        if select is not None and self.depth < DEEPEST and not isinstance(column.this, exp.Star):
            output = next((one for one in select.selects if one.alias_or_name.lower() == column.name.lower()), None)
            if output is not None:
                inside = Scope(self.names, select, named(self.names.sources(select)), {}, self.depth + 1)
                return inside.expression(output.unalias())
        name = plain_name(self.called, owner, column)
        return _only(self.same.get(name, name))

    def _aliased(self, column: exp.Expr) -> exp.Expr | None:
        from sqlglot import exp

        if not isinstance(column, exp.Column) or column.table or not isinstance(self.query, exp.Query):
            return None
        outputs = (output for output in self.query.selects if output.alias)
        found = next((output for output in outputs if output.alias.lower() == column.name.lower()), None)
        return found.unalias() if found is not None and not any(n is column for n in found.walk()) else None


_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!="}
_TURNED = str.maketrans("<>", "><")


def _rank(side: Expression) -> int:
    return 0 if side.columns or side.aggregates else 1 if INNER in side.text else 2


def _only(name: str) -> Expression:
    return Expression(name, "_", (name,), (), ())


class _Writer:
    """Writes one expression, and notes what is in it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._columns: list[str] = []
        self._values: list[str] = []
        self._aggregates: list[str] = []
        self._instead: dict[int, tuple[str, str] | None] = {}

    def written(self, node: exp.Expr) -> Expression:
        for _ in node.walk(bfs=False, prune=self._is_told):
            pass
        nodes = list(node.walk(bfs=False))
        texts = []
        for which in (0, 1):
            copy = node.copy()
            instead = {
                id(of_copy): self._instead[id(own)]
                for own, of_copy in zip(nodes, list(copy.walk(bfs=False)), strict=True)
                if id(own) in self._instead
            }
            changed = copy.transform(_replaced, instead, which, copy=False)
            texts.append("" if changed is None else changed.sql(dialect="sqlite", comments=False))
        return Expression(texts[0], texts[1], tuple(self._columns), tuple(self._values), tuple(self._aggregates))

    def _is_told(self, node: exp.Expr) -> bool:
        """Note what stands for a node, if something does, and tell whether what is in it is told by that."""
        from sqlglot import exp

        if id(node) in self._instead:
            return True
        if isinstance(node, exp.Query):
            return self._put(node, INNER, INNER)
        if isinstance(node, exp.Column):
            if isinstance(node.this, exp.Star):
                return self._put(node, (node.table and self._star(node)) or "*", "*")
            found = self._scope.column(node)
            if found is None:
                return self._value(node)
            self._columns += found.columns
            self._values += found.values
            self._aggregates += found.aggregates
            return self._put(node, found.text, found.shape)
        if isinstance(node, exp.Literal) or (isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)):
            return self._value(node)
        if isinstance(node, exp.AggFunc):
            self._aggregates.append(node.key + (" distinct" if isinstance(node.this, exp.Distinct) else ""))
            if isinstance(node, exp.Count) and isinstance(node.this, exp.Literal):
                return self._put(node.this, "*", "*") and False
        if isinstance(node, exp.In) and node.expressions:
            self._listed(node.expressions)
        return False

    def _listed(self, items: Sequence[exp.Expr]) -> None:
        """Note the values of a list, whose order and number say nothing to its form."""
        from sqlglot import exp

        texts = [
            one
            for one in items
            if isinstance(one, exp.Literal) or (isinstance(one, exp.Column) and self._scope.column(one) is None)
        ]
        if len(texts) == len(items):
            self._values += sorted(_value(one) for one in texts)
            self._instead |= {id(one): None for one in texts[1:]} | {id(texts[0]): (MASK, MASK)}

    def _star(self, star: exp.Column) -> str:
        sources = self._scope.names.sources(self._scope.query)
        if len(sources) < 2:
            return "*"
        found = next((one for one in sources if one.name.lower() == star.table.lower()), None)
        return f"{self._scope.called.get(id(found)) or star.table.lower()}.*"

    def _value(self, node: exp.Expr) -> bool:
        self._values.append(_value(node))
        return self._put(node, MASK, MASK)

    def _put(self, node: exp.Expr, text: str, shape: str) -> bool:
        self._instead[id(node)] = (text, shape)
        return True


def _replaced(node: exp.Expr, instead: Mapping[int, tuple[str, str] | None], which: int) -> exp.Expr | None:
    from sqlglot import exp

    if id(node) not in instead:
        return node
    texts = instead[id(node)]
    return None if texts is None else exp.Var(this=texts[which])


def _value(node: exp.Expr) -> str:
    """Return a value in one spelling: a text in quotes, of a number what it comes to."""
    from sqlglot import exp

    if isinstance(node, exp.Column) or (isinstance(node, exp.Literal) and node.is_string):
        return f"'{node.name}'"
    text = f"-{node.name}" if isinstance(node, exp.Neg) else node.name
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if abs(number) < 2**53 and number == int(number) else text
