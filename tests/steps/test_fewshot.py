from __future__ import annotations

import pytest
from fake_model import FakeModel

from spider_opt.errors import LeakError, MethodError
from spider_opt.methods import parse_method
from spider_opt.steps.fewshot import FewShot
from spider_opt.types import (
    Column,
    Context,
    Demo,
    Hardness,
    Likeness,
    Prediction,
    Question,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

SHOP = Schema("shop", (Table("item", (Column("price", "REAL"),)),))
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"),)),))
ASKED = Question("dev-1", "Which items cost 5?", SHOP)


def demo(i: int, schema: Schema = ZOO) -> Demo:
    return Demo(Question(f"train-{i}", f"Question {i}?", schema), f"SELECT {i}")


class Books:
    """Ten training examples, always in one order, that note how they were asked for."""

    def __init__(self, *demos: Demo) -> None:
        self.demos = demos or tuple(demo(i) for i in range(10))
        self.asked: list[tuple[object, ...]] = []

    def nearest(
        self, likeness: Likeness, texts: list[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        self.asked.append((likeness, texts, question, level))
        return list(self.demos[:k])

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        self.asked.append(("random", seed, question, level))
        return list(self.demos[-k:])

    def level(self, question: Question) -> Hardness:
        raise AssertionError("nobody asks for the level here")


class Inside:
    """What stands inside the step; it notes its task."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Prediction:
        self.tasks.append(task)
        return Prediction("SELECT 1", Usage(calls=1), ({"step": "inside"},), task.context, -0.5)


def answer(step: FewShot, books: Books, context: Context | None = None, seed: int = 0) -> tuple[Task, Prediction]:
    inside = Inside()
    task = Task(ASKED, FakeModel(), context or Context(), seed=seed)  # type: ignore[arg-type]
    prediction = step.wrap(inside, Tools(library=books))(task)  # type: ignore[arg-type]
    [seen] = inside.tasks
    return seen, prediction


def test_the_nearest_are_shown_nearest_first() -> None:
    seen, prediction = answer(FewShot(k=2), Books())
    assert seen.context.demos == (demo(0), demo(1))
    assert prediction.sql == "SELECT 1"
    assert prediction.trace == ({"step": "inside"}, {"step": "fewshot", "demos": ["train-0", "train-1"]})
    assert prediction.usage == Usage(calls=1)
    assert (prediction.context, prediction.logprob) == (seen.context, -0.5)


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        ("question", ("question", ["Which items cost 5?"], ASKED, None)),
        ("masked", ("masked", ["Which <mask> cost <unk>?"], ASKED, None)),
        ("random", ("random", 7, ASKED, None)),
    ],
)
def test_what_is_compared(by: str, asked: tuple[object, ...]) -> None:
    books = Books()
    answer(FewShot(by=by), books, seed=7)  # type: ignore[arg-type]
    assert books.asked == [asked]


@pytest.mark.parametrize("by", ["question", "masked", "random"])
def test_only_the_level_of_the_task_counts(by: str) -> None:
    books = Books()
    seen, _ = answer(FewShot(by=by), books, Context(level="hard"))  # type: ignore[arg-type]
    assert books.asked[0][-1] == "hard"
    assert seen.context.level == "hard"


def test_demos_show_their_schema_or_not() -> None:
    assert [d.own_schema for d in answer(FewShot(k=2), Books())[0].context.demos] == [False, False]
    assert [d.own_schema for d in answer(FewShot(k=2, schemas=True), Books())[0].context.demos] == [True, True]


@pytest.mark.parametrize("by", ["masked", "random"])
def test_demos_of_outer_steps_stay_and_none_comes_twice(by: str) -> None:
    there = tuple(Demo(d.question, d.sql, own_schema=True) for d in (demo(9), demo(0)))
    context = Context(there, (("item", ("price",)),), (("item", "price", 5),))
    seen, prediction = answer(FewShot(k=2, by=by), Books(), context)  # type: ignore[arg-type]
    assert seen.context.demos[:2] == there
    assert len({d.question.id for d in seen.context.demos}) == 4
    assert prediction.trace[-1]["demos"] == [d.question.id for d in seen.context.demos[2:]]
    assert (seen.context.tables, seen.context.values) == (context.tables, context.values)


def test_too_few_examples_are_all_shown() -> None:
    seen, prediction = answer(FewShot(k=5), Books(demo(1), demo(2)))
    assert len(seen.context.demos) == 2
    assert prediction.trace[-1]["demos"] == ["train-1", "train-2"]


@pytest.mark.parametrize("db_id", ["shop", "SHOP"])
def test_an_example_of_the_own_database_is_refused(db_id: str) -> None:
    with pytest.raises(LeakError, match=f"training example train-3 is of the question's own database {db_id}"):
        answer(FewShot(k=1), Books(demo(3, Schema(db_id, SHOP.tables))))


def test_without_examples_there_is_no_such_method() -> None:
    with pytest.raises(MethodError, match="step 'fewshot' needs examples"):
        parse_method("fewshot").build(Tools())


@pytest.mark.parametrize(
    ("text", "message"),
    [("fewshot:k=0", "k must be 1 or more"), ("fewshot:by=skeleton", "question or masked or random|takes")],
)
def test_wrong_options(text: str, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        parse_method(text)


def test_labels() -> None:
    assert parse_method("zero-shot + fewshot:k=3").label == "fewshot"
    assert parse_method("fewshot:by=random,schemas=yes,k=5").label == "fewshot:k=5,by=random,schemas=yes"
