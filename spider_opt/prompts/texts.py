"""Every prompt there is. What all questions of a database share comes first, for the server's prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from spider_opt.types import Message

PromptForm = Literal["chat", "prefill", "completion"]

INSTRUCTION = "You write SQLite queries. Answer with one SQL query and nothing else, no explanation."
RULES = """Rules:
- Select only the columns that the question asks for, in its order.
- Use only tables and columns of the schema, and each column from the table that has it.
- Join tables on their foreign keys, and only tables that are needed.
- Use DISTINCT only when the question asks for different values.
- For the most or the least, use ORDER BY with LIMIT 1."""
DEMOS = "Questions about other databases, each with its query:"
DEMOS_HERE = "Questions about this database, each with its query:"
VALUES = "Values in the database that the question may mean:"
NOTE = "Note: "
FAILED = "That query does not do: {message}\nAnswer with a query that does."
FENCE = "```sql\n"
TABLES = "/* SQLite tables */"
NEXT = (";\n\n", f"\n{TABLES}")
"""Where a completion ends: what stands behind a query where the next question or schema begins.

A blank line alone ends none, nor does a semicolon, which may stand in a text: what a model goes on to say beyond its
query is left to who reads it.
"""
COT_INSTRUCTION = (
    "You write SQLite queries. First find the columns that the query needs, then the tables, then write the query. "
    "Answer only what you are asked for, no explanation."
)
COT_LINES = """Answer in three lines:
Columns: the columns that the query needs, as table.column
Tables: the tables that these columns are in, and those needed to join them
SQL: the SQLite query"""
COT_STAGES = (
    "Which columns does the query need? Answer with their names only, as table.column.",
    "Which tables are these columns in, and which are needed to join them? Answer with their names only.",
    "Now write the SQLite query. Answer with one SQL query and nothing else.",
)


def ask_for_sql(
    form: PromptForm,
    schema: str,
    question: str,
    *,
    notes: str = "",
    instruction: str = INSTRUCTION,
    rules: bool = False,
    demos: Sequence[tuple[str, str, str, str]] = (),
    here: Sequence[tuple[str, str, str]] = (),
    values: Sequence[str] = (),
    feedback: Sequence[tuple[str, str]] = (),
    begun: bool = True,
) -> tuple[Message, ...] | str:
    """Return what is asked for one question.

    ``chat`` is a conversation, ``prefill`` one whose answer has been begun with a code fence, and
    ``completion`` plain text to go on with (the answer then begins after ``SELECT``). Without ``begun`` the answer
    is not begun, for a grammar that begins it.

    ``notes``, what is known beside the question, stand in a line before it. ``demos`` are (schema, notes, question,
    SQL) in the order in which they are shown; those with a schema come as conversations of their own before the
    question, those without as a list behind the schema. ``here`` are (notes, question, SQL) of demos about the
    question's own database. ``values`` are lines such as ``singer.country = 'France'``.
    ``feedback`` are (query, message) of failed attempts.
    """
    question = " ".join(question.split())
    parts = [schema]
    if rules:
        parts.append(RULES)
    elsewhere = [(known, q, sql) for shown, known, q, sql in demos if not shown]
    for head, listed in ((DEMOS, elsewhere), (DEMOS_HERE, here)):
        if listed:
            pairs = (f"{_noted(known)}Question: {q}\nSQL: {sql}" for known, q, sql in listed)
            parts.append("\n\n".join([head, *pairs]))
    if values:
        parts.append("\n".join([VALUES, *values]))
    if form == "completion":
        before = "".join(
            f"{TABLES}\n{shown}\n\n{_noted(known, '-- ')}-- {q}\n{sql};\n\n" for shown, known, q, sql in demos if shown
        )
        after = "".join(f"\n{sql};\n\n-- {' '.join(message.split())} Corrected:" for sql, message in feedback)
        text = "\n\n".join([f"{TABLES}\n{parts[0]}", *parts[1:], f"{_noted(notes, '-- ')}-- {question}"])
        return f"{before}{text}{after}\n" + ("SELECT" if begun else "")
    messages = [Message("system", instruction)]
    for shown, known, q, sql in demos:
        if shown:
            messages += [Message("user", f"{shown}\n\n{_noted(known)}Question: {q}"), Message("assistant", sql)]
    messages.append(Message("user", "\n\n".join([*parts, f"{_noted(notes)}Question: {question}"])))
    for sql, message in feedback:
        messages += [Message("assistant", sql), Message("user", FAILED.format(message=message))]
    return (*messages, Message("assistant", FENCE)) if form == "prefill" and begun else tuple(messages)


def _noted(notes: str, mark: str = "") -> str:
    """Return notes as a line of a prompt, behind ``mark``; nothing where there are none."""
    return f"{mark}{NOTE}{' '.join(notes.split())}\n" if notes.strip() else ""
