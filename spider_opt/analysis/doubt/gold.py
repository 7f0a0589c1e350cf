"""A gold query as the rules of doubt look at it: its tree, whose its columns are, and variants of it that run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spider_opt.errors import QueryError
from spider_opt.sql.parse import parse
from spider_opt.sql.resolver import Resolver, Source
from spider_opt.types import Database, Example, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp


class Gold:
    """One example's gold query on its database; ``failed`` says why it gives nothing, '' where it runs."""

    def __init__(self, example: Example, database: Database) -> None:
        self.sql = example.gold_sql
        self.question = example.question.text
        self._schema = example.question.schema
        self._database = database
        self.failed = ""
        self.result = Result((), [])
        try:
            self.result = database.run(self.sql)
        except QueryError as error:
            self.failed = str(error)

    @cached_property
    def tree(self) -> exp.Expr | None:
        """The tree of the query, not to be changed; None where it cannot be read."""
        return parse(self.sql)

    @cached_property
    def names(self) -> Resolver:
        """Whose the columns in the tree are."""
        assert self.tree is not None
        return Resolver(self.tree, self._schema, self.sql)

    @property
    def select(self) -> exp.Select | None:
        """The tree where it is one SELECT, no compound."""
        from sqlglot import exp

        return self.tree if isinstance(self.tree, exp.Select) else None

    def selects(self) -> Iterator[exp.Select]:
        """Yield every SELECT in the query, the outermost first."""
        from sqlglot import exp

        if self.tree is not None:
            yield from self.tree.find_all(exp.Select)

    def run(self, tree: exp.Expr | str) -> Result | None:
        """Run a variant of the query; None where it fails."""
        try:
            return self._database.run(tree if isinstance(tree, str) else tree.sql(dialect="sqlite"))
        except QueryError:
            return None

    def counted(self, select: exp.Select, *columns: str) -> tuple[int, ...] | None:
        """Return numbers over what a SELECT's FROM and WHERE give, None where they cannot be had."""
        variant = select.copy()
        for part in ("group", "having", "order", "limit", "offset", "distinct"):
            variant.set(part, None)
        found = self.run(variant.select(*columns, append=False, dialect="sqlite"))
        return tuple(int(value or 0) for value in found.rows[0]) if found and found.rows else None

    def own_columns(self, node: exp.Expr, select: exp.Select) -> Iterator[tuple[exp.Column, Source]]:
        """Yield the columns below a node that are of tables in a SELECT's own FROM, but for those in subqueries."""
        from sqlglot import exp

        for column in node.find_all(exp.Column):
            owner = self.names.owner(column)
            if owner is not None and owner.select is select and owner.table and column.parent_select is select:
                yield column, owner

    def declared(self, column: exp.Column) -> str:
        """Return what kind a column is declared to hold: ``text``, ``number``, or '' where that is not known."""
        owner = self.names.owner(column)
        table = owner.table if owner else None
        kinds = {c.name.lower(): c.type.lower() for c in table.columns} if table else {}
        kind = kinds.get(column.name.lower(), "")
        # Source: sqlite.org/datatype3.html, "Determination Of Column Affinity".
        if "int" in kind or any(part in kind for part in ("real", "floa", "doub", "num", "dec")):
            return "number"
        return "text" if any(part in kind for part in ("char", "clob", "text")) else ""
