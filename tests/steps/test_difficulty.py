from __future__ import annotations

from collections.abc import Sequence

import pytest
from fake_model import FakeModel

from spider_opt.errors import MethodError
from spider_opt.methods import parse_method
from spider_opt.types import (
    Column,
    Demo,
    Hardness,
    Likeness,
    Prediction,
    Question,
    Result,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

SHOP = Schema("shop", (Table("item", (Column("price", "REAL"),)),))
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"),)),))
ASKED = Question("dev-1", "Which items cost 5?", SHOP)
COST = Usage(1, 50, 40, 9, 0.5)
EASY = "SELECT price FROM item"
MEDIUM = "SELECT price FROM item WHERE price > 1 ORDER BY price"


class Books:
    """Training examples of which there is one for each way of asking; they note how they were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Hardness | None]] = []

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        assert question == ASKED
        self.asked.append((likeness, level))
        return [Demo(Question(f"train-{likeness}", f"By {likeness}?", ZOO), "SELECT 2")]

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        assert question == ASKED
        self.asked.append(("random", level))
        return []

    def level(self, question: Question) -> Hardness:
        assert question == ASKED
        return "extra"


class Rows:
    def run(self, sql: str) -> Result:
        return Result(("price",), [(5,)])


def run(method: str, model: FakeModel, books: Books, draft: str | None = None) -> Prediction:
    generator = parse_method(method).build(Tools({"shop": Rows()}, books))
    return generator(Task(ASKED, model, draft=draft))


@pytest.mark.parametrize(
    ("draft", "level"),
    [
        (EASY, "easy"),
        (MEDIUM, "medium"),
        ("SELECT price FROM item EXCEPT SELECT price FROM item WHERE price > 1", "hard"),
        ("SELECT price FROM item WHERE price FROM", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_the_level_of_the_draft_is_that_of_the_demos(draft: str, level: Hardness | None) -> None:
    model, books = FakeModel(draft, "SELECT 1"), Books()
    prediction = run("difficulty", model, books)
    assert books.asked == [("masked", level)]
    assert prediction.context.level == level
    assert prediction.trace[1:] == (
        {"step": "fewshot", "demos": ["train-masked"]},
        {"step": "difficulty", "level": level},
    )
    assert prediction.usage == COST + COST
    assert len(model.requests) == 2


def test_the_classifier_needs_no_draft() -> None:
    model, books = FakeModel("SELECT 1"), Books()
    prediction = run("difficulty:by=classifier", model, books)
    assert books.asked == [("masked", "extra")]
    assert prediction.trace[-1] == {"step": "difficulty", "level": "extra"}
    assert prediction.usage == COST


def test_one_draft_does_for_difficulty_and_hyde() -> None:
    model, books = FakeModel(MEDIUM, "SELECT 1"), Books()
    prediction = run("hyde+difficulty", model, books)
    assert books.asked == [("skeleton", "medium")]
    assert prediction.sql == "SELECT 1"
    assert prediction.usage == COST + COST
    assert [step["step"] for step in prediction.trace] == ["zero-shot", "hyde", "difficulty"]
    assert prediction.trace[1]["drafts"] == [MEDIUM]


def test_hydes_samples_are_asked_for_beside_the_draft() -> None:
    model = FakeModel(EASY, MEDIUM, MEDIUM, "SELECT 1")
    prediction = run("hyde:n=2+difficulty", model, Books())
    assert [request.n for request in model.requests] == [1, 2, 1]
    assert prediction.usage == COST + COST + COST
    assert prediction.trace[-1]["level"] == "easy"
    assert prediction.trace[-2]["drafts"] == [MEDIUM, MEDIUM]


def test_a_draft_that_is_there_is_not_asked_for() -> None:
    model = FakeModel("SELECT 1")
    assert run("difficulty", model, Books(), draft=MEDIUM).trace[-1]["level"] == "medium"
    assert len(model.requests) == 1


@pytest.mark.parametrize("by", ["question", "masked", "random"])
def test_it_goes_with_each_way_of_ranking(by: str) -> None:
    books = Books()
    run(f"fewshot:by={by}+difficulty", FakeModel(EASY, "SELECT 1"), books)
    assert books.asked == [(by, "easy")]


def test_all_three_in_any_order_are_one_method() -> None:
    model, books = FakeModel(EASY, "SELECT 1"), Books()
    prediction = run("hyde+zero-shot+fewshot+difficulty", model, books)
    assert books.asked == [("masked", "easy"), ("skeleton", "easy")]
    assert [d.question.id for d in prediction.context.demos] == ["train-masked", "train-skeleton"]
    assert parse_method("hyde+fewshot+difficulty").label == parse_method("difficulty+fewshot+hyde").label
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("text", "label", "steps"),
    [
        ("difficulty", "difficulty", ["Difficulty", "FewShot", "ZeroShot"]),
        ("fewshot+difficulty", "difficulty", ["Difficulty", "FewShot", "ZeroShot"]),
        ("difficulty+fewshot:k=5", "difficulty+fewshot:k=5", ["Difficulty", "FewShot", "ZeroShot"]),
        ("hyde+difficulty", "difficulty+hyde", ["Difficulty", "HyDE", "ZeroShot"]),
        ("hyde+difficulty+fewshot", "difficulty+fewshot+hyde", ["Difficulty", "FewShot", "HyDE", "ZeroShot"]),
    ],
)
def test_it_brings_fewshot_where_nothing_else_shows_demos(text: str, label: str, steps: list[str]) -> None:
    method = parse_method(text)
    assert method.label == label
    assert [type(step).__name__ for step in method.steps] == steps


@pytest.mark.parametrize("method", ["difficulty", "difficulty:by=classifier+hyde"])
def test_without_examples_there_is_no_such_method(method: str) -> None:
    with pytest.raises(MethodError, match="needs examples"):
        parse_method(method).build(Tools())


def test_wrong_options() -> None:
    with pytest.raises(MethodError, match="takes draft or classifier"):
        parse_method("difficulty:by=gold")
