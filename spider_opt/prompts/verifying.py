"""What a tuned judge is shown: one query with the first rows of its result, to say yes or no to.

What all candidates of a question share comes first, and what all questions of a database share before that: it is
computed once (``models.torch.shared_prefix``).
"""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.types import Message, Value

YES, NO = "yes", "no"
VERIFIER = "You check SQLite queries. Say yes if the query answers the question, else no."


def ask_verifier(
    schema: str,
    question: str,
    sql: str,
    *,
    notes: str = "",
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[Value]] = (),
    n_rows: int = 0,
    failed: str = "",
) -> tuple[Message, ...]:
    """Return what a judge is asked about a query: ``rows`` are the first of its ``n_rows``; or why it ``failed``."""
    lines = [schema, f"Question: {question}"]
    if notes:
        lines.append(f"Note: {notes}")
    lines.append(f"Query: {' '.join(sql.split())}")
    if failed:
        lines.append(f"It fails: {' '.join(failed.split())}")
    else:
        lines += [f"It gives {n_rows:,} row{'' if n_rows == 1 else 's'}: {' | '.join(columns)}", *map(_line, rows)]
    return Message("system", VERIFIER), Message("user", "\n".join(lines))


def _line(row: Sequence[Value]) -> str:
    """Return a row on one line.

    >>> _line((1, None, "a b", b"ab"))
    "1 | NULL | a b | x'6162'"
    """
    return " | ".join(map(_cell, row))


def _cell(value: Value) -> str:
    if value is None:
        return "NULL"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else " ".join(str(value).split())
