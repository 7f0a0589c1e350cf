"""The prompts of a run, made again: a run folder keeps none, since they hold the benchmark's text.

What a method asks first depends on the question, the database and its options alone, so this version can make it again
without a model. Later calls depend on what the model said, and methods that show training examples on those: neither is
made again.
"""

from __future__ import annotations

from spider_opt.databases import DatabasePool
from spider_opt.errors import SpiderOptError
from spider_opt.methods import Method, parse_method
from spider_opt.runs import Run
from spider_opt.types import (
    Benchmark,
    Completion,
    Context,
    Example,
    Generator,
    ModelInfo,
    Prediction,
    Request,
    Task,
    Tools,
)

WITH_EXAMPLES = ("fewshot", "hyde", "difficulty")


class _AskedError(Exception):
    """The model was asked, which is all that is wanted of it."""


class _Listening:
    """A model that keeps what it is asked first, and answers nothing."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self.heard: Request | None = None

    def complete(self, request: Request) -> list[Completion]:
        """Keep the request.

        Raises:
            _AskedError: always.
        """
        self.heard = self.heard or request
        raise _AskedError


class Prompts:
    """Makes the first prompts of a run again, question by question; ``why_not`` says why there are none."""

    def __init__(self, run: Run, benchmark: Benchmark | None) -> None:
        self.why_not = ""
        self._generator: Generator | None = None
        self._context = Context()
        info = run.info
        self._seed = info.seed
        self._model = ModelInfo(info.model, info.model_sha256, info.adapter_sha256, info.engine, "", info.endpoint)
        if benchmark is None or not info.steps:
            self.why_not = "the benchmark is not at hand" if info.steps else "they were asked elsewhere"
            return
        try:
            method = parse_method(info.steps)
            names = {part.partition(":")[0] for part in method.spelled_out.split("+")}
            if shown := sorted(names & {*WITH_EXAMPLES}):
                self.why_not = f"{', '.join(shown)} needs the training examples"
                return
            self._generator = self._built(method, Tools(DatabasePool(benchmark.paths)))
        except SpiderOptError as error:  # a step or an adapter that is not here
            self.why_not = str(error)

    def _built(self, method: Method, tools: Tools) -> Generator:
        """Return the method with its draft noting the context that it is given."""
        draft = method.steps[-1].wrap(_nobody, tools)

        def noting(task: Task) -> Prediction:
            self._context = task.context
            return draft(task)

        generator: Generator = noting
        for step in reversed(method.steps[:-1]):
            generator = step.wrap(generator, tools)
        return generator

    def first(self, example: Example) -> tuple[str, Context] | None:
        """Return what the model was asked first about a question, and the context in it; None where it is not known."""
        if self._generator is None:
            return None
        self._context = Context()
        model = _Listening(self._model)
        try:
            self._generator(Task(example.question, model, seed=self._seed))
        except _AskedError:
            pass
        except Exception as error:  # a step of another package may raise anything; the page does without its prompt
            self.why_not = f"{type(error).__name__}: {error}"
            return None
        return (_told(model.heard), self._context) if model.heard else None


def _nobody(task: Task) -> Prediction:
    raise AssertionError("a draft asks the model, and nothing inside")


def _told(request: Request) -> str:
    if isinstance(request.messages, str):
        return request.messages
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in request.messages)
