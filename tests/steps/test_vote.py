from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.answering import samples
from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool, Limits
from spider_opt.databases.limits import DEFAULT_LIMITS
from spider_opt.errors import MethodError, ModelError, QueryFailed, QueryTimeout
from spider_opt.methods import parse_method
from spider_opt.steps.vote import Vote
from spider_opt.types import (
    Benchmark,
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
    """Answers "3 1 2" with these rows; fails on words, and on '' as SQLite would."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, sql: str) -> Result:
        self.asked.append(sql)
        rows = sql.partition(" ORDER BY ")[0].split()
        if rows == ["late"]:
            raise QueryTimeout("no answer within 1 s")
        if not all(row.isdigit() for row in rows):
            raise QueryFailed("syntax error")
        return Result(("n",), [(int(row),) for row in rows])


class Inner:
    """Answers with one query after the other and notes its tasks."""

    def __init__(self, says: Sequence[str], logprobs: Sequence[float | None] = ()) -> None:
        self.says = says
        self.logprobs = logprobs
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Prediction:
        i = len(self.tasks)
        self.tasks.append(task)
        logprob = self.logprobs[i] if self.logprobs else None
        context = Context(values=(("t", "c", i),))
        return Prediction(self.says[i], Usage(1, 10, 5, i + 1, 0.5), ({"step": "draft", "i": i},), context, logprob)


Drawn = tuple[int, float, int]


def saying(says: Sequence[str], greedy: str = "") -> FakeModel:
    """A model that says, by its seed, one of several things."""

    def answer(request: Request) -> list[Completion]:
        chat, seed = str(request.messages), request.seed
        texts = [
            random.Random(f"{chat}{seed + i}").choice(says) if request.temperature else greedy or says[0]
            for i in range(request.n)
        ]
        usage = Usage(1, len(chat), 3, 10 * request.n + seed % 7, 0.25)
        return [Completion(text, Usage() if i else usage, logprob=-len(text)) for i, text in enumerate(texts)]

    return FakeModel(answer)


def drawn_by(model: FakeModel) -> list[Drawn]:
    return [(request.n, request.temperature, request.seed) for request in model.requests]


SCHEMA = Schema("shop", ())
SILENT = FakeModel()


def voted(step: Vote, *says: str, logprobs: Sequence[float | None] = ()) -> tuple[Prediction, Inner, Shop]:
    inner, shop = Inner(says, logprobs), Shop()
    generate = step.wrap(inner, Tools({"shop": shop}))
    return generate(Task(Question("q", "How many?", SCHEMA), SILENT, seed=5)), inner, shop


def chosen(*says: str, logprobs: Sequence[float | None] = (), **options: Any) -> int:
    return int(voted(Vote(n=len(says), **options), *says, logprobs=logprobs)[0].trace[-1]["chosen"])


def test_the_largest_group_answers() -> None:
    prediction, inner, _ = voted(Vote(n=7), "oops", "1", "3 2", "late", "2 3", "", "4")
    assert prediction == Prediction(
        "3 2",
        sum((Usage(1, 10, 5, i + 1, 0.5) for i in range(7)), Usage()),
        (
            {"step": "draft", "i": 2},
            {"step": "vote", "n": 7, "groups": [2, 1, 1], "failed": 3, "chosen": 2},
        ),
        Context(values=(("t", "c", 2),)),
        candidates=prediction.candidates,
    )
    assert [(c.step, c.sql, c.outcome) for c in prediction.candidates] == [
        ("vote", sql, outcome)
        for sql, outcome in (
            ("oops", "query_error"), ("1", "rows"), ("3 2", "rows"), ("late", "timeout"), ("2 3", "rows"),
            ("", "no_sql"), ("4", "rows"),
        )
    ]  # fmt: skip
    assert prediction.candidates[2].digest == prediction.candidates[4].digest != prediction.candidates[6].digest
    assert [task.temperature for task in inner.tasks] == [0.0] + [0.7] * 6
    assert {task.seed for task in inner.tasks} == {5}


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        (["late", "oops", "", "oops"], 0),  # nothing runs
        (["oops", "late", "1", "oops"], 2),
        (["1", "2", "2", "3"], 1),
        (["1", "2", "3", "4"], 0),  # all different: the first
        (["1", "2", "2", "1"], 0),
        (["1 2", "2 1", "3", "3"], 0),
        (["3 3", "3", "3", "4"], 1),
        (["1", "", "", ""], 0),
        # One content: the usual order among them counts.
        (["2 1 ORDER BY n", "1 2 ORDER BY n", "1 2 ORDER BY m", "3"], 1),
        (["1 2", "2 1 ORDER BY n", "2 1 ORDER BY n", "3"], 1),
        (["1 2", "2 1", "2 1 ORDER BY n", "3"], 0),
        # Orders do not split a content's votes.
        (["3 3", "3 3", "2 1 ORDER BY n", "1 2 ORDER BY n", "1 2"], 2),
    ],
)
def test_who_wins(says: list[str], answer: int) -> None:
    assert chosen(*says) == answer


def test_ties_go_to_the_likelier_group() -> None:
    assert chosen("1", "2", "2", "1", "3", logprobs=[-1, -0.5, -0.7, -1, -0.1]) == 1
    assert chosen("1", "2", "2", "1", logprobs=[-0.1, -0.5, -0.7, -2]) == 1  # by the group's mean
    assert chosen("1", "2", logprobs=[None, -9]) == 1
    assert chosen("1", "2", "2", "1", logprobs=[None, None, -1, -0.5]) == 0
    assert chosen("1", "2", logprobs=[-1, -1]) == 0


def test_empty_results_can_be_left_out() -> None:
    assert chosen("", "late", "1", "  ", "   ") == 3
    assert chosen("", "late", "1", "  ", "   ", nonempty=True) == 2
    assert chosen("late", "  ", "   ", nonempty=True) == 1
    prediction, _, _ = voted(Vote(n=6, nonempty=True), " ", "  ", "   ", "    ", "     ", "1")
    assert prediction.sql == "1"
    assert prediction.trace[-1]["groups"] == [5, 1]


@pytest.mark.parametrize(
    ("says", "asked"),
    [
        (["1"] * 5, 5),
        (["1", "2", "1", "1", "1", "1"], 6),
        (["late"] * 4 + ["1"] * 4, 7),
        (["1", "2"] * 4, 8),
        (["late"] * 8, 8),
        (["1 2", "2 1 ORDER BY n"] + ["1 2"] * 4, 6),  # the order of the largest group is not settled before
    ],
)
def test_it_ends_as_soon_as_the_answer_is_settled(says: list[str], asked: int) -> None:
    prediction, inner, _ = voted(Vote(n=8), *says)
    assert len(inner.tasks) == prediction.trace[-1]["n"] == asked
    assert prediction.usage.calls == asked


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["1", "2", "1 2", "1 2 ORDER BY n", "2 1 ORDER BY n", " ", "", "late"]), min_size=1, max_size=9
    ),
    st.randoms(),
    st.booleans(),
)
def test_ending_early_never_changes_the_answer(says: list[str], chance: random.Random, nonempty: bool) -> None:
    logprobs = [chance.choice([None, -0.5, -1.0]) for _ in says]
    early = chosen(*says, logprobs=logprobs, nonempty=nonempty)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "settled", lambda groups, left: False)
        assert early == chosen(*says, logprobs=logprobs, nonempty=nonempty)


def test_one_query_is_run_once() -> None:
    _, _, shop = voted(Vote(n=8), "late", "1", "late", "2", "late", "1", "", "late")
    assert shop.asked == ["late", "1", "2"]


def test_options() -> None:
    for wrong in ("n=0", "chunk=0", "temperature=0", "temperature=-1", "orders=0", "n=4,orders=5"):
        with pytest.raises(MethodError, match="vote"):
            parse_method(f"vote:{wrong}")
    assert parse_method("first-valid+retry+vote:n=8,chunk=none").label == "vote+first-valid+retry"
    _, inner, _ = voted(Vote(n=3, greedy=False, temperature=0.3), "1", "2", "3")
    assert [task.temperature for task in inner.tasks] == [0.3] * 3


CLUB = {"club_id": "1", "club_name": "'Rook & Pawn'", "city": "'Zagreb'", "founded": "1948"}


@cache
def bundled() -> Benchmark:
    return load()


def ask(method: str, model: FakeModel, seed: int = 1, limits: Limits = DEFAULT_LIMITS) -> Prediction:
    """Ask the bundled benchmark's first question about chess."""
    benchmark = bundled()
    question = next(e.question for e in benchmark.examples if e.question.db_id == "chess_league")
    generate = parse_method(method).build(Tools(DatabasePool(benchmark.paths, limits)))
    return generate(Task(question, model, seed=seed))


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ("n=8", [(1, 0.0, 1), (7, 0.7, 2)]),
        ("n=8,greedy=no,temperature=1", [(8, 1.0, 1)]),
        ("n=8,chunk=3", [(1, 0.0, 1), (3, 0.7, 2), (3, 0.7, 5), (1, 0.7, 8)]),
        ("n=1", [(1, 0.0, 1)]),
        ("n=3,orders=3", [(1, 0.0, 1), (1, 0.0, 4), (1, 0.0, 7)]),
        ("n=8,orders=3", [(1, 0.0, 1), (1, 0.0, 9), (1, 0.0, 17), (2, 0.7, 2), (2, 0.7, 10), (1, 0.7, 18)]),
        ("n=5,orders=2,greedy=no", [(3, 0.7, 1), (2, 0.7, 6)]),
    ],
)
def test_samples_share_requests(options: str, requests: list[tuple[int, float, int]]) -> None:
    model = saying(["SELECT oops"])
    prediction = ask(f"vote:{options}+zero-shot:values=0", model)
    assert drawn_by(model) == requests
    assert prediction.usage == model.spent


def test_each_sample_is_shown_the_schema_in_the_next_order() -> None:
    model = saying(["SELECT oops"])
    ask("vote:n=8,orders=3+zero-shot:values=0", model)
    shown = [str(request.messages) for request in model.requests]
    assert shown[:3] == shown[3:]
    assert len(set(shown)) == 3
    assert all(sorted(text) == sorted(shown[0]) for text in shown)  # nothing but the order differs
    plain = saying(["SELECT oops"])
    ask("zero-shot:values=0", plain)
    assert shown[0] == str(plain.requests[0].messages)


def test_cells_of_sample_rows_stay_under_their_columns_in_every_order() -> None:
    model = saying(["SELECT oops"])
    ask("vote:n=4,orders=4+zero-shot:rows=1,values=0,schema=compact", model)
    orders = set()
    for request in model.requests[:4]:
        names, cells = re.search(r"^club \((.*)\)\n-- rows: \((.*)\)$", request.messages[-1].content, re.M).groups()
        assert dict(zip(names.split(", "), cells.split(", "), strict=True)) == CLUB
        orders.add(names)
    assert len(orders) == 4


def test_chunks_that_are_not_needed_are_not_asked_for() -> None:
    model = saying(["SELECT name FROM player"])
    prediction = ask("vote:n=8,chunk=4+zero-shot:values=0", model)
    assert drawn_by(model) == [(1, 0.0, 1), (4, 0.7, 2)]
    assert prediction.usage == model.spent
    assert prediction.trace[-1] == {"step": "vote", "n": 5, "groups": [5], "failed": 0, "chosen": 0}


def test_a_real_database_and_hostile_samples() -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    says = [
            "DROP TABLE player", endless, "EXPLAIN SELECT 1", "SELECT nothing FROM nowhere", "I refuse.", "",
            "SELECT name, rating FROM player", "SELECT rating, name FROM player ORDER BY name",
    ]  # fmt: skip
    model = saying(says, greedy=endless)
    prediction = ask("vote:n=40+zero-shot:values=0", model, limits=Limits(timeout_s=0.05))
    assert prediction.sql in says[-2:]
    trace = prediction.trace[-1]
    assert len(trace["groups"]) == 1  # as many columns, in another order, and the same rows
    assert trace["groups"][0] + trace["failed"] == trace["n"] == 40
    assert prediction.usage == model.spent


METHODS = [
    "vote", "vote:greedy=no", "vote:chunk=2", "first-valid", "first-valid:chunk=none,nonempty=yes", "retry",
    "retry:empty=yes,temperature=0.7", "vote+retry", "vote:chunk=3+retry:temperature=0.5", "first-valid+retry",
    "first-valid:greedy=no+retry:k=1,empty=yes,temperature=0.7", "vote+first-valid",
    "vote:n=5+first-valid:n=3+retry:k=1", "vote:orders=3", "first-valid:orders=3+retry", "vote:n=5,orders=5+retry:k=1",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [0, 3, 30])
def test_every_call_is_paid_for_once_and_every_run_is_the_same(method: str, bad: int) -> None:
    says = [
        "SELECT name FROM player",
        "SELECT city FROM club WHERE 0",
        "SELECT count(*) FROM game",
        *["SELECT oops"] * bad,
    ]
    for seed in range(4):
        runs = []
        for _ in range(2):
            model = saying(says, greedy="SELECT oops" if bad else "")
            prediction = ask(f"{method}+zero-shot:values=0,form=chat", model, seed)
            assert prediction.usage == model.spent
            runs.append((prediction, drawn_by(model)))
        assert runs[0] == runs[1]
        steps = [trace["step"] for trace in prediction.trace]
        assert steps == ["zero-shot", *(part.partition(":")[0] for part in reversed(method.split("+")))]


def test_another_seed_draws_other_samples() -> None:
    asked = [saying(["SELECT oops"]) for _ in range(2)]
    for seed, model in enumerate(asked):
        ask("vote:chunk=1+retry:temperature=0.7+zero-shot:values=0", model, 1000 * seed)
    drawn = [{request for request in drawn_by(model) if request[1]} for model in asked]
    assert all(drawn)
    assert not drawn[0] & drawn[1]


def test_what_retries_ask_alike_is_asked_once() -> None:
    """All samples say the same wrong thing, so one further attempt, at temperature 0, serves them all."""
    model = saying(["SELECT oops"])
    prediction = ask("vote:n=8+retry:k=1+zero-shot:values=0", model)
    assert [request.n for request in model.requests] == [1, 1, 7]
    assert prediction.usage == model.spent


def test_a_model_without_an_answer_stays_without() -> None:
    def tired(request: Request) -> str | ModelError:
        return ModelError("busy") if request.temperature else "SELECT name FROM player"

    with pytest.raises(ModelError, match="busy"):
        ask("vote+zero-shot:values=0", FakeModel(tired))
