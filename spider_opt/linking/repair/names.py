"""What the names in a query that may be wrong mean, as far as that can be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.sql.resolver import ALWAYS_THERE, Resolver, Source
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp


class Names(Resolver):
    """The names of one query's tree against a schema.

    ``text`` is what was parsed. With ``own`` a bare name in a subquery must be of the subquery's own FROM.
    """

    def __init__(self, schema: Schema, text: str, tree: exp.Expr, own: bool = False) -> None:
        super().__init__(tree, schema, text)
        self._own = own

    def meaning(self, column: exp.Column) -> list[Source | None]:
        """Return the sources that ``column`` may be of, [None] if it is something else that is fine."""
        if not column.table and (column.name.lower() in ALWAYS_THERE or self.is_text(column)):
            return [None]
        for n, (_, found) in enumerate(self.owners(column)):
            if found:
                return [*found]
            if not column.table and n == 0 and self.is_alias(column):
                return [None]
            if not column.table and self._own:
                break
        return []

    def used(self, select: exp.Select, source: Source) -> set[str]:
        """Return the columns of ``source`` used anywhere in ``select``, in lower case."""
        from sqlglot import exp

        return {
            column.name.lower()
            for column in select.find_all(exp.Column)
            if column.name != "*" and source in self.meaning(column)
        }
