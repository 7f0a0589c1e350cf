"""Changes to a query's tree, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spider_opt.linking.repair.names import Names
from spider_opt.sql.keys import only_key
from spider_opt.sql.names import identifier
from spider_opt.sql.resolver import Source, own_columns
from spider_opt.types import ForeignKey, Table

if TYPE_CHECKING:
    from sqlglot import exp


def point(column: exp.Column, source: str, name: str | None = None) -> None:
    """Make ``column`` one of ``source``, or of none where that is empty, and give it another name."""
    column.set("table", identifier(source) if source else None)
    if name is not None:
        column.set("this", identifier(name))


def spell(nodes: Sequence[exp.Expr], texts: Sequence[str]) -> None:
    """Put texts in the place of ``nodes``."""
    from sqlglot import exp

    for node, text in zip(nodes, texts, strict=True):
        node.replace(exp.Literal.string(text))


def put_in_place(select: exp.Select, source: Source, table: Table) -> None:
    """Put ``table`` in the place of a table in FROM, under the same alias if it has one."""
    from sqlglot import exp

    source.node.set("this", identifier(table.name))
    if not source.node.alias:
        for column in select.find_all(exp.Column):
            if column.table.lower() == source.name.lower():
                column.set("table", identifier(table.name))


def join_along(names: Names, select: exp.Select, path: Sequence[ForeignKey]) -> dict[str, str]:
    """Add the tables along ``path``, which begins in FROM; return their names there by their own in lower case.

    Columns and stars keep their meaning.
    """
    from sqlglot import exp

    sources = names.sources(select)
    known = {source.table.name.lower(): source.name for source in reversed(sources) if source.table}
    before = set(known)
    joins = new_joins(names, path, known)
    gained = {column.name.lower() for name in known.keys() - before for column in names.tables[name].columns}
    for column in own_columns(select):
        if not column.table and column.name.lower() in gained:
            found = names.meaning(column)
            if len(found) == 1 and found[0] in sources and found[0] is not None:
                point(column, found[0].name)
    stars = [exp.Column(this=exp.Star(), table=identifier(source.name)) for source in sources]
    outputs = [stars if isinstance(output, exp.Star) else [output] for output in select.expressions]
    select.set("expressions", [output for several in outputs for output in several])
    for join in joins:
        select.append("joins", join)
    return known


def new_joins(names: Names, path: Sequence[ForeignKey], known: dict[str, str]) -> list[exp.Join]:
    """Return the joins along ``path``; ``known``, names in FROM by table in lower case, grows by what they add."""
    from sqlglot import exp

    joins = []
    for key in path:
        new = names.tables[(key.ref_table if key.table.lower() in known else key.table).lower()]
        node = exp.Table(this=identifier(new.name))
        taken = {name.lower() for name in known.values()}
        alias = "" if new.name.lower() not in taken else f"T{len(known) + 1}"
        if alias:
            node.set("alias", exp.TableAlias(this=identifier(alias)))
        known[new.name.lower()] = alias or new.name
        joins.append(exp.Join(this=node, on=condition(key, known)))
    return joins


def condition(key: ForeignKey, known: dict[str, str]) -> exp.EQ:
    """Return a key as a join's condition."""
    from sqlglot import exp

    one, two = (
        exp.Column(this=identifier(column), table=identifier(known[table.lower()]))
        for table, column in ((key.table, key.column), (key.ref_table, key.ref_column))
    )
    return exp.EQ(this=one, expression=two)


def give_groups(names: Names, select: exp.Select) -> bool:
    """Group a query that sorts by an aggregate and has none else, which SQLite refuses; say whether it was one.

    Where one table alone refers to the only one in FROM, its rows are what is counted.
    """
    from sqlglot import exp

    order = select.args.get("order")
    if order is None or select.args.get("group") or any(_aggregates(output) for output in select.expressions):
        return False
    by: list[exp.Expr] = [output.unalias().copy() for output in select.expressions]
    sources = names.sources(select)
    table = sources[0].table if len(sources) == 1 else None
    if not _aggregates(order) or not by or not all(isinstance(output, exp.Column) for output in by):
        return False
    if table is not None and (key := only_key(table)):
        referring = [k for k in names.schema.foreign_keys if k.ref_table == table.name != k.table]
        if len(referring) == 1:
            join_along(names, select, referring)
            by = [exp.Column(this=identifier(key), table=identifier(sources[0].name))]
    select.set("group", exp.Group(expressions=by))
    return True


def _aggregates(node: exp.Expr) -> bool:
    from sqlglot import exp

    inner = node.find_ancestor(exp.Select)
    return any(
        found.find_ancestor(exp.Select) is inner and not isinstance(found.parent, exp.Window)
        for found in node.find_all(exp.AggFunc)
    )
