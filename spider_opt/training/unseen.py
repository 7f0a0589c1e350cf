"""Answers to training questions by models that had not learnt their databases: what they get right, they know."""

from __future__ import annotations

from pathlib import Path

from spider_opt.benchmarks.subsets import examples_of
from spider_opt.benchmarks.validation import is_training
from spider_opt.errors import LeakError, RunError
from spider_opt.runs import Answer, Run
from spider_opt.runs.conditions import learnt_is_told
from spider_opt.types import Benchmark, Example


def unseen_answers(folder: Path, source: Benchmark) -> list[tuple[Example, Answer]]:
    """Return a run's answers to questions of ``source``, a training split, each with its question.

    Raises:
        LeakError: the run asked questions of an evaluation split, or a model that learnt from databases it was asked,
            or whose adapter, or the run itself, does not say from which it learnt.
        RunError: the folder holds no finished run, or one over other questions.
    """
    run = Run.read(folder)
    if not is_training(run.info.split) or not all(is_training(answer.id) for answer in run.answers):
        raise LeakError(f"{folder} cannot be learnt from: it asked questions of an evaluation split")
    if run.info.learnt_databases:
        raise LeakError(
            f"{folder} cannot be learnt from: its model had learnt from {run.info.learnt_databases} of the databases "
            "that it was asked about, and knows their answers by heart"
        )
    if run.info.learnt_unknown:
        raise LeakError(
            f"{folder} cannot be learnt from: the card of {run.info.learnt_unknown} does not say which databases it "
            "learnt from, and of those it would know the answers by heart"
        )
    if not learnt_is_told(run.info):
        raise LeakError(
            f"{folder} cannot be learnt from: it was recorded by an earlier version, which did not say what its "
            "adapter had learnt, and of that it would know the answers by heart"
        )
    examples = examples_of(source, [answer.id for answer in run.answers])
    if missing := [answer.id for answer in run.answers if answer.id not in examples]:
        raise RunError(f"{folder} was made with other questions than those given now: {missing[0]} is not among them")
    return [(examples[answer.id], answer) for answer in run.answers]
