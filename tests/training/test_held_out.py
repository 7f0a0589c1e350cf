"""What a tuned model gets right on databases it never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load_bundled
from spider_opt.errors import LeakError, ModelError, ModelUnavailable
from spider_opt.models.adapters import CARD, FILE
from spider_opt.models.weights import sha256_of
from spider_opt.training import held_out
from spider_opt.training.dataset import Item
from spider_opt.training.held_out import held_out_accuracy
from spider_opt.types import Benchmark, Completion, Message, ModelInfo, Usage

N = 12


class Model:
    """Answers with golds, every third time with nothing that runs."""

    info = ModelInfo("tuned")

    def __init__(self, benchmark: Benchmark) -> None:
        self.golds = {example.question.text: example.gold_sql for example in benchmark.examples}
        self.asked: list[str] = []
        self.error: Exception | None = None

    def complete(self, messages: Sequence[Message] | str, **_: Any) -> list[Completion]:
        if self.error:
            raise self.error
        text = messages if isinstance(messages, str) else messages[-1].content
        [question] = [question for question in self.golds if question in text]
        self.asked.append(question)
        right = len(self.asked) % 3
        return [Completion(self.golds[question] if right else "SELECT nothing FROM nowhere", Usage(1, 1))]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """The bundled training half, all of it held out for once."""
    monkeypatch.setattr(held_out, "is_held_out", lambda db_id: db_id != "trained_on")
    return load_bundled("train")


@pytest.fixture
def items(benchmark: Benchmark) -> list[Item]:
    return [Item(example.question, example.gold_sql) for example in benchmark.examples]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))  # where no answer stands yet
    (tmp_path / FILE).write_bytes(b"lora")
    card = {
        "base": {"name": "m", "sha256": ""},
        "sha256": sha256_of(tmp_path / FILE),
        "look": {"values": 0},
        "target": "plain",
    }
    (tmp_path / CARD).write_text(json.dumps(card))
    return tmp_path


@pytest.fixture
def model(benchmark: Benchmark, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model(benchmark)

    def open_tuned(names: Sequence[str]) -> Model:
        assert names == [str(folder)]
        return model

    monkeypatch.setattr(held_out, "open_tuned", open_tuned)
    return model


def test_answers_are_judged(folder: Path, benchmark: Benchmark, items: list[Item], model: Model) -> None:
    found = held_out_accuracy(folder, benchmark, items, N)
    assert found["n"] == len(set(model.asked)) == N
    assert found["ex"] == pytest.approx(100 * 2 / 3)
    assert found["outcomes"]["query_error"] == N // 3
    json.dumps(found)


def test_the_same_are_asked_of_every_adapter(
    folder: Path, benchmark: Benchmark, items: list[Item], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out_accuracy(folder, benchmark, items, N)
    first = sorted(model.asked)
    model.asked.clear()
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(folder / "other"))
    held_out_accuracy(folder, benchmark, items, N)
    assert sorted(model.asked) == first


def test_no_more_than_there_are(folder: Path, benchmark: Benchmark, items: list[Item], model: Model) -> None:
    assert held_out_accuracy(folder, benchmark, items[:3], N)["n"] == 3


def test_none_of_a_database_that_is_trained_on(
    folder: Path, benchmark: Benchmark, items: list[Item], model: Model
) -> None:
    question = items[0].question
    trained = replace(question, schema=replace(question.schema, db_id="trained_on"))
    with pytest.raises(LeakError, match="trained_on is trained on"):
        held_out_accuracy(folder, benchmark, [*items, replace(items[0], question=trained)], N)
    assert not model.asked


@pytest.mark.parametrize("error", [ModelError("too long"), ModelUnavailable("gone")])
def test_no_answer_is_no_wrong_answer(
    folder: Path, benchmark: Benchmark, items: list[Item], model: Model, error: ModelError
) -> None:
    model.error = error
    with pytest.raises(ModelError, match=str(error)):
        held_out_accuracy(folder, benchmark, items, N)
