"""Whether the formats of a query's ``printf`` calls can be judged by their text, before anything runs."""

from __future__ import annotations

import re
from itertools import pairwise

from spider_opt.sql.lexer import Token, tokens, unquoted

# As SQLite reads one: a run of flags, widths and precisions, then the letter.
_SPECIFICATION = re.compile(r"%([-+ #!0-9.,*l]*).?", re.DOTALL)
_TOO_WIDE = re.compile(r"\*|\d{5}")
# Behind these a value begins; behind any other word, or a value, a text in quotes can be the name of a column.
_BEFORE_A_VALUE = {
    "select", "distinct", "all", "where", "and", "or", "not", "on", "having", "by", "when", "then", "else", "case",
    "in", "like", "glob", "is", "between", "escape", "limit", "offset", "values", "match", "regexp",
}  # fmt: skip


def formats_are_plain(sql: str) -> bool:
    """Whether each format in the query is written out in it, with widths of four digits at most.

    SQLite 3.40 counts to two billion in ``printf('%.2000000000c')`` before it finds that too long.

    >>> formats_are_plain("SELECT printf('%.2f', price) FROM item")
    True
    >>> formats_are_plain("SELECT printf('%.*c', 2000000000, 'x')")
    False
    """
    spoken = [token for token in tokens(sql) if not token.says_nothing]
    formats = {_first_inside(spoken, i + 1) for i, token in enumerate(spoken[:-1]) if _is_called(spoken, i)}
    if not all(_is_plain(spoken[i : i + 2]) for i in formats):
        return False
    # In double quotes it can be a column's name too, which must then be given elsewhere in the query.
    names = {_said(spoken[i]) for i in formats if spoken[i].kind == "name"}
    with_clause = any(token.text.lower() == "with" for token in spoken)
    return not any(
        _said(token) in names and (with_clause or _may_name(before))
        for i, (before, token) in enumerate(pairwise(spoken), 1)
        if i not in formats and token.kind in ("word", "name", "string")
    )


def _is_called(spoken: list[Token], i: int) -> bool:
    return spoken[i].kind in ("word", "name") and _said(spoken[i]) in ("printf", "format") and spoken[i + 1].text == "("


def _first_inside(spoken: list[Token], i: int) -> int:
    while i < len(spoken) and spoken[i].text == "(":
        i += 1
    return i


def _is_plain(argument: list[Token]) -> bool:
    """Tell whether a call's first argument, with what comes behind it, is a text whose widths are small."""
    if len(argument) < 2 or argument[1].text not in (",", ")"):
        return False
    text = argument[0].text
    return text[0] in "'\"" and not any(_TOO_WIDE.search(found[1]) for found in _SPECIFICATION.finditer(unquoted(text)))


def _may_name(before: Token) -> bool:
    """Tell whether a text behind this token can be the name that a column is given."""
    if before.kind == "mark":
        return before.text == ")"
    return not (before.kind == "word" and before.text.lower() in _BEFORE_A_VALUE)


def _said(token: Token) -> str:
    return (token.text if token.kind == "word" else unquoted(token.text)).lower()
