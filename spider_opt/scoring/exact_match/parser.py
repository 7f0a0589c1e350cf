"""The official script's parser: it reads a part of SQL, some of it wrongly, and gives up on the rest.

It reads one SELECT (joins with ON, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT) and what follows it by one set operation.
It gives up on an alias without AS, tables with commas between them, LEFT JOIN, lists after IN, IS NOT NULL, CASE,
functions, literals in SELECT, WITH and OVER; what stands behind a query that it could read it does not look at.

Source: official evaluator, ``process_sql.py``, of which each method cites its function.
"""

from __future__ import annotations

from collections.abc import Mapping

from spider_opt.scoring.exact_match.cursor import Cursor, shown
from spider_opt.scoring.exact_match.names import STAR, Names
from spider_opt.scoring.exact_match.query import (
    AGGREGATES,
    ARITHMETIC,
    OPERATORS,
    Column,
    Condition,
    Conditions,
    Query,
    Unit,
    Value,
)  # fmt: skip
from spider_opt.scoring.exact_match.words import Unreadable, words

MAX_QUERIES = 100
"""How many SELECTs may stand in each other or follow each other; some hundreds there, as deep as Python goes."""
_CLAUSES = frozenset(("select", "from", "where", "group", "order", "limit", "intersect", "union", "except"))
_ENDS = _CLAUSES | {")", ";"}
_ENDS_CONDITIONS = _ENDS | {"join", "on", "as"}
_ENDS_VALUE = _CLAUSES | {",", ")", "and", "join", "on", "as"}
_SET_OPERATORS = frozenset(("intersect", "union", "except"))


def parse(sql: str, names: Names) -> Query:
    """Return a query as the script understands it; it knows the columns from ``names``.

    Raises:
        Unreadable: the script would give up on it.
    """
    found = words(sql)
    return _Parser(found, _aliases(found, names), names).query()


def _aliases(found: list[str], names: Names) -> dict[str, str]:
    """Return what every name means: the word before its AS, wherever it stands, or its table.

    Source: ``scan_alias``, ``get_tables_with_alias``.
    """
    aliases: dict[str, str] = {}
    for at, word in enumerate(found):
        if word == "as":
            if at + 1 == len(found):
                raise Unreadable("it ends in AS")
            aliases[found[at + 1]] = found[at - 1]
    for table in names.columns:
        if table in aliases:
            raise Unreadable(f"an alias has the name of a table, {shown(table)}")
        aliases[table] = table
    return aliases


class _Parser:
    """Reads the words of one query, from left to right but for FROM, which comes before SELECT."""

    def __init__(self, found: list[str], aliases: Mapping[str, str], names: Names) -> None:
        self._text = Cursor(found)
        self._aliases = aliases
        self._names = names
        self._depth = 0

    def query(self) -> Query:
        """Source: ``parse_sql``."""
        self._depth += 1
        if self._depth > MAX_QUERIES:
            raise Unreadable(f"more than {MAX_QUERIES} queries stand in each other")
        start = self._text.at
        in_brackets = self._text.passes("(")
        select_at = self._text.at
        tables, on, named = self._from(start)
        from_end, self._text.at = self._text.at, select_at
        distinct, select = self._select(named)
        self._text.at = from_end
        where = self._clause("where", named)
        group = self._group(named)
        having = self._clause("having", named)
        order = self._order(named)
        limit = self._limit()
        self._text.skip(";")
        if in_brackets:
            self._text.expect(")")
        self._text.skip(";")
        joined: dict[str, Query] = {}
        if self._text.is_in(_SET_OPERATORS):
            operator = self._text.take()
            joined[operator] = self.query()
        self._depth -= 1
        return Query(
            distinct, select, tables, on, where, group, having, order, limit,
            joined.get("intersect"), joined.get("except"), joined.get("union"),
        )  # fmt: skip

    def _from(self, start: int) -> tuple[tuple[str | Query, ...], Conditions, list[str]]:
        """Read the first FROM after ``start``, also that of a query in SELECT. Source: ``parse_from``."""
        self._text.go_behind("from", start)
        tables: list[str | Query] = []
        named: list[str] = []
        on: list[Condition | str] = []
        while not self._text.is_over():
            in_brackets = self._text.passes("(")
            if self._text.word() == "select":
                tables.append(self.query())
            else:
                self._text.passes("join")
                name = self._meant(self._text.take())
                if self._text.is_in(("as",)):
                    self._text.at += 2
                tables.append(self._id(name))
                named.append(name)
            if self._text.passes("on"):
                found = self._conditions(named)
                on += ["and", *found] if on else found
            if in_brackets:
                self._text.expect(")")
            if self._text.is_in(_ENDS):
                break
        return tuple(tables), tuple(on), named

    def _select(self, named: list[str]) -> tuple[bool, tuple[tuple[int, Unit], ...]]:
        """Source: ``parse_select``."""
        self._text.expect("select")
        distinct = self._text.passes("distinct")
        units = []
        while not self._text.is_over() and not self._text.is_in(_CLAUSES):
            aggregate = AGGREGATES.index(self._text.take()) if self._text.is_in(AGGREGATES) else 0
            units.append((aggregate, self._unit(named)))
            self._text.passes(",")
        return distinct, tuple(units)

    def _clause(self, keyword: str, named: list[str]) -> Conditions:
        """Source: ``parse_where``, ``parse_having``."""
        return tuple(self._conditions(named)) if self._text.passes(keyword) else ()

    def _group(self, named: list[str]) -> tuple[Column, ...]:
        """Source: ``parse_group_by``."""
        columns: list[Column] = []
        if self._text.passes("group"):
            self._text.expect("by")
            while not self._text.is_over() and not self._text.is_in(_ENDS):
                columns.append(self._column(named))
                if not self._text.passes(","):
                    break
        return tuple(columns)

    def _order(self, named: list[str]) -> tuple[()] | tuple[str, tuple[Unit, ...]]:
        """Read ORDER BY; the last direction counts for all. Source: ``parse_order_by``."""
        if not self._text.passes("order"):
            return ()
        self._text.expect("by")
        units: list[Unit] = []
        direction = "asc"
        while not self._text.is_over() and not self._text.is_in(_ENDS):
            units.append(self._unit(named))
            if self._text.is_in(("desc", "asc")):
                direction = self._text.take()
            if not self._text.passes(","):
                break
        return direction, tuple(units)

    def _limit(self) -> int | None:
        """Read LIMIT and one word, whatever it is. Source: ``parse_limit``."""
        if not self._text.passes("limit"):
            return None
        self._text.take()
        return 1

    def _conditions(self, named: list[str]) -> list[Condition | str]:
        """Read conditions, with or without a word between them. Source: ``parse_condition``."""
        found: list[Condition | str] = []
        while not self._text.is_over():
            unit = self._unit(named)
            negated = self._text.passes("not")
            operator = self._text.take()
            if operator not in OPERATORS:
                raise Unreadable(f"{shown(operator)} stands where a comparison is due")
            value, value2 = self._value(named), None
            if operator == "between":
                self._text.expect("and")
                value2 = self._value(named)
            found.append(Condition(negated, OPERATORS.index(operator), unit, value, value2))
            if self._text.is_in(_ENDS_CONDITIONS):
                break
            if self._text.is_in(("and", "or")):
                found.append(self._text.take())
        return found

    def _value(self, named: list[str]) -> Value:
        """Read a query, a text, a number or a column; of what follows a column nothing up to AND is looked at.

        Source: ``parse_value``.
        """
        start = self._text.at
        in_brackets = self._text.passes("(")
        word = self._text.word()
        value: Value
        if word == "select":
            value = self.query()
        elif '"' in word:
            value = self._text.take()
        else:
            try:
                value = float(word)
                self._text.at += 1
            except ValueError:
                while not self._text.is_over() and not self._text.is_in(_ENDS_VALUE):
                    self._text.at += 1
                value = self._column_up_to(self._text.at, start, named)
        if in_brackets:
            self._text.expect(")")
        return value

    def _column_up_to(self, stop: int, start: int, named: list[str]) -> Column:
        """Read a column from ``start``, where its bracket opens; the bracket must close before ``stop``, and cannot."""
        end, self._text.at, self._text.end = self._text.end, start, stop
        column = self._column(named)
        self._text.at, self._text.end = stop, end
        return column

    def _unit(self, named: list[str]) -> Unit:
        """Source: ``parse_val_unit``."""
        in_brackets = self._text.passes("(")
        left, operator, right = self._column(named), 0, None
        if self._text.is_in(ARITHMETIC):
            operator = ARITHMETIC.index(self._text.take())
            right = self._column(named)
        if in_brackets:
            self._text.expect(")")
        return Unit(operator, left, right)

    def _column(self, named: list[str]) -> Column:
        """Read a column, with an aggregate or not; a bracket around an aggregate stays open.

        Source: ``parse_col_unit``.
        """
        in_brackets = self._text.passes("(")
        if self._text.is_in(AGGREGATES):
            aggregate = AGGREGATES.index(self._text.take())
            self._text.expect("(")
            distinct = self._text.passes("distinct")
            name = self._column_id(named)
            self._text.expect(")")
            return Column(aggregate, name, distinct)
        distinct = self._text.passes("distinct")
        name = self._column_id(named)
        if in_brackets:
            self._text.expect(")")
        return Column(0, name, distinct)

    def _column_id(self, named: list[str]) -> str:
        """Source: ``parse_col``."""
        word = self._text.take()
        if word == "*":
            return STAR
        if "." in word:
            if word.count(".") > 1:
                raise Unreadable(f"{shown(word)} has two dots")
            alias, _, column = word.partition(".")
            return self._id(f"{self._meant(alias)}.{column}")
        for name in named:
            table = self._meant(name)
            if table not in self._names.columns:
                raise Unreadable(f"there is no table {shown(table)}")
            if word in self._names.columns[table]:
                return self._id(f"{table}.{word}")
        raise Unreadable(f"{shown(word)} stands where a column is due")

    def _meant(self, name: str) -> str:
        try:
            return self._aliases[name]
        except KeyError:
            raise Unreadable(f"{shown(name)} stands where a table is due") from None

    def _id(self, name: str) -> str:
        try:
            return self._names.ids[name]
        except KeyError:
            raise Unreadable(f"there is no {shown(name)}") from None
