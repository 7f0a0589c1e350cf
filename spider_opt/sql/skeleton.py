"""What is left of a query without its names and values, to find queries of the same build."""

from __future__ import annotations

from functools import lru_cache

from spider_opt.sql.names import KEYWORDS
from spider_opt.sql.normal import Token, tokens

NAME, VALUE = "_", "?"
_SAY_NOTHING = {"ASC", "INNER", "OUTER"}


@lru_cache(maxsize=16384)
def skeleton(sql: str) -> str:
    """Return ``sql`` with ``_`` for each name and ``?`` for each value, without aliases; no need that it parses.

    Queries that differ only in names, values, their number in a list, aliases, letter case and white space have one
    skeleton. Source: "query similarity" of DAIL-SQL (Gao et al. 2023, arXiv:2308.15363), after the skeletons of
    RESDSQL (Li et al. 2023, arXiv:2302.05965).

    >>> skeleton("SELECT T1.name, count(*) FROM singer AS T1 WHERE age > 20 AND country IN ('France', 'Peru')")
    'SELECT _ , COUNT ( * ) FROM _ WHERE _ > ? AND _ IN ( ? )'
    """
    pieces = tokens(sql)
    out: list[str] = []
    for i, piece in enumerate(pieces):
        after = pieces[i + 1].text if i + 1 < len(pieces) else ""
        text = _masked(piece, pieces[i - 1].text if i else "", after)
        if text in _SAY_NOTHING or after == "." or text == ".":
            continue
        if text == NAME and out[-1:] == ["AS"]:
            out.pop()
        elif text == NAME and out and out[-1] in (NAME, VALUE, ")", "END"):
            continue  # an alias without AS
        elif text == VALUE and out[-4:] == ["IN", "(", VALUE, ","]:
            out.pop()
        else:
            out.append(text)
    return " ".join(out)


def _masked(piece: Token, before: str, after: str) -> str:
    if piece.kind == "mark":
        return piece.text
    if piece.kind == "value":
        return VALUE
    is_function = after == "(" and before not in ("with", "recursive")
    if piece.kind == "name" or "." in (before, after) or not (piece.text in KEYWORDS or is_function):
        return NAME
    return piece.text.upper()
