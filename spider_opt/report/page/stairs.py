"""The ladder on the page: of each model its runs, from the lowest rung up, with what each brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from spider_opt.analysis.comparing import asked, change, check_comparable
from spider_opt.errors import UsageError
from spider_opt.report.ladder import RUNGS, TALK_ON, is_run_of, talk_figures
from spider_opt.runs import Run
from spider_opt.runs.conditions import beside_the_step


def stairs(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return a ladder for each model, that with most rungs first; a rung names its run by position.

    Of runs of one method the first stands on the ladder. Methods that are no rung of the usual ladder stand among
    those by what they reach.
    """
    places = [_rung(run) for run in runs]
    by_model: dict[str, list[int]] = {}
    for i, run in enumerate(runs):
        mine = by_model.setdefault(run.info.model, [])
        if (places[i], run.info.method) not in [(places[j], runs[j].info.method) for j in mine]:
            mine.append(i)
    ladders = []
    for model, mine in by_model.items():
        first = {places[i]: i for i in reversed(mine) if places[i] is not None}
        known = sorted(first.values(), key=lambda i: places[i] or 0)
        others = sorted((i for i in mine if i not in known), key=lambda i: runs[i].ex)
        order = known if len(known) > 1 else sorted(mine, key=lambda i: runs[i].ex)
        talk = talk_figures([runs[i].info.method for i in order])
        on_spider = runs[order[0]].info.benchmark == TALK_ON
        rungs = []
        for step, i in enumerate(order):
            below = runs[order[step - 1]] if step else None
            place = places[i]
            name = runs[i].info.method if place is None else RUNGS[place][0]
            rung = {"name": name, "run": i, "talk": talk[step] if on_spider else None} | _gain(below, runs[i])
            rungs.append(rung)
        ladders.append({"model": model or "-", "rungs": rungs, "others": others if order == known else []})
    return sorted(ladders, key=lambda ladder: -len(ladder["rungs"]))


def _rung(run: Run) -> int | None:
    """Return which rung of the usual ladder a run is, None for none."""
    return next((place for place, (_, method) in enumerate(RUNGS) if is_run_of(run.info, method)), None)


def _gain(below: Run | None, run: Run) -> dict[str, Any]:
    if below is None:
        return {}
    try:
        check_comparable(below, run)
    except UsageError as error:
        return {"not_compared": str(error)}
    found = change(below, run, asked(below) & asked(run))
    low = None if math.isnan(found.low) else [round(found.low, 4), round(found.high, 4)]
    return {
        "gain": round(found.change, 4), "between": low, "won": found.won, "lost": found.lost,
        "beside": beside_the_step(below.info, run.info),
    }  # fmt: skip
