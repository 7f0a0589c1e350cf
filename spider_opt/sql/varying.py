"""What a query's rows depend on beside the database: the clock, the time zone, chance, the connection.

Source: SQLite, date.c: a time value ``now``, or none at all, is the clock's; the modifiers ``localtime`` and ``utc``
ask for the time zone of the machine. Where SQLite reads such words from the data, the data has to be looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from spider_opt.sql.lexer import Token, tokens, unquoted

_DATES = frozenset({"date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"})
_CLOCK = frozenset({"current_date", "current_time", "current_timestamp"})
_OTHERS = frozenset({"random", "randomblob", "last_insert_rowid", "changes", "total_changes", "sqlite_stmt", "pragma"})
# Nearly all queries have none of these letters, and to read the tokens takes its time.
_MAY_HAVE = (
    "random",
    "current_",
    "date",
    "time",
    "julian",
    "epoch",
    "insert_rowid",
    "changes",
    "sqlite_stmt",
    "pragma",
)
_ASKS_ELSEWHERE = re.compile("now|local|utc|subsec", re.IGNORECASE)
_MODIFIER = re.compile(
    r"[-+]?[\d:.]+( *(day|hour|minute|second|month|year)s?)?|[-+]\d{4}-\d\d-\d\d( [\d:.]+)?|start of (month|year|day)"
    r"|weekday [\d.]+|unixepoch|julianday|auto|ceiling|floor|\d{4}-\d\d-\d\d([ T][\d:.]+)?",
    re.IGNORECASE,
)
_ASSEMBLES = frozenset(
    {"||", "char", "concat", "concat_ws", "printf", "format", "replace", "group_concat", "string_agg"}
)


def depends_on(sql: str) -> Literal["", "data", "else"]:
    """Tell what a query depends on beside rows: ``else`` where it may give something else tomorrow, or elsewhere.

    ``data`` is where it does so only if the data says ``now``, in whatever letters.

    >>> depends_on("SELECT date('now')"), depends_on("SELECT snow, date FROM weather")
    ('else', '')
    >>> depends_on("SELECT datetime(t, 'localtime') FROM a"), depends_on("SELECT strftime('%Y', t) FROM a")
    ('else', 'data')
    """
    lowered = sql.lower()
    if not any(word in lowered for word in _MAY_HAVE):
        return ""
    pieces = [token for token in tokens(sql) if not token.says_nothing]
    calls = []
    for i, token in enumerate(pieces):
        word = _word(token)
        called = i + 1 < len(pieces) and pieces[i + 1].text == "("
        if token.kind == "word" and (word in _CLOCK or word.startswith("pragma")):
            return "else"
        if word in _OTHERS and (called or word in ("sqlite_stmt", "pragma")):
            return "else"
        if word in _DATES and called:
            calls.append((word, _arguments(pieces, i + 1)))
    if not calls:
        return ""
    texts = [unquoted(token.text) for token in pieces if token.kind in ("string", "name")]
    if any(_ASKS_ELSEWHERE.search(text) for text in texts) or any(_asks_the_clock(*call) for call in calls):
        return "else"
    if all(_is_literal(part) for name, parts in calls for part in parts):
        return ""
    return "else" if any(_word(token) in _ASSEMBLES for token in pieces) else "data"


def _asks_the_clock(name: str, parts: Sequence[Sequence[Token]]) -> bool:
    """Tell whether a call has no time value, or a modifier that is not written out."""
    values = parts[1:] if name == "strftime" else parts
    if not values:
        return True
    modifiers = [] if name == "timediff" else values[1:]
    return any(not (_is_literal(part) and _MODIFIER.fullmatch(_said(part[0]))) for part in modifiers)


def _arguments(pieces: Sequence[Token], opening: int) -> list[list[Token]]:
    """Return the arguments of a call whose parenthesis opens there; none of ``f()``."""
    depth = 0
    parts: list[list[Token]] = [[]]
    for token in pieces[opening:]:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            break
        if depth == 1 and token.text == ",":
            parts.append([])
        elif depth > 1 or token.text != "(":
            parts[-1].append(token)
    return parts if any(parts) else []


def _is_literal(part: Sequence[Token]) -> bool:
    return len(part) == 1 and part[0].kind in ("string", "number")


def _said(token: Token) -> str:
    return unquoted(token.text).strip() if token.kind == "string" else token.text


def _word(token: Token) -> str:
    return (unquoted(token.text) if token.kind == "name" else token.text).lower()
