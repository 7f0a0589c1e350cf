from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel
from real_spider import real_spider

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.benchmarks import load
from spider_opt.benchmarks.questions import normal_text
from spider_opt.databases import DatabasePool
from spider_opt.errors import LeakError, MethodError, UsageError
from spider_opt.methods import parse_method
from spider_opt.sql.normal import normalized
from spider_opt.training.contexts import drawn, training_library, with_examples
from spider_opt.training.dataset import Item, build, split
from spider_opt.types import (
    Context,
    Database,
    Demo,
    Example,
    Library,
    Question,
    Schema,
    Table,
    Task,
    Tools,
)

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
BENCHMARK = load("spider-mini:train")
DATABASES = DatabasePool(BENCHMARK.paths)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return build(BENCHMARK.examples, DATABASES)[0]


@pytest.fixture(scope="module")
def library() -> Library:
    return training_library(BENCHMARK.examples, "hashing")


class Brings:
    """A library that brings what it was made with, whoever asks."""

    def __init__(self, *demos: Demo) -> None:
        self.demos = demos

    def nearest(self, likeness: str, texts: Sequence[str], k: int, **_: Any) -> list[Demo]:
        return [*self.demos[:k]]

    def drawn(self, k: int, **_: Any) -> list[Demo]:
        return [*self.demos[:k]]

    def level(self, question: Question) -> Any:
        return "easy"


def example(number: int, db_id: str, text: str, sql: str, kind: str = "train") -> Example:
    return Example(number, Question(f"{kind}-{number:04d}", text, Schema(db_id, (Table("cow", ()),))), sql)


def item(number: int, db_id: str, text: str, sql: str) -> Item:
    return Item(example(number, db_id, text, sql).question, sql)


# --- as at answer time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    [
        "rag",
        "schema:tables=2,columns=3",
        "schema:values=1+fewshot:k=2",
        "fewshot:k=3,by=random,schemas=yes",
        "difficulty:by=classifier+fewshot:k=2,by=question",
    ],
)
def test_the_same_stands_in_the_prompt_as_when_the_question_is_asked(
    method: str, items: list[Item], library: Library
) -> None:
    """But for demos with the item's own query, which nobody who is asked is shown."""
    ask = parse_method(method).build(Tools(DATABASES, library))
    drafter = Drafter(Look(), DATABASES)
    some = items[::6]
    same = 0
    for one in drawn(some, method, DATABASES, library, seed=3):
        task = Task(one.question, FakeModel("SELECT 1"), seed=3)
        context = ask(task).context
        if not any(normalized(demo.sql) == normalized(one.sql) for demo in context.demos):
            assert one.context == context
            assert drafter.messages(replace(task, context=one.context)) == drafter.messages(
                replace(task, context=context)
            )
            same += 1
    assert same > 0.7 * len(some)


def test_what_is_learnt_in_two_ways_is_shown_neither(items: list[Item]) -> None:
    gold, other = "SELECT name FROM cow", "SELECT * FROM (SELECT name FROM cow)"
    first = replace(items[0], sql=gold)
    demos = [
        Demo(example(n, "farm", f"Which, {n}?", sql).question, sql) for n, sql in enumerate((gold, other, "SELECT 3"))
    ]
    found = drawn([first, replace(first, sql=other)], "fewshot:k=1", DATABASES, Brings(*demos))
    assert [[demo.sql for demo in one.context.demos] for one in found] == [["SELECT 3"], ["SELECT 3"]]


def test_questions_and_queries_stay_and_so_does_their_order(items: list[Item], library: Library) -> None:
    mixed = items[::-7]
    found = drawn(mixed, "rag+fewshot:k=1", DATABASES, library)
    assert [(one.question, one.sql) for one in found] == [(one.question, one.sql) for one in mixed]
    assert all(len(one.context.demos) == 1 for one in found)
    assert any(one.context.values for one in found)


def test_steps_that_are_not_of_the_context_do_nothing(items: list[Item], library: Library) -> None:
    plain = drawn(items[:20], "rag", DATABASES)
    assert drawn(items[:20], "vote:n=5+rag+retry+cot", DATABASES) == plain
    assert drawn(plain, "zero-shot:rows=3", DATABASES) == items[:20]  # nothing is brought, and nothing kept


# --- the share without -------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_share_of_the_items_has_a_context(share: float, items: list[Item], library: Library) -> None:
    found = drawn(items, "fewshot:k=1", DATABASES, library, share=share)
    n = sum(one.context != Context() for one in found)
    assert n == share * len(items) if share in (0, 1) else abs(n / len(items) - share) < 0.12


def test_who_is_without_depends_on_the_question_and_the_seed_alone(items: list[Item], library: Library) -> None:
    method = "fewshot:k=2,by=random"
    one = drawn(items, method, DATABASES, library, share=0.5, seed=1)
    assert drawn(items, method, DATABASES, library, share=0.5, seed=1) == one
    assert drawn(items, method, DATABASES, library, share=0.5, seed=2) != one
    assert drawn(items[40:10:-1], method, DATABASES, library, share=0.5, seed=1) == one[40:10:-1]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        drawn([], "rag", {}, share=share)


# --- leaks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["question", "masked", "random"])
def test_no_demo_is_of_the_items_database_or_has_its_text_or_query(
    by: str, items: list[Item], library: Library
) -> None:
    for one in drawn(items[::4], f"fewshot:k=9,by={by}", DATABASES, library):
        assert len(one.context.demos) == 9
        for demo in one.context.demos:
            assert demo.question.db_id != one.question.db_id
            assert normal_text(demo.question.text) != normal_text(one.question.text)
            assert normalized(demo.sql) != normalized(one.sql)


@pytest.mark.parametrize("by", ["question", "masked", "random"])
def test_planted_neighbours_are_not_shown(by: str) -> None:
    asked = item(0, "farm", "How many cows?", "SELECT count(*) FROM cow")
    library = training_library(
        [
            example(0, "farm", "How many cows?", "SELECT count(*) FROM cow"),
            example(1, "farm", "How many cows are there?", "SELECT count(name) FROM cow"),
            example(2, "store", "how many COWS", "SELECT count(id) FROM cow"),
            example(3, "port", "How many cows, then?", "select COUNT( * ) from COW as T1 ;"),
            example(4, HELD_OUT, "How many cows now?", "SELECT max(id) FROM cow"),
            example(5, "port", "Is there a pig?", "SELECT name FROM pig"),
        ],
        "hashing",
    )
    [found] = drawn([asked], f"fewshot:k=3,by={by}", {}, library)
    assert [demo.question.id for demo in found.context.demos] == ["train-0005"]


def test_a_library_of_evaluation_examples_is_refused() -> None:
    library = training_library([example(1, "port", "How many?", "SELECT 1", kind="dev")], "hashing")
    with pytest.raises(LeakError, match="dev-0001 must not be shown: its id is that of an evaluation split"):
        drawn([item(0, "farm", "How many cows?", "SELECT 2")], "fewshot", {}, library)


def test_an_unknown_embedder_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="no embedder 'MiniLM'"):
        training_library([], "MiniLM")


@pytest.mark.parametrize(
    ("demo", "match"),
    [
        (example(9, "FARM", "x", "SELECT 3"), "own database FARM"),
        (example(9, HELD_OUT, "x", "SELECT 3"), "held out for validation"),
        (example(9, "port", "x", "SELECT 3", kind="dev"), "dev-0009 must not be trained on"),
    ],
)
def test_what_a_leaky_library_brings_is_refused(demo: Example, match: str) -> None:
    with pytest.raises(LeakError, match=match):
        drawn([item(0, "farm", "a", "SELECT 1")], "fewshot", {}, Brings(Demo(demo.question, demo.gold_sql)))


@pytest.mark.parametrize(("db_id", "kind"), [(HELD_OUT, "train"), ("farm", "dev"), ("farm", "test")])
def test_questions_that_must_not_be_trained_on_get_nothing(db_id: str, kind: str) -> None:
    asked = Item(example(0, db_id, "a", "SELECT 1", kind=kind).question, "SELECT 1")
    with pytest.raises(LeakError, match="must not be trained on"):
        drawn([asked], "rag", {})


def test_nothing_of_the_gold_reaches_a_step(items: list[Item], library: Library) -> None:
    """Other golds bring the same, where they are no demo's query."""
    some = items[::5]
    others = [replace(one, sql=f"SELECT {i}") for i, one in enumerate(some)]
    found = zip(*(drawn(x, "rag+fewshot:k=1", DATABASES, library) for x in (some, others)), strict=True)
    assert all(one.context == other.context for one, other in found if one.context.demos[0] in other.context.demos)
    schemas = zip(*(drawn(x, "schema:tables=1", DATABASES) for x in (some, others)), strict=True)
    assert all(one.context == other.context for one, other in schemas)


# --- no model ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["hyde", "difficulty", "difficulty:by=draft+fewshot", "rag+hyde:n=3"])
def test_a_method_that_drafts_first_is_refused(method: str, items: list[Item], library: Library) -> None:
    with pytest.raises(MethodError, match="asks a model before it retrieves, which is not done for training"):
        drawn(items[:1], method, DATABASES, library)


def test_demos_need_a_library(items: list[Item]) -> None:
    with pytest.raises(MethodError, match="'fewshot' needs examples"):
        drawn(items, "fewshot", DATABASES)
    with pytest.raises(MethodError, match="no method step 'fewshoot'"):
        drawn(items, "fewshoot", DATABASES)


# --- cost --------------------------------------------------------------------------------------


def test_each_database_is_told_and_read_once(items: list[Item]) -> None:
    told: list[Any] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Any]:
        told.append((label, total))
        yield lambda: told.append("one")

    class Counted:
        def __init__(self, database: Database) -> None:
            self.database = database
            self.asked: list[str] = []

        def run(self, sql: str) -> Any:
            self.asked.append(sql)
            return self.database.run(sql)

    databases = {db_id: Counted(database) for db_id, database in DATABASES.items()}
    drawn(items, "rag", databases, progress=progress)
    assert told == [("drawing contexts, a database at a time", len(databases)), *["one"] * len(databases)]
    for database in databases.values():
        assert len(database.asked) == len(set(database.asked)) > 0
    told.clear()
    drawn(items, "zero-shot", databases, progress=progress)
    assert told == [("drawing contexts, a database at a time", 0)]


def test_on_spider(shared: Path) -> None:
    benchmark = real_spider("train", shared)
    databases = DatabasePool(benchmark.paths)
    training, _ = split([Item(e.question, e.gold_sql) for e in benchmark.examples[:600:12]])
    found = drawn(training, "rag", databases)
    assert sum(bool(one.context.values) for one in found) > 0.1 * len(found)


# --- examples for a share ----------------------------------------------------------------------


def test_some_are_shown_examples_beside_what_they_have(items: list[Item], library: Library) -> None:
    given = drawn(items, "rag", DATABASES)
    found = with_examples(given, DATABASES, library, 0.5, seed=1)
    assert [(one.question, one.sql, one.context.values) for one in found] == [
        (one.question, one.sql, one.context.values) for one in given
    ]
    shown = [one for one in found if one.context.demos]
    assert 0.3 < len(shown) / len(found) < 0.7
    assert {len(one.context.demos) for one in shown} == {1, 2, 3}
    for one in shown:
        for demo in one.context.demos:
            assert demo.question.db_id != one.question.db_id
            assert normalized(demo.sql) != normalized(one.sql)
            assert normal_text(demo.question.text) != normal_text(one.question.text)
    assert with_examples(given, DATABASES, library, 0.5, seed=1) == found
    assert with_examples(given, DATABASES, library, 0.0) == given
    with pytest.raises(ValueError, match="between 0 and 1"):
        with_examples(given, DATABASES, library, 1.5)


def test_an_example_of_its_own_database_is_no_example(items: list[Item]) -> None:
    own = Brings(Demo(items[1].question, "SELECT 1"))
    with pytest.raises(LeakError, match="of the question's own database"):
        with_examples(items[:1], DATABASES, own, 1.0)
