"""Is a run worse than the one before? The regression test of those whose code, prompt or model changes."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.breakdown import flips
from spider_opt.analysis.comparing import asked, change, check_comparable, read_both, warn_of_lost
from spider_opt.analysis.paired import Paired
from spider_opt.errors import RegressionError, UsageError
from spider_opt.runs import Run
from spider_opt.scoring.report import Scored
from spider_opt.scoring.statistics import BY, By, group
from spider_opt.wording import switched_on

N_NAMED = 5
"""Questions that a message names; an error's ``lost`` has all of them."""
_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a run must not fall below; ``check`` says what each of it means.

    Raises:
        UsageError: a value that makes no sense.
    """

    margin: float = 0.0
    every: bool = False
    non_inferior: bool = False
    by: By = "query"

    def __post_init__(self) -> None:
        arguments.number(self.margin, "margin")
        arguments.yes_or_no(self.every, "every")
        arguments.yes_or_no(self.non_inferior, "non_inferior")
        arguments.one_of(self.by, "by", BY)


@dataclass(frozen=True, slots=True)
class Lost:
    """A question that only the baseline has right: its id, and the run's verdict."""

    id: str
    now: Scored


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a baseline's questions in a run.

    ``told`` says it in words; ``failed`` is the sentence that says why the run is worse, '' where it is not.
    """

    change: Paired
    lost: tuple[Lost, ...]
    told: str
    failed: str = ""


def check(
    run: Run | Path | str,
    baseline: Run | Path | str,
    *,
    margin: float = 0.0,
    every: bool = False,
    non_inferior: bool = False,
    by: By = "query",
) -> Paired:
    """Return what a run changed against its baseline; raise where it is worse.

    Both are runs, or their folders, of the same questions. The run is worse where the 95 % interval of the change of
    EX, by a paired bootstrap, lies wholly below -``margin`` (percentage points): more was lost than chance explains.
    That says nothing about a loss too small to be seen with so few questions; with ``non_inferior`` the run must show
    that it is no worse, by an interval that lies wholly above -``margin``. With ``every`` it must not lose a single
    question.

    ``by`` says which questions lean on each other: those of one gold query or of one database.

    Raises:
        RegressionError: the run is worse; it names the questions that were lost, all of them in ``lost``.
        UsageError: the run was asked or scored otherwise, lacks questions of the baseline, or all questions lean on
            each other, so that there is no interval.
        RunError: one of them is unfinished or broken.
    """
    checked = examine(run, baseline, Bar(margin, every, non_inferior, by))
    if checked.failed:
        found = checked.change
        lost = tuple(question.id for question in checked.lost)
        raise RegressionError(checked.failed, lost, change=found.change, low=found.low, high=found.high)
    return checked.change


def examine(run: Run | Path | str, baseline: Run | Path | str, bar: Bar) -> Checked:
    """Do as ``check`` does, but return what was found also where the run is worse.

    Raises:
        UsageError, RunError: as ``check``.
    """
    base, now = read_both(baseline, run, "baseline")
    if base is now or (base.folder and now.folder and base.folder.resolve() == now.folder.resolve()):
        _LOG.warning("%s is compared with itself: no change can be seen", now.where)
    check_comparable(base, now)
    if now.scorer.timeout_s != base.scorer.timeout_s:
        allowed = f"{now.where} gave a query {now.scorer.timeout_s:g} s, but {base.where} {base.scorer.timeout_s:g} s"
        raise UsageError(f"{allowed}: score one of them again")
    _check_whole(base, now)
    warn_of_lost(base, now)
    found = change(base, now, asked(base), bar.by)
    lost = tuple(Lost(flip.id, flip.now) for flip in flips(base, now)[1])
    if math.isnan(found.low) and (bar.non_inferior or not bar.every):
        each = "gold query" if bar.by == "query" else "database"
        raise UsageError(
            f"all questions of {base.where} are of one {each}, too few to tell a change from chance: "
            f"ask more of them, or let every lost question count ({switched_on('every')})"
        )
    if bar.non_inferior and not (found.won or found.lost):
        n_groups = len({group(scored, bar.by) for scored in base.verdicts})
        _LOG.warning(
            "no verdict differs between %s and %s, which with so few questions does not exclude a loss of %.1f points",
            now.where, base.where, unseen(n_groups),
        )  # fmt: skip
    told = _told(found, lost)
    why = _worse(found, bar)
    return Checked(found, lost, told, f"{now.where} fails against {base.where}: {why}; {told}" if why else "")


def unseen(n: int) -> float:
    """Return the loss, in percentage points, that ``n`` independent questions without any loss leave possible.

    The upper end of the exact 95 % interval of a share of which none was seen.

    Source: Clopper & Pearson 1934.

    >>> round(unseen(62), 1), round(unseen(550), 1)
    (5.8, 0.7)
    """
    return 100 * -math.expm1(math.log(0.025) / n)


def _check_whole(base: Run, run: Run) -> None:
    there = asked(run)
    missing = [answer.id for answer, scored in base.judged if scored.index not in there]
    if missing:
        raise UsageError(
            f"{run.where} lacks {len(missing)} of the {base.n} questions of {base.where} "
            f"({_named(missing)}): ask them too, or take another baseline"
        )


def _worse(found: Paired, bar: Bar) -> str:
    margin = bar.margin
    edge = f"-{margin:g}" if margin else "0"
    if found.high < -margin:
        return f"all of the interval lies below {edge}"
    if bar.non_inferior and not found.low > -margin:
        return f"the interval does not lie wholly above {edge}"
    if bar.every and found.lost:
        return "a question was lost"
    return ""


def _told(found: Paired, lost: Sequence[Lost]) -> str:
    span = "" if math.isnan(found.low) else f" (95 % interval {_points(found.low)} to {_points(found.high)})"
    named = f": {_named([question.id for question in lost])}" if lost else ""
    return (
        f"EX changed by {_points(found.change)} points{span} on {found.n} question{'s' * (found.n > 1)}, "
        f"{found.won} won and {found.lost} lost{named}"
    )


def _named(ids: Sequence[str]) -> str:
    more = len(ids) - N_NAMED
    return ", ".join(ids[:N_NAMED]) + (f" and {more} more" if more > 0 else "")


def _points(points: float) -> str:
    """Return points with a sign; so small that they would round to nothing, they keep a digit.

    >>> _points(-2.44), _points(0.0), _points(-0.031)
    ('-2.4', '+0.0', '-0.03')
    """
    return f"{points + 0.0:+.1f}" if abs(points) >= 0.05 or not points else f"{points:+.1g}"
