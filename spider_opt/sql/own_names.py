"""Every column under its table's own name, or bare where there is only one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from spider_opt.sql.names import identifier
from spider_opt.sql.resolver import Resolver, Source, own_columns, part_of
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp


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

    names = Resolver(tree, schema, text)
    selects = list(tree.find_all(exp.Select))
    for select in selects:
        for source in names.sources(select):
            # A join in parentheses has its tables further down.
            in_place = isinstance(source.node.parent, exp.From | exp.Join) and source.node.parent.parent is select
            if source.columns is None or source.is_missing or not in_place:
                raise ValueError(f"{source.node.sql(dialect='sqlite')} is no table of the schema")
        _write_out_aliases(names, select)
    orders = [order for union in tree.find_all(exp.SetOperation) if (order := union.args.get("order"))]
    named = {column.name.lower() for order in orders for column in order.find_all(exp.Column)}
    meant: list[tuple[exp.Column, exp.Select, Source]] = []
    homes: dict[Source, list[exp.Select]] = defaultdict(list)  # the inner queries that refer to what is outside
    for select in selects:
        for column in own_columns(select):
            owner = names.owner(column)
            if owner is None:
                if not names.is_text(column):
                    raise ValueError(f"there is no column {column.sql(dialect='sqlite')}")
                column.replace(exp.Literal.string(column.name))
                continue
            meant.append((column, select, owner))
            if owner.select is not select:
                homes[owner].append(select)
            if owner.table is None:
                named.add(column.name.lower())
    aliases: dict[Source, str] = {}
    for select in selects:
        _rename(names, select, homes, aliases)
        for output in select.expressions:
            if isinstance(output, exp.Alias) and output.alias.lower() not in named:
                output.replace(output.this)
    for column, select, owner in meant:
        alone = owner.select is select and len(names.sources(select)) == 1
        qualifier = "" if alone else aliases.get(owner) or owner.own
        if not isinstance(column.this, exp.Star):
            column.set("this", identifier(owner.spelling(column.name) or column.name))
        elif not qualifier:
            column.replace(exp.Star())
        column.set("table", identifier(qualifier) if qualifier else None)


def _write_out_aliases(names: Resolver, select: exp.Select) -> None:
    """Put what an output column is in place of its name, wherever the query itself uses that.

    Source: SQLite, resolve.c: in ORDER BY an alias comes before a column, elsewhere behind it.
    """
    from sqlglot import exp

    outputs = {output.alias.lower(): output.this for output in select.expressions if output.alias}
    for column in own_columns(select):
        meaning = outputs.get(column.name.lower())
        if meaning is None or column.table or part_of(column, select) == "expressions":
            continue
        alone = isinstance(column.parent, exp.Ordered)
        if alone or not any(source.spelling(column.name) for source in names.sources(select)):
            inside = not alone and isinstance(meaning, exp.Binary)
            column.replace(exp.Paren(this=meaning.copy()) if inside else meaning.copy())


def _rename(
    names: Resolver, select: exp.Select, homes: dict[Source, list[exp.Select]], aliases: dict[Source, str]
) -> None:
    """Give the sources of a FROM their own names, and aliases where they need them."""
    from sqlglot import exp

    sources = names.sources(select)
    taken = {aliases[source] for scope in _around(select) for source in names.sources(scope) if source in aliases}
    for source in sources:
        if _needs_alias(names, source, homes[source]):
            numbered = (f"T{n}" for n in range(1, 1000))
            aliases[source] = next(t for t in numbered if t not in taken and t.lower() not in names.tables)
            taken.add(aliases[source])
        if source.own:
            source.node.set("this", identifier(source.own))
        alias = exp.TableAlias(this=identifier(aliases[source])) if source in aliases else None
        source.node.set("alias", alias)
    for join in select.args.get("joins") or ():
        for name in join.args.get("using") or ():
            spellings = (source.spelling(name.name) for source in sources)
            name.replace(identifier(next(filter(None, spellings), name.name)))


def _needs_alias(names: Resolver, source: Source, homes: list[exp.Select]) -> bool:
    beside = list(names.sources(source.select))
    if not source.own:
        return len(beside) > 1 or bool(homes)
    for home in homes:
        for scope in (home, *_around(home)):
            if scope is source.select:
                break
            beside += names.sources(scope)
    return any(other is not source and other.own == source.own for other in beside)


def _around(select: exp.Select) -> Iterator[exp.Select]:
    outer = select.parent_select
    while outer is not None:
        yield outer
        outer = outer.parent_select
