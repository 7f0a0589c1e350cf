from __future__ import annotations

from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool, Limits
from spider_opt.errors import MethodError, ModelError, NotAQuery, QueryFailed, QueryTimeout
from spider_opt.methods import parse_method
from spider_opt.steps.retry import MAX_NAMES, Retry, hint
from spider_opt.types import (
    Column,
    Context,
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
        Table("item", (Column("id", "INTEGER"), Column("full name", "TEXT"))),
        Table("sold item", (Column("item_id", "INTEGER"), Column("price", "REAL"), Column("Id", "INTEGER"))),
    ),
)


class Shop:
    """Knows what comes of a few queries."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, sql: str) -> Result:
        self.asked.append(sql)
        match sql.split()[0]:
            case "rows":
                return Result(("a",), [(1,)])
            case "empty":
                return Result(("a",), [])
            case "late":
                raise QueryTimeout("no answer within 1 s")
            case "drop":
                raise NotAQuery("not a reading query")
        raise QueryFailed(f"no such column: {sql}")


class Inner:
    """Answers with one query after the other and notes its tasks."""

    def __init__(self, *says: str) -> None:
        self.says = says
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Prediction:
        i = len(self.tasks)
        self.tasks.append(task)
        context = Context(values=(("t", "c", i),))
        return Prediction(self.says[i], Usage(1, 10, 5, i + 1, 0.5), ({"step": "draft", "i": i},), context, -float(i))


COST = Usage(calls=1, completion_tokens=7)


def nobody() -> Any:
    return None


def retried(step: Retry, *says: str, **task: Any) -> tuple[Prediction, Inner, Shop]:
    inner, shop = Inner(*says), Shop()
    generate = step.wrap(inner, Tools({"shop": shop}))
    return generate(Task(Question("q", "How many?", SHOP), nobody(), **task)), inner, shop


def test_what_runs_is_left_alone() -> None:
    prediction, inner, shop = retried(Retry(), "rows 1")
    assert prediction == Prediction(
        "rows 1",
        Usage(1, 10, 5, 1, 0.5),
        ({"step": "draft", "i": 0}, {"step": "retry", "attempts": 1, "outcomes": ["rows"]}),
        Context(values=(("t", "c", 0),)),
        -0.0,
        candidates=prediction.candidates,
    )
    [candidate] = prediction.candidates
    assert (candidate.step, candidate.sql, candidate.outcome, bool(candidate.digest)) == (
        "retry", "rows 1", "rows", True
    )  # fmt: skip
    assert inner.tasks[0].feedback == ()
    assert shop.asked == ["rows 1"]


def test_what_fails_is_asked_again_with_the_message() -> None:
    prediction, inner, _ = retried(
        Retry(), "T1.id", "late", "rows", temperature=0.9, seed=3, feedback=(("old", "bad"),)
    )
    assert prediction.sql == "rows"
    assert prediction.trace == (
        {"step": "draft", "i": 2},
        {"step": "retry", "attempts": 3, "outcomes": ["query_error", "timeout", "rows"]},
    )
    assert [(c.step, c.sql, c.outcome) for c in prediction.candidates] == [
        ("retry", "T1.id", "query_error"), ("retry", "late", "timeout"), ("retry", "rows", "rows")
    ]  # fmt: skip
    assert prediction.usage == Usage(3, 30, 15, 6, 1.5)
    assert (prediction.logprob, prediction.context) == (-2.0, Context(values=(("t", "c", 2),)))
    told = ("T1.id", 'no such column: T1.id; tables with a column id: item, "sold item"')
    assert [task.feedback for task in inner.tasks] == [
        (("old", "bad"),),
        (("old", "bad"), told),
        (("old", "bad"), told, ("late", "no answer within 1 s")),
    ]
    assert [task.temperature for task in inner.tasks] == [0.9, 0.0, 0.0]
    assert {task.seed for task in inner.tasks} == {3}


@pytest.mark.parametrize("k", [1, 2, 5])
def test_at_most_k_more_and_then_the_first_stands(k: int) -> None:
    prediction, inner, _ = retried(Retry(k=k), *(f"wrong{i}" for i in range(9)))
    assert len(inner.tasks) == 1 + k
    assert prediction.sql == "wrong0"
    assert prediction.usage == sum((Usage(1, 10, 5, i + 1, 0.5) for i in range(1 + k)), Usage())
    assert prediction.trace[-1]["attempts"] == 1 + k
    assert prediction.logprob == 0.0


def test_no_sql_is_told_too() -> None:
    prediction, inner, shop = retried(Retry(), "", "rows")
    assert prediction.sql == "rows"
    assert inner.tasks[1].feedback == (("", "there is no SQL query in it"),)
    assert shop.asked == ["rows"]


def test_the_same_wrong_query_again_is_not_run_again() -> None:
    _, inner, shop = retried(Retry(k=4), *["late"] * 5)
    assert len(inner.tasks) == 5
    assert shop.asked == ["late"]
    assert inner.tasks[4].feedback == (("late", "no answer within 1 s"),) * 4


@pytest.mark.parametrize(
    ("empty", "says", "answer"),
    [
        (False, ["empty"], 0),
        (False, ["drop", "empty"], 1),
        (True, ["empty", "rows"], 1),
        (True, ["empty", "drop", "late"], 0),
        (True, ["drop", "empty", "late"], 1),
        (True, ["empty 1", "empty 2", "empty 3"], 0),
    ],
)
def test_empty_results(empty: bool, says: list[str], answer: int) -> None:
    prediction, inner, _ = retried(Retry(empty=empty), *says)
    assert (prediction.sql, len(inner.tasks)) == (says[answer], len(says))
    for task, sql in zip(inner.tasks[1:], says, strict=False):
        assert not sql.startswith("empty") or task.feedback[-1] == (sql, "its result is empty")


def test_options() -> None:
    _, inner, _ = retried(Retry(hint=False, temperature=0.4), "T1.id", "rows")
    assert inner.tasks[1].feedback == (("T1.id", "no such column: T1.id"),)
    assert [task.temperature for task in inner.tasks] == [0.0, 0.4]
    for wrong in ("k=0", "k=-1", "temperature=-0.1"):
        with pytest.raises(MethodError, match="retry"):
            parse_method(f"retry:{wrong}")
    assert parse_method("zero-shot+retry:k=2,hint=yes").label == "retry"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("no such column: T1.ID", 'tables with a column ID: item, "sold item"'),
        ('no such column: "id" - should this be a string literal in single-quotes?', "tables with a column id: item"),
        ("no such column: sold item.price", 'tables with a column price: "sold item"'),
        ("ambiguous column name: id", "tables with a column id: item"),
        ("no such column: T1.fullname", 'columns with a like name: item."full name"'),
        ("no such column: prices", 'columns with a like name: "sold item".price'),
        ("no such column: T1.ids", 'columns with a like name: item.id, "sold item".Id'),
        ("no such table: ITEMS", 'the tables are: item, "sold item"'),
        ("no such table: main.solditem", 'the tables are: "sold item", item'),
    ],
)
def test_hints(message: str, words: str) -> None:
    assert hint(message, SHOP).startswith(f"; {words}")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no such column: ",
        "no such column: zzzzzz",
        "no such function: year",
        'near "FORM": syntax error',
        "no such table",
    ],
)
def test_no_hint(message: str) -> None:
    assert hint(message, SHOP) == ""


def test_hints_stay_short() -> None:
    wide = Schema("wide", tuple(Table(f"t{i}", (Column("id", "INTEGER"),)) for i in range(99)))
    assert hint("no such column: T1.id", wide).count(",") == MAX_NAMES - 1
    assert hint("no such table: t", wide).count(",") == MAX_NAMES - 1
    assert hint("no such table: t", Schema("none", ())) == ""


def test_a_model_without_an_answer_stays_without() -> None:
    class Tired(Inner):
        def __call__(self, task: Task) -> Prediction:
            if self.tasks:
                raise ModelError("busy")
            return super().__call__(task)

    with pytest.raises(ModelError, match="busy"):
        Retry().wrap(Tired("wrong"), Tools({"shop": Shop()}))(Task(Question("q", "How many?", SHOP), nobody()))


def learner(says: str, then: str) -> FakeModel:
    """A model that heeds the last message it was shown."""
    return FakeModel(lambda request: then if len(request.messages) > 2 else says, usage=COST)


def test_on_a_real_database() -> None:
    bundled = load()
    question = next(e.question for e in bundled.examples if e.question.db_id == "chess_league")
    generate = parse_method("retry:k=1+zero-shot:values=0,form=chat").build(Tools(DatabasePool(bundled.paths)))
    for says, told in (
        ("SELECT T1.rating FROM club AS T1", "no such column: T1.rating; tables with a column rating: player"),
        ("SELECT name FROM players", "no such table: players; the tables are: player, "),
        ("DELETE FROM player", "not a reading query"),
        ("I do not know.", "there is no SQL query in it"),
        (
            "SELECT player_id FROM player JOIN prize",
            "ambiguous column name: player_id; tables with a column player_id: p",
        ),
    ):
        model = learner(says, "SELECT name FROM player")
        prediction = generate(Task(question, model))
        assert told in model.requests[1].messages[-1].content
        assert prediction.sql == "SELECT name FROM player"
        assert prediction.usage == Usage(calls=2, completion_tokens=14)


def test_an_endless_query_is_stopped_and_told() -> None:
    bundled = load()
    question = next(e.question for e in bundled.examples if e.question.db_id == "chess_league")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    databases = DatabasePool(bundled.paths, Limits(timeout_s=0.05))
    model = learner(endless, endless)
    prediction = parse_method("retry:k=3+zero-shot:values=0,form=chat").build(Tools(databases))(Task(question, model))
    assert prediction.sql == endless
    assert prediction.trace[-1] == {"step": "retry", "attempts": 4, "outcomes": ["timeout"] * 4}
