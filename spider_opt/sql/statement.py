"""What kind of statement a text is, told by its tokens: it need not parse, and nothing heavy is loaded."""

from __future__ import annotations

from spider_opt.sql.lexer import tokens


def is_query(sql: str) -> bool:
    """Tell whether a text begins as a query does, with SELECT, WITH or VALUES.

    >>> is_query("/* so */ select 1"), is_query("VALUES (1)"), is_query("DROP TABLE t")
    (True, True, False)
    """
    first = next((token.text.lower() for token in tokens(sql) if not token.says_nothing), "")
    return first in ("select", "with", "values")


def is_ordered(sql: str) -> bool:
    """Tell whether a query sorts its own rows, not only those of a query or a window inside it.

    >>> is_ordered("SELECT a FROM t ORDER BY replace(b, '(', '')")
    True
    >>> is_ordered("SELECT a FROM (SELECT a FROM t ORDER BY b) WHERE a <> ' order by '")
    False
    """
    if "order" not in sql.lower():
        return False
    depth, before = 0, ""
    for token in tokens(sql):
        if token.says_nothing:
            continue
        text = token.text.lower()
        if before == "order" and text == "by" and depth == 0:
            return True
        depth += (text == "(") - (text == ")")
        before = text
    return False


_WITHOUT_ROWS = {
    "alter", "analyze", "attach", "begin", "commit", "create", "delete", "detach", "drop", "end", "insert", "reindex",
    "release", "replace", "rollback", "savepoint", "update", "vacuum",
}  # fmt: skip


def never_has_rows(sql: str) -> bool:
    """Tell whether a statement can have no rows, whatever comes of it.

    >>> never_has_rows("DELETE FROM t"), never_has_rows("DELETE FROM t RETURNING a")
    (True, False)
    """
    first = next((token.text.lower() for token in tokens(sql) if not token.says_nothing and token.text != ";"), "")
    return first in _WITHOUT_ROWS and "returning" not in sql.lower()


def without_empty_ends(sql: str) -> str:
    """Drop the semicolons, with blanks and comments among them, that stand before and behind all else.

    >>> without_empty_ends("; SELECT 1 ;; -- so")
    'SELECT 1'
    """
    if ";" not in sql:
        return sql
    spoken = [token for token in tokens(sql) if not token.says_nothing and token.text != ";"]
    return sql[spoken[0].start : spoken[-1].end] if spoken else sql
