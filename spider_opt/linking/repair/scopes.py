"""What names in a query mean: the sources of a FROM and their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.types import Schema, Table

if TYPE_CHECKING:
    from sqlglot import exp

_ALWAYS_THERE = frozenset(("rowid", "oid", "_rowid_"))


@dataclass(frozen=True, slots=True)
class Source:
    """A table or subquery of a FROM under its name there.

    ``columns`` are its columns' names in lower case, None where they are not known. ``table`` is None for what is no
    table of the schema.
    """

    node: exp.Expr
    name: str
    table: Table | None
    columns: frozenset[str] | None

    def has(self, column: str) -> bool:
        """Whether it has, or may have, a column of this name."""
        return self.columns is None or column.lower() in self.columns


class Names:
    """The names of one query's tree against a schema.

    ``text`` is what was parsed. With ``own`` a bare name in a subquery must be of the subquery's own FROM.
    """

    def __init__(self, schema: Schema, text: str, tree: exp.Expr, own: bool = False) -> None:
        from sqlglot import exp

        self.schema = schema
        self.tables = {table.name.lower(): table for table in schema.tables}
        self.tree = tree
        self._text = text
        self._own = own
        self._common = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}

    def sources(self, select: exp.Select) -> list[Source]:
        """Return the sources of a FROM in order."""
        first = select.args.get("from_")
        nodes = [first.this] if first else []
        nodes += [join.this for join in select.args.get("joins") or ()]
        return [self._source(node) for node in nodes]

    def meaning(self, column: exp.Column, select: exp.Select, sources: list[Source]) -> list[Source | None]:
        """Return the sources that ``column`` may be of, [None] if it is something else that is fine."""
        name, qualifier = column.name, column.table.lower()
        if not qualifier and (name.lower() in _ALWAYS_THERE or self.is_text(column)):
            return [None]
        scope: exp.Select | None = select
        while scope is not None:
            found: list[Source | None] = [
                source
                for source in (sources if scope is select else self.sources(scope))
                if (not qualifier or source.name.lower() == qualifier)
                and (name == "*" or name.lower() in _ALWAYS_THERE or source.has(name))
            ]
            if found:
                return found[:1] if qualifier or _joined_by_name(scope) else found
            if not qualifier and scope is select and _is_alias(column, select):
                return [None]
            scope = None if self._own and not qualifier else scope.parent_select
        return []

    def is_text(self, column: exp.Column) -> bool:
        """Whether a bare name is in double quotes: SQLite takes it as a string where it is no column's."""
        return not column.table and bool(column.this.args.get("quoted")) and f'"{column.name}"' in self._text

    def used(self, select: exp.Select, source: Source) -> set[str]:
        """Return the columns of ``source`` used anywhere in ``select``, in lower case."""
        from sqlglot import exp

        used = set()
        for column in select.find_all(exp.Column):
            scope = column.find_ancestor(exp.Select)
            if scope is not None and column.name != "*":
                found = self.meaning(column, scope, self.sources(scope))
                if any(other is not None and other.node is source.node for other in found):
                    used.add(column.name.lower())
        return used

    def _source(self, node: exp.Expr) -> Source:
        from sqlglot import exp

        table, columns = None, None
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            if node.name.lower() not in self._common:
                table = self.tables.get(node.name.lower())
                columns = frozenset(c.name.lower() for c in table.columns) if table else frozenset[str]()
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            names = frozenset(name.lower() for name in node.this.named_selects)
            columns = None if names & {"*", ""} else names
        return Source(node, node.alias_or_name, table, columns)


def own_columns(select: exp.Select) -> list[exp.Column]:
    """Return the columns in a SELECT without those in its subqueries, in the order of the text."""
    from sqlglot import exp

    return [
        column
        for column in select.find_all(exp.Column, bfs=False)
        if column.find_ancestor(exp.Select, exp.SetOperation) is select
    ]


def _joined_by_name(select: exp.Select) -> bool:
    return any(join.args.get("using") or join.method == "NATURAL" for join in select.args.get("joins") or ())


def _is_alias(column: exp.Column, select: exp.Select) -> bool:
    """Whether ``column`` is the alias of an output column, and stands outside the list of these."""
    node: exp.Expr = column
    while node.parent is not None and node.parent is not select:
        node = node.parent
    aliases = {output.alias.lower() for output in select.expressions if output.alias}
    return node.arg_key != "expressions" and column.name.lower() in aliases
