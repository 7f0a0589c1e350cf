from __future__ import annotations

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool, Limits
from spider_opt.errors import MethodError, ModelError, QueryFailed, QueryTimeout
from spider_opt.methods import parse_method
from spider_opt.steps.first_valid import FirstValid
from spider_opt.types import (
    Completion,
    Context,
    Prediction,
    Question,
    Request,
    Result,
    Schema,
    Task,
    Tools,
    Usage,
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
        raise QueryFailed("syntax error")


def saying(greedy: str, *says: str) -> FakeModel:
    """A model that says one thing at temperature 0 and others, by seed, above."""

    def answer(request: Request) -> list[Completion]:
        first = request.seed - 1
        texts = [says[(first + i) % len(says)] if request.temperature else greedy for i in range(request.n)]
        usage = Usage(1, 50, 40, 9 * request.n, 0.5)
        return [Completion(text, Usage() if i else usage) for i, text in enumerate(texts)]

    return FakeModel(answer)


SCHEMA = Schema("shop", ())


def ask(step: FirstValid, *says: str) -> tuple[Prediction, list[Task], Shop]:
    """Answer with one query after the other."""
    tasks: list[Task] = []

    def inner(task: Task) -> Prediction:
        i = len(tasks)
        tasks.append(task)
        context = Context(values=(("t", "c", i),))
        return Prediction(says[i], Usage(1, 10, 5, i + 1, 0.5), ({"step": "draft", "i": i},), context, -float(i))

    shop = Shop()
    generate = step.wrap(inner, Tools({"shop": shop}))
    return generate(Task(Question("q", "How many?", SCHEMA), FakeModel(), seed=5)), tasks, shop


@pytest.mark.parametrize("sql", ["rows", "empty"])
def test_what_runs_is_left_alone(sql: str) -> None:
    prediction, tasks, _ = ask(FirstValid(), sql)
    assert prediction == Prediction(
        sql,
        Usage(1, 10, 5, 1, 0.5),
        ({"step": "draft", "i": 0}, {"step": "first-valid", "n": 1, "outcomes": [sql]}),
        Context(values=(("t", "c", 0),)),
        -0.0,
        candidates=prediction.candidates,
    )
    assert [(c.sql, c.outcome, c.n) for c in prediction.candidates] == [(sql, sql, 1)]
    assert (tasks[0].temperature, tasks[0].seed) == (0.0, 5)


def test_the_first_that_runs() -> None:
    prediction, tasks, shop = ask(FirstValid(), "late", "wrong", "late", "", "empty", "rows")
    assert prediction == Prediction(
        "empty",
        Usage(5, 50, 25, 15, 2.5),
        (
            {"step": "draft", "i": 4},
            {
                "step": "first-valid",
                "n": 5,
                "outcomes": ["timeout", "query_error", "timeout", "no_sql", "empty"],
            },
        ),
        Context(values=(("t", "c", 4),)),
        -4.0,
        candidates=prediction.candidates,
    )
    assert [(c.step, c.sql, c.outcome, c.logprob) for c in prediction.candidates] == [
        ("first-valid", sql, outcome, -float(i))
        for i, (sql, outcome) in enumerate(
            zip(("late", "wrong", "late", "", "empty"), prediction.trace[-1]["outcomes"], strict=True)
        )
    ]
    assert shop.asked == ["late", "wrong", "empty"]  # each query once
    assert [task.temperature for task in tasks] == [0.0] + [0.7] * 4
    assert {task.seed for task in tasks} == {5}


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        (["empty", "rows"], 1),
        (["wrong", "empty", "late", "empty"], 1),
        (["wrong", "empty", "late", "rows"], 3),
        (["wrong", "late", "", "late"], 0),
    ],
)
def test_nonempty(says: list[str], answer: int) -> None:
    prediction, tasks, _ = ask(FirstValid(n=4, nonempty=True), *says)
    assert prediction.trace[0]["i"] == answer
    assert len(tasks) == len(says)


def test_where_nothing_runs_the_first_stands() -> None:
    prediction, tasks, _ = ask(FirstValid(n=3), "wrong 1", "late", "wrong 2")
    assert prediction.sql == "wrong 1"
    assert len(tasks) == 3
    assert prediction.usage == Usage(3, 30, 15, 6, 1.5)


def test_options() -> None:
    for wrong in ("n=0", "chunk=0", "temperature=0"):
        with pytest.raises(MethodError, match="first-valid"):
            parse_method(f"first-valid:{wrong}")
    _, tasks, _ = ask(FirstValid(n=2, greedy=False, temperature=0.3), "wrong", "wrong")
    assert [task.temperature for task in tasks] == [0.3, 0.3]


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ("n=8", [(1, 0.0, 0), (1, 0.7, 1), (1, 0.7, 2), (1, 0.7, 3)]),
        ("n=8,chunk=none", [(1, 0.0, 0), (7, 0.7, 1)]),
        ("n=8,chunk=2", [(1, 0.0, 0), (2, 0.7, 1), (2, 0.7, 3)]),
        ("n=3", [(1, 0.0, 0), (1, 0.7, 1), (1, 0.7, 2)]),
        ("n=8,greedy=no,chunk=none", [(8, 0.7, 0)]),
    ],
)
def test_on_a_real_database(options: str, requests: list[tuple[int, float, int]]) -> None:
    bundled = load()
    question = next(e.question for e in bundled.examples if e.question.db_id == "chess_league")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    model = saying(endless, "DROP TABLE player", "SELECT oops FROM player", "SELECT name FROM player")
    databases = DatabasePool(bundled.paths, Limits(timeout_s=0.05))
    prediction = parse_method(f"first-valid:{options}+zero-shot:values=0").build(Tools(databases))(
        Task(question, model)
    )
    assert [(asked.n, asked.temperature, asked.seed) for asked in model.requests] == requests
    assert prediction.usage == Usage(
        len(requests), 50 * len(requests), 40 * len(requests), 9 * sum(n for n, *_ in requests), 0.5 * len(requests)
    )
    assert prediction.sql == (endless if options == "n=3" else "SELECT name FROM player")


def test_a_model_without_an_answer_stays_without() -> None:
    def tired(task: Task) -> Prediction:
        if task.temperature:
            raise ModelError("busy")
        return Prediction("wrong")

    with pytest.raises(ModelError, match="busy"):
        FirstValid().wrap(tired, Tools({"shop": Shop()}))(Task(Question("q", "How many?", SCHEMA), FakeModel()))
