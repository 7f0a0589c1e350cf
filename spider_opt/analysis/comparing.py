"""Two finished runs side by side: whether they can be compared, and what one changed against the other."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spider_opt.analysis.paired import By, Paired, paired
from spider_opt.errors import UsageError
from spider_opt.leaderboard import Row, read_row
from spider_opt.runs.answers import read_answers
from spider_opt.runs.folder import read_description
from spider_opt.scoring import read_verdicts
from spider_opt.scoring.report import Scored
from spider_opt.types import Usage

_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True)
class Compared:
    """A finished run as it is compared: its verdicts, what each answer cost, and the questions' ids, by index."""

    folder: Path
    row: Row
    split: str
    scored: Mapping[int, Scored]
    usage: Mapping[int, Usage]
    ids: Mapping[int, str]


def read_compared(folder: Path | str) -> Compared:
    """Read a run folder.

    Raises:
        RunError: it holds no run, an unfinished one, or files that are broken.
    """
    folder = Path(folder)
    row, run = read_row(folder), read_description(folder)
    scored = {s.index: s for s in read_verdicts(folder / "verdicts.jsonl")}
    answers = read_answers(folder / "predictions.jsonl")
    usage = {answer.index: answer.prediction.usage for answer in answers}
    ids = {answer.index: answer.id for answer in answers}
    return Compared(folder, row, f"{run['benchmark']} {run['split']}", scored, usage, ids)


def check_comparable(base: Compared, run: Compared) -> None:
    """Make sure that two runs were asked the same and judged alike, on one question at least.

    Raises:
        UsageError: says in what they differ.
    """
    if run.split != base.split:
        raise UsageError(f"{run.folder} was asked {run.split}, but {base.folder} was asked {base.split}")
    if run.row.fingerprint != base.row.fingerprint:
        raise UsageError(f"{run.folder} and {base.folder} were asked {run.split} with other questions or databases")
    if run.row.scorer != base.row.scorer:
        raise UsageError(
            f"{run.folder} was scored by {run.row.scorer}, but {base.folder} by {base.row.scorer}: "
            "run the eval command of one of them again"
        )
    if not run.scored.keys() & base.scored.keys():
        raise UsageError(f"{run.folder} and {base.folder} have no question in common")


def change(base: Compared, run: Compared, questions: Iterable[int], by: By = "query") -> Paired:
    """Return what ``run`` changed against ``base`` on questions, by index, that both have."""
    pairs = [(base.scored[index], run.scored[index]) for index in questions]
    return paired([before for before, _ in pairs], [after for _, after in pairs], by=by)


def compare(run: Path | str, other: Path | str, by: By = "query") -> Paired:
    """Return what ``run`` changed against ``other``, on the questions that both answered.

    These are two run folders. ``by`` says which questions lean on each other: those of one gold query or of one
    database. It is what ``spider-opt compare OTHER RUN`` prints.

    Raises:
        RunError: one of them is unfinished or broken.
        UsageError: they were asked other questions, or scored otherwise.
    """
    base, compared = read_compared(other), read_compared(run)
    check_comparable(base, compared)
    common = base.scored.keys() & compared.scored.keys()
    if lacking := len(base.scored) - len(common):
        _LOG.warning(
            "%d of the %d questions of %s left out: %s has no answer to them",
            lacking, len(base.scored), base.folder, compared.folder,
        )  # fmt: skip
    return change(base, compared, sorted(common), by)
