from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_model import COST, FakeModel

from spider_opt.answering import judging
from spider_opt.answering.candidates import own
from spider_opt.answering.disagreement import Group
from spider_opt.answering.judging import Judge
from spider_opt.errors import MethodError, ModelError, QueryFailed, UsageError
from spider_opt.steps import STEPS
from spider_opt.steps.select import Select
from spider_opt.types import (
    ChatModel,
    Column,
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

SHOP = Schema("shop", (Table("item", (Column("price", "REAL"),)),))
Seen = list[tuple[str, str, Group]]


class Shop:
    """Answers "3 1 2" with these rows, and fails on words."""

    def run(self, sql: str) -> Result:
        if sql.startswith("SELECT"):  # what a prompt shows of the columns
            return Result(("price",), [])
        if not all(word.isdigit() for word in sql.split()):
            raise QueryFailed("syntax error")
        return Result(("n",), [(int(word),) for word in sql.split()])


SEEN: Seen = []
SCORES: dict[str, object] = {}


def opens(model: ChatModel) -> Judge:
    """A judge that asks the model once for each group, and says what the test wants."""

    def judge(question: Question, schema: str, group: Group) -> float:
        SEEN.append((question.id, schema, group))
        model.complete(Request("Is it right?"))
        return SCORES.get(group.sql, 0.5)  # type: ignore[return-value]

    return judge


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> None:
    SEEN.clear()
    SCORES.clear()
    monkeypatch.setitem(judging.JUDGES, "fake", f"{__name__}:opens")
    monkeypatch.setattr(judging._NAMES.__class__, "load", lambda self, name: (name, opens))


def selected(step: Select, *says: str, model: FakeModel | None = None) -> Prediction:
    numbers = iter(range(len(says)))

    def inner(task: Task) -> Prediction:
        return Prediction(says[next(numbers)], Usage(1, 10, 0, 5, 1.0), ({"step": "draft"},))

    generate = step.wrap(inner, Tools({"shop": Shop()}))
    return generate(Task(Question("q", "How many?", SHOP), model or FakeModel("yes")))


def test_it_stands_in_no_table_while_there_is_no_judge() -> None:
    assert "select" not in STEPS


def test_the_judge_is_asked_only_where_groups_disagree() -> None:
    prediction = selected(Select(n=3), "1", "oops", "1")
    assert prediction.sql == "1"
    assert SEEN == []
    assert prediction.trace[-1] == {"step": "select", "n": 3, "groups": [2], "failed": 1, "chosen": 0}
    assert prediction.usage == sum([Usage(1, 10, 0, 5, 1.0)] * 3, Usage())


def test_the_judge_sees_each_group_once() -> None:
    SCORES.update({"1": 0.1, "2": 0.9})
    prediction = selected(Select(n=4), "1", "2", "1", "oops")
    assert prediction.sql == "2"
    assert [(question, group.sql, group.votes, group.rows) for question, _, group in SEEN] == [
        ("q", "1", 2, ((1,),)), ("q", "2", 1, ((2,),))
    ]  # fmt: skip
    assert "CREATE TABLE item" in SEEN[0][1]
    assert prediction.trace[-1] == {
        "step": "select", "n": 4, "groups": [2, 1], "failed": 1, "chosen": 1, "scores": [0.1, 0.9]
    }  # fmt: skip
    assert prediction.usage == sum([Usage(1, 10, 0, 5, 1.0)] * 4, Usage()) + COST + COST
    assert [(one.step, one.sql, one.n) for one in own(prediction.candidates)] == [
        ("select", "1", 2), ("select", "2", 1), ("select", "oops", 1)
    ]  # fmt: skip


Case = tuple[Select, Sequence[str], dict[str, float], str]
CASES: dict[str, Case] = {
    "votes count": (Select(n=4), ["1", "2", "1", "1"], {"1": 0.3, "2": 0.8}, "1"),
    "or do not": (Select(n=4, votes=False), ["1", "2", "1", "1"], {"1": 0.3, "2": 0.8}, "2"),
    "alone": (Select(n=5, votes=False), ["1", "2", "1", "2", "1"], {"1": 0.3, "2": 0.4}, "2"),
    "undecided as a vote": (Select(n=5), ["1", "2", "2", "1", "2"], {}, "2"),
    "failed ones count nowhere": (Select(n=4), ["oops", "late", "no", "3"], {"oops": 1.0}, "3"),
    "nothing runs": (Select(n=2), ["oops", "late"], {}, "oops"),
    "empty ones count": (Select(n=3), [" ", "1", "1"], {" ": 1.0, "1": 0.1}, " "),
    "empty ones can be left out": (Select(n=3, nonempty=True), [" ", "1", "1"], {" ": 1.0}, "1"),
}


@pytest.mark.parametrize(("step", "says", "scores", "answer"), CASES.values(), ids=CASES)
def test_who_is_selected(step: Select, says: Sequence[str], scores: dict[str, float], answer: str) -> None:
    SCORES.update(scores)
    assert selected(step, *says).sql == answer


def test_what_a_judge_must_say() -> None:
    SCORES.update({"1": 7})
    with pytest.raises(UsageError, match="a number from 0 to 1"):
        selected(Select(n=2), "1", "2")


def test_a_judge_without_an_answer_leaves_the_question_unanswered() -> None:
    with pytest.raises(ModelError, match="busy"):
        selected(Select(n=2), "1", "2", model=FakeModel(ModelError("busy")))


def test_without_a_judge_it_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(judging.JUDGES, "fake")
    with pytest.raises(MethodError, match="there is no judge to select by"):
        Select().wrap(lambda task: Prediction(""), Tools())
