"""Every prompt there is. What all questions of a database share comes first, for the server's prefix cache."""

from __future__ import annotations

from typing import Literal

from spider_opt.types import Message

Form = Literal["chat", "prefill", "completion"]

INSTRUCTION = "You write SQLite queries. Answer with one SQL query and nothing else, no explanation."
RULES = """Rules:
- Select only the columns that the question asks for, in its order.
- Use only tables and columns of the schema, and each column from the table that has it.
- Join tables on their foreign keys, and only tables that are needed.
- Use DISTINCT only when the question asks for different values.
- For the most or the least, use ORDER BY with LIMIT 1."""


def zero_shot(form: Form, schema: str, question: str, rules: bool) -> list[Message] | str:
    """Return the request for one question.

    ``chat`` is a conversation, ``prefill`` one whose answer has been begun with a code fence, and
    ``completion`` plain text to go on with (the answer then begins after ``SELECT``).
    """
    question = " ".join(question.split())
    extra = f"{RULES}\n\n" if rules else ""
    if form == "completion":
        return f"/* SQLite tables */\n{schema}\n\n{extra}-- {question}\nSELECT"
    messages = [
        Message("system", INSTRUCTION),
        Message("user", f"{schema}\n\n{extra}Question: {question}"),
    ]
    return [*messages, Message("assistant", "```sql\n")] if form == "prefill" else messages
