from __future__ import annotations

from typing import get_args

import pytest

from spider_opt.prompts import texts
from spider_opt.types import Message

SCHEMA = "CREATE TABLE item (\n  name TEXT\n);"


def flat(request: list[Message] | str) -> str:
    return request if isinstance(request, str) else "\n".join(f"{m.role}: {m.content}" for m in request)


@pytest.mark.parametrize("rules", [False, True])
@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_what_questions_of_a_database_share_comes_first(form: texts.PromptForm, rules: bool) -> None:
    one = flat(texts.ask_for_sql(form, SCHEMA, "How many items?", rules=rules))
    two = flat(texts.ask_for_sql(form, SCHEMA, "Which names?", rules=rules))
    shared = one[: next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)]
    assert SCHEMA in shared
    assert shared.endswith(("Question: ", "-- "))
    assert (texts.RULES in shared) == rules
    assert one.removeprefix(shared).splitlines()[0] == "How many items?"


def test_a_chat_ends_with_the_question_and_a_prefilled_one_with_a_fence() -> None:
    chat = texts.ask_for_sql("chat", SCHEMA, "How many?")
    assert [message.role for message in chat if isinstance(message, Message)] == ["system", "user"]
    prefilled = texts.ask_for_sql("prefill", SCHEMA, "How many?")
    assert prefilled == (*chat, Message("assistant", "```sql\n"))


def test_a_completion_goes_on_after_select() -> None:
    request = texts.ask_for_sql("completion", SCHEMA, "How many?")
    assert isinstance(request, str)
    assert request.endswith("-- How many?\nSELECT")


@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_a_question_stays_on_its_line(form: texts.PromptForm) -> None:
    request = flat(texts.ask_for_sql(form, SCHEMA, "  How\nmany\r\n\n items\u2028? "))
    assert "How many items ?" in request


# --- notes: what is known beside the question --------------------------------------------------

DEMOS = [("", "", "Which?", "SELECT 1"), (SCHEMA, "", "Who?", "SELECT 2")]


@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_notes_stand_in_a_line_before_their_question(form: texts.PromptForm) -> None:
    mark, ask = ("-- ", "-- ") if form == "completion" else ("", "Question: ")
    plain = flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=DEMOS))
    noted = flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=DEMOS, notes=" rich means\n above 9 "))
    assert noted == plain.replace(f"{ask}How many?", f"{mark}Note: rich means above 9\n{ask}How many?")
    assert texts.NOTE not in plain


@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_demos_are_shown_with_their_notes(form: texts.PromptForm) -> None:
    plain = flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=DEMOS))
    demos = [(schema, f"note on {q}", q, sql) for schema, _, q, sql in DEMOS]
    noted = flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=demos))
    mark, ask = ("-- ", "-- ") if form == "completion" else ("", "Question: ")
    wanted = plain.replace("Question: Which?", "Note: note on Which?\nQuestion: Which?")
    assert noted == wanted.replace(f"{ask}Who?", f"{mark}Note: note on Who?\n{ask}Who?")


@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_notes_of_space_are_none(form: texts.PromptForm) -> None:
    assert texts.ask_for_sql(form, SCHEMA, "How many?", notes=" \n") == texts.ask_for_sql(form, SCHEMA, "How many?")


@pytest.mark.parametrize("form", get_args(texts.PromptForm))
def test_demos_of_the_same_database_stand_under_a_head_of_their_own(form: texts.PromptForm) -> None:
    other, here = ("", "", "How many cats?", "SELECT 1"), ("", "How many red items?", "SELECT 2")
    both = flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=[other], here=[here]))
    listed = "\n\n".join(
        [texts.DEMOS, "Question: How many cats?\nSQL: SELECT 1",
         texts.DEMOS_HERE, "Question: How many red items?\nSQL: SELECT 2"]
    )  # fmt: skip
    assert listed in both
    assert texts.DEMOS_HERE not in flat(texts.ask_for_sql(form, SCHEMA, "How many?", demos=[other]))
    assert texts.DEMOS not in flat(texts.ask_for_sql(form, SCHEMA, "How many?", here=[here]))
