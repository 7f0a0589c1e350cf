from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.errors import LeakError, MethodError, ModelError
from spider_opt.methods import parse_method
from spider_opt.prompts import texts
from spider_opt.steps.hyde import HyDE
from spider_opt.types import (
    Column,
    Context,
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
DEMOS = tuple(Demo(Question(f"train-{i}", f"Question {i}?", ZOO), f"SELECT {i}") for i in range(10))
COST = Usage(1, 50, 40, 9, 0.5)


class Books:
    """Ten training examples, always in one order, that note how they were asked for."""

    def __init__(self) -> None:
        self.demos = DEMOS
        self.asked: list[tuple[object, ...]] = []

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        self.asked.append((likeness, list(texts), question, level))
        return list(self.demos[:k])

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        raise AssertionError("nobody draws here")

    def level(self, question: Question) -> Hardness:
        return "extra"


class Rows:
    def run(self, sql: str) -> Result:
        return Result(("price",), [(5,)])


class Inside:
    """What stands inside the step; it notes its task."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def __call__(self, task: Task) -> Prediction:
        self.tasks.append(task)
        return Prediction("SELECT 9", COST, ({"step": "inside"},), task.context, -0.5)


def answer(step: HyDE, model: FakeModel, books: Books, **task: Any) -> tuple[Task, Prediction]:
    inside = Inside()
    prediction = step.wrap(inside, Tools({"shop": Rows()}, books))(Task(ASKED, model, **task))
    [seen] = inside.tasks
    return seen, prediction


def run(method: str, model: FakeModel, books: Books) -> Prediction:
    return parse_method(method).build(Tools({"shop": Rows()}, books))(Task(ASKED, model))


def test_examples_are_found_by_the_skeleton_of_a_draft() -> None:
    model, books = FakeModel("```sql\nSELECT price FROM item WHERE price = 5;\n```"), Books()
    seen, prediction = answer(HyDE(k=2), model, books)
    draft = "SELECT price FROM item WHERE price = 5"
    assert books.asked == [("skeleton", ["SELECT _ FROM _ WHERE _ = ?"], ASKED, None)]
    assert seen.context.demos == DEMOS[:2]
    assert seen.draft == draft
    assert prediction.sql == "SELECT 9"
    assert prediction.trace == (
        {"step": "inside"},
        {"step": "hyde", "demos": ["train-0", "train-1"], "drafts": [draft]},
    )
    assert (prediction.context, prediction.logprob) == (seen.context, -0.5)


def test_both_the_draft_and_the_answer_are_paid_for() -> None:
    _, prediction = answer(HyDE(), FakeModel("SELECT 1"), Books())
    assert prediction.usage == COST + COST
    _, prediction = answer(HyDE(n=3), FakeModel("SELECT 1", "SELECT 2", "SELECT 3"), Books())
    assert prediction.usage == COST + COST


def test_the_draft_comes_from_the_direct_prompt() -> None:
    """What outer steps brought would make the draft another one, and costs the shared beginning of the prompt."""
    plain, full = FakeModel("SELECT 1"), FakeModel("SELECT 1")
    context = Context(DEMOS[:1], (("item", ()),), (("item", "price", 5),), "hard")
    answer(HyDE(), plain, Books())
    seen, _ = answer(HyDE(), full, Books(), context=context, feedback=(("SELECT x", "no such column"),), seed=3)
    assert plain.prompts == full.prompts
    assert plain.prompts[0].startswith(texts.INSTRUCTION)
    assert (seen.feedback, seen.seed) == ((("SELECT x", "no such column"),), 3)
    assert seen.context.tables == context.tables


def test_the_draft_is_what_zero_shot_says() -> None:
    """So that a cache of answers, which compares all that is asked, has it already."""
    drafting, plain = FakeModel("SELECT 1"), FakeModel("SELECT 1")
    answer(HyDE(), drafting, Books())
    run("zero-shot", plain, Books())
    assert drafting.requests == plain.requests


def test_the_task_says_how_the_draft_is_asked_for() -> None:
    model = FakeModel("SELECT 1")
    answer(HyDE(), model, Books(), seed=11, temperature=0.3, grammar='root ::= "SELECT 1"')
    assert (model.requests[0].seed, model.requests[0].temperature) == (11, 0.3)
    assert model.requests[0].grammar == 'root ::= "SELECT 1"'


def test_a_draft_that_is_there_is_not_asked_for() -> None:
    model, books = FakeModel(), Books()
    seen, prediction = answer(HyDE(), model, books, draft="SELECT max(price) FROM item")
    assert model.requests == []
    assert books.asked[0][:2] == ("skeleton", ["SELECT MAX ( _ ) FROM _"])
    assert (prediction.usage, seen.draft) == (COST, "SELECT max(price) FROM item")


def test_several_drafts_are_asked_for_in_one_call() -> None:
    model, books = FakeModel("SELECT price FROM item", "no idea", "SELECT max(price) FROM item"), Books()
    seen, prediction = answer(HyDE(n=3, temperature=0.9), model, books, draft="SELECT 1", seed=4)
    assert [(asked.n, asked.temperature, asked.seed) for asked in model.requests] == [(3, 0.9, 4)]
    assert books.asked[0][1] == ["SELECT _ FROM _", "SELECT MAX ( _ ) FROM _"]
    assert prediction.trace[-1]["drafts"] == ["SELECT price FROM item", "", "SELECT max(price) FROM item"]
    assert seen.draft == "SELECT 1"


def test_the_question_can_count_as_a_draft() -> None:
    books = Books()
    answer(HyDE(question=True), FakeModel("SELECT price FROM item"), books)
    assert books.asked[0][1] == ["SELECT _ FROM _", "Which items cost 5?"]


def test_a_broken_draft_has_a_skeleton_too() -> None:
    books = Books()
    answer(HyDE(), FakeModel("SELECT price FROM WHERE ((price = 'no end"), books)
    assert books.asked[0][1] == ["SELECT _ FROM WHERE ( ( _ = ?"]


@pytest.mark.parametrize("question", [True, False])
def test_without_any_draft_the_masked_question_is_compared(question: bool) -> None:
    books = Books()
    _, prediction = answer(HyDE(question=question), FakeModel("I cannot say."), books)
    assert books.asked == [("masked", ["Which <mask> cost <unk>?"], ASKED, None)]
    assert prediction.trace[-1]["drafts"] == [""]


def test_only_the_level_of_the_task_counts() -> None:
    books = Books()
    answer(HyDE(), FakeModel("SELECT 1"), books, context=Context(level="easy"))
    assert books.asked[0][-1] == "easy"


def test_demos_of_outer_steps_stay_and_none_comes_twice() -> None:
    seen, prediction = answer(HyDE(k=2, schemas=True), FakeModel("SELECT 1"), Books(), context=Context(DEMOS[1:3]))
    assert [d.question.id for d in seen.context.demos] == ["train-1", "train-2", "train-0", "train-3"]
    assert [d.own_schema for d in seen.context.demos] == [False, False, True, True]
    assert prediction.trace[-1]["demos"] == ["train-0", "train-3"]


def test_an_example_of_the_own_database_is_refused() -> None:
    books = Books()
    books.demos = (Demo(Question("train-3", "Which?", SHOP), "SELECT 1"),)
    with pytest.raises(LeakError, match="train-3 is of the question's own database shop"):
        answer(HyDE(), FakeModel("SELECT 1"), books)


def test_a_model_that_does_not_draft_leaves_the_question_unanswered() -> None:

    with pytest.raises(ModelError, match="busy"):
        run("hyde", FakeModel(ModelError("busy")), Books())


def test_end_to_end_the_nearest_stands_next_to_the_question() -> None:
    model = FakeModel("SELECT price FROM item", "SELECT price FROM item WHERE price = 5")
    prediction = run("hyde:k=2", model, Books())
    assert prediction.sql == "SELECT price FROM item WHERE price = 5"
    assert prediction.usage == COST + COST
    assert [step["step"] for step in prediction.trace] == ["zero-shot", "hyde"]
    direct, shown = model.prompts
    assert "Question 0?" not in direct
    assert shown.index("Question 1?") < shown.index("Question 0?") < shown.index("Which items cost 5?")


def test_with_fewshot_its_examples_come_first() -> None:
    books = Books()
    prediction = run("hyde:k=1+fewshot:k=1", FakeModel("SELECT price FROM item", "SELECT 1"), books)
    assert [asked[0] for asked in books.asked] == ["masked", "skeleton"]
    assert [d.question.id for d in prediction.context.demos] == ["train-0", "train-1"]
    assert [step["step"] for step in prediction.trace] == ["zero-shot", "hyde", "fewshot"]


def test_without_examples_there_is_no_such_method() -> None:
    with pytest.raises(MethodError, match="step 'hyde' needs examples"):
        parse_method("hyde").build(Tools())


@pytest.mark.parametrize("text", ["hyde:k=0", "hyde:n=0", "hyde:n=3,temperature=0", "hyde:temperature=2.5"])
def test_wrong_options(text: str) -> None:
    with pytest.raises(MethodError, match=r"must be (1 or more|above 0)"):
        parse_method(text)


def test_labels() -> None:
    assert parse_method("zero-shot+hyde:question=yes,n=4+fewshot").label == "fewshot+hyde:n=4,question=yes"
