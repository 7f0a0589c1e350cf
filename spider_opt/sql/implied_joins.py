r"""FROM-first queries that leave out what the schema and the select list determine: a form to learn, and the way back.

::

    FROM singer JOIN song SELECT singer.name, COUNT(*) GROUP BY SELECTED

A join without ON is one over the only foreign key between its table and those before it, declared or, where none is,
implied by a column's name. Every other condition is written out; a join that has none is a CROSS JOIN. SELECTED are
the output columns that are no aggregates.

Source: NatSQL (Gan et al. 2021, arXiv:2109.05153), which leaves out joins and grouping; here every table stays named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from spider_opt.sql.from_first import from_from_first, in_from_first_order, to_from_first
from spider_opt.sql.keys import implied_keys
from spider_opt.sql.lexer import tokens, unquoted
from spider_opt.sql.names import KEYWORDS, quoted
from spider_opt.types import Schema

SELECTED = "SELECTED"
_AGGREGATES = frozenset(("AVG", "COUNT", "GROUP_CONCAT", "MAX", "MIN", "SUM", "TOTAL"))
_BETWEEN_QUERIES = frozenset(("EXCEPT", "INTERSECT", "UNION"))
_AFTER_FROM = _BETWEEN_QUERIES | {"GROUP", "HAVING", "LIMIT", "ORDER", "WHERE"}
_AFTER_GROUP = _BETWEEN_QUERIES | {"HAVING", "LIMIT", "ORDER"}


def to_implied_joins(sql: str, schema: Schema) -> str:
    """Return a query with the result of ``sql``, FROM first, without what can be put back.

    Raises:
        ValueError: as for ``to_from_first``, or what is left out could not be put back.

    >>> from spider_opt.types import Column, ForeignKey, Table
    >>> a, b = (Table(name, (Column("id", "INTEGER"), Column("Name", "TEXT"))) for name in ("a", "b"))
    >>> shop = Schema("d", (a, b), (ForeignKey("b", "id", "a", "id"),))
    >>> to_implied_joins("select T1.name, count(*) from a T1 join b T2 on T1.id = T2.id group by T1.name", shop)
    'FROM a JOIN b SELECT a.Name, COUNT(*) GROUP BY SELECTED'
    """
    if any(column.name.upper() == SELECTED for table in schema.tables for column in table.columns):
        raise ValueError(f"a column is called {SELECTED}")
    plain = from_from_first(to_from_first(sql, schema))
    read = _Query(plain)
    left_out, in_one_order = [], []
    for join in read.joins():
        if join.condition is None:
            if not join.is_bound:
                left_out.append(_Edit(join.start, join.start, "CROSS "))
            continue
        implied = _implied_on(schema, join)
        if implied is not None and _sides(implied) == _sides(plain[join.condition[0] : join.condition[1]]):
            left_out.append(_Edit(join.end, join.condition[1], ""))
            in_one_order.append(_Edit(*join.condition, f"ON {implied}"))
    for group in read.groups():
        if group.keys and plain[group.start : group.end] == ", ".join(group.keys):
            left_out.append(_Edit(group.start, group.end, SELECTED))
    short = _edited(plain, left_out)
    crossed = _edited(plain, [*in_one_order, *(edit for edit in left_out if edit.text == "CROSS ")])
    if with_implied(short, schema) != crossed:
        raise ValueError(f"there is no way back from: {short}")
    return in_from_first_order(short)


def with_implied(sql: str, schema: Schema) -> str:
    """Return a query, in SQL's order of clauses, with the conditions of joins and the keys that were left out.

    Nothing is parsed, so what is wrong in it does no harm; a join that no single key determines stays as it is.
    """
    if "JOIN" not in sql.upper() and SELECTED not in sql:
        return sql
    read = _Query(sql)
    edits = [
        _Edit(join.end, join.end, f" ON {on}")
        for join in read.joins()
        if join.condition is None and not join.is_bound and (on := _implied_on(schema, join))
    ]
    edits += [
        _Edit(group.start, group.end, ", ".join(group.keys))
        for group in read.groups()
        if group.keys and sql[group.start : group.end] == SELECTED
    ]
    return _edited(sql, edits)


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Join:
    """A join of a table with those before it; ``condition`` is where ON and what follows begins and ends.

    ``before`` and ``table`` are names without aliases, '' for a table that has one, or a subquery. ``is_bound`` says
    that it needs no condition: CROSS, NATURAL, USING.
    """

    before: tuple[str, ...]
    table: str
    start: int
    end: int
    condition: tuple[int, int] | None
    is_bound: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """Where the keys of a GROUP BY begin and end; ``keys`` are the output columns that are no aggregates.

    None where it cannot be told which these are.
    """

    start: int
    end: int
    keys: tuple[str, ...]


@dataclass(slots=True)
class _Open:
    """A query, or what else stands between parentheses, that is being read."""

    tables: list[str] = field(default_factory=list)
    in_from: bool = False
    selects_from: int = -1


class _Query:
    """A query's tokens, and where its joins and groups are."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = [token for token in tokens(sql) if not token.says_nothing]
        self._words = [self._word(i) for i in range(len(self._tokens))]

    def joins(self) -> Iterator[_Join]:
        """Yield the joins of all queries in it, inner ones too."""
        for i, query in self._walk():
            if not query.in_from or not (self._words[i] in ("FROM", "JOIN") or self._text(i) == ","):
                continue
            name, end = self._table(i + 1)
            if self._words[i] == "JOIN":
                first = i
                while first and self._words[first - 1] in ("CROSS", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT"):
                    first -= 1
                kinds = set(self._words[first:i])
                condition = self._condition(end) if self._at(end, "ON") else None
                is_bound = bool(kinds & {"CROSS", "NATURAL"}) or self._at(end, "USING")
                if end > i + 1:
                    yield _Join(
                        tuple(query.tables), name, self._tokens[first].start, self._tokens[end - 1].end, condition,
                        is_bound,
                    )  # fmt: skip
            query.tables.append(name)

    def groups(self) -> Iterator[_Group]:
        """Yield the GROUP BYs of all queries in it, inner ones too."""
        for i, query in self._walk():
            if self._words[i] == "GROUP" and self._at(i + 1, "BY") and i + 2 < len(self._tokens):
                end = self._end(i + 2, _AFTER_GROUP)
                if end > i + 2:
                    yield _Group(self._tokens[i + 2].start, self._tokens[end - 1].end, self._keys(query.selects_from))

    def _walk(self) -> Iterator[tuple[int, _Open]]:
        """Yield each token that is no parenthesis with the query that it stands in."""
        around = [_Open()]
        for i, token in enumerate(self._tokens):
            query, word = around[-1], self._words[i]
            if token.text == "(":
                around.append(_Open())
            elif token.text == ")":
                if len(around) > 1:
                    around.pop()
            elif word in _BETWEEN_QUERIES or token.text == ";":
                around[-1] = _Open()
            else:
                if word == "SELECT":
                    query.selects_from = i + 1
                query.in_from = word == "FROM" or (query.in_from and word not in _AFTER_FROM)
                yield i, query

    def _table(self, i: int) -> tuple[str, int]:
        """Return the name of the table that stands at a token, and which token follows it and its alias."""
        if self._text(i) == "(":
            return "", self._alias(self._end(i + 1, frozenset()) + 1)[1]
        if i >= len(self._tokens) or not self._is_name(i):
            return "", i
        token = self._tokens[i]
        has_alias, end = self._alias(i + 1)
        return "" if has_alias else unquoted(token.text) if token.kind == "name" else token.text, end

    def _alias(self, i: int) -> tuple[bool, int]:
        if self._at(i, "AS"):
            return True, min(i + 2, len(self._tokens))
        return (True, i + 1) if i < len(self._tokens) and self._is_name(i) else (False, min(i, len(self._tokens)))

    def _condition(self, i: int) -> tuple[int, int]:
        """Return where the condition of a join, which begins with ON at a token, begins and ends."""
        end = self._end(i, _AFTER_FROM | {"CROSS", "INNER", "JOIN", "LEFT", "NATURAL", "RIGHT"}, also=",")
        return self._tokens[i].start, self._tokens[end - 1].end

    def _keys(self, i: int) -> tuple[str, ...]:
        """Return the output columns from a token on that are no aggregates; none where one has a name, or is *."""
        if i < 0:
            return ()
        i += self._at(i, "DISTINCT")
        keys: list[str] = []
        while i < len(self._tokens):
            end = self._end(i, _AFTER_FROM | {"FROM"}, also=",")
            if end == i:
                return ()
            words, text = self._words[i:end], self._sql[self._tokens[i].start : self._tokens[end - 1].end]
            if "AS" in words or "SELECT" in words or self._text(end - 1) == "*":
                return ()
            calls = (word for word, at in zip(words, range(i, end), strict=True) if self._text(at + 1) == "(")
            if not _AGGREGATES.intersection(calls):
                keys.append(text)
            if self._text(end) != ",":
                return tuple(keys)
            i = end + 1
        return ()

    def _end(self, i: int, words: frozenset[str], also: str = "") -> int:
        """Return the token at which what begins at a token ends: one of the words, or what closes around it."""
        depth = 0
        while i < len(self._tokens):
            text = self._text(i)
            if not depth and (text in (")", ";") or (also and text == also) or self._words[i] in words):
                break
            depth += (text == "(") - (text == ")")
            i += 1
        return i

    def _at(self, i: int, word: str) -> bool:
        return i < len(self._words) and self._words[i] == word

    def _text(self, i: int) -> str:
        return self._tokens[i].text if 0 <= i < len(self._tokens) else ""

    def _word(self, i: int) -> str:
        """Return a token's word in capitals, '' where it is a name behind or before a dot, or none."""
        token = self._tokens[i]
        return token.text.upper() if token.kind == "word" and "." not in (self._text(i - 1), self._text(i + 1)) else ""

    def _is_name(self, i: int) -> bool:
        token = self._tokens[i]
        return token.kind == "name" or (token.kind == "word" and token.text.lower() not in KEYWORDS)


def _implied_on(schema: Schema, join: _Join) -> str | None:
    """Return the condition of a join that its tables determine; None where no key does, or several do."""
    before = {name.lower() for name in join.before if name}
    for keys in (schema.foreign_keys, tuple(implied_keys(schema))):
        between = {
            ((a, x), (b, y))
            for key in keys
            for (a, x), (b, y) in _both_ways(key.table, key.column, key.ref_table, key.ref_column)
            if a.lower() in before and b.lower() == join.table.lower() != a.lower()
        }
        if len(between) == 1:
            [((a, x), (b, y))] = between
            return f"{quoted(a)}.{quoted(x)} = {quoted(b)}.{quoted(y)}"
        if between:
            return None
    return None


def _both_ways(a: str, x: str, b: str, y: str) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
    return ((a, x), (b, y)), ((b, y), (a, x))


def _sides(condition: str) -> frozenset[str]:
    """Return both sides of ``a.x = b.y``, with ON before it or not."""
    return frozenset(condition.removeprefix("ON ").lower().split(" = "))


def _edited(text: str, edits: Sequence[_Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
