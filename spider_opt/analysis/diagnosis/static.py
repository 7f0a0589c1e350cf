"""Why each wrong answer of a run is wrong, read from the two queries: no model is asked, and nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spider_opt.analysis.diagnosis.differences import differences
from spider_opt.analysis.diagnosis.parts import parts
from spider_opt.analysis.diagnosis.reasons import Kind, Reason
from spider_opt.scoring.report import Scored
from spider_opt.types import Example, Outcome

UNANSWERED = {
    Outcome.NO_SQL: "no query in the answer",
    Outcome.NOT_A_QUERY: "no query, but another statement",
    Outcome.REFUSED: "the question was refused",
}
STOPPED = {Outcome.TIMEOUT: "took too long", Outcome.LIMIT: "too large a result"}
MESSAGES: Mapping[str, str] = {
    "no such column": r"^no such column\b",
    "no such table": r"^no such table\b",
    "no such function": r"^no such function\b",
    "ambiguous column": r"^ambiguous column name\b",
    "syntax error": r"syntax error|^incomplete input|^unrecognized token",
    "aggregate in a wrong place": r"^misuse of|^aggregate functions are not allowed|^misuse of window",
    "wrong number of arguments": r"^wrong number of arguments",
    "compound of different widths": r"do not have the same number of result columns",
    "column in a wrong place": r"sub-select returns|row value misused|ORDER BY term|term out of range",
}
"""Sorts of messages of SQLite's, each told by a pattern: the first that fits; all others are ``another message``."""
OTHER = "another message"


def sort_of(message: str) -> str:
    """Return the sort of a message of SQLite's.

    >>> sort_of("no such column: T1.name"), sort_of('near "SELECT": syntax error'), sort_of("parser stack overflow")
    ('no such column', 'syntax error', 'another message')
    """
    found = (sort for sort, pattern in MESSAGES.items() if re.search(pattern, message, re.IGNORECASE))
    return next(found, OTHER)


def reasons_of(example: Example, sql: str, scored: Scored) -> tuple[Reason, ...]:
    """Return why a wrong answer is wrong, in the order of ``Kind``, at least one reason.

    Where there are several golds it is compared with the one that it has fewest differences from.
    """
    if scored.outcome in UNANSWERED:
        return (Reason(Kind.UNANSWERED, UNANSWERED[scored.outcome], UNANSWERED[scored.outcome]),)
    first: tuple[Reason, ...] = ()
    if scored.outcome is Outcome.QUERY_ERROR:
        first = (Reason(Kind.NOT_RUN, scored.detail, sort_of(scored.detail)),)
    elif scored.outcome in STOPPED:
        first = (Reason(Kind.NOT_RUN, scored.detail, STOPPED[scored.outcome]),)
    schema = example.question.schema
    answer = parts(sql, schema)
    golds = [gold for sql in example.golds if (gold := parts(sql, schema)) is not None]
    if answer is None or not golds:
        return first or (Reason(Kind.UNREADABLE, "the answer" if answer is None else "gold"),)
    found = min((differences(gold, answer) for gold in golds), key=len)
    return first + found or (Reason(Kind.NOTHING, scored.detail),)
