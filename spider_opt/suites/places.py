"""Where the columns of a query come from, as far as can be told without running it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from spider_opt.suites.contents import Contents, StoredColumn, StoredTable

if TYPE_CHECKING:
    from sqlglot import exp


def sources(select: exp.Select, contents: Contents) -> dict[str, StoredTable]:
    """Return the tables that a SELECT reads, by the name that they have in it, in small letters."""
    from sqlglot import exp

    found = {}
    origin = select.args.get("from_") or select.args.get("from")
    for part in (origin, *(select.args.get("joins") or ())):
        named = part.this if part is not None else None
        table = contents.table(named.name) if isinstance(named, exp.Table) else None
        if named is not None and table is not None:
            found[named.alias_or_name.lower()] = table
    return found


def place_of(column: exp.Column, contents: Contents) -> tuple[StoredTable, StoredColumn] | None:
    """Return the table and column that a name means; None where it means none of a table's."""
    from sqlglot import exp

    select = column.find_ancestor(exp.Select)
    while select is not None:
        for named, table in sources(select, contents).items():
            if column.table and column.table.lower() != named:
                continue
            for stored in table.columns:
                if stored.name.lower() == column.name.lower():
                    return table, stored
        select = select.find_ancestor(exp.Select)
    return None


def tables_of(tree: exp.Expr, contents: Contents) -> Iterator[str]:
    """Yield the names of the tables that a query reads, those of views that it reads too."""
    from sqlglot import exp

    from spider_opt.sql.parse import parse

    views = {sql.split("(")[0].lower(): sql for sql in contents.then if sql.lower().lstrip().startswith("create view")}
    todo, seen = [tree], set[str]()
    while todo:
        for named in todo.pop().find_all(exp.Table):
            name = named.name.lower()
            if name in seen:
                continue
            seen.add(name)
            table = contents.table(name)
            if table is not None:
                yield table.name
            for said, sql in views.items():
                if name in said and (view := parse(sql)) is not None:
                    todo.append(view)


def sorted_columns(tree: exp.Expr, contents: Contents) -> Iterator[tuple[str, str]]:
    """Yield (table, column), in small letters, of the columns that a query sorts by as they are."""
    from sqlglot import exp

    for ordered in tree.find_all(exp.Ordered):
        key = ordered.this
        if isinstance(key, exp.Column) and (found := place_of(key, contents)):
            yield found[0].name.lower(), found[1].name.lower()
