"""Any valid query comes back unchanged out of whatever a model wraps it in, but for its white space and comments."""

from __future__ import annotations

import html
import json
import os
import sqlite3
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from real_spider import real_golds
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
"""These give back any query, whatever stands in its strings."""
MORE: dict[str, Callable[[str], str]] = {
    "bullet": lambda sql: f"- {sql}",
    "number": lambda sql: f"1. {sql}",
    "headings": lambda sql: f"### SQL\n{sql}\n\n### Explanation\nIt lists them.",
    "characters as they are": lambda sql: f"<query><![CDATA[{sql}]]></query>",
    "tags in tags": lambda sql: f"<answer><sql>\n{sql}\n</sql><explanation>It is short.</explanation></answer>",
    "a program": lambda sql: f'query = """\n{sql}\n"""\nprint(query)',
    "a program in a fence": lambda sql: f'```python\nquery = """{sql}"""\ncursor.execute(query)\n```',
    "YAML": lambda sql: "sql: |\n" + indented(sql, "  "),
    "a box": lambda sql: f"\\boxed{{\\text{{{sql}}}}}",
    "signs of a box": lambda sql: f"<|begin_of_box|>{sql}<|end_of_box|>",
    "a prompt": lambda sql: f"sqlite> {sql};",
    "another prompt": lambda sql: f"sql> {sql}",
    "a page": lambda sql: f'<pre><code class="language-sql">{html.escape(sql, quote=False)}</code></pre>',
    "fence of tildes": lambda sql: f"~~~sql\n{sql}\n~~~",
    "fence of four": lambda sql: f"````sql\n{sql}\n````",
    "indented fence": lambda sql: f"   ```sql\n{indented(sql, '   ')}\n   ```",
    "quoted fence": lambda sql: f"Answer:\n> ```sql\n{indented(sql, '> ')}\n> ```",
    "quoted query": lambda sql: f"The query is\n\n{indented(sql, '> ')}\n\nand it lists them.",
    "head of Llama": lambda sql: f"<|start_header_id|>assistant<|end_header_id|>\n\n{sql}<|eot_id|>",
    "turns of Mistral": lambda sql: f"[/INST] {sql} [INST]",
    "end of a turn of Gemma": lambda sql: f"{sql}<end_of_turn>\n<eos>",
    "no thoughts": lambda sql: f"<think></think>\n<answer>{sql}</answer>",
    "JSON in JSON": lambda sql: json.dumps({"result": {"queries": [{"sql": sql}]}, "confidence": 0.9}),
    "JSON and why": lambda sql: json.dumps({"sql": sql, "explanation": "SELECT picks the rows FROM the table."}),
    "call of a tool": lambda sql: f"<tool_call>\n{json.dumps({'arguments': {'query': sql}})}\n</tool_call>",
    "label in words": lambda sql: f"The final SQL query is: {sql}",
    "German words": lambda sql: f"Die Abfrage lautet:\n\n{sql}\n\nSie gibt alle Zeilen aus, die gefragt sind.",
    "French words": lambda sql: f"Voici la requête :\n{sql}\nElle renvoie les lignes demandées.",
    "Japanese words": lambda sql: f"クエリは次のとおりです：\n{sql}\n以上です。",
    "Arabic words": lambda sql: f"الاستعلام هو:\n{sql}\nهذا كل شيء.",
    "note": lambda sql: f"{sql}\n\nNote: this assumes that the names are unique.",
    "what its words do": lambda sql: f"```sql\n{sql}\n```\n\n- `SELECT` picks the columns\n- `FROM` names the table",
    "alternative": lambda sql: f"```sql\n{sql}\n```\n\nAlternatively, you could write:\n```sql\nSELECT 1\n```",
    "output": lambda sql: f"```sql\n{sql}\n```\n\nOutput:\n```\n| name |\n|---|\n| Alba |\n```",
    "steps": lambda sql: f"Step 1: find the tables.\nStep 2: join them.\n\nFinal SQL:\n{sql}",
    "comment behind": lambda sql: f"{sql} -- this gives the names",
    "comments before": lambda sql: f"/* Which boats? */\n-- SELECT them\n{sql};",
    "tables before": lambda sql: f"```sql\nCREATE TABLE boat (id INT);\n{sql};\n```",
    "brackets": lambda sql: f"({sql})",
    "curly quotes": lambda sql: f"“{sql}”",
    "pictures": lambda sql: f"✅ {sql} 🎉",
    "in a sentence": lambda sql: f"Use `{sql}` to get it.",
    "question said again": lambda sql: f"Question: How many boats from SELECT list?\nAnswer: {sql}",
    "thoughts aloud": lambda sql: f"I need to select the name from the table where crew is more than 2.\n\n{sql}",
    "mended": lambda sql: f"```sql\nSELECT 1 FROM boat\n```\nThat's wrong. Fixed:\n```sql\n{sql}\n```\nThat's it.",
    "draft": lambda sql: f"Draft:\n```sql\nSELECT 1 FROM boat\n```\n\n**Final Answer:**\n```sql\n{sql}\n```",
}  # fmt: skip


"""These give back the queries of people; some change what is in a string of several lines, or of other wrappings."""
KEYWORDS = {
    "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "AND", "OR", "JOIN",
    "ON",
}  # fmt: skip
LAYOUTS: dict[str, tuple[str, ...]] = {
    "as it is": (" ",),
    "a clause a line": ("\n",),
    "blank lines": ("\n\n", " "),
    "comments": ("\n-- it's a note; here\n", "\n\n-- Only the larger boats:\n", " /* SELECT 1; */ ", "\n"),
    "another system": ("\r\n", "\t"),
}
"""What stands before the words with which clauses begin, in turns."""


def indented(sql: str, by: str) -> str:
    return "\n".join(by + line for line in sql.split("\n"))


def laid_out(sql: str, layout: str) -> str:
    if layout == "as it is":
        return sql
    pieces = list(tokens(sql))
    following = [*(piece.text.upper() for piece in pieces[1:]), ""]
    return "".join(
        (LAYOUTS[layout][i % len(LAYOUTS[layout])] if after in KEYWORDS else " ")
        if piece.kind == "space"
        else piece.text
        for i, (piece, after) in enumerate(zip(pieces, following, strict=True))
    )


AMID_WORDS: dict[str, Callable[[str], str]] = {
    "behind one word": lambda sql: f"Sure! {sql}",
    "behind words": lambda sql: f"I'd say {sql}",
    "behind words that select": lambda sql: f"First we select the names from singer's table. Sure! {sql}",
    "behind apostrophes": lambda sql: f"It's the singers' names that count: use {sql}",
    "behind brackets": lambda sql: f"Ok, (see below) {sql}",
    "behind German words": lambda sql: f"Die Abfrage lautet {sql}",
    "behind Chinese words": lambda sql: f"查询语句为{sql}",
    "amid German words": lambda sql: f"Die Abfrage {sql}; sie gibt alle aus.",
    "amid Spanish lines": lambda sql: f"La consulta es {sql}\n\nDevuelve los nombres.",
    "amid French lines": lambda sql: f"Voici la requête {sql}\nElle donne les noms.",
    "amid Russian lines": lambda sql: f"Запрос {sql}\n\nОн выводит имена.",
    "amid Chinese words": lambda sql: f"查询语句是{sql}。这个查询返回名字。",
    "before a paragraph": lambda sql: f"Use {sql}\n\nThis lists the names, NULLs are left out.",
    "before a semicolon and words": lambda sql: f"The query {sql}; returns it.",
    "before a semicolon and a line": lambda sql: f"I think {sql};\nThat should do.",
    "before a fence": lambda sql: f"The final SQL would then be {sql}\n```\nIt lists the rows.",
    "behind a tag of a turn": lambda sql: f"[/INST] {sql}",
    "before a tag of a turn": lambda sql: f"Final answer: the query {sql}<|im_end|>",
    "before an end token": lambda sql: f"Sure! {sql}</s>",
    "before an end token in brackets": lambda sql: f"{sql}[EOS]",
    "before an end token behind a blank": lambda sql: f"{sql} [END]",
    "before padding": lambda sql: f"{sql}[EOS][PAD][PAD]",
    "before another turn": lambda sql: f"Sure! {sql}[EOT]\n[INST] And SELECT 2?",
    "in a box": lambda sql: f"\\boxed{{{sql}}}",
    "in tags in brackets": lambda sql: f"[SQL]{sql}[/SQL]",
    "in tags in a sentence": lambda sql: f"Sure! <sql>{sql}</sql>",
    "in guillemets": lambda sql: f"«{sql}»",
    "in backticks in a sentence": lambda sql: f"Use `{sql}` to get it.",
    "in backticks with a semicolon": lambda sql: f"Sure! `{sql};` is it.",
    "in typographic quotes": lambda sql: f"Sure! “{sql}” does it.",
    "in bold in a sentence": lambda sql: f"Sure! **{sql}**",
    "behind a sign": lambda sql: f"✅ {sql}",
    "behind a prompt": lambda sql: f"$ {sql}",
    "behind a prompt of SQLite": lambda sql: f"sqlite> {sql};\n",
    "behind an arrow": lambda sql: f"Answer -> {sql}",
    "behind a comment": lambda sql: f"/* what is asked; SELECT 1 */ {sql}",
    "behind words and a comment": lambda sql: f"Sure! /* hint */ {sql}",
    "behind words and a line's comment": lambda sql: f"Sure! -- hint\n{sql}",
    "behind a comment in backticks": lambda sql: f"Use `/* hint */ {sql}` to get it.",
    "behind a query in brackets": lambda sql: f"We filter with b > (SELECT avg(b) FROM t).\n\n{sql}",
    "behind a query in brackets and a label": lambda sql: f"We need b > (SELECT avg(b) FROM t), so it is:\n{sql}",
    "behind a query in brackets and a colon": lambda sql: f"Compute the average: (SELECT avg(b) FROM t).\n\n{sql}",
    "behind a query in brackets in its sentence": lambda sql: f"We need b > (SELECT avg(b) FROM t), so use {sql}",
    "before a query in brackets": lambda sql: f"{sql}\n\nThe subquery (SELECT avg(b) FROM t) gives the value.",
    "before a query in brackets in its line": lambda sql: f"{sql}\nThe subquery (SELECT avg(b) FROM t) gives it.",
    "before a comparison": lambda sql: f"{sql}\n\nThe part b > (SELECT avg(b) FROM t) compares.",
    "behind a comment in JSON": lambda sql: json.dumps({"sql": f"/* hint; SELECT 1 */ {sql}"}),
    "behind words in JSON": lambda sql: json.dumps({"answer": f"Sure! {sql}"}),
    "in JSON behind words": lambda sql: "Sure! " + json.dumps({"sql": sql}),
}  # fmt: skip
# Words on a query's own line are told from it where they are sentences, and no more of it than names.
IN_ITS_LINE: dict[str, Callable[[str], str]] = {
    "before a full stop": lambda sql: f"The query is {sql}.",
    "in quotes before a full stop": lambda sql: f'The answer is "{sql}".',
    "before two words": lambda sql: f"I would use {sql} for this.",
    "before words": lambda sql: f"{sql} lists what was asked for.",
    "before Japanese words": lambda sql: f"クエリは {sql} です。",
    "in a fence in a sentence": lambda sql: f"Sure, ```{sql}```",
}

# Of queries on one line, as a table's cells are.
CELLS: dict[str, Callable[[str], str]] = {
    "a row": lambda sql: f"| {sql} |",
    "a table": lambda sql: f"| SQL |\n|---|\n| {sql} |",
    "a semicolon": lambda sql: f"Here:\n\n| SQL |\n| :-- |\n| {sql}; |\n\nIt lists the names.",
    "cells beside": lambda sql: f"| # | SQL | Note |\n|---|---|---|\n| 1 | {sql} | It lists them. |",
    "backticks": lambda sql: f"| SQL | Note |\n|---|---|\n| `{sql}` | It lists them. |",
}


def over_lines(sql: str) -> str:
    """As models write it: each clause on a line, each query in brackets on lines of its own."""
    starts = {"FROM", "WHERE", "GROUP", "ORDER", "UNION", "EXCEPT", "INTERSECT", "HAVING", "LIMIT", "JOIN", "SELECT"}
    pieces = (
        f"\n{t.text}" if t.text.upper() in starts else f"{t.text}\n  " if t.text == "(" else t.text for t in tokens(sql)
    )
    return "".join(pieces).strip()


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


@pytest.mark.parametrize("wrapping", AMID_WORDS)
@given(sql=queries.filter(lambda sql: not sql.startswith("values")))
@settings(max_examples=15, deadline=None)
def test_a_valid_query_amid_words_comes_back_unchanged(wrapping: str, sql: str) -> None:
    """Values in small letters are words there."""
    assert said(extract_sql(AMID_WORDS[wrapping](sql))) == said(sql)


@pytest.mark.parametrize("wrapping", CELLS)
@given(sql=queries.filter(lambda sql: not set(sql) & set("\n\\`|")))
@settings(max_examples=40, deadline=None)
def test_a_valid_query_comes_back_out_of_a_table(wrapping: str, sql: str) -> None:
    assert said(extract_sql(CELLS[wrapping](sql))) == said(sql)


@pytest.mark.parametrize("wrapping", AMID_WORDS | IN_ITS_LINE)
def test_golds_come_back_unchanged(shared: Path, wrapping: str) -> None:
    """All of them with SPIDER_OPT_ALL_GOLDS, which takes minutes, else a two-hundredth."""
    golds = sorted({gold.strip().rstrip("; \n") for gold in real_golds(shared)})
    for gold in golds if os.environ.get("SPIDER_OPT_ALL_GOLDS") else golds[::200]:
        for sql in (gold, over_lines(gold), over_lines(gold).replace("\n", "\n\n")):
            assert said(extract_sql((AMID_WORDS | IN_ITS_LINE)[wrapping](sql))) == said(sql)


def test_golds_come_back_unchanged_in_other_layouts(shared: Path) -> None:
    """Golds of Spider in some of all wrappings and layouts: all with SPIDER_OPT_ALL_GOLDS, else a fifth of them."""
    golds = real_golds(shared)
    wrappings = WRAPPINGS | MORE
    cases = list(product(wrappings, LAYOUTS))
    n, changed = 0, []
    every = 1 if os.environ.get("SPIDER_OPT_ALL_GOLDS") else 5
    for i, gold in enumerate(golds[::every]):
        query = gold.strip().rstrip("; ")
        says = said(query)
        for wrapping, layout in cases[i % 37 :: 37]:
            n += 1
            answer = wrappings[wrapping](laid_out(query, layout))
            if said(extract_sql(answer)) != says:
                changed.append(answer)
    assert (changed[:3], len(changed)) == ([], 0)
    assert n >= 50_000 / every
