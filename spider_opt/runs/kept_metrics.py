"""What a run was judged by before, where it is judged again by other metrics: it stays beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spider_opt.runs.info import ScoredBy
from spider_opt.runs.run import Run
from spider_opt.scoring import Scored
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.table import SUITES


def kept_beside(
    scored: Sequence[Scored], by: ScoredBy, before: Run
) -> tuple[tuple[Scored, ...], ScoredBy, tuple[str, ...]]:
    """Return verdicts, and how they came about, with the metrics that ``before`` had and nobody asked for now.

    Last are the names of those that cannot stay: other questions were judged, or the metric depends on something that
    is another now (SQLite's version, for corrected golds the rule of EX, for test suites the suite and its options).
    """
    was = before.info.scorer
    if was is None:
        return tuple(scored), by, ()
    asked = {*_names(by), *([CORRECTED] if by.corrections else [])}
    unasked = [name for name in ([CORRECTED] if was.corrections else []) + [*_names(was)] if name not in asked]
    same = was.sqlite == by.sqlite and {one.index for one in scored} == {one.index for one in before.verdicts}
    stay = [name for name in unasked if same and _is_alike(name, was, by)]
    if not stay:
        return tuple(scored), by, tuple(unasked)
    metrics = (*_names(by), *(name for name in stay if name != CORRECTED))
    noted = replace(by, metrics=metrics if len(metrics) > 1 else ())
    if CORRECTED in stay:
        noted = replace(noted, corrections=was.corrections)
    if set(SUITES) & set(stay):
        noted = replace(noted, suite=was.suite, plug_value=was.plug_value)
    known = {one.index: one for one in before.verdicts}
    main, main_before = by.rules.main, was.rules.main
    found = []
    for one in scored:
        said = {main: one.correct, **one.metrics}
        for name in stay:
            if (number := known[one.index].said(name, main_before)) is not None:
                said[name] = number
        order = dict.fromkeys((main, CORRECTED, *said))
        found.append(replace(one, metrics={name: said[name] for name in order if name in said}))
    return tuple(found), noted, tuple(name for name in unasked if name not in stay)


def _names(by: ScoredBy) -> tuple[str, ...]:
    return tuple(by.metrics) or (by.rules.main,)


def _is_alike(name: str, was: ScoredBy, now: ScoredBy) -> bool:
    """Tell whether a metric that was not asked now would be judged as it was."""
    if name == CORRECTED:
        return str(was) == str(now)
    if name not in SUITES:
        return True
    return not now.suite and was.said_of(name) == replace(now, suite=was.suite, plug_value=was.plug_value).said_of(name)
