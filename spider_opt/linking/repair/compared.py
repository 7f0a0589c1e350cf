"""Which columns of a query are compared with texts that they do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from spider_opt.linking.contents import Contents
from spider_opt.linking.repair.names import Names
from spider_opt.sql.names import quoted_text
from spider_opt.sql.resolver import Source
from spider_opt.types import Table

if TYPE_CHECKING:
    from sqlglot import exp

_MIN_DIGITS = 5
_MAX_TEXTS = 20


class Comparison(NamedTuple):
    """A column of ``source`` compared with texts: ``absent``, nodes and what they say, are those it does not hold."""

    select: exp.Select
    node: exp.Expr
    column: exp.Column
    source: Source
    table: Table
    absent: Sequence[tuple[exp.Expr, str]]
    some_held: bool
    pattern: bool


def comparisons(names: Names, select: exp.Select, contents: Contents) -> Iterator[Comparison]:
    """Yield the comparisons of a SELECT, not of its subqueries, with texts that their columns do not hold."""
    from sqlglot import exp

    sources = names.sources(select)
    for node in select.find_all(exp.EQ, exp.NEQ, exp.Like, exp.In, bfs=False):
        if node.find_ancestor(exp.Select) is not select:
            continue
        column, others = node.this, node.expressions if isinstance(node, exp.In) else [node.expression]
        if isinstance(node, exp.EQ | exp.NEQ) and _text(names, column, sources) is not None:
            column, others = node.expression, [column]
        source = _source(names, column, sources)
        if source is None or source.table is None or len(others) > _MAX_TEXTS:
            continue
        operator = "LIKE" if isinstance(node, exp.Like) else "="
        texts = [(other, text) for other in others if (text := _text(names, other, sources)) is not None]
        absent = [
            (other, text)
            for other, text in texts
            if contents.holds(source.table.name, column.name, f"{operator} {quoted_text(text)}") is False
        ]
        if absent:
            pattern = isinstance(node, exp.Like) and any(sign in absent[0][1] for sign in "%_")
            some_held = len(absent) < len(others)
            yield Comparison(select, node, column, source, source.table, absent, some_held, pattern)


def _source(names: Names, column: exp.Expr, sources: list[Source]) -> Source | None:
    """Return which of ``sources`` a column is of, None where it is no column or of no one such."""
    from sqlglot import exp

    if not isinstance(column, exp.Column):
        return None
    quoted_name = names.is_text(column)  # or so it seems
    found = [s for s in sources if s.has(column.name)] if quoted_name else names.meaning(column)
    return found[0] if len(found) == 1 and found[0] in sources else None


def _text(names: Names, node: exp.Expr, sources: list[Source]) -> str | None:
    """Return what a node says if it is a text, or a number so long that it may be one."""
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        text = str(node.this)
        return text if node.is_string or (text.isdecimal() and len(text) >= _MIN_DIGITS) else None
    if isinstance(node, exp.Column) and names.is_text(node) and not any(source.has(node.name) for source in sources):
        return node.name
    return None
