"""The tables, columns and values of a query, read from its text.

Covered: aliases, subqueries that refer outwards, derived tables, WITH, compounds, USING, text in double quotes.
Not covered: a star stands for no columns, and NATURAL JOIN for none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.sql.resolver import Resolver, Source, first_select
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Used:
    """What a query names, as the schema spells it.

    A table that the schema does not have is spelled as in the query; a column that no table in sight has stands
    with table ''. ``values`` are strings and numbers as text, but for those of LIMIT.
    """

    tables: frozenset[str]
    columns: frozenset[tuple[str, str]]
    values: frozenset[str]


def used(sql: str, schema: Schema) -> Used | None:
    """Return what ``sql`` names, or None where it cannot be parsed as a query.

    >>> from spider_opt.types import Column, Table
    >>> zoo = Schema("zoo", (Table("Animal", (Column("Name", "TEXT"), Column("age", "INTEGER"))),))
    >>> used("SELECT T1.name, size FROM animal AS T1 WHERE age > 3", zoo).columns == {("Animal", "Name"),
    ...     ("Animal", "age"), ("", "size")}
    True
    """
    from sqlglot import exp

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return None
    names = Resolver(tree, schema, sql)
    try:
        columns, texts = _columns(tree, names)
    except RecursionError:
        return None
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = {
        names.tables[t.name.lower()].name if t.name.lower() in names.tables else t.name
        for t in tree.find_all(exp.Table)
        if t.name and t.name.lower() not in named
    }
    return Used(frozenset(tables), frozenset(columns), frozenset(texts.union(_literals(tree))))


def _columns(tree: exp.Query, names: Resolver) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the schema's columns that are named, and the texts that look like columns."""
    from sqlglot import exp

    columns: set[tuple[str, str]] = set()
    texts: set[str] = set()
    for column in tree.find_all(exp.Column):
        if isinstance(column.this, exp.Star):
            continue
        found = _meaning(column, names)
        if found is None and not column.table and column.this.args.get("quoted"):
            texts.add(column.name)  # SQLite takes what is no column for a string
        else:
            columns |= {("", column.name)} if found is None else found
    for join in tree.find_all(exp.Join):
        select = join.parent_select
        for name in join.args.get("using") or ():
            for source in names.sources(select) if select else ():
                columns |= _of(source, name.name.lower(), names) or set()
    return columns, texts


def _meaning(column: exp.Column, names: Resolver) -> set[tuple[str, str]] | None:
    """Return the schema's columns that a column stands for, none where it is computed, None where nothing has it."""
    name = column.name.lower()
    for query, sources in names.owners(column):
        for source in sources:
            found = _of(source, name, names)
            if found is not None:
                return found
        if not column.table and name in _aliases(query):
            return set()
    return None


def _of(
    source: Source, name: str, names: Resolver, within: frozenset[int] = frozenset()
) -> set[tuple[str, str]] | None:
    """Return what a column of a table, or of a query in its place, stands for; as in ``_meaning``."""
    if source.table is not None:
        spelled = (source.columns or {}).get(name)
        return {(source.table.name, spelled)} if spelled else None
    select = first_select(source.inner) if source.inner is not None else None
    if select is None or id(select) in within:
        return None
    inside = names.sources(select) if any(output.is_star for output in select.expressions) else []
    within |= {id(select)}
    found = next((found for inner in inside if (found := _of(inner, name, names, within)) is not None), None)
    # What is no star's is counted where the inner query names it.
    return set() if found is None and name in (source.columns or {}) else found


def _aliases(query: exp.Query) -> set[str]:
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        return {name.lower() for name in query.named_selects}
    return {output.alias.lower() for output in query.selects if isinstance(output, exp.Alias)}


def _literals(tree: exp.Expr) -> Iterator[str]:
    from sqlglot import exp

    for literal in tree.find_all(exp.Literal):
        parent = literal.parent
        if not isinstance(parent, exp.Limit | exp.Offset | exp.Fetch):
            yield f"-{literal.this}" if isinstance(parent, exp.Neg) else literal.this
