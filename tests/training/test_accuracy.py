"""What a model that is being tuned gets right on databases it never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from spider_opt.answering.drafts import Look
from spider_opt.benchmarks import load
from spider_opt.errors import LeakError
from spider_opt.training import accuracy
from spider_opt.training.accuracy import SIDE_BY_SIDE, held_out_accuracy
from spider_opt.training.dataset import Item
from spider_opt.types import Benchmark

N = 42
LOOK = Look(values=0)


class Model:
    """Answers with golds, every third time with nothing that runs."""

    def __init__(self, tokenizer: Any, benchmark: Benchmark) -> None:
        self.tokenizer = tokenizer
        self.golds = {example.question.text: example.gold_sql for example in benchmark.examples}
        self.databases = {example.question.text: example.question.db_id for example in benchmark.examples}
        self.calls: list[list[str]] = []

    @property
    def asked(self) -> list[str]:
        return [question for call in self.calls for question in call]

    def __call__(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        questions = []
        for prompt in prompts:
            text = self.tokenizer.decode(prompt)
            questions.append(max((question for question in self.golds if question in text), key=len))
        self.calls.append(questions)
        first = len(self.asked) - len(questions)
        said = [
            self.golds[question] if (first + i) % 3 else "FROM nowhere SELECT nothing"
            for i, question in enumerate(questions)
        ]
        return [self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in said]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """The bundled training half, all of it held out for once."""
    monkeypatch.setattr(accuracy, "is_held_out", lambda db_id: db_id != "trained_on")
    return load("spider-mini:train")


@pytest.fixture
def items(benchmark: Benchmark) -> list[Item]:
    return [Item(example.question, example.gold_sql) for example in benchmark.examples]


@pytest.fixture
def model(tokenizer: Any, benchmark: Benchmark) -> Model:
    return Model(tokenizer, benchmark)


def test_answers_are_judged(benchmark: Benchmark, items: list[Item], model: Model, tokenizer: Any) -> None:
    found = held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items, N)
    assert found["n"] == len(set(model.asked)) == N
    assert found["ex"] == pytest.approx(100 * 2 / 3)
    assert found["outcomes"]["query_error"] == N // 3
    json.dumps(found)


def test_those_of_one_database_are_asked_together(
    benchmark: Benchmark, items: list[Item], model: Model, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items, len(items))
    databases = [{model.databases[question] for question in call} for call in model.calls]
    assert all(len(names) == 1 for names in databases)
    assert len(databases) == len(benchmark.paths)
    model.calls.clear()
    monkeypatch.setattr(accuracy, "SIDE_BY_SIDE", 10)
    held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items, len(items))
    assert max(map(len, model.calls)) == 10 < SIDE_BY_SIDE
    assert len(model.asked) == len(items)


def test_the_same_are_asked_of_every_model(
    benchmark: Benchmark, items: list[Item], model: Model, tokenizer: Any
) -> None:
    held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items, N)
    first = model.asked
    model.calls.clear()
    held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items, N)
    assert model.asked == first


def test_no_more_than_there_are(benchmark: Benchmark, items: list[Item], model: Model, tokenizer: Any) -> None:
    assert held_out_accuracy(model, tokenizer, LOOK, "from-first", benchmark, items[:3], N)["n"] == 3


def test_none_of_a_database_that_is_trained_on(
    benchmark: Benchmark, items: list[Item], model: Model, tokenizer: Any
) -> None:
    question = items[0].question
    trained = replace(question, schema=replace(question.schema, db_id="trained_on"))
    with pytest.raises(LeakError, match="trained_on is trained on"):
        held_out_accuracy(
            model, tokenizer, LOOK, "from-first", benchmark, [*items, replace(items[0], question=trained)], N
        )
    assert not model.calls
