"""A query that was cut off, made whole."""

from __future__ import annotations

from collections.abc import Iterator

from spider_opt.sql.lexer import tokens
from spider_opt.sql.parse import parse

_CAN_BE_CUT = frozenset(("AND", "OR", "INTERSECT", "UNION", "EXCEPT", "WHERE", "ORDER", "HAVING"))
_MAX_CUTS = 8


def endings(sql: str) -> Iterator[str]:
    """Yield ``sql`` with its parentheses closed, whole and without the conditions or queries in which it breaks off.

    >>> next(endings("SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 1 AND e IN (SELECT"))
    'SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 1)'
    """
    from sqlglot import exp

    places, depth = [], 0
    for token in tokens(sql):
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
            if depth < 0:
                return
        elif token.kind == "word" and token.text.upper() in _CAN_BE_CUT:
            places.append((token.start, depth))
    for end, n_open in [(len(sql), depth), *reversed(places[-_MAX_CUTS:])]:
        whole = sql[:end].rstrip() + ")" * n_open
        tree = parse(whole)
        if tree is not None and all(select.expressions for select in tree.find_all(exp.Select)):
            yield whole
