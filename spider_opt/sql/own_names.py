"""Every column under its table's own name, or bare where there is only one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spider_opt.sql.names import quoted
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp

_ALWAYS_THERE = frozenset(("rowid", "oid", "_rowid_"))


def use_own_names(tree: exp.Expr, schema: Schema, text: str) -> None:
    """Rewrite the names in a query's tree, which is parsed from ``text``: no aliases, and the schema's spellings.

    Columns are bare in a query over one table, else under their table's name. A table has an alias, T1 and so on,
    only where one FROM has it twice or an inner query could not tell it from its own; a subquery only in a join.
    Output columns have names only where other queries refer to them. Double-quoted text that is no column becomes a
    string.

    Raises:
        ValueError: a name is none of the schema's, or FROM has something else than tables and subqueries.
    """
    from sqlglot import exp

    scopes = _Scopes(tree, schema, text)
    for select in scopes.selects:
        scopes.write_out_aliases(select)
    orders = [order for union in tree.find_all(exp.SetOperation) if (order := union.args.get("order"))]
    named = {column.name.lower() for order in orders for column in order.find_all(exp.Column)}
    meant: list[tuple[exp.Column, exp.Select, _Source]] = []
    for select in scopes.selects:
        for column in _own_columns(select):
            source = scopes.meaning(column, select)
            if source is None:
                column.replace(exp.Literal.string(column.name))
                continue
            meant.append((column, select, source))
            if source.select is not select:
                source.homes.append(select)
            if not source.is_table:
                named.add(column.name.lower())
    for select in scopes.selects:
        scopes.rename(select)
        for output in select.expressions:
            if isinstance(output, exp.Alias) and output.alias.lower() not in named:
                output.replace(output.this)
    for column, select, source in meant:
        qualifier = "" if source.select is select and len(scopes.sources(select)) == 1 else source.alias or source.own
        if not isinstance(column.this, exp.Star):
            column.set("this", _identifier(source.spelling(column.name) or column.name))
        elif not qualifier:
            column.replace(exp.Star())
        column.set("table", _identifier(qualifier) if qualifier else None)


@dataclass(eq=False, slots=True)
class _Source:
    """A table or subquery in the FROM of ``select``.

    ``called`` is its name there, ``own`` its own one ('' for a subquery). ``columns`` are the spellings of its
    columns by their names in lower case. ``homes`` are the inner queries that refer to it.
    """

    select: exp.Select
    node: exp.Expr
    is_table: bool
    called: str
    own: str
    columns: Mapping[str, str]
    homes: list[exp.Select] = field(default_factory=list)
    alias: str = ""

    def spelling(self, column: str) -> str | None:
        name = column.lower()
        return self.columns.get(name, name if self.is_table and name in _ALWAYS_THERE else None)


class _Scopes:
    """The queries of a tree, outer ones first, and what their names mean."""

    def __init__(self, tree: exp.Expr, schema: Schema, text: str) -> None:
        from sqlglot import exp

        self._text = text
        self._tables = {t.name.lower(): (t.name, {c.name.lower(): c.name for c in t.columns}) for t in schema.tables}
        self._common = {cte.alias.lower(): cte for cte in tree.find_all(exp.CTE)}
        self.selects = list(tree.find_all(exp.Select))
        self._sources = {id(select): self._found(select) for select in self.selects}

    def sources(self, select: exp.Select) -> list[_Source]:
        return self._sources[id(select)]

    def write_out_aliases(self, select: exp.Select) -> None:
        """Put what an output column is in place of its name, wherever the query itself uses that.

        Source: SQLite, resolve.c: in ORDER BY an alias comes before a column, elsewhere behind it.
        """
        from sqlglot import exp

        outputs = {output.alias.lower(): output.this for output in select.expressions if output.alias}
        for column in _own_columns(select):
            meaning = outputs.get(column.name.lower())
            if meaning is None or column.table or _part(column, select) == "expressions":
                continue
            alone = isinstance(column.parent, exp.Ordered)
            if alone or not any(source.spelling(column.name) for source in self.sources(select)):
                inside = not alone and isinstance(meaning, exp.Binary)
                column.replace(exp.Paren(this=meaning.copy()) if inside else meaning.copy())

    def meaning(self, column: exp.Column, select: exp.Select) -> _Source | None:
        """Return what ``column`` is of, None for a string.

        Raises:
            ValueError: there is no such column.
        """
        from sqlglot import exp

        for scope in (select, *_around(select)):
            for source in self.sources(scope):
                if column.table and column.table.lower() != source.called.lower():
                    continue
                if isinstance(column.this, exp.Star) or source.spelling(column.name):
                    return source
        if column.table or f'"{column.name}"' not in self._text:
            raise ValueError(f"there is no column {column.sql(dialect='sqlite')}")
        return None

    def rename(self, select: exp.Select) -> None:
        """Give the sources of a FROM their own names, and aliases where they need them."""
        from sqlglot import exp

        taken = {source.alias for scope in _around(select) for source in self.sources(scope)}
        for source in self.sources(select):
            if self._needs_alias(source):
                numbered = (f"T{n}" for n in range(1, 1000))
                source.alias = next(t for t in numbered if t not in taken and t.lower() not in self._tables)
                taken.add(source.alias)
            if source.own:
                source.node.set("this", _identifier(source.own))
            source.node.set("alias", exp.TableAlias(this=_identifier(source.alias)) if source.alias else None)
        for join in select.args.get("joins") or ():
            for name in join.args.get("using") or ():
                spellings = (source.spelling(name.name) for source in self.sources(select))
                name.replace(_identifier(next(filter(None, spellings), name.name)))

    def _needs_alias(self, source: _Source) -> bool:
        beside = self.sources(source.select)
        if not source.own:
            return len(beside) > 1 or bool(source.homes)
        for home in source.homes:
            for scope in (home, *_around(home)):
                if scope is source.select:
                    break
                beside = beside + self.sources(scope)
        return any(other is not source and other.own == source.own for other in beside)

    def _found(self, select: exp.Select) -> list[_Source]:
        first = select.args.get("from_")
        nodes = ([first.this] if first else []) + [join.this for join in select.args.get("joins") or ()]
        return [self._source(select, node) for node in nodes]

    def _source(self, select: exp.Select, node: exp.Expr) -> _Source:
        from sqlglot import exp

        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            return _Source(select, node, False, node.alias, "", self._outputs(node.this))
        name = node.name.lower() if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) else ""
        if name in self._common:
            common = self._common[name]
            columns = {column.lower(): column for column in common.alias_column_names} or self._outputs(common.this)
            return _Source(select, node, False, node.alias_or_name, common.alias, columns)
        if name not in self._tables:
            raise ValueError(f"{node.sql(dialect='sqlite')} is no table of the schema")
        return _Source(select, node, True, node.alias_or_name, *self._tables[name])

    def _outputs(self, query: exp.Expr) -> dict[str, str]:
        from sqlglot import exp

        while not isinstance(query, exp.Select):
            query = query.this
        columns: dict[str, str] = {}
        sources = self._found(query)
        for output in query.expressions:
            if output.is_star:
                owner = output.table.lower() if isinstance(output, exp.Column) else ""
                columns |= {k: v for s in sources if owner in ("", s.called.lower()) for k, v in s.columns.items()}
            elif name := output.alias_or_name:
                columns[name.lower()] = next(filter(None, (s.spelling(name) for s in sources)), name)
        return columns


def _own_columns(select: exp.Select) -> list[exp.Column]:
    from sqlglot import exp

    return [c for c in select.find_all(exp.Column) if c.find_ancestor(exp.Select, exp.SetOperation) is select]


def _around(select: exp.Select) -> Iterator[exp.Select]:
    outer = select.parent_select
    while outer is not None:
        yield outer
        outer = outer.parent_select


def _part(node: exp.Expr, select: exp.Select) -> str:
    """Return the name of the part of ``select`` that ``node`` is in."""
    while node.parent is not None and node.parent is not select:
        node = node.parent
    return node.arg_key or ""


def _identifier(name: str) -> exp.Identifier:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=quoted(name) != name)
