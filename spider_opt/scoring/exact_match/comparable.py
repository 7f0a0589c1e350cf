"""What the official script does to a query that it could read before it compares it.

Values count only where they are queries, DISTINCT nowhere, and a column that a foreign key joins to others means the
first of them. It does not do so everywhere: queries in FROM stay as they are, queries in conditions lose their values
but keep DISTINCT and their columns, and of those behind a set operator the columns mean others only where the tables of
the first query have them.

Source: official evaluator, ``evaluation.py`` (``rebuild_sql_val``, ``rebuild_sql_col``, ``build_valid_col_units``).
"""

from __future__ import annotations

from collections.abc import Callable

from spider_opt.scoring.exact_match.names import Names
from spider_opt.scoring.exact_match.query import Column, Condition, Conditions, Query, Unit, Value


class Stops(Exception):
    """The official script would stop with an error on a query that it could read, or on a pair; says on what."""


def comparable(query: Query, names: Names) -> Query:
    """Return a query as the script compares it.

    Raises:
        Stops: a word that joins conditions is missing.
    """
    tables = {table[:-2] for table in query.tables if isinstance(table, str)}

    def meant(name: str) -> str:
        return names.one_of.get(name, name) if name.partition(".")[0] in tables else name

    return _with_columns(_without_values(query), meant)


def _without_values(query: Query) -> Query:
    return Query(
        query.distinct,
        query.select,
        query.tables,
        _conditions_without_values(query.on),
        _conditions_without_values(query.where),
        query.group,
        _conditions_without_values(query.having),
        query.order,
        query.limit,
        query.intersect and _without_values(query.intersect),
        query.except_ and _without_values(query.except_),
        query.union and _without_values(query.union),
    )


def _conditions_without_values(conditions: Conditions) -> Conditions:
    """Drop values; of a condition that stands where AND or OR is due they stay."""
    found: list[Condition | str] = []
    for at, condition in enumerate(conditions):
        if at % 2:
            found.append(condition)
        elif isinstance(condition, str):
            raise Stops("AND or OR is missing between two conditions")
        else:
            negated, operator, unit, value, value2 = condition
            found.append(Condition(negated, operator, unit, _query_in(value), _query_in(value2)))
    return tuple(found)


def _query_in(value: Value) -> Query | None:
    return _without_values(value) if isinstance(value, Query) else None


def _with_columns(query: Query, meant: Callable[[str], str]) -> Query:
    def column(one: Column) -> Column:
        return Column(one.aggregate, meant(one.name), None)

    def unit(one: Unit) -> Unit:
        return Unit(one.operator, column(one.left), one.right and column(one.right))

    def condition(one: Condition) -> Condition:
        return Condition(one.negated, one.operator, unit(one.unit), one.value, one.value2)

    def conditions(several: Conditions) -> Conditions:
        return tuple([one if at % 2 or isinstance(one, str) else condition(one) for at, one in enumerate(several)])

    return Query(
        None,
        tuple([(aggregate, unit(one)) for aggregate, one in query.select]),
        query.tables,
        conditions(query.on),
        conditions(query.where),
        tuple(map(column, query.group)),
        conditions(query.having),
        query.order and (query.order[0], tuple(map(unit, query.order[1]))),
        query.limit,
        query.intersect and _with_columns(query.intersect, meant),
        query.except_ and _with_columns(query.except_, meant),
        query.union and _with_columns(query.union, meant),
    )
