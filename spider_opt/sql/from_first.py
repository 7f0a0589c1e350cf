r"""Queries that name their tables first: a form to learn, and the way back.

::

    FROM singer JOIN song ON singer.id = song.singer_id SELECT singer.name, COUNT(*) GROUP BY singer.id

The order of clauses is DuckDB's: FROM SELECT WHERE GROUP BY HAVING ORDER BY LIMIT, in every subquery and on both
sides of UNION too. What stands in a clause is SQLite's, so that the way back only moves clauses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spider_opt.sql.lexer import tokens
from spider_opt.sql.own_names import use_own_names
from spider_opt.sql.parse import parse
from spider_opt.types import Schema

if TYPE_CHECKING:
    from sqlglot import Generator, exp

# Longer texts are no query, and moving their clauses takes time with the square of how deep they nest.
_MAX_CHARS = 20_000
_FROM_FIRST = ("", "FROM", "SELECT", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT")
_PLAIN = ("", "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT")
_BETWEEN_QUERIES = frozenset(("UNION", "INTERSECT", "EXCEPT"))
_FENCE = "```"


def to_from_first(sql: str, schema: Schema) -> str:
    """Return a query with the result of ``sql``, FROM first, names written as ``use_own_names`` says.

    Source: DuckDB, "FROM-First Syntax".

    Raises:
        ValueError: ``sql`` is no query, cannot be parsed, names what the schema does not have, or is not covered.

    >>> from spider_opt.types import Column, Table
    >>> a, b = (Table(name, (Column("id", "INTEGER"), Column("Name", "TEXT"))) for name in ("a", "b"))
    >>> to_from_first('select T1.name from a T1 join b T2 on T1.id = T2.id where T2.name = "x"', Schema("d", (a, b)))
    "FROM a JOIN b ON a.id = b.id SELECT a.Name WHERE b.Name = 'x'"
    """
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import UnsupportedError

    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        raise ValueError(f"not a query that can be parsed: {sql}")
    tree = tree.copy()
    try:
        use_own_names(tree, schema, sql)
        writer = _writer()(dialect="sqlite", comments=False, unsupported_level=ErrorLevel.RAISE)
        plain = writer.generate(tree, copy=False)
    except RecursionError as error:
        raise ValueError("the query nests too deep") from error
    except UnsupportedError as error:
        raise ValueError(f"not covered: {error}") from error
    text = in_from_first_order(plain)
    if from_from_first(text) != plain:
        raise ValueError(f"there is no way back from: {text}")
    return text


def in_from_first_order(sql: str) -> str:
    """Return a query, or several, with FROM first; nothing else is changed, and nothing is parsed.

    >>> in_from_first_order("SELECT x FROM a WHERE y IN (SELECT z FROM b) LIMIT 1")
    'FROM a SELECT x WHERE y IN (FROM b SELECT z) LIMIT 1'
    """
    return _in_order(sql, _FROM_FIRST)


def from_from_first(text: str) -> str:
    """Return the query in SQLite's order of clauses; what has no FROM in front of a SELECT comes back as it is.

    Nothing is parsed, so what follows a query in ``text``, or is wrong in it, does no harm.

    >>> from_from_first("FROM a SELECT x WHERE y IN (FROM b SELECT z) LIMIT 1;")
    'SELECT x FROM a WHERE y IN (SELECT z FROM b) LIMIT 1;'
    """
    return _in_order(text, _PLAIN) if len(text) <= _MAX_CHARS else text


def _in_order(text: str, order: tuple[str, ...]) -> str:
    """Put FROM and SELECT into ``order``, and with them the other clauses of that query."""
    open_queries = [_Query(order)]
    for i, part in enumerate(text.split(_FENCE)):
        if i:
            open_queries[-1].end(_FENCE)
        for token in tokens(part):
            query = open_queries[-1]
            dotted = part[token.start - 1 : token.start] == "." or part[token.end : token.end + 1] == "."
            word = token.text.upper() if token.kind == "word" and not dotted else ""
            if token.text == "(":
                query.add("(")
                open_queries.append(_Query(order))
            elif token.text == ")" and len(open_queries) > 1:
                open_queries.pop()
                open_queries[-1].add(query.text() + ")")
            elif word in _BETWEEN_QUERIES or token.text == ";":
                query.end(token.text)
            elif word and word in order:
                query.parts.append((word, [token.text]))
            else:
                query.add(" " if token.kind == "comment" else token.text)
    while len(open_queries) > 1:
        inner = open_queries.pop()
        open_queries[-1].add(inner.text())
    return open_queries[0].text()


class _Query:
    """What stands between two parentheses: queries, the last one in clauses (keyword, its text in pieces)."""

    def __init__(self, order: tuple[str, ...]) -> None:
        self._order = order
        self._done = ""
        self.parts: list[tuple[str, list[str]]] = [("", [])]

    def add(self, piece: str) -> None:
        self.parts[-1][1].append(piece)

    def end(self, token: str) -> None:
        self._done, self.parts = self.text() + token, [("", [])]

    def text(self) -> str:
        texts = [(word, "".join(pieces)) for word, pieces in self.parts]
        whole = "".join(text for _, text in texts)
        found = [word for word, _ in texts if word in ("FROM", "SELECT")]
        if found != [word for word in reversed(self._order) if word in ("FROM", "SELECT")]:
            return self._done + whole
        (_, head), *rest = texts
        rest.sort(key=lambda part: self._order.index(part[0]))
        return self._done + head + " ".join(text.strip() for _, text in rest) + whole[len(whole.rstrip()) :]


@lru_cache
def _writer() -> type[Generator]:
    """Return a generator of SQLite as people write it."""
    from sqlglot import exp
    from sqlglot.dialects.sqlite import SQLite

    class Writer(SQLite.Generator):  # type: ignore[valid-type, misc]
        def neq_sql(self, expression: exp.NEQ) -> str:
            return str(self.binary(expression, "!="))

        def not_sql(self, expression: exp.Not) -> str:
            inner = expression.this
            if not isinstance(inner, exp.Is | exp.In | exp.Between | exp.Like):
                return str(super().not_sql(expression))
            left = self.sql(inner, "this")
            test = self.sql(inner).removeprefix(left)
            return f"{left} IS NOT{test.removeprefix(' IS')}" if isinstance(inner, exp.Is) else f"{left} NOT{test}"

        def join_sql(self, expression: exp.Join, *more: Any) -> str:
            if expression.kind == "CROSS":
                return f" JOIN {self.sql(expression, 'this')}"
            return str(super().join_sql(expression, *more)).removesuffix(" ON TRUE")

    return Writer
