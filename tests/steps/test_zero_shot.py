from __future__ import annotations

from dataclasses import fields

import pytest
from fake_model import FakeModel

from spider_opt.errors import ModelError, QueryFailed
from spider_opt.methods import parse_method
from spider_opt.prompts import texts
from spider_opt.steps.zero_shot import ZeroShot
from spider_opt.types import (
    Column,
    Completion,
    Context,
    Database,
    Demo,
    Example,
    Message,
    Prediction,
    Question,
    Request,
    Result,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

PLAIN = {"schema": "ddl", "keys": "yes", "rows": "0", "values": "0", "form": "chat", "rules": "no"}
ITEMS = Schema("shop", (Table("item", (Column("id", "INTEGER", primary_key=True), Column("full name", "TEXT"))),))
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"),)),))


class Rows:
    """A database with three rows in each table; it fails on the words in ``fails``."""

    def __init__(self, fails: str = "\0") -> None:
        self.fails = fails
        self.asked: list[str] = []

    def run(self, sql: str) -> Result:
        self.asked.append(sql)
        if self.fails in sql:
            raise QueryFailed("no such table")
        n = int(sql.rpartition("LIMIT ")[2])
        if "DISTINCT" in sql:
            return Result(("c",), [(f"value {i}",) for i in range(min(n, 3))])
        return Result(("id", "name"), [(i, f"name {i}") for i in range(min(n, 3))])


def zero_shot(**changes: object) -> str:
    """Return the plainest method but for ``changes``, whatever the defaults are."""
    return "zero-shot:" + ",".join(f"{key}={value}" for key, value in (PLAIN | changes).items())


def ask(
    model: FakeModel, method: str, *questions: tuple[str, Schema], database: Database | None = None
) -> list[Prediction]:
    generator = parse_method(method).build(Tools(dict.fromkeys(("shop", "zoo"), database or Rows())))
    return [generator(Task(Question(f"q{i}", q, schema), model)) for i, (q, schema) in enumerate(questions)]


def test_it_asks_once_and_takes_the_sql() -> None:
    says = "Sure:\n```sql\nSELECT id -- the key\nFROM item;\n```\nThat is it."
    model = FakeModel(Completion(says, finish_reason="length"))
    [prediction] = ask(model, zero_shot(), ("Which ids?", ITEMS))
    assert prediction.sql == "SELECT id FROM item"
    assert prediction.usage == Usage(1, 50, 40, 9, 0.5)
    assert prediction.trace == ({"step": "zero-shot", "finish": "length"},)
    assert len(model.requests) == 1


def test_chat() -> None:
    model = FakeModel("SELECT 1")
    ask(model, zero_shot(), ("Which ids?", ITEMS))
    [asked] = model.requests
    assert asked.messages == (
        Message("system", texts.INSTRUCTION),
        Message(
            "user", 'CREATE TABLE item (\n  id INTEGER PRIMARY KEY,\n  "full name" TEXT\n);\n\nQuestion: Which ids?'
        ),
    )
    assert model.requests[0].stop == ()


def test_prefill_stops_at_the_end_of_the_fence() -> None:
    model = FakeModel("SELECT id\nFROM item;\n")
    [prediction] = ask(model, zero_shot(form="prefill"), ("Which ids?", ITEMS))
    assert prediction.sql == "SELECT id FROM item"
    assert model.requests[0].messages[-1] == Message("assistant", "```sql\n")
    assert model.requests[0].stop == ("```",)


def test_completion_goes_on_after_select() -> None:
    model = FakeModel(" id FROM item")
    [prediction] = ask(model, zero_shot(form="completion"), ("Which ids?", ITEMS))
    assert prediction.sql == "SELECT id FROM item"
    assert isinstance(model.requests[0].messages, str)
    assert model.requests[0].messages.endswith("SELECT")
    assert model.requests[0].stop == (";\n\n", "\n/* SQLite tables */")


COMPLETIONS = {  # what a model says after SELECT where nothing stops it, and the query in it
    " id FROM item": "id FROM item",
    " id FROM item;\n\n-- Which names?\nSELECT name FROM item;": "id FROM item",
    " id FROM item\n\n-- Which names?\nSELECT name FROM item": "id FROM item",
    " id FROM item\n\n/* SQLite tables */\nCREATE TABLE u (b);\n\n-- Which?\nSELECT b FROM u": "id FROM item",
    " id FROM item\n\nThis lists the ids.\n\nSELECT name FROM item": "id FROM item",
    " id FROM item\n\nQuestion: Which names?\nSQL: SELECT name FROM item": "id FROM item",
    " id FROM item\n\nWHERE id > 2": "id FROM item WHERE id > 2",
    " id FROM item\n\n-- only the later ones\nWHERE id > 2": "id FROM item WHERE id > 2",
    " id FROM item -- all; but the first\nWHERE id > 2": "id FROM item WHERE id > 2",
    " id\nFROM item\nWHERE\n\n  id > 2;": "id FROM item WHERE id > 2",
    " id FROM item WHERE \"full name\" = 'pen; ink'": "id FROM item WHERE \"full name\" = 'pen; ink'",
    " id FROM item WHERE \"full name\" = 'pen\n\nink'": "id FROM item WHERE \"full name\" = 'pen\n\nink'",
    " id FROM item\n\nUNION\n\nSELECT 2": "id FROM item UNION SELECT 2",
}


@pytest.mark.parametrize(("says", "query"), COMPLETIONS.items())
def test_what_ends_a_completion_stands_in_no_query(says: str, query: str) -> None:
    def stopping(request: Request) -> str:
        return says[: min((at for end in request.stop if (at := says.find(end)) >= 0), default=len(says))]

    [prediction] = ask(FakeModel(stopping), zero_shot(form="completion"), ("Which ids?", ITEMS))
    assert prediction.sql == f"SELECT {query}"


@pytest.mark.parametrize(
    "says", ["SELECT id FROM item", "```sql\nSELECT id FROM item\n```", "<think>SELECT 1?</think> id FROM item"]
)
def test_a_completion_may_begin_the_query_again(says: str) -> None:
    assert ask(FakeModel(says), zero_shot(form="completion"), ("Which ids?", ITEMS))[0].sql == "SELECT id FROM item"


@pytest.mark.parametrize("form", ["chat", "prefill", "completion"])
@pytest.mark.parametrize("says", ["", " \n"])
def test_no_words_are_no_sql(form: str, says: str) -> None:
    assert ask(FakeModel(says), zero_shot(form=form), ("Which ids?", ITEMS))[0].sql == ""


@pytest.mark.parametrize("form", ["chat", "prefill", "completion"])
@pytest.mark.parametrize(
    "more", [{}, {"rows": 2}, {"values": 2}, {"rules": "yes"}, {"schema": "compact"}, {"keys": "no"}], ids=str
)
def test_two_questions_of_a_database_share_their_beginning(form: str, more: dict[str, object]) -> None:
    model = FakeModel("SELECT 1")
    ask(model, zero_shot(form=form, **more), ("How many?", ITEMS), ("Which names?", ITEMS))
    one, two = model.prompts
    shared = one[: next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)]
    assert "full name" in shared
    assert one.removeprefix(shared).startswith("How many?")
    assert one.removeprefix(shared).removeprefix("How many?").strip() in ("", "```sql", "SELECT")


def test_the_database_is_looked_at_once_and_only_where_that_is_asked_for() -> None:
    database = Rows()
    ask(FakeModel("SELECT 1"), zero_shot(), ("How many?", ITEMS), database=database)
    assert database.asked == []
    ask(FakeModel("SELECT 1"), zero_shot(rows=2), *[("How many?", ITEMS)] * 5, database=database)
    assert database.asked == ['SELECT id, "full name" FROM item LIMIT 2']
    database.asked.clear()
    ask(FakeModel("SELECT 1"), zero_shot(values=1), *[("How many?", ITEMS)] * 5, database=database)
    assert [sql.rpartition(" ")[2] for sql in database.asked] == ["1", "1"]


def test_rows_and_values_are_shown() -> None:
    model = FakeModel("SELECT 1")
    ask(model, zero_shot(rows=2, values=1, schema="compact"), ("How many?", ITEMS))
    assert "item (id ['value 0'], \"full name\" ['value 0'])\n-- rows: (0, 'name 0'), (1, 'name 1')" in model.prompts[0]


@pytest.mark.parametrize("method", [zero_shot(rows=2), zero_shot(values=2), zero_shot(rows=1, values=1)])
def test_a_table_that_cannot_be_read_is_shown_without_rows(method: str) -> None:
    plain, broken = FakeModel("SELECT 1"), FakeModel("SELECT 1")
    ask(plain, zero_shot(), ("How many?", ITEMS))
    ask(broken, method, ("How many?", ITEMS), database=Rows(fails="item"))
    assert broken.prompts == plain.prompts


def test_keys_and_rules_are_shown_or_not() -> None:
    model = FakeModel("SELECT 1")
    for method in (zero_shot(), zero_shot(keys="no"), zero_shot(rules="yes")):
        ask(model, method, ("How many?", ITEMS))
    plain, without, ruled = model.prompts
    assert "PRIMARY KEY" in plain
    assert "KEY" not in without
    assert texts.RULES in ruled
    assert ruled.index(texts.RULES) < ruled.index("How many?")


def test_each_database_has_its_own_schema() -> None:
    model = FakeModel("SELECT 1")
    ask(model, zero_shot(), ("How many?", ITEMS), ("How many?", ZOO), ("How many?", ITEMS))
    one, two, three = model.prompts
    assert one == three
    assert "animal" in two
    assert "item" not in two


def test_temperature_and_seed_are_the_tasks() -> None:
    model = FakeModel("SELECT 1")
    generator = ZeroShot(values=0).wrap(lambda task: Prediction(""), Tools())
    generator(Task(Question("q", "How many?", ITEMS), model, temperature=0.7, seed=11))
    assert (model.requests[0].temperature, model.requests[0].seed) == (0.7, 11)


def test_a_model_without_an_answer_stays_without() -> None:

    with pytest.raises(ModelError, match="busy"):
        ask(FakeModel(ModelError("busy")), "zero-shot", ("How many?", ITEMS))


def test_a_draft_does_not_ask_what_is_inside_it() -> None:
    def inside(task: Task) -> Prediction:
        raise AssertionError("nothing is inside a draft")

    model = FakeModel("SELECT 1")
    assert ZeroShot(values=0).wrap(inside, Tools())(Task(Question("q", "How many?", ITEMS), model)).sql == "SELECT 1"


def test_no_gold_can_be_reached() -> None:
    """What a generator is handed has no field for the answer, nor for what only scoring sees, at any depth."""
    assert [f.name for f in fields(Question)] == ["id", "text", "schema", "notes"]
    assert not {"gold", "gold_sql", "hardness", "example", "metadata"} & {
        f.name for t in (Task, Tools, Demo, Schema, Context) for f in fields(t)
    }
    question = Example(0, Question("q", "How many?", ITEMS), "SELECT secret", {"difficulty": "secret"}).question
    assert "secret" not in repr(Task(question, FakeModel("SELECT 1")))
    with pytest.raises((AttributeError, TypeError)):
        question.gold_sql = "SELECT 1"  # type: ignore[attr-defined]
