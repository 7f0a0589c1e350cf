"""Two finished runs side by side: whether they can be compared, and what one changed against the other."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from spider_opt.analysis.paired import Paired, paired
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.scoring.statistics import By

_LOG = logging.getLogger("spider_opt")


def read(run: Run | Path | str) -> Run:
    """Return a run, from its folder where that is what is given.

    Raises:
        RunError: it holds no run, an unfinished one, or files that are broken.
        UsageError: it is neither a run nor a folder.
    """
    if isinstance(run, Run):
        return run
    if not isinstance(run, str | Path):
        raise UsageError(f"what is compared is a run or its folder, not {type(run).__name__}")
    return Run.read(run)


def asked(run: Run) -> set[int]:
    """Return the questions of a run that count, by index."""
    return {scored.index for scored in run.verdicts}


def check_comparable(base: Run, run: Run) -> None:
    """Make sure that two runs were asked the same and judged alike, on one question at least.

    Raises:
        UsageError: says in what they differ.
    """
    split, other = (f"{each.info.benchmark} {each.info.split}" for each in (base, run))
    if other != split:
        raise UsageError(f"{run.where} was asked {other}, but {base.where} was asked {split}")
    if run.info.fingerprint != base.info.fingerprint:
        raise UsageError(f"{run.where} and {base.where} were asked {split} with other questions or databases")
    if str(run.scorer) != str(base.scorer):
        raise UsageError(
            f"{run.where} was scored by {run.scorer}, but {base.where} by {base.scorer}: "
            "run the eval command of one of them again"
        )
    if not asked(run) & asked(base):
        raise UsageError(f"{run.where} and {base.where} have no question in common")


def change(base: Run, run: Run, questions: Collection[int], by: By = "query") -> Paired:
    """Return what ``run`` changed against ``base`` on questions, by index, that both have."""
    before, after = ([scored for scored in each.verdicts if scored.index in questions] for each in (base, run))
    return paired(before, after, by=by)


def compare(run: Run | Path | str, other: Run | Path | str, by: By = "query") -> Paired:
    """Return what ``run`` changed against ``other``, on the questions that both answered.

    These are two runs, or their folders. ``by`` says which questions lean on each other: those of one gold query or of
    one database. It is what ``spider-opt compare OTHER RUN`` prints.

    Raises:
        RunError: one of them is unfinished or broken.
        UsageError: they were asked other questions, or scored otherwise.
    """
    base, compared = read(other), read(run)
    check_comparable(base, compared)
    common = asked(base) & asked(compared)
    if lacking := base.n - len(common):
        _LOG.warning(
            "%d of the %d questions of %s left out: %s has no answer to them",
            lacking, base.n, base.where, compared.where,
        )  # fmt: skip
    return change(base, compared, common, by)
