"""Who is asked by the oracle, and how: the run's own model and method, whose innermost prompt shows a part of gold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spider_opt.analysis.diagnosis.oracle.context import OracleContext
from spider_opt.errors import MethodError, UsageError
from spider_opt.evaluation.plan import Asking, opened_model
from spider_opt.methods import Method, parse_method
from spider_opt.models import CachedModel, Engine
from spider_opt.runs import Run
from spider_opt.runs.info import RunInfo
from spider_opt.types import ChatModel, Generator, Prediction, Task, Tools
from spider_opt.wording import argument


def method_of(info: RunInfo) -> Method:
    """Return the method of a run, with every option that it had.

    Raises:
        UsageError: it is of no method's steps, but of a function, or of a package that is not installed.
    """
    try:
        method = parse_method(info.steps)
    except MethodError as error:
        raise UsageError(
            f"the oracle asks a run's method again, and {info.method!r} cannot be asked: {error}"
        ) from error
    return method.for_model(info.model or None, info.endpoint or None)


def model_of(run: Run, method: Method, model: ChatModel | None, kept: Path, unkept: Path) -> CachedModel:
    """Open the model of a run as it was asked then, or take the one that is given; what it answered is kept.

    Raises:
        UsageError: it was asked in a manner that only who opens a model can say, or it is another one now.
        WeightsError: its weights cannot be had.
    """
    info = run.info
    if model is None:
        manner = "; ".join(part for part in info.manner.split("; ") if part and not part.startswith("without "))
        if manner:
            raise UsageError(
                f"{run.where} was asked with {manner}: open the model so, and give it from Python "
                f"(ask_oracle(run, benchmark, folder, model=so.model(…)))"
            )
        engine: Engine = "torch" if info.engine_option else "llama.cpp"
        asking = Asking(info.endpoint or None, engine)
        opened = opened_model(method, info.model or None, asking, kept, unkept)
    else:
        opened = opened_model(method, model, Asking(), kept, unkept)
    now = opened.info
    if (now.name, now.sha256, now.adapter) != (info.model, info.model_sha256, info.adapter_sha256):
        opened.close()
        raise UsageError(
            f"{run.where} was answered by {info.model} with other weights or another adapter than what is asked now "
            f"({now.name}): evaluate it again first, with another {argument('out')}"
        )
    return opened


def identity(run: Run) -> Mapping[str, Any]:
    """Return what must be equal for answers of the oracle to go on: the run, who is asked and how."""
    info = run.info
    return {
        "run": run.name,
        "fingerprint": info.fingerprint,
        "steps": info.steps,
        "model": info.model,
        "model_sha256": info.model_sha256,
        "adapter_sha256": info.adapter_sha256,
        "engine": info.engine,
        "seed": info.seed,
    }


def with_oracle(method: Method, tools: Tools, shown: Mapping[str, OracleContext]) -> Generator:
    """Build a method whose innermost step is shown, by the question's id, a part of gold; all else is as ever.

    The steps around it know nothing of it: what they retrieve, mend, ask again or choose is what they would.
    """
    *outer, innermost = method.steps
    draft = innermost.wrap(_nothing, tools)

    def generator(task: Task) -> Prediction:
        return draft(shown[task.question.id].added_to(task))

    built: Generator = generator
    for step in reversed(outer):
        built = step.wrap(built, tools)
    return built


def _nothing(task: Task) -> Prediction:
    raise AssertionError("a DRAFT step is the innermost")
