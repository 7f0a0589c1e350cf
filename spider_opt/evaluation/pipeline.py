"""One's own function as a method: LangChain, an agent, anything that turns a question into a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spider_opt.errors import ModelError
from spider_opt.types import Completion, Generator, ModelInfo, Prediction, Request, Task, Usage

Pipeline = Callable[[str, Any], str]
"""(question, database) -> sql: the question's words, the database's SQLite file, and the query that answers it.

The file comes as a ``Path``. A function may say that it takes one, or anything else that it takes a ``Path`` for.
"""


def generator_of(pipeline: Pipeline, name: str, paths: Mapping[str, Path]) -> Generator:
    """Return a generator that calls ``pipeline``; ``paths`` maps each db_id to its file.

    What a question comes with beyond its words (evidence) is a line behind them. What is returned is the query, as it
    stands. A call that raises leaves its question unanswered, as a model does that does not answer: it is
    asked again when the run goes on, and never counts as wrong. Where it raised ModelUnavailable nobody is asked on.

    Not covered: the file is the benchmark's own, and whatever the function writes to it stays there.
    """

    def generate(task: Task) -> Prediction:
        question = task.question
        text = f"{question.text}\n{question.notes}" if question.notes else question.text
        start = time.perf_counter()
        try:
            sql = pipeline(text, paths[question.db_id])
        except ModelError:
            raise
        except Exception as error:  # whatever goes wrong in there, it is no answer
            raise ModelError(f"{name} raised {type(error).__name__}: {error}") from error
        if not isinstance(sql, str):
            raise ModelError(f"{name} returned {type(sql).__name__} where the text of a query is due")
        seconds = round(time.perf_counter() - start, 3)
        return Prediction(sql.strip(), Usage(seconds=seconds), ({"step": "pipeline", "name": name},))

    return generate


def name_of(pipeline: Pipeline) -> str:
    """Return what a function is called, or the class of what is called like one.

    >>> name_of(lambda question, database: "SELECT 1")
    'lambda'
    """
    name = getattr(pipeline, "__name__", type(pipeline).__name__)
    return str(name).strip("<>")


class Nobody:
    """Stands where a method has its model: a pipeline asks models of its own. ``name`` is what the user calls them."""

    def __init__(self, name: str) -> None:
        self.info = ModelInfo(name)

    def complete(self, request: Request) -> list[Completion]:
        """Answer nothing.

        Raises:
            AssertionError: always.
        """
        raise AssertionError("a pipeline asks no model of ours")
