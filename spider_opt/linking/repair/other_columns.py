"""Columns that hold the texts which another column is compared with, and how to compare these instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from spider_opt.linking.alike import alike
from spider_opt.linking.contents import Contents, may_hold
from spider_opt.linking.joins import shortest_path
from spider_opt.linking.repair.changes import join_along, point, put_in_place, spell
from spider_opt.linking.repair.compared import Comparison
from spider_opt.linking.repair.names import Names
from spider_opt.linking.repair.options import Option, cost_of_replacing
from spider_opt.sql.keys import implied_keys
from spider_opt.sql.names import identifier, quoted, quoted_text
from spider_opt.types import Column, ForeignKey, Table

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_KEYS = 2
# Another spelling, and a name in two parts, are further from what was written than an unlike column's name.
_RESPELLED = _IN_TWO_PARTS = 0.5


class Place(NamedTuple):
    """Columns of a table that hold what is looked for, and how they spell it: a name in two parts has two columns."""

    columns: Sequence[Column]
    spelled: Sequence[str]
    cost: float


def moved(names: Names, comparison: Comparison, contents: Contents) -> Iterator[Option]:
    """Offer other columns that hold the texts, of the same table and of those it is or can be joined to."""
    select, _, column, source, table, *_ = comparison
    sources = names.sources(select)
    here = {other.table.name for other in sources if other.table}

    def option(cost: float, what: str, place: Place, to: Callable[[], str]) -> Option:
        return Option(cost + place.cost, what, lambda: _put(comparison, to(), place))

    for place in _places(table, comparison, contents):
        yield option(1, "column", place, lambda: column.table)
    for other in sources:
        if other.table is not None and other.table is not table:
            for place in _places(other.table, comparison, contents):
                yield option(1.5, "source", place, partial(str, other.name))
    if next(other.node for other in sources if other.table is table) is not source.node:
        return  # what is joined is joined to the first
    for key in _keys(names, table, column.name):
        of = names.tables[key.ref_table.lower()]
        for place in _places(of, comparison, contents) if not _joined(select, key) else ():
            yield option(0.3 - place.cost / 2, "key", place, partial(_join, names, select, [key], of))
    for of in names.schema.tables:
        path = shortest_path(names.schema, [table.name, *here], [of.name])
        if of.name in here or path is None or len(path) > _MAX_KEYS:
            continue
        for place in _places(of, comparison, contents):
            more = cost_of_replacing(names, select, source, of, column, alone=len(sources) == 1)
            if more is not None:
                yield option(more, "replaced", place, partial(_replace, comparison, of))
            yield option(2 + 0.5 * (len(path) - 1), "joined", place, partial(_join, names, select, path, of))


def _keys(names: Names, table: Table, column: str) -> Iterator[ForeignKey]:
    """Yield keys from a column to what it refers to, and to what that refers to."""
    keys = [*names.schema.foreign_keys, *implied_keys(names.schema)]
    reached = [(table.name, column.lower())]
    for here in reached:
        for key in keys:
            there = key.ref_table, key.ref_column.lower()
            if (key.table, key.column.lower()) == here and there not in reached:
                reached.append(there)
                yield ForeignKey(table.name, column, key.ref_table, key.ref_column)


def _joined(select: exp.Select, key: ForeignKey) -> bool:
    """Whether a condition of ``select`` compares columns of a key's names."""
    from sqlglot import exp

    names = {key.column.lower(), key.ref_column.lower()}
    return any(
        {side.name.lower() for side in (equality.this, equality.expression) if isinstance(side, exp.Column)} == names
        for equality in select.find_all(exp.EQ)
        if isinstance(equality.this, exp.Column) and isinstance(equality.expression, exp.Column)
    )


def _places(table: Table, comparison: Comparison, contents: Contents) -> Iterator[Place]:
    """Yield the columns of ``table`` that hold all the texts."""
    column, texts = comparison.column, [text for _, text in comparison.absent]
    others = [c for c in table.columns if table is not comparison.table or c.name.lower() != column.name.lower()]

    def unlike(other: Column) -> float:
        return 1 - max(alike(column.name, other.name, table.name), alike(column.name, other.words, table.words))

    if comparison.pattern:
        for other in others:
            if may_hold(other, texts[0]) and contents.holds(table.name, other.name, f"LIKE {quoted_text(texts[0])}"):
                yield Place([other], texts, unlike(other))
        return
    found = [contents.spelled(table.name, text) for text in texts]
    for other in others:
        if all(other.name in by_column for by_column in found):
            spelled = [by_column[other.name] for by_column in found]
            yield Place([other], spelled, unlike(other) + _RESPELLED * (spelled != texts))
    parts = texts[0].split()
    if len(texts) == 1 and len(parts) == 2 and comparison.node.key in ("eq", "like"):
        yield from _of_two_parts(table, parts, contents)


def _of_two_parts(table: Table, parts: Sequence[str], contents: Contents) -> Iterator[Place]:
    """Yield two columns of which some row holds a first and a last name."""
    first, last = (contents.spelled(table.name, part) for part in parts)
    for one in table.columns:
        for two in table.columns:
            if one is not two and one.name in first and two.name in last:
                texts = first[one.name], last[two.name]
                if contents.holds(
                    table.name, one.name, f"= {quoted_text(texts[0])} AND {quoted(two.name)} = {quoted_text(texts[1])}"
                ):
                    yield Place([one, two], texts, _IN_TWO_PARTS)


def _put(comparison: Comparison, source: str, place: Place) -> None:
    """Compare the columns of ``place`` under the name of ``source``, or none where that is empty."""
    from sqlglot import exp

    if len(place.columns) == 1:
        spell([node for node, _ in comparison.absent], place.spelled)
        point(comparison.column, source, place.columns[0].name)
        return
    one, two = (
        exp.EQ(
            this=exp.Column(this=identifier(column.name), table=identifier(source) if source else None),
            expression=exp.Literal.string(text),
        )
        for column, text in zip(place.columns, place.spelled, strict=True)
    )
    comparison.node.replace(exp.Paren(this=exp.And(this=one, expression=two)))


def _join(names: Names, select: exp.Select, path: Sequence[ForeignKey], table: Table) -> str:
    return join_along(names, select, path)[table.name.lower()]


def _replace(comparison: Comparison, table: Table) -> str:
    put_in_place(comparison.select, comparison.source, table)
    return comparison.column.table
