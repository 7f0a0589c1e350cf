from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fake_model import FakeModel

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool
from spider_opt.errors import MethodError, QueryFailed
from spider_opt.methods import parse_method
from spider_opt.sql.names import quoted
from spider_opt.steps.schema import SchemaLinking
from spider_opt.types import (
    Column,
    Context,
    Database,
    Demo,
    ForeignKey,
    Prediction,
    Question,
    Result,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

SHOP = Schema(
    "shop",
    (
        Table("item", (Column("id", "INTEGER", "id", True), Column("label", "TEXT", "label"))),
        Table("sale", (Column("item_id", "INTEGER", "item id"), Column("day", "DATE", "day"), Column("n", "INT", "n"))),
        Table("clerk", (Column("name", "TEXT", "name"), Column("town", "TEXT", "town"))),
    ),
    (ForeignKey("sale", "item_id", "item", "id"),),
)
VALUES = {"label": ["Blue Lamp", "Red Lamp", 'It\'s "new"', "Oslo"], "town": ["Oslo", "Bergen", "Oslo\n; DROP"]}
WHOLE = sum(len(table.columns) for table in SHOP.tables)


class Rows:
    """A database that counts how often each column is read."""

    def __init__(self, values: Mapping[str, list[str]] = VALUES) -> None:
        self.values = values
        self.asked: list[str] = []

    def run(self, sql: str) -> Result:
        column = sql.split()[2]
        self.asked.append(column)
        if column not in self.values:
            raise QueryFailed("no such column")
        return Result((column,), [(value,) for value in self.values[column]])


class Inside:
    """What stands inside the step; it notes its task."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Prediction:
        self.tasks.append(task)
        return Prediction("SELECT 1", Usage(calls=1, seconds=0.5), ({"step": "inside"},), task.context, -0.5)


EMPTY = Context()


def ask(step: SchemaLinking, text: str, context: Context = EMPTY, **databases: Database) -> tuple[Task, Prediction]:
    inside = Inside()
    tools = Tools(databases or {"shop": Rows()})
    task = Task(Question("q", text, SHOP), FakeModel(), context, seed=7, temperature=0.3)  # type: ignore[arg-type]
    answered = step.wrap(inside, tools)(task)
    [asked] = inside.tasks
    assert replace(asked, context=context) == task
    return asked, answered


def test_values_come_with_the_whole_schema() -> None:
    task, answered = ask(SchemaLinking(), "Which clerks come from bergen and sell the blue lamps?")
    assert task.context.tables == ()
    assert set(task.context.values) == {("item", "label", "Blue Lamp"), ("clerk", "town", "Bergen")}
    assert answered == Prediction(
        "SELECT 1",
        Usage(calls=1, seconds=0.5),
        ({"step": "inside"}, {"step": "schema", "tables": [], "n_columns": WHOLE, "n_values": 2}),
        task.context,
        -0.5,
    )
    assert json.loads(json.dumps(answered.trace)) == list(answered.trace)


def test_the_values_are_in_the_prompt_behind_the_schema() -> None:
    task, _ = ask(SchemaLinking(), "Which clerks come from Oslo?")
    [*_, message] = Drafter(Look(values=0), {}).messages(task)
    shown, _, rest = message.content.partition("Values in the database")  # type: ignore[union-attr]
    assert shown.count("CREATE TABLE") == 3
    assert "\nclerk.town = 'Oslo'\n" in rest
    assert rest.rstrip().endswith("Question: Which clerks come from Oslo?")


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_at_most_so_many_values(n: int) -> None:
    task, answered = ask(SchemaLinking(values=n, columns=99), "Blue Lamp, Red Lamp or Bergen")
    assert len(task.context.values) == n
    assert answered.trace[-1]["n_values"] == n


def test_pruned_to_tables() -> None:
    task, answered = ask(SchemaLinking(tables=2), "On which day was the sale of an item?")
    assert task.context.tables == (("sale", ("day", "item_id", "n")), ("item", ("id", "label")))
    assert answered.trace[-1] == {"step": "schema", "tables": ["sale", "item"], "n_columns": 5, "n_values": 0}


def test_pruned_to_columns() -> None:
    task, answered = ask(SchemaLinking(columns=1), "On which day was an item sold?")
    assert dict(task.context.tables)["sale"] == ("day", "item_id")
    assert len(task.context.tables) == len(SHOP.tables)
    assert answered.trace[-1]["n_columns"] == WHOLE - 2


def test_a_mentioned_value_says_which_table() -> None:
    task, _ = ask(SchemaLinking(tables=1, values=0), "Who is from Bergen?")
    assert [table for table, _ in task.context.tables] == ["clerk"]
    assert task.context.values == ()


def test_values_of_what_is_not_shown_are_not_shown() -> None:
    whole, _ = ask(SchemaLinking(), "Which clerk is from Oslo?")
    assert {table for table, *_ in whole.context.values} == {"clerk", "item"}
    task, _ = ask(SchemaLinking(tables=1), "Which clerk is from Oslo?")
    assert task.context.values == (("clerk", "town", "Oslo"),)


@pytest.mark.parametrize("step", [SchemaLinking(tables=3), SchemaLinking(tables=99), SchemaLinking(columns=9)])
def test_a_schema_of_which_nothing_goes_stays_as_all_questions_see_it(step: SchemaLinking) -> None:
    task, answered = ask(step, "On which day?")
    assert task.context.tables == ()
    assert answered.trace[-1]["n_columns"] == WHOLE


def test_demos_and_level_stay() -> None:
    demo = Demo(Question("train-1", "Why?", Schema("zoo", ())), "SELECT 2")
    task, _ = ask(SchemaLinking(), "Which clerk is from Bergen?", Context(demos=(demo,), level="hard"))
    assert (task.context.demos, task.context.level) == ((demo,), "hard")
    assert task.context.values == (("clerk", "town", "Bergen"),)


@pytest.mark.parametrize("text", ["", "?", "\0", "'" * 999, "\ud800", "Oslo\n; DROP", "SELECT * FROM clerk; --"])
def test_hostile_questions(text: str) -> None:
    task, _ = ask(SchemaLinking(tables=1, columns=1), text)
    assert len(task.context.tables) == 1
    assert all("\n" not in str(value) for *_, value in task.context.values)


def test_a_database_that_cannot_be_read_mentions_nothing() -> None:
    task, answered = ask(SchemaLinking(tables=1), "Which clerk is from Oslo?", shop=Rows({}))
    assert [table for table, _ in task.context.tables] == ["clerk"]
    assert answered.trace[-1]["n_values"] == 0


def test_a_database_is_read_once_also_by_many_threads() -> None:
    database, inside = Rows(), Inside()
    generate = SchemaLinking().wrap(inside, Tools({"shop": database}))
    task = Task(Question("q", "Which clerk is from Oslo?", SHOP), FakeModel())  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(generate, [task] * 40))
    assert sorted(database.asked) == ["day", "label", "name", "town"]
    assert all(answer == answers[0] for answer in answers)


def test_each_database_has_its_own_values() -> None:
    inside = Inside()
    other = replace(SHOP, db_id="other")
    generate = SchemaLinking().wrap(inside, Tools({"shop": Rows(), "other": Rows({"town": ["Bergen"]})}))
    for schema in (SHOP, other, SHOP):
        generate(Task(Question("q", "Which clerk is from Oslo?", schema), FakeModel()))  # type: ignore[arg-type]
    assert [len(task.context.values) for task in inside.tasks] == [2, 0, 2]


def test_it_stands_outside_the_demos() -> None:
    method = parse_method("zero-shot+fewshot+schema:tables=4+difficulty")
    assert method.label == "schema:tables=4+difficulty"
    assert isinstance(method.steps[0], SchemaLinking)
    assert parse_method("schema").spelled_out.startswith("schema:tables=none,columns=none,values=3+zero-shot")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("values=-1", "values cannot be less than 0"),
        ("tables=0", "must be 1 or more"),
        ("columns=-2", "must be 1 or more"),
        ("values=0", "nothing to do"),
        ("tables=two", "takes a whole number or none"),
    ],
)
def test_options_that_make_no_sense(options: str, says: str) -> None:
    with pytest.raises(MethodError, match=says):
        parse_method(f"schema:{options}")


def test_on_the_bundled_benchmark_values_are_of_the_database() -> None:
    benchmark = load("spider-mini:test")
    databases, inside = DatabasePool(benchmark.paths), Inside()
    generate = SchemaLinking(tables=3).wrap(inside, Tools(databases))
    for example in benchmark.examples:
        generate(Task(example.question, FakeModel()))  # type: ignore[arg-type]
    shown = [(task.question.db_id, *value) for task in inside.tasks for value in task.context.values]
    assert len(shown) > 50
    for db_id, table, column, value in shown:
        text = str(value).replace("'", "''")
        assert databases[db_id].run(f"SELECT 1 FROM {quoted(table)} WHERE {quoted(column)} = '{text}'").rows
