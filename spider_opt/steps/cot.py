"""Chain of thought: the columns, then the tables, then the query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, cast

from spider_opt.answering.drafts import MAX_TOKENS, Drafter, Look
from spider_opt.prompts import texts
from spider_opt.sql.extract import extract_sql, without_thoughts
from spider_opt.sql.used import used
from spider_opt.types import Completion, Demo, Generator, Message, Prediction, Request, Stage, Task, Tools, Usage

MAX_STAGE_TOKENS = 100
"""Of the columns, and of the tables; a small model that names more goes round in circles."""
# "Columns:", "**Tables used:**", "3. SQL query:"
_LABEL = re.compile(r"^[\W\d]*(column|table|sql|query)\w*(?:[^\S\n]+\w+){0,2}[*\s]*:[*]*", re.IGNORECASE | re.MULTILINE)
_QUOTES = re.compile(r'[`"\[\]]')
# A quoted text, a class of characters, a comment, or a name.
_GBNF = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[\w-]+')
_GRAMMAR = r"""root ::= "Columns: " cot-line "Tables: " cot-line "SQL: " cot-query
cot-line ::= [^\n]{1,300} "\n"
"""


@dataclass(frozen=True, slots=True)
class CoT(Look):
    """Have the model name the columns, then the tables, then write the query.

    A grammar governs the query only. In one call, demos that come with their schema show all three lines.

    Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): chain of thought;
    Wei et al. 2022.

    Options:
        schema: ``ddl`` (CREATE TABLE) or ``compact`` (one line a table).
        keys: show primary and foreign keys.
        rows: sample rows shown under each table.
        values: sample values shown beside each column.
        form: only ``chat``.
        rules: add rules against the usual mistakes.
        calls: 1 asks for all in three lines, 3 goes through the stages in one conversation.
    """

    stage: ClassVar[Stage] = Stage.DRAFT

    calls: Literal[1, 3] = 1

    def __post_init__(self) -> None:
        Look.__post_init__(self)  # super() without arguments does not work in a dataclass with slots
        if self.form != "chat":
            raise ValueError("form must be chat: the stages are a conversation")
        if self.calls not in (1, 3):
            raise ValueError("calls must be 1 or 3")

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``task.model`` once, or three times."""
        drafter = Drafter(self, tools.databases)
        return lambda task: _in_one(drafter, task) if self.calls == 1 else _in_three(drafter, task)


def _in_one(drafter: Drafter, task: Task) -> Prediction:
    demos = tuple(map(_worked, task.context.demos))
    [completion] = task.model.complete(
        Request(
            _asked(drafter, replace(task, context=replace(task.context, demos=demos)), texts.COT_LINES),
            temperature=task.temperature,
            seed=task.seed,
            grammar=in_lines(task.grammar) if task.grammar else None,
            max_tokens=2 * MAX_STAGE_TOKENS + MAX_TOKENS,
        )
    )
    said = lines(without_thoughts(completion.text))
    sql = extract_sql(completion.text)
    trace = _trace(task, said.get("column", ""), said.get("table", ""), completion.finish_reason)
    return Prediction(sql, completion.usage, (trace,), task.context, completion.logprob, completion.text)


def _in_three(drafter: Drafter, task: Task) -> Prediction:
    columns, tables, query = texts.COT_STAGES
    messages = _asked(drafter, task, columns)
    said: list[Completion] = []
    for following in (tables, query, None):
        last = following is None
        said += task.model.complete(
            Request(
                messages,
                temperature=task.temperature,
                seed=task.seed,
                grammar=task.grammar if last else None,
                max_tokens=MAX_TOKENS if last else MAX_STAGE_TOKENS,
            )
        )
        if following is not None:
            messages = (
                *messages,
                Message("assistant", without_thoughts(said[-1].text).strip()),
                Message("user", following),
            )
    named, of = (without_thoughts(one.text) for one in said[:2])
    trace = _trace(task, named, of, said[-1].finish_reason)
    usage = sum((completion.usage for completion in said), Usage())
    answer = said[-1]
    return Prediction(extract_sql(answer.text), usage, (trace,), task.context, answer.logprob, answer.text)


def lines(text: str) -> dict[str, str]:
    r"""Return what stands behind the labels ``column``, ``table`` and ``sql``, the first time each of them comes.

    >>> lines("Columns: dog.name\n**Tables:** dog\nSQL: SELECT name FROM dog")
    {'column': 'dog.name', 'table': 'dog', 'sql': 'SELECT name FROM dog'}
    """
    found = list(_LABEL.finditer(text))
    said: dict[str, str] = {}
    ends = [*(after.start() for after in found[1:]), None]
    for label, end in zip(found, ends, strict=False):
        said.setdefault(label[1].lower().replace("query", "sql"), text[label.end() : end].strip())
    return said


def in_lines(grammar: str) -> str:
    """Return a grammar of three lines, the last of which follows ``grammar``."""
    return _GRAMMAR + _GBNF.sub(lambda part: "cot-query" if part[0] == "root" else part[0], grammar)


def _asked(drafter: Drafter, task: Task, ask: str) -> tuple[Message, ...]:
    *before, last = cast(tuple[Message, ...], drafter.messages(task, texts.COT_INSTRUCTION))
    return (*before, replace(last, content=f"{last.content}\n\n{ask}"))


def _worked(demo: Demo) -> Demo:
    found = used(demo.sql, demo.question.schema) if demo.own_schema else None
    if found is None:
        return demo
    columns = ", ".join(f"{table}.{column}" for table, column in sorted(found.columns) if table) or "none"
    return replace(demo, sql=f"Columns: {columns}\nTables: {', '.join(sorted(found.tables))}\nSQL: {demo.sql}")


def _trace(task: Task, columns: str, tables: str, finish: str) -> Mapping[str, object]:
    """Keep the schema's own names: what else a model says may be the question."""
    schema = task.question.schema
    names = [name for t in schema.tables for c in t.columns for name in (c.name, f"{t.name}.{c.name}")]
    return {
        "step": "cot",
        "columns": _named(names, columns),
        "tables": _named([t.name for t in schema.tables], tables),
        "finish": finish,
    }


def _named(names: Sequence[str], text: str) -> list[str]:
    """Return which of some names a text says, in its order, each once and spelled as in ``names``."""
    spelled = {name.lower(): name for name in names}
    longest_first = "|".join(map(re.escape, sorted(spelled, key=lambda name: (-len(name), name))))
    said = re.findall(rf"(?<!\w)(?:{longest_first})(?!\w)", _QUOTES.sub("", text).lower()) if spelled else []
    return list(dict.fromkeys(spelled[name] for name in said))
