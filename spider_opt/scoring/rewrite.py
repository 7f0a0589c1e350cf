"""What the official evaluator does to a query's text before it runs it.

Source: official evaluator, ``evaluation.py`` (``value``), ``exec_eval.py`` (``postprocess``,
``replace_cur_year``) and ``parse.py`` (``remove_distinct``), commit e97acc5.
"""

from __future__ import annotations

import re

_CURRENT_YEAR = re.compile(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", re.IGNORECASE)
_GO = re.compile(r"\bgo\b", re.IGNORECASE)  # ends a statement for the reference's tokenizer
# What the reference's tokenizer reads in its own way: comments, escapes, placeholders, dollar quotes.
_NEEDS_TOKENIZER = re.compile(r"[`$#@:\[\]?]|--|/\*|distinct[\w.]|[\w.]distinct|\.\s*distinct", re.IGNORECASE)
_QUOTED_OR_DISTINCT = re.compile(r"'[^']*'|\"[^\"]*\"|(\bdistinct\b)", re.IGNORECASE)


def close_gaps(sql: str) -> str:
    """Close the gap in ``> =``, ``< =`` and ``! =``.

    >>> close_gaps("SELECT a FROM t WHERE b > = 1")
    'SELECT a FROM t WHERE b >= 1'
    """
    return sql.replace("> =", ">=").replace("< =", "<=").replace("! =", "!=")


def fix_year(sql: str) -> str:
    """Give ``YEAR(CURDATE())`` its fixed year; the reference does so last, just before it runs a query.

    >>> fix_year("SELECT a FROM t WHERE b = YEAR(CURDATE())")
    'SELECT a FROM t WHERE b = 2020'
    """
    return _CURRENT_YEAR.sub("2020", sql) if "curdate" in sql.lower() else sql


def value_to_one(sql: str) -> str:
    """Replace the letters ``value`` by ``1``, as the official command line does to predictions only.

    >>> value_to_one("SELECT value, Value FROM revalued")
    'SELECT 1, Value FROM re1d'
    """
    return sql.replace("value", "1")


def first_statement_without_distinct(sql: str) -> str:
    """Drop every DISTINCT token outside quotes, and everything after the first statement.

    Raises:
        ValueError: the reference's tokenizer finds no statement or gives up.

    >>> first_statement_without_distinct("SELECT count(DISTINCT a) FROM t WHERE b = 'distinct';DROP TABLE t")
    "SELECT count( a) FROM t WHERE b = 'distinct';"
    """
    body, lowered = sql.rstrip(), sql.lower()
    if body and ";" not in body[:-1] and not ("go" in lowered and _GO.search(sql)):
        if "distinct" not in lowered:
            return sql
        if _is_plain(sql):
            return _QUOTED_OR_DISTINCT.sub(lambda m: "" if m[1] else m[0], sql)
    return _by_tokenizer(sql)


def _is_plain(sql: str) -> bool:
    """Tell whether quotes are closed and nothing needs more than quotes to be understood."""
    # A backslash counts inside quotes, too: it may keep them open.
    if not sql.isascii() or "\\" in sql:
        return False
    rest = _QUOTED_OR_DISTINCT.sub(lambda m: m[0] if m[1] else "", sql)
    return not _NEEDS_TOKENIZER.search(rest) and "'" not in rest and '"' not in rest


def _by_tokenizer(sql: str) -> str:
    from sqlparse.engine import FilterStack
    from sqlparse.exceptions import SQLParseError

    try:
        # The reference groups tokens into a tree and flattens it again; without that the same
        # tokens come out, sooner.
        statement = next(iter(FilterStack().run(sql)), None)  # type: ignore[no-untyped-call]
    except (SQLParseError, RecursionError) as error:
        raise ValueError(f"the tokenizer gave up: {error}") from error
    if statement is None:
        raise ValueError("no statement in the text")
    return "".join(t.value for t in statement.flatten() if t.value.lower() != "distinct")
