"""One's own function as a method: LangChain, an agent, anything that turns a question into a query."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spider_opt.databases.lent_copies import LentCopies
from spider_opt.errors import ModelError, UsageError
from spider_opt.types import Completion, Generator, ModelInfo, Prediction, Request, Task, Usage

Pipeline = Callable[[str, Any], str]
"""(question, database) -> sql: the question's words, the database's SQLite file, and the query that answers it.

The file comes as a ``Path``. A function may say that it takes one, or anything else that it takes a ``Path`` for.
"""
_ASYNC = "{name} is async: give a function that waits for it, as in lambda question, database: asyncio.run(…)"
_LOG = logging.getLogger("spider_opt")


def check_pipeline(pipeline: Pipeline) -> None:
    """Make sure that a function can be asked before anything is.

    Raises:
        UsageError: it is a class, an async function, or none of a question and a database.
    """
    name = name_of(pipeline)
    if isinstance(pipeline, type):
        raise UsageError(f"{name} is a class: give what it makes, {name}(…)")
    called = getattr(type(pipeline), "__call__", None)  # noqa: B004 (what stands there may be async)
    if any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in (pipeline, called)):
        raise UsageError(_ASYNC.format(name=name))
    try:
        inspect.signature(pipeline).bind("question", Path("database"))
    except TypeError:
        raise UsageError(f"{name} is no function of (question, database): it must take two arguments") from None
    except ValueError:  # it does not say what it takes
        pass


def generator_of(pipeline: Pipeline, name: str, paths: Mapping[str, Path], copies: Path) -> Generator:
    """Return a generator that calls ``pipeline``; ``paths`` maps each db_id to its file.

    What a question comes with beyond its words (evidence) is a line behind them. What is returned is the query, as it
    stands. A call that raises leaves its question unanswered, as a model does that does not answer: it is
    asked again when the run goes on, and never counts as wrong. Where it raised ModelUnavailable nobody is asked on.

    The file is a copy in the folder ``copies``, which may be written to: the next call has a new one then. The folder
    is deleted by whoever made it.
    """
    told: set[Path] = set()

    def tell(path: Path) -> None:
        if path not in told:
            told.add(path)
            _LOG.warning("%s wrote to its copy of %s, which was thrown away: the benchmark is as it was", name, path)

    lent = LentCopies(copies, tell)

    def generate(task: Task) -> Prediction:
        question = task.question
        text = f"{question.text}\n{question.notes}" if question.notes else question.text
        start = time.perf_counter()
        with lent.using(paths[question.db_id]) as database:
            try:
                sql: object = pipeline(text, database)
            except ModelError:
                raise
            except (Exception, SystemExit) as error:  # whatever goes wrong in there, it is no answer
                raise ModelError(f"{name} raised {type(error).__name__}: {error}") from error
        if inspect.isawaitable(sql):
            if inspect.iscoroutine(sql):
                sql.close()  # it never runs
            raise UsageError(_ASYNC.format(name=name))
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
