"""What to try next, the command to type, and the most that it could bring."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from spider_opt.analysis.diagnosis.causes import OF_THE_DATABASE, Rung
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis, WrongAnswer
from spider_opt.analysis.diagnosis.oracle.findings import OracleFindings
from spider_opt.analysis.diagnosis.reasons import Kind
from spider_opt.methods import step_names, step_type
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.runs import RunInfo
from spider_opt.steps import ALIASES
from spider_opt.types import Stage

ENOUGH = 1 / 3
"""The share of what is lost that a step must be able to bring, to be tried before a dearer one."""
DEMOS = ("fewshot", "hyde", "difficulty")
CHOOSING = ("vote", "first-valid", "select")
LARGER = "larger model"


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something to try: the ``step`` to add, and how many points it could bring ``at_most``, by what (``why``).

    ``method`` is what it makes of the run's method, ``command`` what to type. ``is_known`` is False where nothing in
    the run bounds it from above but what is lost.
    """

    step: str
    method: str
    at_most: float
    why: str
    command: str
    is_known: bool = True


def repairable(answer: WrongAnswer) -> bool:
    """Tell whether ``repair`` may mend an answer: it does not run, or compares with a value that is not gold's."""
    return not answer.is_neither and (
        answer.primary.kind is Kind.NOT_RUN or any(reason.kind is Kind.VALUE for reason in answer.reasons)
    )


def at_most(found: Diagnosis, step: str, oracle: OracleFindings | None = None, best_of: float | None = None) -> float:
    """Return how many points a step (``repair``, ``retry``, ``schema``, ``fewshot``, ``vote`` …) could bring at most.

    With the oracle's findings what context brings is what it mended; ``best_of`` is EX if the best of the kept
    candidates were always chosen. What no such thing bounds is bounded by behaviour.
    """
    n = found.n or 1
    if step == "repair":
        return found.points(repairable)
    if step == "retry":
        return found.points(lambda answer: answer.primary.kind in (Kind.NOT_RUN, Kind.UNANSWERED))
    if step in ("schema", "rag"):
        if oracle is not None:
            return 100 * sum(oracle.mended_at(rung) for rung in OF_THE_DATABASE) / n
        return found.context_of_database_at_most
    if step in DEMOS:
        return 100 * oracle.mended_at(Rung.DEMO) / n if oracle is not None else found.context_at_most([Rung.DEMO])
    if step in CHOOSING and best_of is not None:
        return best_of - found.run.ex
    return 100 * len(oracle.stayed) / n if oracle is not None else found.behaviour_at_most


def next_steps(
    found: Diagnosis, oracle: OracleFindings | None = None, best_of: float | None = None
) -> tuple[NextStep, ...]:
    """Return what the run's method does not have yet, the one to try first before the others, these by their bound.

    First is the cheapest that could bring a third of what is lost: mending what does not run, then retrieval, then
    examples, tuning, choosing among several answers, a larger model; where none could, the one with the largest bound.
    Examples are proposed only where the oracle has seen them mend something: without it, what is wrong in form is
    behaviour. Nothing is said of a run of a function, and of one with steps that are not installed here.
    """
    info = found.run.info
    there = step_names_of(info.steps)
    if not found.wrong or not is_known_here(info):
        return ()
    behaviour, larger_model = "behaviour", larger(info.model)
    ways: Mapping[str, tuple[bool, str, str]] = {
        "repair": (
            not there & {"repair", "retry"},
            "what does not run, or compares with another value",
            added(info.method, "repair"),
        ),
        "schema": (
            "schema" not in there,
            "tables, columns and values of the database",
            added(info.method, "rag" if "repair" in info.method.split("+") else "schema"),
        ),
        "fewshot": (
            not there & {*DEMOS, "finetune"} and oracle is not None,
            "an example of the query's form",
            added(info.method, "fewshot"),
        ),
        "finetune": ("finetune" not in there, behaviour, tuned(info.method)),
        "vote": (not there & set(CHOOSING), "choosing among several answers", added(info.method, "vote:n=8")),
        LARGER: (larger_model != "", behaviour, info.method),
    }
    steps = []
    for step, (is_new, why, method) in ways.items():
        if is_new:
            known = step in ("repair", "schema", "fewshot") or oracle is not None
            known = known or (step == "vote" and best_of is not None)
            model = larger_model if step == LARGER else info.model
            bound = at_most(found, step, oracle, best_of)
            steps.append(NextStep(step, method, bound, why, command(info, method, model), known))
    if not steps:
        return ()
    lost = found.points(lambda _: True)
    first = next((one for one in steps if one.at_most >= ENOUGH * lost), max(steps, key=lambda one: one.at_most))
    others = sorted((one for one in steps if one is not first), key=lambda one: -one.at_most)
    return (first, *others)


def is_known_here(info: RunInfo) -> bool:
    """Tell whether all steps of a run's method are installed here; those of a function are not."""
    return step_names_of(info.steps) | step_names_of(info.method) <= set(step_names())


def step_names_of(steps: str) -> set[str]:
    """Return the names of the steps in a method's text, aliases written out.

    >>> sorted(step_names_of("rag+zero-shot:rows=3"))
    ['repair', 'schema', 'zero-shot']
    """
    names = [part.partition(":")[0].strip() for part in steps.split("+")]
    return {part.partition(":")[0] for name in names for part in ALIASES.get(name, name).split("+")}


def added(method: str, step: str) -> str:
    """Return a method's text with a step more, and without what that stands for.

    >>> added("repair+finetune", "rag"), added("zero-shot", "repair")
    ('rag+finetune', 'repair')
    """
    inside = step_names_of(step)
    kept = [part for part in method.split("+") if part not in inside and part != "zero-shot"]
    return "+".join([step, *kept])


def tuned(method: str) -> str:
    """Return a method's text with the tuned model in place of what drafts its query.

    >>> tuned("rag+zero-shot:rows=3"), tuned("zero-shot")
    ('rag+finetune', 'finetune')
    """
    drafts = {part for part in method.split("+") if _is_draft(part.partition(":")[0].strip())}
    return "+".join([*(part for part in method.split("+") if part not in drafts), "finetune"])


def _is_draft(name: str) -> bool:
    return name not in ALIASES and step_type(name).stage is Stage.DRAFT


def larger(model: str) -> str:
    """Return the next larger model that comes with this package, '' where there is none or the model is another.

    >>> larger("qwen2.5-coder-0.5b"), larger("gpt-4")
    ('qwen2.5-coder-1.5b', '')
    """
    chats = sorted((entry for entry in CATALOG.values() if entry.chats), key=lambda entry: entry.n_bytes)
    names = [entry.name for entry in chats if entry.name.partition("-")[0] == model.partition("-")[0]]
    after = names[names.index(model) + 1 :] if model in names else []
    return after[0] if after else ""


def command(info: RunInfo, method: str, model: str) -> str:
    """Return what to type to try a method where a run was asked."""
    options = {
        "method": method,
        "model": model if model != DEFAULT_MODEL else "",
        "base-url": info.endpoint,
        "engine": info.engine_option,
    }
    if info.benchmark == "spider":
        options["spider"] = "DIR"
    elif info.benchmark != "spider-mini":
        options |= {"benchmark": info.benchmark, "data": "DIR"}
    if info.split not in ("dev", "test"):
        options["split"] = info.split
    return " ".join(
        ["spider-opt eval", *(f"--{name} {shlex.quote(value)}" for name, value in options.items() if value)]
    )
