"""The tables, columns and values of a query, read from its text.

Covered: aliases, subqueries that refer outwards, derived tables, WITH, compounds, USING, text in double quotes.
Not covered: a star stands for no columns, and NATURAL JOIN for none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.sql.parse import parse
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

_Columns = dict[str, tuple[str, dict[str, str]]]
"""By a table's name in small letters its own name, and those of its columns by theirs in small letters."""


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
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        return None
    known = {t.name.lower(): (t.name, {c.name.lower(): c.name for c in t.columns}) for t in schema.tables}
    try:
        scopes = traverse_scope(tree)
    except (SqlglotError, RecursionError):
        return None
    named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = {
        known[t.name.lower()][0] if t.name.lower() in known else t.name
        for t in tree.find_all(exp.Table)
        if t.name and t.name.lower() not in named
    }
    columns: set[tuple[str, str]] = set()
    values = set(_literals(tree))
    for scope in scopes:
        for column in _columns(scope):
            found = _resolved(column, scope, known)
            if found is None and not column.table and column.this.args.get("quoted"):
                values.add(column.name)  # SQLite takes what is no column for a string
            else:
                columns |= {("", column.name)} if found is None else found
        for join in scope.expression.args.get("joins") or ():
            for name in join.args.get("using") or ():
                shared = (_of(source, name.name.lower(), known) for _, source in _sources(scope))
                columns.update(*filter(None, shared))
    return Used(frozenset(tables), frozenset(columns), frozenset(values))


def _resolved(column: exp.Column, scope: Scope, known: _Columns) -> set[tuple[str, str]] | None:
    """Return the schema's columns that a column stands for, none where it is computed, None where nothing has it."""
    name, qualifier = column.name.lower(), column.table.lower()
    at: Scope | None = scope
    while at is not None:
        for alias, source in _sources(at):
            if not qualifier or alias.lower() == qualifier:
                found = _of(source, name, known)
                if found is not None or qualifier:
                    return found
        if not qualifier and name in _aliases(at):
            return set()
        at = at.parent
    return None


def _of(source: exp.Expr | Scope, name: str, known: _Columns) -> set[tuple[str, str]] | None:
    """Return what a column of a table, or of a query in its place, stands for; as in ``_resolved``."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    if isinstance(source, exp.Table):
        table, columns = known.get(source.name.lower(), ("", {}))
        return {(table, columns[name])} if name in columns else None
    if not isinstance(source, Scope):
        return None
    outputs = _outputs(source)
    if name in outputs:
        return set()  # its column is found inside
    inside = [inner for _, inner in _sources(source)] if "*" in outputs else []
    return next((found for inner in inside if (found := _of(inner, name, known)) is not None), None)


def _sources(scope: Scope) -> list[tuple[str, exp.Expr | Scope]]:
    """Return what stands in FROM, by alias; of a compound, in that of each part."""
    from sqlglot import exp

    ctes = {name.lower(): source for name, source in scope.cte_sources.items()}
    found: list[tuple[str, exp.Expr | Scope]] = [
        ("", inner) for inner in scope.derived_table_scopes
    ]  # without an alias they hide each other
    for alias, _ in scope.references:
        source = scope.sources.get(alias)
        if isinstance(source, exp.Table):
            source = ctes.get(source.name.lower(), source)  # sqlglot tells CTEs apart by letter case
        if source is not None and source is not scope:
            found.append((alias, source))
    return found + [pair for part in scope.set_operation_scopes for pair in _sources(part)]


def _outputs(scope: Scope) -> set[str]:
    from sqlglot import exp

    query = scope.expression
    names = {*scope.outer_columns, *(query.named_selects if isinstance(query, exp.Query) else ())}
    return {name.lower() for name in names}


def _aliases(scope: Scope) -> set[str]:
    from sqlglot import exp

    query = scope.expression
    if isinstance(query, exp.SetOperation):
        return _outputs(scope)
    return {e.alias.lower() for e in query.expressions if isinstance(e, exp.Alias)}


def _columns(scope: Scope) -> Iterator[exp.Column]:
    from sqlglot import exp

    for node in scope.walk():
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            yield node


def _literals(tree: exp.Expr) -> Iterator[str]:
    from sqlglot import exp

    for literal in tree.find_all(exp.Literal):
        parent = literal.parent
        if not isinstance(parent, exp.Limit | exp.Offset | exp.Fetch):
            yield f"-{literal.this}" if isinstance(parent, exp.Neg) else literal.this
