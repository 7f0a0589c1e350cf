"""Runs beside the one they are compared with: what each step brought, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.analysis.comparing import asked, change, check_comparable, value_of, with_metric
from spider_opt.analysis.paired import Paired, holm, told
from spider_opt.errors import RunError, UsageError
from spider_opt.runs import Run, find_runs
from spider_opt.runs.conditions import beside_the_step, how_asked
from spider_opt.runs.prediction_files import is_of_sql_files
from spider_opt.runs.without_gold import lost
from spider_opt.scoring.statistics import By, clustered_se, group, said_of_interval
from spider_opt.types import Usage
from spider_opt.wording import table_line

HEAD = ("n", "EX", "change (95 %)", "p", "won/lost", "calls", "prompt tokens (cached)", "answer tokens", "seconds")
CHANGE = {
    "change": "change", "low": "change_low", "high": "change_high", "won": "won", "lost": "lost", "p": "p",
    "p_clustered": "p_clustered", "smallest": "smallest",
}  # fmt: skip
PER_QUESTION = {
    "calls": "calls_per_question",
    "prompt_tokens": "prompt_tokens_per_question",
    "cached_tokens": "cached_tokens_per_question",
    "completion_tokens": "completion_tokens_per_question",
    "seconds": "s_per_question",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A run on the ``n`` questions that all runs of the comparison answered.

    ``ex`` and ``ex_se`` are percentages, ``usage`` a sum over these questions. The base, always the first line, has
    no ``against``; ``p_holm`` is its p corrected for the number of runs. ``asked`` is what computed it, and how many
    answers at a time, ``beside`` what differs from what it is compared with beside the method. Where ``metric`` is not
    None, it is what stands in place of EX, and ``judged_by`` how it was judged: on which suites.
    """

    method: str
    model: str
    run: str
    commit: str
    n: int
    ex: float
    ex_se: float
    usage: Usage
    against: Paired | None = None
    p_holm: float | None = None
    asked: str = ""
    beside: tuple[str, ...] = ()
    metric: str | None = None
    judged_by: str = ""

    def cells(self) -> dict[str, Any]:
        """Return the line flat and JSON-able; None where something cannot be told."""
        names = ("method", "model", "run", "commit", "n", "ex", "ex_se")
        change = {name: getattr(self.against, field, None) for field, name in CHANGE.items()}
        known = self.usage != Usage()  # a file of others does not say what they cost
        costs = {name: getattr(self.usage, field) / self.n if known else None for field, name in PER_QUESTION.items()}
        flat = {name: getattr(self, name) for name in names} | change | {"p_holm": self.p_holm} | costs
        shown = {name: told(v) if isinstance(v, float) else v for name, v in flat.items()}
        metric = {"metric": self.metric, "judged_by": self.judged_by} if self.metric else {}
        return shown | {"asked": self.asked, "beside": "; ".join(self.beside)} | metric


@dataclass(frozen=True, slots=True)
class Compared:
    """A base and the runs that are compared with it on ``questions``, by index, that all of them answered.

    ``by`` and ``metric`` are as in ``comparable``.
    """

    base: Run
    runs: tuple[Run, ...]
    questions: frozenset[int]
    by: By = "query"
    metric: str | None = None

    def lines(self) -> list[Line]:
        """Return what each run comes to: base first, then the best first."""
        return [line for line, _ in self.rows()]

    def called(self, run: Run) -> str:
        """Return what a table calls one of these runs: its folder's name, the path of it where two have that name."""
        names = [each.name for each in (self.base, *self.runs)]
        return run.name if run.folder and names.count(run.name) == 1 else run.where

    def rows(self) -> list[tuple[Line, Run]]:
        """Return the lines, each with its run."""
        return _rows(self.base, self.runs, self.questions, self.by, self.metric)


def comparable(
    base: Path,
    roots: Sequence[Path],
    *,
    by: By = "query",
    tell: Callable[[str], None] = lambda sentence: None,
    read: Callable[[Path], Run] = Run.read,
    metric: str | None = None,
) -> Compared:
    """Return the runs that can be compared with a base, on the questions that all of them answered.

    ``metric`` is what they are compared by, by default EX. ``roots`` are run folders or folders of them, and files that
    ``read`` makes a run of. A run that stands among them twice, or is the base, counts once. One that was not named
    itself is left out where it cannot be compared on all questions of the base; ``tell`` gets a sentence for each of
    these, one where questions of the base are left out, and one on all verdicts that do not say how they were judged.

    Raises:
        RunError: the base, or a run that was named itself, is unfinished or broken.
        UsageError: such a run was asked other questions or scored otherwise, or nothing is left to compare.
    """
    against = with_metric(read(base), metric)
    runs = []
    for folder in _folders(base, roots):
        try:
            run = with_metric(read(folder), metric)
            check_comparable(against, run, metric)
            if folder not in roots:
                _check_whole(against, run)
        except (RunError, UsageError) as error:
            if folder in roots:
                raise
            tell(f"left out: {error}")
        else:
            runs.append(run)
    if not runs:
        raise UsageError(f"there is no run to compare with {base}: name another one")
    if untold := [run.where for run in (against, *runs) if not run.scorer.mode]:
        does = "does not say how it was" if len(untold) == 1 else "do not say how they were"
        tell(f"{', '.join(untold)} {does} judged: the comparison holds if all were judged alike")
    for run in (against, *runs):
        if sentence := lost(run):
            tell(sentence)
    common = set.intersection(*(asked(run) for run in (against, *runs)))
    if not common:
        raise UsageError(f"no question was answered by all of {', '.join(r.where for r in (against, *runs))}")
    if lacking := against.n - len(common):
        least = min(runs, key=lambda run: len(asked(run) & asked(against)))
        tell(f"{lacking} of the {against.n} questions of {base} left out: not all runs have them; see {least.where}")
    return Compared(against, tuple(runs), frozenset(common), by, metric)


def _folders(base: Path, roots: Sequence[Path]) -> list[Path]:
    files = [root for root in roots if root.is_file() or (is_of_sql_files(root) and not find_runs(root))]
    folders = [root for root in roots if root not in files]
    for root in folders:
        if not find_runs(root):
            raise RunError(f"no run in {root}")
    # Those named themselves go first, so that a run is known by that name.
    named = [root for root in folders if (root / "run.json").exists()]
    found = {path.resolve(): path for path in reversed([*files, *find_runs(*named, *folders)])}
    return [path for real, path in reversed(found.items()) if real != base.resolve()]


def _check_whole(base: Run, run: Run) -> None:
    common = len(asked(run) & asked(base))
    if common < base.n:
        raise UsageError(
            f"{run.folder} has {common} of the {base.n} questions of {base.folder}; name it to compare on these"
        )


def _rows(base: Run, runs: Sequence[Run], common: Set[int], by: By, metric: str | None) -> list[tuple[Line, Run]]:
    changes = [change(base, run, common, by, metric) for run in runs]
    corrected = holm([found.p for found in changes])
    rows = [
        (_line(run, common, by, metric, base, found, p), run)
        for run, found, p in zip(runs, changes, corrected, strict=True)
    ]
    rows.sort(key=lambda row: (-row[0].ex, row[0].method, row[0].run))
    return [(_line(base, common, by, metric), base), *rows]


def _line(
    run: Run,
    common: Set[int],
    by: By,
    metric: str | None,
    base: Run | None = None,
    against: Paired | None = None,
    p: float | None = None,
) -> Line:
    scored = [s for s in run.verdicts if s.index in common]
    correct = list(map(value_of(run, metric), scored))
    ex, se = 100 * sum(correct) / len(correct), clustered_se(correct, [group(s, by) for s in scored])
    usage = sum((answer.prediction.usage for answer, s in run.judged if s.index in common), Usage())
    info = run.info
    name = run.name if run.folder else run.where
    beside = tuple(beside_the_step(base.info, info)) if base else ()
    return Line(
        info.method, info.model, name, info.commit, len(common), ex, se, usage, against, p, how_asked(info), beside,
        metric, run.scorer.said_of(metric) if metric else "",
    )  # fmt: skip


def to_markdown(lines: Sequence[Line], by: By = "query") -> str:
    """Return the table, and below it what its columns mean. Models and runs are shown where methods are not enough."""
    names = ["method"]
    if len({line.model for line in lines}) > 1:
        names.append("model")
    if len({tuple(getattr(line, name) for name in names) for line in lines}) < len(lines):
        names.append("run")
    beside = ["beside the method"] if any(line.beside for line in lines) else []
    head = [*names, *(lines[0].metric if name == "EX" and lines[0].metric else name for name in HEAD), *beside]
    rule = ["---"] * len(names) + ["---:"] * len(HEAD) + ["---"] * len(beside)
    rows = []
    for line in lines:
        said = ["; ".join(line.beside) or "-"] if beside else []
        rows.append([*(getattr(line, name) for name in names), *_shown(line), *said])
    table = "".join(map(table_line, (head, rule, *rows)))
    more = " Beside the method: what else is not as in the first row." if beside else ""
    if lines[0].metric:
        more = f" Judged by {lines[0].judged_by}.{more}"
    one, several = ("gold query", "gold queries") if by == "query" else ("database", "databases")
    return (
        f"{table}\n"
        f"±: standard error, questions of one {one} counted as dependent. Change: points against the first row on the "
        f"same {lines[0].n} questions, with {said_of_interval(several)}. p: McNemar's exact test, "
        f"corrected by Holm for {len(lines) - 1} in all. Won/lost: questions that "
        f"only this row, or only the first, has right. Calls, tokens and seconds: mean of a question.{more}\n"
        f"\n{_power(lines, several)}\n"
    )


def _power(lines: Sequence[Line], several: str) -> str:
    """Say which change could have been shown: without that, a tie says nothing."""
    said = sorted((line.against.smallest, line.method) for line in lines if line.against and line.against.smallest > 0)
    if not said:
        some = any(line.against and line.against.won + line.against.lost for line in lines)
        why = "all verdicts that differ do so alike" if some else "no verdict differs"
        return f"Could be shown: not known, since {why}."
    (least, easy), (most, hard) = said[0], said[-1]
    span = f"a change of {least:.1f} points"
    if len(said) > 1:
        span += f" ({easy}) to {most:.1f} ({hard})"
    return (
        f"Could be shown: {span}, with 80 % power at 5 % and for one comparison, from the spread of the paired "
        f"differences over {several}. What is smaller may be there and not be seen."
    )


def _shown(line: Line) -> list[str]:
    change, p, won_lost = "-", "-", "-"
    if line.against is not None and line.p_holm is not None:
        low, high = line.against.low, line.against.high
        span = "-" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
        change, won_lost = f"{_signed(line.against.change)} ({span})", f"{line.against.won}/{line.against.lost}"
        p = "<0.001" if line.p_holm < 0.001 else f"{line.p_holm:.3f}"
    se = "-" if math.isnan(line.ex_se) else f"{line.ex_se:.1f}"
    calls, prompt, cached, answer, seconds = (getattr(line.usage, field) / line.n for field in PER_QUESTION)
    costs = (f"{calls:.1f}", f"{prompt:,.0f} ({cached:,.0f})", f"{answer:,.0f}", f"{seconds:.1f}")
    if line.usage == Usage():
        costs = ("-", "-", "-", "-")
    return [str(line.n), f"{line.ex:.1f} ± {se}", change, p, won_lost, *costs]


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # + 0.0 makes of -0.0 a 0.0
