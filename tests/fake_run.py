"""A run whose questions no model is needed for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_model import FakeModel

from spider_opt.runs.answers import read_answers
from spider_opt.runs.describing import describe
from spider_opt.runs.folder import Finished, run
from spider_opt.types import Benchmark, ModelInfo, Prediction, Task, Usage


class Answering:
    """A generator that answers right, but for the questions in ``errors``; notes whom it was asked."""

    def __init__(self, **errors: BaseException) -> None:
        self.errors = errors
        self.asked: list[str] = []

    def __call__(self, task: Task) -> Prediction:
        question = task.question
        self.asked.append(question.id)
        if question.id in self.errors:
            raise self.errors[question.id]
        usage = Usage(1, 100, 0, 10, 0.25)
        return Prediction(
            f"SELECT {int(question.id[1:])}, name FROM item", usage, ({"step": "fake", "seed": task.seed},)
        )


MODEL = FakeModel(info=ModelInfo("fake", "ab" * 32))


def go(
    benchmark: Benchmark, folder: Path, generator: Answering | None = None, seed: int = 0, **options: Any
) -> Finished:
    info = describe(benchmark, "fake-method", "fake-method", MODEL.info, seed)
    return run(benchmark, generator or Answering(), MODEL, folder, info, **options)


def ids(folder: Path) -> list[str]:
    return [answer.id for answer in read_answers(folder / "predictions.jsonl")]


def text(folder: Path, name: str = "predictions.jsonl") -> str:
    return (folder / name).read_text(encoding="utf-8")
