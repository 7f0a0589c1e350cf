"""The query in what a model said.

Covered: thoughts, code fences, labels, lists, words before and after the query, comments, further
statements; a query with FROM first is turned into SQLite's order. Not covered: a query written as JSON, words behind it
on the same line.
"""

from __future__ import annotations

import re

from spider_opt.sql.from_first import from_from_first
from spider_opt.sql.lexer import outside_quotes, tokens

_THOUGHT = re.compile(r"\A.*</think>|<think>.*", re.DOTALL | re.IGNORECASE)
# The rest of the opening line is the block's language, unless the query begins there.
_FENCE = re.compile(
    r"(?:```|~~~)(?:[ \t]*(?:\w*sql\w*)\b|(?!select\b|with\b)\w+(?=\s*\n))?(.*?)(?:```|~~~|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_FENCE_SIGN = re.compile("```|~~~")
_COMMENTS = re.compile(r"\A(?:\s*--[^\n]*\n)+")
_LABEL = re.compile(r"\A\s*(?:(?:sqlite|sql|answer|query)\s*(?:query)?\s*:\s*)+", re.IGNORECASE)
_OTHER_STATEMENT = re.compile(
    r"\s*(?:insert|update|delete|replace|create|drop|alter|pragma|explain|values|attach|vacuum)\b", re.IGNORECASE
)
_QUERY = (
    r"(?P<query>\b(?:SELECT|select)\b|\b(?i:with\s+(?:recursive\s+)?(?:\w+|[\"`\[][^\"`\]]+[\"`\]])"
    r"\s*(?:\([^()]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\())"
)
_FROM_FIRST = re.compile(r"\s*FROM\s.*?\bSELECT\b", re.DOTALL)  # in capitals, unlike prose
_LINE = r"(?:\A|[\n:`])[ \t(]*(?:[-*][ \t]+|\*\*|\d+\.[ \t]+)?"
# Prose has "select" and "with" too, so the likelier places and spellings are tried first.
_BEGINNINGS = (
    re.compile(r"\A\s*" + _QUERY),
    re.compile(_LINE + _QUERY),
    re.compile(_LINE + _QUERY, re.IGNORECASE),
    re.compile(_QUERY),
    re.compile(_QUERY, re.IGNORECASE),
)
_OTHER_SPACE = re.compile(r"[^\S \t\n\f\r]")  # to SQLite a part of names
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_GOES_ON = re.compile(
    r"[(),]|(?:from|where|group|having|order|limit|union|intersect|except|join|inner|left|cross|on|and|or|select)\b",
    re.IGNORECASE,
)
_AFTERTHOUGHT = re.compile(
    r"#|\d+\.\s+[a-z]|(?:this|the|it|here|however|alternatively|in this|i)\s+[a-z]"
    r"|[* ]*(?:explanation|note|question|answer|output|result|q|a)s?\b[* ]*:",
    re.IGNORECASE,
)
_JOINS_QUERIES = ("union", "all", "intersect", "except", "as", "(", ")", ",")


def extract_sql(text: str) -> str:
    r"""Return the first query in ``text`` on one line, without comments and final semicolon, or ''.

    An answer that is another statement than a query is returned too, for the database to refuse.

    >>> extract_sql("Sure! ```sql\nSELECT a -- the id\nFROM t;\n```")
    'SELECT a FROM t'
    >>> extract_sql("To select the names, use:\nSELECT a FROM t\n\nIt lists them with their songs.")
    'SELECT a FROM t'
    >>> extract_sql("FROM t SELECT a WHERE b IN (FROM u SELECT c)")
    'SELECT a FROM t WHERE b IN (SELECT c FROM u)'
    >>> extract_sql("-- SELECT _ FROM _ WHERE _ = ?\nSELECT a FROM t WHERE b = 2")
    'SELECT a FROM t WHERE b = 2'
    """
    text = _THOUGHT.sub("", text)
    blocks = [found[1] for found in _FENCE.finditer(text)]
    body = next((block for block in blocks if _OTHER_STATEMENT.match(block) or _BEGINNINGS[-1].search(block)), text)
    body = _LABEL.sub("", _COMMENTS.sub("", body))
    if _OTHER_STATEMENT.match(body):
        return _first_statement(body)
    if _FROM_FIRST.match(body):
        query = _first_statement(re.sub(r"\n[^\S\n]*(?=SELECT\b)", " ", body))
        turned = from_from_first(query)
        if turned != query:
            return turned
    found = next(filter(None, (beginning.search(body) for beginning in _BEGINNINGS)), None)
    if found is None:
        return ""
    start = found.start("query")
    end = body.rfind("`") if body[:start].endswith("`") else -1
    return _first_statement(body[start : end if end > start else None])


def _first_statement(text: str) -> str:
    """Return what comes before a semicolon, a second query, or words about the query."""
    text = outside_quotes(_FENCE_SIGN.split(text, maxsplit=1)[0], lambda piece: _OTHER_SPACE.sub(" ", piece))
    pieces: list[str] = []
    for token in tokens(text):
        piece = token.text
        if piece == ";":
            break
        if token.says_nothing:
            if "\n" in piece and _ends_here(piece, text[token.end :], pieces):
                break
            piece = " "
        if piece != " " or (pieces and pieces[-1] != " "):
            pieces.append(piece)
    return "".join(pieces).strip()


def _ends_here(space: str, rest: str, before: list[str]) -> bool:
    last = next((piece.lower() for piece in reversed(before) if piece != " "), "(")
    if _AFTERTHOUGHT.match(rest) or (_BLANK_LINE.search(space) and not _GOES_ON.match(rest)):
        return last not in (*_JOINS_QUERIES, "select")
    return rest[:6].lower() == "select" and last not in _JOINS_QUERIES
