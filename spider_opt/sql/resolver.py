"""Whose column is this: what stands in each FROM of a query, and which of it a name can be of.

Covered: aliases, joins in parentheses, subqueries and what they refer to outside, WITH, compounds, stars, names that
several have or none.
Not covered: the columns of functions, which may be any.

sqlglot's ``optimizer.scope`` and ``qualify`` are for queries that are right: they refuse those in which two tables are
called alike, tell the names of WITH apart by letter case, and a subquery without a name hides the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.types import Schema, Table

if TYPE_CHECKING:
    from sqlglot import exp

ALWAYS_THERE = frozenset(("rowid", "oid", "_rowid_"))
"""Columns that every table has."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A table or subquery in the FROM of ``select``.

    ``name`` is what it is called there, ``own`` its own name: as the schema or WITH spells it, '' for a subquery.
    ``table`` is None for what is no table of the schema, ``inner`` the query that stands in its place if one does.
    ``columns`` are the spellings of its columns by their names in lower case, None where they are not known.
    """

    select: exp.Select
    node: exp.Expr
    name: str
    own: str
    table: Table | None = None
    inner: exp.Query | None = None
    columns: Mapping[str, str] | None = None

    @property
    def is_missing(self) -> bool:
        """Whether it is called as no table of the schema is."""
        return self.columns is not None and self.table is None and self.inner is None

    def spelling(self, column: str) -> str | None:
        """Return how its column of this name is spelled, None where there is none or that is not known."""
        name = column.lower()
        return (self.columns or {}).get(name, name if self.table and name in ALWAYS_THERE else None)

    def has(self, column: str) -> bool:
        """Whether it has, or may have, a column of this name."""
        return self.columns is None or self.spelling(column) is not None


class Resolver:
    """The names in the tree of one query against a schema; ``text`` is what was parsed."""

    def __init__(self, tree: exp.Expr, schema: Schema, text: str) -> None:
        from sqlglot import exp

        self.tree = tree
        self.schema = schema
        self.tables = {table.name.lower(): table for table in schema.tables}
        self._text = text
        self._common = {cte.alias.lower(): cte for cte in tree.find_all(exp.CTE)}
        self._columns = {name: {c.name.lower(): c.name for c in table.columns} for name, table in self.tables.items()}
        self._sources: dict[int, list[Source]] = {}
        self._looking_into: set[int] = set()

    def forget(self) -> None:
        """Look at the tree again, which has changed."""
        self._sources.clear()

    def sources(self, query: exp.Expr) -> list[Source]:
        """Return what stands in a FROM in order; of a compound, in those of its parts."""
        from sqlglot import exp

        if id(query) not in self._sources:
            if isinstance(query, exp.SetOperation):
                found = [*self.sources(query.this), *self.sources(query.expression)]
            elif isinstance(query, exp.Select):
                found = [self._source(query, node) for node in _from_items(query)]
            else:
                found = self.sources(query.this) if isinstance(query, exp.Subquery) else []
            self._sources[id(query)] = found
        return self._sources[id(query)]

    def owners(self, column: exp.Column) -> Iterator[tuple[exp.Query, list[Source]]]:
        """Yield the queries around a column, the innermost first, with those of its sources that can be meant there.

        Where the first that has any has several, the name is ambiguous. A star is of all, or of what is before it.
        """
        from sqlglot import exp

        qualifier = column.table.lower()
        query = column.find_ancestor(exp.Select, exp.SetOperation)
        while query is not None:
            found = [
                source
                for source in self.sources(query)
                if (not qualifier or source.name.lower() == qualifier)
                and (column.name == "*" or source.has(column.name))
            ]
            yield query, found[:1] if qualifier or _is_joined_by_name(query) else found
            query = query.parent_select

    def owner(self, column: exp.Column) -> Source | None:
        """Return what SQLite takes a column to be of, the first of several, None where nothing around has it."""
        return next((found[0] for _, found in self.owners(column) if found), None)

    def is_text(self, column: exp.Column) -> bool:
        """Whether a bare name is in double quotes: SQLite takes it for a string where it is no column's."""
        return not column.table and bool(column.this.args.get("quoted")) and f'"{column.name}"' in self._text

    def is_alias(self, column: exp.Column) -> bool:
        """Whether a bare name is that of an output column of its SELECT, and stands outside the list of these."""
        from sqlglot import exp

        select = column.find_ancestor(exp.Select, exp.SetOperation)
        if column.table or not isinstance(select, exp.Select) or part_of(column, select) == "expressions":
            return False
        return column.name.lower() in {output.alias.lower() for output in select.expressions if output.alias}

    def outputs(self, query: exp.Expr) -> Mapping[str, str] | None:
        """Return the columns of a query's result, spelled, by their names in lower case; None where they aren't known.

        Those without a name are left out.
        """
        from sqlglot import exp

        select = first_select(query)
        if select is None or id(select) in self._looking_into:
            return None  # VALUES, WITH RECURSIVE
        self._looking_into.add(id(select))
        sources = self.sources(select)
        self._looking_into.discard(id(select))
        columns: dict[str, str] = {}
        for output in select.expressions:
            if output.is_star:
                before = output.table.lower() if isinstance(output, exp.Column) else ""
                for source in sources:
                    if before in ("", source.name.lower()):
                        if source.columns is None:
                            return None
                        columns |= source.columns
            elif name := output.alias or (output.name if isinstance(output, exp.Column) else ""):
                columns[name.lower()] = next(filter(None, (source.spelling(name) for source in sources)), name)
        return columns

    def _source(self, select: exp.Select, node: exp.Expr) -> Source:
        from sqlglot import exp

        called = node.alias_or_name
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            return Source(select, node, called, "", inner=node.this, columns=self.outputs(node.this))
        if not (isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)):
            return Source(select, node, called, "")
        name = node.name.lower()
        if name in self._common:
            common = self._common[name]
            named = {column.lower(): column for column in common.alias_column_names} or self.outputs(common.this)
            return Source(select, node, called, common.alias, inner=common.this, columns=named)
        if name in self.tables:
            table = self.tables[name]
            return Source(select, node, called, table.name, table, columns=self._columns[name])
        return Source(select, node, called, node.name, columns={})


def _from_items(select: exp.Select) -> Iterator[exp.Expr]:
    first = select.args.get("from_")
    if first:
        yield from _without_parentheses(first.this)
    for join in select.args.get("joins") or ():
        yield from _without_parentheses(join.this)


def _without_parentheses(item: exp.Expr) -> Iterator[exp.Expr]:
    """Yield an item of a FROM, or those of a join in parentheses."""
    from sqlglot import exp

    if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table) and not item.alias:
        yield from _without_parentheses(item.this)
    else:
        yield item
    for join in item.args.get("joins") or ():
        yield from _without_parentheses(join.this)


def first_select(query: exp.Expr) -> exp.Select | None:
    """Return the SELECT that gives a query's columns their names, None where there is none."""
    from sqlglot import exp

    while isinstance(query, exp.Subquery | exp.SetOperation):
        query = query.this
    return query if isinstance(query, exp.Select) else None


def own_columns(select: exp.Select) -> list[exp.Column]:
    """Return the columns in a SELECT without those in its subqueries, in the order of the text."""
    from sqlglot import exp

    return [
        column
        for column in select.find_all(exp.Column, bfs=False)
        if column.find_ancestor(exp.Select, exp.SetOperation) is select
    ]


def part_of(node: exp.Expr, select: exp.Select) -> str:
    """Return the name of the part of ``select`` that ``node`` is in."""
    while node.parent is not None and node.parent is not select:
        node = node.parent
    return node.arg_key or ""


def _is_joined_by_name(query: exp.Expr) -> bool:
    return any(join.args.get("using") or join.method == "NATURAL" for join in query.args.get("joins") or ())
