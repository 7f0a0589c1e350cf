"""Two queries side by side: laid out by sqlglot, and which of their tokens differ."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from spider_opt.sql.lexer import Token, tokens, unquoted
from spider_opt.sql.parse import parse
from spider_opt.types import Schema

LONGEST = 10_000
"""Characters of a query that is laid out and compared; longer ones are shown as they are."""
Piece = list[Any]
"""A text, and whether it differs from what stands beside it (0 or 1)."""


@lru_cache(maxsize=8192)
def laid_out(sql: str) -> str | None:
    """Return a query over several lines, as sqlglot writes it in SQLite's dialect; None where it cannot be read.

    >>> print(laid_out("select a from t where b=1"))
    SELECT
      a
    FROM t
    WHERE
      b = 1
    """
    tree = parse(sql) if len(sql) <= LONGEST else None
    if tree is None:
        return None
    try:
        return tree.sql(dialect="sqlite", pretty=True)
    except (ValueError, RecursionError, AttributeError):  # what sqlglot reads and cannot write
        return None


def with_own_names(sql: str, schema: Schema) -> str | None:
    """Return a query laid out with each column under its table's own name, None where that cannot be done.

    So a query that says ``T1`` and one that says ``singer`` differ only where they ask for something else.
    """
    from sqlglot import exp

    from spider_opt.sql.own_names import use_own_names

    tree = parse(sql) if len(sql) <= LONGEST else None
    if not isinstance(tree, exp.Query):
        return None
    tree = tree.copy()
    try:
        use_own_names(tree, schema, sql)
        return tree.sql(dialect="sqlite", pretty=True)
    except (ValueError, RecursionError, AttributeError, KeyError):
        return None


def differences(gold: str, sql: str) -> tuple[list[Piece], list[Piece]]:
    """Return both texts in pieces, those marked that the other does not have.

    Letter case outside of strings does not count, nor do white space and how a name is quoted.

    >>> differences("SELECT a FROM t", "select b from t")
    ([['SELECT ', 0], ['a', 1], [' FROM t', 0]], [['select ', 0], ['b', 1], [' from t', 0]])
    """
    if max(len(gold), len(sql)) > LONGEST:
        return [[gold, 0]], [[sql, 0]]
    both = [*tokens(gold)], [*tokens(sql)]
    said = [[token for token in each if not token.says_nothing] for each in both]
    keys = [[_key(token) for token in each] for each in said]
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    alike = [(a + i, b + i) for a, b, size in matcher.get_matching_blocks() for i in range(size)]
    same = {said[0][a].start for a, _ in alike}, {said[1][b].start for _, b in alike}
    return _pieces(both[0], same[0]), _pieces(both[1], same[1])


def _key(token: Token) -> tuple[str, str]:
    if token.kind == "name":
        return "word", unquoted(token.text).lower()
    return ("word" if token.kind == "word" else "else"), token.text.lower() if token.kind == "word" else token.text


def _pieces(all_tokens: list[Token], same: set[int]) -> list[Piece]:
    pieces: list[Piece] = []
    for token in all_tokens:
        # White space belongs to what stands before it, unless that is marked and something the same follows.
        differs = 0 if token.says_nothing or token.start in same else 1
        if pieces and pieces[-1][1] == differs:
            pieces[-1][0] += token.text
        else:
            pieces.append([token.text, differs])
    return pieces
