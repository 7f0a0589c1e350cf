"""What kind of statement a text is, told by its tokens: it need not parse, and nothing heavy is loaded."""

from __future__ import annotations

from spider_opt.sql.lexer import tokens


def is_select(sql: str) -> bool:
    """Tell whether a text begins as a query does, with SELECT or WITH.

    >>> is_select("/* so */ select 1"), is_select("DROP TABLE t")
    (True, False)
    """
    first = next((token.text.lower() for token in tokens(sql) if not token.says_nothing), "")
    return first in ("select", "with")
