"""What a name without meaning may have meant; the cost of each option says how far-fetched it is.

The costs were set on answers of a 0.5B model to questions of training databases, and checked on training golds that
were broken in known ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from spider_opt.linking.alike import SURE, alike, words
from spider_opt.linking.joins import shortest_path
from spider_opt.linking.repair.changes import condition, join_along, new_joins, point, put_in_place
from spider_opt.linking.repair.names import Names
from spider_opt.sql.keys import only_key
from spider_opt.sql.resolver import Source, own_columns
from spider_opt.types import Column, ForeignKey, Table

if TYPE_CHECKING:
    from sqlglot import exp

_THE_NAME = 2.0
"""More than any likeness: the name itself."""


class Option(NamedTuple):
    """One way to give a name a meaning."""

    cost: float
    what: str
    apply: Callable[[], object]


def next_fix(names: Names, select: exp.Select) -> list[Option] | None:
    """Return the options for the first name without (one) meaning, None where there is no such name."""
    sources = names.sources(select)
    for source in sources:
        if source.is_missing:
            return _tables(names, select, source)
    for column in own_columns(select):
        found = names.meaning(column)
        if not found:
            return [
                *_conditions(names, select, column, sources),
                *_in_from(column, sources),
                *_elsewhere(names, select, column, sources),
            ]
        if len(found) > 1:
            return _unambiguous(names, select, column, [source for source in found if source is not None])
    return None


def _tables(names: Names, select: exp.Select, wrong: Source) -> list[Option]:
    """Offer tables of a like name, and those that have the columns that are asked of the wrong one."""
    here = {source.table.name for source in names.sources(select) if source.table}
    used = {
        column.name.lower()
        for column in own_columns(select)
        if column.table.lower() in ("", wrong.name.lower()) and column.name != "*" and not names.is_text(column)
    }
    options = []
    for table in names.schema.tables:
        like = max(alike(wrong.node.name, table.name), alike(wrong.node.name, table.words))
        share = sum(column.name.lower() in used for column in table.columns) / max(len(used), 1)
        if like >= 0.7 or share >= 0.3:
            cost = 3 * (1 - like) + (1 - share) + (table.name in here)
            options.append(Option(cost, "table", partial(put_in_place, select, wrong, table)))
    return options


def _unambiguous(names: Names, select: exp.Select, column: exp.Column, found: list[Source]) -> list[Option]:
    """Offer the sources of an ambiguous name."""
    from sqlglot import exp

    said = {
        other.table.lower()
        for other in own_columns(select)
        if other.name.lower() == column.name.lower() and not other.find_ancestor(exp.Join)
    }
    here = {source.table.name for source in found if source.table}
    options = []
    for i, source in enumerate(found):
        table = source.table
        key = table is not None and any(c.primary_key and c.name.lower() == column.name.lower() for c in table.columns)
        # Of what is counted in groups the name is asked for of the table that the others refer to.
        parent = table is not None and any(
            k.ref_table == table.name and k.table in here for k in names.schema.foreign_keys
        )
        grouped = parent and bool(select.args.get("group"))
        cost = 0.1 * i - 0.5 * key - 0.3 * grouped - (source.name.lower() in said)
        options.append(Option(cost, "qualified", partial(point, column, source.name)))
    return options


def _conditions(names: Names, select: exp.Select, column: exp.Column, sources: list[Source]) -> Iterator[Option]:
    """Offer other conditions for the join whose condition ``column`` stands in."""
    from sqlglot import exp

    join, equality = column.find_ancestor(exp.Join), column.find_ancestor(exp.EQ)
    if join is None or equality is None or join.parent is not select or equality.find_ancestor(exp.Join) is not join:
        return
    one, two = equality.this, equality.expression
    if isinstance(one, exp.Column) and isinstance(two, exp.Column):
        by_name = {source.name.lower(): source for source in sources}
        left, right = by_name.get(one.table.lower()), by_name.get(two.table.lower())
        if left and right and left is not right and left.has(two.name) and right.has(one.name):
            yield Option(-3, "on", partial(_swap, one, two))
    place = next(i for i, source in enumerate(sources) if source.node is join.this)
    joined = sources[place].table
    before = [source.table.name for source in sources[:place] if source.table]
    path = shortest_path(names.schema, before, [joined.name]) if joined else None
    if path:
        known = {source.table.name.lower(): source.name for source in reversed(sources[: place + 1]) if source.table}
        yield Option(-2 + 0.8 * (len(path) - 1), "on", partial(_join_by, names, select, join, equality, path, known))


def _in_from(column: exp.Column, sources: list[Source]) -> Iterator[Option]:
    """Offer columns of the tables that are in FROM."""
    from sqlglot import exp

    blamed = _blamed(column, sources)
    for i, source in enumerate(sources):
        other = source not in blamed
        if source.has(column.name):
            # A column compared with one of the same table is no join.
            same = (
                isinstance(column.parent, exp.EQ)
                and bool(column.find_ancestor(exp.Join))
                and any(
                    side is not column and isinstance(side, exp.Column) and side.table.lower() == source.name.lower()
                    for side in (column.parent.this, column.parent.expression)
                )
            )
            cost = 0.01 * i - (not other) + 3 * same
            yield Option(cost, "requalified", partial(point, column, source.name))
        elif source.table is not None:
            like, meant = _likest(column.name, source.table)
            if like >= 0.6:
                cost = (1 if like >= SURE else 4) + 2 * (1 - like) + 0.6 * other
                yield Option(cost, "respelled", partial(point, column, source.name, meant.name))
            key = only_key(source.table)
            if key and not other and words(column.name)[-1:] == ("id",):
                yield Option(5, "respelled", partial(point, column, source.name, key))
    if isinstance(column.parent, exp.Count):
        yield Option(4.5, "counted", lambda: column.replace(exp.Star()))


def _elsewhere(names: Names, select: exp.Select, column: exp.Column, sources: list[Source]) -> Iterator[Option]:
    """Offer columns of tables that are not in FROM, joined to it or in the place of a table there."""
    blamed = _blamed(column, sources)
    here = [source.table.name for source in (*blamed, *sources) if source.table]
    for table in names.schema.tables:
        like, meant = _likest(column.name, table)
        if table.name in here or like < SURE:
            continue
        cost = 0.0 if like == _THE_NAME else 1 + 2 * (1 - like)
        for source in blamed:
            more = cost_of_replacing(names, select, source, table, column, alone=len(sources) == 1)
            if more is not None:
                yield Option(cost + more, "replaced", partial(_replace, select, source, table, column, meant))
        path = shortest_path(names.schema, here, [table.name])
        if path:
            named = 2.5 if table.name.lower() == column.table.lower() else 0.8
            likely = named * (bool(column.table) and alike(column.table, table.name) >= SURE)
            yield Option(
                cost + 2 + 0.5 * (len(path) - 1) - likely,
                "joined",
                partial(_join, names, select, column, path, table, meant),
            )


def _blamed(column: exp.Column, sources: list[Source]) -> list[Source]:
    """Return the sources that ``column`` is said to be of: all where it says nothing."""
    if not column.table:
        return sources
    exact = [source for source in sources if source.name.lower() == column.table.lower()]
    return exact or [source for source in sources if source.table and alike(column.table, source.table.name) >= SURE]


def _likest(name: str, table: Table) -> tuple[float, Column]:
    """Return how much the column of ``table`` that is most like ``name`` is so, and the column."""

    def like(column: Column) -> float:
        if column.name.lower() == name.lower():
            return _THE_NAME
        return max(alike(name, column.name, table.name), alike(name, column.words, table.words))

    best = max(table.columns, key=like, default=Column("", ""))
    return like(best), best


def cost_of_replacing(
    names: Names, select: exp.Select, source: Source, table: Table, column: exp.Column, alone: bool
) -> float | None:
    """Return what it costs to put ``table`` in the place of ``source``, None if it lacks what else is used of it.

    A column that refers to the table it would replace is no column of that table under the same name.
    """
    from sqlglot import exp

    used = names.used(select, source) - {column.name.lower()}
    if source.table is None or not (used or alone) or any(output.is_star for output in select.expressions):
        return None
    keys = [key for key in names.schema.foreign_keys if {key.table, key.ref_table} == {source.table.name, table.name}]
    differing = {k.column.lower() for k in keys if k.table == table.name and k.column.lower() != k.ref_column.lower()}
    if not used <= {c.name.lower() for c in table.columns} - differing:
        return None
    # Rows that refer to the new table are counted: these would be lost.
    counts = any(count.find_ancestor(exp.Select) is select for count in select.find_all(exp.Count))
    lost = counts and any(key.table == source.table.name for key in keys)
    return (1.5 if used else 1.9) + 2 * lost


def _swap(one: exp.Column, two: exp.Column) -> None:
    left, right = one.this, two.this
    one.set("this", right.copy())
    two.set("this", left.copy())


def _join_by(
    names: Names, select: exp.Select, join: exp.Join, equality: exp.EQ, path: list[ForeignKey], known: dict[str, str]
) -> None:
    """Put the last key of ``path`` in the place of ``equality``, the tables between before ``join``."""
    known = dict(known)
    between = new_joins(names, path[:-1], known)
    equality.replace(condition(path[-1], known))
    joins = select.args["joins"]
    place = next(i for i, other in enumerate(joins) if other is join)
    select.set("joins", [*joins[:place], *between, *joins[place:]])


def _replace(select: exp.Select, source: Source, table: Table, column: exp.Column, meant: Column) -> None:
    put_in_place(select, source, table)
    point(column, (source.node.alias or table.name) if column.table else "", meant.name)


def _join(
    names: Names, select: exp.Select, column: exp.Column, path: list[ForeignKey], table: Table, meant: Column
) -> None:
    known = join_along(names, select, path)
    point(column, known[table.name.lower()], meant.name)
