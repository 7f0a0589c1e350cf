"""The query in what a model said."""

from __future__ import annotations

import re

_FENCE = re.compile(r"```[ \t]*(?:sql|sqlite|SQL)?[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_LABEL = re.compile(r"\A\s*(?:(?:sqlite|sql|answer|query)\s*(?:query)?\s*:\s*)+", re.IGNORECASE)
_START = re.compile(r"\b(?:select|with)\b", re.IGNORECASE)
_TOKEN = re.compile(r"'(?:[^']|'')*'?|\"[^\"]*\"?|`[^`]*`?|--[^\n]*|/\*.*?(?:\*/|\Z)|;|\s+|.", re.DOTALL)


def extract_sql(text: str) -> str:
    r"""Return the first query in ``text`` on one line, without comments and final semicolon, or ''.

    Code fences, labels and words before the query are dropped; an answer that has no SELECT or WITH is
    returned as it stands, for the database to refuse.

    >>> extract_sql("Sure! ```sql\nSELECT a -- the id\nFROM t;\n```")
    'SELECT a FROM t'
    """
    fenced = _FENCE.search(text)
    body = _LABEL.sub("", fenced[1] if fenced and fenced[1].strip() else text)
    start = _START.search(body)
    if start and not fenced and body[: start.start()].strip():
        body = body[start.start() :]
    pieces: list[str] = []
    for match in _TOKEN.finditer(body):
        piece = match[0]
        if piece.startswith(("--", "/*")) or piece.isspace():
            piece = " "
        if piece == ";" and pieces:
            break
        if piece != ";" and (piece != " " or (pieces and pieces[-1] != " ")):
            pieces.append(piece)
    return "".join(pieces).strip()
