"""Two finished runs side by side: whether they can be compared, and what one changed against the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.judging_again import judged_alike, judged_by
from spider_opt.analysis.paired import Paired, paired
from spider_opt.benchmarks.loading import NO_EVIDENCE
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.runs.without_gold import lost
from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import By

_LOG = logging.getLogger("spider_opt")


def read_both(base: Run | Path | str, run: Run | Path | str, name: str) -> tuple[Run, Run]:
    """Return the run that is compared with, and the one that is compared, called so that they can be told apart.

    ``name`` is what the argument of the first is called.

    Raises:
        RunError: a folder holds no run, an unfinished one, or files that are broken.
        UsageError: one of them is neither a run nor a folder.
    """
    given = _given(base, name), _given(run, "run")
    first, second = (each if isinstance(each, Run) else Run.read(each) for each in given)
    if first is not second and first.where == second.where:
        first = replace(first, called=f"{first.where} (the {name})")
        second = replace(second, called=f"{second.where} (the run)")
    return first, second


def _given(run: Run | Path | str, name: str) -> Run | Path:
    if isinstance(run, Run):
        return run
    if not isinstance(run, str | os.PathLike):
        raise arguments.wrong(run, name, "a run, or the folder of one")
    return arguments.path(run, name)


def asked(run: Run) -> set[int]:
    """Return the questions of a run that count, by index."""
    return set(run.questions)


def value_of(run: Run, metric: str | None) -> Callable[[Scored], float]:
    """Return what a question of a run is worth by a metric, by EX for None. Only for questions that have it."""
    if metric is None:
        return lambda scored: scored.correct
    main = run.scorer.rules.main

    def value(scored: Scored) -> float:
        said = scored.said(metric, main)
        assert said is not None, "a question without the metric was left out"
        return said

    return value


def with_metric(run: Run, metric: str | None) -> Run:
    """Return a run with those of its verdicts alone that a metric says something of; of EX, for None, that is all.

    Raises:
        UsageError: there is none.
    """
    if metric is None:
        return run
    main = run.scorer.rules.main
    verdicts = tuple(scored for scored in run.verdicts if scored.said(metric, main) is not None)
    if not verdicts:
        names = sorted({main, *(name for scored in run.verdicts for name in scored.metrics)} - {""})
        by = ", ".join(names) or "EX"
        raise UsageError(f"{run.where} was not judged by {metric}, but by {by}: {judged_by(run, metric)}")
    return run if len(verdicts) == run.n else replace(run, verdicts=verdicts)


def check_comparable(base: Run, run: Run, metric: str | None = None) -> None:
    """Make sure that two runs were asked the same and judged alike by a metric, on one question at least.

    With evidence and without it is the same that is asked, in other words: of their databases nothing is known then.

    Raises:
        UsageError: says in what they differ.
    """
    if base.info.fingerprint and run.info.fingerprint:  # else one is a file of verdicts of an earlier version
        split, other = (f"{each.info.benchmark} {each.info.split}" for each in (base, run))
        with_and_without = split != other and split.removesuffix(NO_EVIDENCE) == other.removesuffix(NO_EVIDENCE)
        if other != split and not with_and_without:
            raise UsageError(f"{run.where} was asked {other}, but {base.where} was asked {split}")
        if run.info.fingerprint != base.info.fingerprint and not with_and_without:
            raise UsageError(f"{run.where} and {base.where} were asked {split} with other questions or databases")
        here, there = (each.scorer.said_of(metric) for each in (run, base))
        if here != there:
            alike = judged_alike(base, run, metric)
            raise UsageError(f"{run.where} was scored by {here}, but {base.where} by {there}: {alike}")
    _check_same_questions(base, run)
    hashes = base.info.questions, run.info.questions
    if all(hashes) and hashes[0] != hashes[1] and asked(base) == asked(run) and base.info.sample == run.info.sample:
        _LOG.warning(
            "%s and %s answered questions of the same numbers and gold queries, but not all of the same words",
            run.where, base.where,
        )  # fmt: skip


def _check_same_questions(base: Run, run: Run) -> None:
    """Make sure of what verdicts say of the questions.

    Raises:
        UsageError: they have none in common, or not the same.
    """
    before, after = base.questions, run.questions
    if not (common := before.keys() & after.keys()):
        raise UsageError(f"{run.where} and {base.where} have no question in common")
    if other := sum(before[index] != after[index] for index in common):
        raise UsageError(
            f"{run.where} and {base.where} were asked other questions: {other} of the {len(common)} that both number "
            "alike are about another database or query"
        )


def warn_of_lost(*runs: Run) -> None:
    """Log which questions of runs count nowhere, since their gold queries fail."""
    for run in runs:
        if sentence := lost(run):
            _LOG.warning("%s", sentence)


def change(base: Run, run: Run, questions: Collection[int], by: By = "query", metric: str | None = None) -> Paired:
    """Return what ``run`` changed against ``base`` on questions, by index, that both have; by EX, or by a metric."""
    before, after = ([scored for scored in each.verdicts if scored.index in questions] for each in (base, run))
    return paired(before, after, by=by, value=value_of(base, metric))


def compare(run: Run | Path | str, other: Run | Path | str, by: By = "query", *, metric: str | None = None) -> Paired:
    """Return what ``run`` changed against ``other``, on the questions that both answered.

    These are two runs, or their folders. ``by`` says which questions lean on each other: those of one gold query or of
    one database. ``metric`` is what is compared, by default EX; both must have been judged by it. It is what
    ``spider-opt compare OTHER RUN`` prints.

    Raises:
        RunError: one of them is unfinished or broken.
        UsageError: they were asked other questions, or scored otherwise.
    """
    base, compared = read_both(other, run, "other")
    if metric is not None:
        metric = arguments.text(metric, "metric")
    base, compared = with_metric(base, metric), with_metric(compared, metric)
    check_comparable(base, compared, metric)
    warn_of_lost(base, compared)
    common = asked(base) & asked(compared)
    if lacking := base.n - len(common):
        _LOG.warning(
            "%d of the %d questions of %s left out: %s has no answer to them",
            lacking, base.n, base.where, compared.where,
        )  # fmt: skip
    return change(base, compared, common, by, metric)
