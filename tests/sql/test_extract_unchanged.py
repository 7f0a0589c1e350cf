"""Any valid query comes back unchanged out of whatever a model wraps it in, but for its white space and comments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from valid_queries import queries

from spider_opt.sql.extract import extract_sql
from spider_opt.sql.lexer import tokens

RESULT = "SQLResult: [('Alba', 3), ('Cora', 3)]\nAnswer: Alba and Cora."
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda sql: sql,
    "semicolon": lambda sql: f"{sql};\n",
    "semicolon of full width": lambda sql: f"{sql}；",
    "fence": lambda sql: f"```sql\n{sql}\n```",
    "fence without language": lambda sql: f"Here it is:\n\n```\n{sql};\n```\n\nIt lists the boats; it's short.",
    "fence of a prefilled answer": lambda sql: f"{sql}\n```",
    "fence that is not closed": lambda sql: f"```sqlite\n{sql}",
    "two fences": lambda sql: (
        f"First:\n```sql\nSELECT kind FROM boat\n```\nThat's wrong. Corrected:\n```sql\n{sql}\n```"
    ),
    "label": lambda sql: f"SQL: {sql}",
    "label and results": lambda sql: f"Question: Which boats?\nSQLQuery: {sql}\n{RESULT}",
    "words before": lambda sql: f"Sure! To select the boats with a crew, use:\n{sql}",
    "words behind": lambda sql: f"{sql}\n\nThis query lists the boats; NULLs are left out, as it's asked.",
    "words on the next line": lambda sql: f"{sql};\nPlease note that NULLs are left out.",
    "words of another language": lambda sql: f"答案是：\n{sql}\n\n这个查询返回船的名字，谢谢。",
    "Russian words": lambda sql: f"Вот запрос:\n{sql}\n\nЭтот запрос выводит все лодки.",
    "end token": lambda sql: f"{sql}</s>",
    "end of a turn": lambda sql: f"{sql}<|im_end|>\n<|im_start|>user\nAnd SELECT 2?",
    "end of a sentence": lambda sql: f"{sql}<｜end▁of▁sentence｜>",
    "end of a text": lambda sql: f"```sql\n{sql}\n```<|endoftext|>SELECT 1",
    "tag": lambda sql: f"<sql>{sql}</sql>",
    "tags": lambda sql: f"<reasoning>I could SELECT kind FROM boat.</reasoning>\n<answer>\n{sql}\n</answer>",
    "JSON object": lambda sql: json.dumps({"reasoning": "SELECT 1", "sql": sql}),
    "JSON list": lambda sql: json.dumps([{"sql": sql, "title": "Boats"}], ensure_ascii=False, indent=2),
    "JSON in a fence": lambda sql: "```json\n" + json.dumps({"query": sql}) + "\n```",
    "JSON string": lambda sql: json.dumps(sql),
    "arguments of a call": lambda sql: json.dumps({"name": "run", "arguments": json.dumps({"query": sql})}),
    "quotes": lambda sql: f'SQLQuery: "{sql}"',
    "bold": lambda sql: f"**{sql}**",
    "backticks": lambda sql: f"The query is:\n`{sql}`",
    "thoughts": lambda sql: f"<think>\nMaybe SELECT kind FROM boat? It's not.\n</think>\n\n{sql}",
    "thoughts begun in the prompt": lambda sql: f"I'd SELECT kind\nFROM boat.\n</think>\n\n```sql\n{sql}\n```",
    "thoughts in capitals": lambda sql: f"[THINK]Perhaps SELECT kind FROM boat.[/THINK]{sql}",
    "thoughts of Kimi": lambda sql: f"◁think▷SELECT kind FROM boat◁/think▷{sql}",
    "channels": lambda sql: (
        "<|channel|>analysis<|message|>We may SELECT kind FROM boat<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{sql}<|return|>"
    ),
    "zero width": lambda sql: f"\ufeff\u200b{sql}\u200b",
    "quoted lines": lambda sql: f"> Answer:\n\n{sql}",
    "another question": lambda sql: f"{sql}\n\nQuestion: How many?\nSQL: SELECT count(*) FROM boat",
}  # fmt: skip


def said(sql: str) -> list[str]:
    return [token.text for token in tokens(sql) if not token.says_nothing]


def test_what_is_drawn_is_taken_by_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)

    @given(queries)
    @settings(max_examples=300, database=None, deadline=None)
    def each(sql: str) -> None:
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            connection.execute(sql)

    each()
    connection.close()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(sql=queries)
@settings(max_examples=40, deadline=None)
def test_a_valid_query_comes_back_unchanged(wrapping: str, sql: str) -> None:
    assert said(extract_sql(WRAPPINGS[wrapping](sql))) == said(sql)
