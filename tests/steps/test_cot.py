from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.errors import MethodError, ModelError
from spider_opt.methods import parse_method
from spider_opt.prompts import texts
from spider_opt.steps.cot import CoT, in_lines, lines
from spider_opt.types import (
    Column,
    Completion,
    Context,
    Demo,
    Message,
    Prediction,
    Question,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

ITEMS = Schema("shop", (
    Table("item", (Column("id", "INTEGER", primary_key=True), Column("full name", "TEXT"))),
    Table("sale", (Column("id", "INTEGER"), Column("item_id", "INTEGER"))),
))  # fmt: skip
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"), Column("legs", "INTEGER"))),))
LINES = "Columns: item.id, full name\nTables: item\nSQL: SELECT id FROM item"
GRAMMAR = 'root ::= "SELECT " name  # root\nname ::= [a-z"root]+ | "root" | "(" root ")"\n'


def task(model: FakeModel, question: str = "Which ids?", **changes: Any) -> Task:
    return replace(Task(Question("q", question, ITEMS), model), **changes)


def ask(task: Task, **options: Any) -> Prediction:
    return CoT(values=0, **options).wrap(_nothing, Tools())(task)


def _nothing(task: Task) -> Prediction:
    raise AssertionError("nothing is inside a draft")


# --- one call ----------------------------------------------------------------------------------


def test_one_call_asks_for_three_lines() -> None:
    model = FakeModel(Completion(LINES, finish_reason="stop 1", logprob=-0.25))
    prediction = ask(task(model))
    assert prediction.sql == "SELECT id FROM item"
    assert prediction.usage == Usage(1, 50, 40, 9, 0.5)
    assert prediction.logprob == -0.25
    assert prediction.trace == (
        {"step": "cot", "columns": ["item.id", "full name"], "tables": ["item"], "finish": "stop 1"},
    )
    [(system, user)] = [request.messages for request in model.requests]
    assert system == Message("system", texts.COT_INSTRUCTION)
    assert user.role == "user"
    assert user.content.startswith("CREATE TABLE item (")
    assert user.content.endswith(f"Question: Which ids?\n\n{texts.COT_LINES}")


def test_three_lines_are_asked_for_in_the_talks_order() -> None:
    at = [texts.COT_LINES.index(label) for label in ("Columns:", "Tables:", "SQL:")]
    assert at == sorted(at)
    assert lines(texts.COT_LINES).keys() == {"column", "table", "sql"}


@pytest.mark.parametrize(
    ("says", "sql"),
    [
        (LINES, "SELECT id FROM item"),
        ("columns: id\ntables: item\nsql: select id from item;", "select id from item"),
        (
            "**Columns:** id\n**Tables**: item\n**SQL:**\n```sql\nSELECT id\nFROM item\n```\nDone.",
            "SELECT id FROM item",
        ),
        ("1. Columns needed: id\n2. Tables used: item\n3. SQL query: SELECT id FROM item", "SELECT id FROM item"),
        ("- Column: id\n- Table: item\n- Query: `SELECT id FROM item`", "SELECT id FROM item"),
        ("Columns:\n- id\n- full name\nTables:\n- item\nSQL:\nSELECT id FROM item", "SELECT id FROM item"),
        ("SQL: SELECT id FROM item\nColumns: id\nTables: item", "SELECT id FROM item"),
        (f"{LINES}\n{LINES.replace('item', 'sale')}", "SELECT id FROM item"),
        ("Columns: id Tables: item SQL: SELECT id FROM item", "SELECT id FROM item"),
        ("id\nitem\nSELECT id FROM item", "SELECT id FROM item"),
        ("```sql\nSELECT id FROM item\n```", "SELECT id FROM item"),
        ("SELECT id FROM item", "SELECT id FROM item"),
        ("Columns: id\nTables: item\n\nSELECT id FROM item", "SELECT id FROM item"),
        ("Columns: id\nTables: item\nSQL:\n\nSQL: SELECT id FROM item", "SELECT id FROM item"),
        ("Columns: id\nTables: item\nSQL: none\n```sql\nSELECT id FROM item\n```", "SELECT id FROM item"),
        ("Columns: id\nTables: item\nSQL: SELECT ':' || \"Tables:\" FROM item", "SELECT ':' || \"Tables:\" FROM item"),
        (
            "<think>SQL: SELECT price FROM item</think>Columns: id\nTables: item\nSQL: SELECT id FROM item",
            "SELECT id FROM item",
        ),
        ("Columns: id\nTables: item\nSQL: SELECT 1\nCorrected: SELECT id FROM item", "SELECT id FROM item"),
        ("Columns: id\nTables: item\nSQL: SELECT '<think>' FROM item", "SELECT '<think>' FROM item"),
        ("Columns: id\nTables: item\nSQL:", ""),
        ("", ""),
        (" \n:\n", ""),
    ],
)
def test_a_small_model_forgets_labels(says: str, sql: str) -> None:
    assert ask(task(FakeModel(says))).sql == sql


@pytest.mark.parametrize(
    ("says", "columns", "tables"),
    [
        ('Columns: `ITEM`."Full Name", Id, id\nTables: SALE, Item', ["item.full name", "id"], ["sale", "item"]),
        ("Columns: the ids of item.item_id, and sale.item_id\nTables: items", ["item_id", "sale.item_id"], []),
        ("Columns: [sale].[item_id](id)\nTables: none", ["sale.item_id", "id"], []),
        ("Tables: item", [], ["item"]),
        ("<think>Columns: price\nTables: sale</think>Tables: item", [], ["item"]),
        ("SELECT id FROM item", [], []),
        ("Columns: *\nTables: (", [], []),
    ],
)
def test_the_trace_has_names_of_the_schema_only(says: str, columns: list[str], tables: list[str]) -> None:
    [entry] = ask(task(FakeModel(says))).trace
    assert (entry["columns"], entry["tables"]) == (columns, tables)


@pytest.mark.parametrize("calls", [1, 3])
def test_no_word_of_the_question_is_in_the_trace(calls: int) -> None:
    model = FakeModel("Columns: Which ids have tusks? id\nTables: Which ids have tusks?\nSQL: Which ids have tusks?")
    assert "tusks" not in str(ask(task(model, "Which ids have tusks?"), calls=calls).trace)


def test_a_schema_without_tables() -> None:
    empty = Task(Question("q", "Which?", Schema("none", ())), FakeModel(LINES))
    assert ask(empty).trace[0]["columns"] == []


def test_what_the_model_says_has_an_end() -> None:
    model = FakeModel(LINES)
    ask(task(model))
    ask(task(model), calls=3)
    assert all(0 < options.max_tokens <= 500 for options in model.requests)


# --- three calls -------------------------------------------------------------------------------


def test_three_calls_are_one_growing_conversation() -> None:
    says = enumerate([" item.id\n", "item", "```sql\nSELECT id FROM item\n```"], 1)
    model = FakeModel(*(Completion(text, Usage(1, 50 * n, 40, 9, 0.5), f"stop {n}", -0.25 * n) for n, text in says))
    prediction = ask(task(model), calls=3)
    assert prediction.sql == "SELECT id FROM item"
    assert prediction.usage == Usage(3, 300, 120, 27, 1.5)
    assert prediction.logprob == -0.75
    assert prediction.trace == ({"step": "cot", "columns": ["item.id"], "tables": ["item"], "finish": "stop 3"},)
    first, second, third = [list(request.messages) for request in model.requests]
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    columns, tables, query = texts.COT_STAGES
    assert first[-1].content.endswith(f"Question: Which ids?\n\n{columns}")
    assert third[len(first) :] == [
        Message("assistant", "item.id"), Message("user", tables), Message("assistant", "item"), Message("user", query),
    ]  # fmt: skip


def test_what_was_thought_is_not_said_again() -> None:
    model = FakeModel("<think>price?</think>id", "[THINK]sale?[/THINK]item", "<think>hm</think>SELECT id FROM item")
    assert ask(task(model), calls=3).sql == "SELECT id FROM item"
    assert [m.content for m in model.requests[-1].messages if m.role == "assistant"][-2:] == ["id", "item"]


def test_three_calls_go_on_whatever_was_said() -> None:
    assert ask(task(FakeModel("", "", "SELECT 1")), calls=3).sql == "SELECT 1"
    assert ask(task(FakeModel("")), calls=3).sql == ""


def test_a_model_without_an_answer_in_the_middle_stays_without() -> None:
    with pytest.raises(ModelError, match="busy"):
        ask(task(FakeModel("x", "x", ModelError("busy"))), calls=3)


# --- what outer steps decided ------------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 3])
def test_temperature_seed_feedback_values_and_tables_are_the_tasks(calls: int) -> None:
    model = FakeModel(LINES)
    context = Context(tables=(("item", ("id",)),), values=(("item", "full name", "Ann"),))
    prediction = ask(
        task(model, temperature=0.7, seed=11, feedback=(("SELECT x", "no such column: x"),), context=context),
        calls=calls,
    )
    assert [(o.temperature, o.seed) for o in model.requests] == [(0.7, 11)] * calls
    [question, failed, told] = model.requests[0].messages[1:4]
    assert "item.\"full name\" = 'Ann'" in question.content
    assert "sale" not in question.content
    assert failed == Message("assistant", "SELECT x")
    assert told.content.startswith(texts.FAILED.format(message="no such column: x"))
    assert told.content.endswith(texts.COT_LINES if calls == 1 else texts.COT_STAGES[0])
    assert prediction.context == context


def demo(sql: str, own_schema: bool = True) -> Demo:
    return Demo(Question("z", "How many legs?", ZOO), sql, own_schema)


def test_demos_with_their_schema_show_the_stages() -> None:
    model = FakeModel(LINES)
    context = Context(
        (demo("SELECT sum(T1.LEGS) FROM animal AS T1 WHERE name = 'Ann'"), demo("SELECT count(*) FROM animal"))
    )
    prediction = ask(task(model, context=context))
    assert prediction.context == context
    assert [m.content for m in model.requests[0].messages if m.role == "assistant"] == [
        "Columns: none\nTables: animal\nSQL: SELECT count(*) FROM animal",
        "Columns: animal.legs, animal.name\nTables: animal\n"
        "SQL: SELECT sum(T1.LEGS) FROM animal AS T1 WHERE name = 'Ann'",
    ]


@pytest.mark.parametrize(
    ("demo", "calls"),
    [(demo("SELECT 1", False), 1), (demo("SELECT 1", False), 3), (demo("SELECT 1"), 3), (demo("SELEC"), 1)],
)
def test_other_demos_stand_as_they_are(demo: Demo, calls: int) -> None:
    model = FakeModel(LINES)
    ask(task(model, context=Context((demo,))), calls=calls)
    prompt = model.prompts[0]
    assert demo.sql in prompt
    assert "Tables: animal" not in prompt


def test_a_grammar_governs_the_query_only() -> None:
    model = FakeModel(LINES)
    ask(task(model, grammar=GRAMMAR))
    ask(task(model, grammar=GRAMMAR), calls=3)
    assert [options.grammar for options in model.requests] == [in_lines(GRAMMAR), None, None, GRAMMAR]
    ask(task(model))
    assert model.requests[-1].grammar is None


def test_a_grammar_of_three_lines_has_one_root_and_leaves_literals_alone() -> None:
    whole = in_lines(GRAMMAR)
    assert re.findall(r"^([\w-]+) ::=", whole, re.MULTILINE) == ["root", "cot-line", "cot-query", "name"]
    assert whole.endswith('cot-query ::= "SELECT " name  # root\nname ::= [a-z"root]+ | "root" | "(" cot-query ")"\n')
    assert in_lines('root ::= "\\"root" root2 root-x [\\]root] root').endswith(
        'cot-query ::= "\\"root" root2 root-x [\\]root] cot-query'
    )


# --- as a step ---------------------------------------------------------------------------------


def test_it_drafts_in_place_of_zero_shot() -> None:
    method = parse_method("cot:calls=3")
    assert method.label == "cot:calls=3"
    assert method.steps == (CoT(calls=3),)
    assert parse_method("cot").steps == (CoT(),)
    with pytest.raises(MethodError, match="both draft the query"):
        parse_method("cot+zero-shot")


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("cot:calls=2", "option 'calls' of step 'cot' is '2', but takes 1 or 3"),
        ("cot:form=prefill", "step 'cot': form must be chat"),
        ("cot:form=completion", "step 'cot': form must be chat"),
        ("cot:rows=-1", "step 'cot': rows and values cannot be less than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(method: str, sentence: str) -> None:
    with pytest.raises(MethodError) as caught:
        parse_method(method)
    assert sentence in str(caught.value)


def test_two_questions_of_a_database_share_their_beginning() -> None:
    model = FakeModel(LINES)
    for question in ("How many?", "Which names?"):
        ask(task(model, question), calls=1)
    one, two = model.prompts
    shared = one[: next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)]
    assert shared.endswith("Question: ")
