"""Blanks in queries: changed outside of quotes, never inside."""

from __future__ import annotations

import re
from functools import lru_cache

from spider_opt.sql.lexer import outside_quotes, split_protected

_X_APART = re.compile(r"\bx\s+'", re.IGNORECASE)  # x '41' is a column and its name, x'41' a blob
_NO_SPACES = dict.fromkeys(map(ord, " \t\n\f\r"))


def tidy(sql: str) -> str:
    r"""Return a query on one line, with single spaces, without comments and final semicolon.

    >>> tidy("SELECT  name -- which?\nFROM singer WHERE country  =  'New  York' ;")
    "SELECT name FROM singer WHERE country = 'New  York'"
    """
    pieces = split_protected(sql)
    pieces[1::2] = (" " if piece.startswith(("--", "/*")) else piece for piece in pieces[1::2])
    return outside_quotes("".join(pieces), lambda text: re.sub(r"\s+", " ", text)).strip().rstrip("; ")


@lru_cache(maxsize=8192)
def same_query_key(sql: str) -> str:
    """Return a text that is equal for queries which differ only in spaces and in case outside quotes.

    >>> same_query_key("SELECT  Name FROM t WHERE a = 'X Y' ;") == same_query_key("select name from T where a = 'X Y'")
    True
    """
    # SQLite knows fewer spaces than Python, and folds the case of ASCII letters only.
    unusual = not sql.isascii() or not (sql.isprintable() or sql.translate(_NO_SPACES).isprintable())
    if unusual or "--" in sql or "/*" in sql or _X_APART.search(sql):
        return sql
    pieces = split_protected(sql.strip().removesuffix(";").rstrip())
    pieces[::2] = [
        " ".join(p.lower().split()).replace(" (", "(").replace("( ", "(").replace(" ,", ",").replace(", ", ",")
        for p in pieces[::2]
    ]
    return "\0".join(pieces)
