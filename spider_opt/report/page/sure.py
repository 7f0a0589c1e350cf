"""How sure a run's answers are, as ``spider-opt confidence RUN`` tells it, for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from spider_opt.analysis.confidence import Confidence, Measured, confidence
from spider_opt.analysis.confidence_text import answered, at_coverages, digits_of, figures, left_out
from spider_opt.analysis.sureness import DID_NOT_RUN, NO_SIGNAL, signals_of, sureness
from spider_opt.runs import Run

MOST_POINTS = 200
"""Points of a curve that are drawn."""
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Sureness:
    """What is known of a run's confidence: ``told``, JSON-able, and of each question that counts how sure it is.

    ``by_index`` has (confidence, why it is 0 where nothing tells it, else ''). It is empty, and ``told`` has only
    ``why_not``, where the run kept nothing that tells it.
    """

    told: Mapping[str, Any]
    by_index: Mapping[int, tuple[float, str]] = field(default_factory=dict)


def sureness_of(run: Run) -> Sureness:
    """Return what ``confidence`` says of a run by the first signal that it has."""
    if not run.judged:
        return Sureness({"why_not": "no question of it counts."})
    if not signals_of(run):
        return Sureness({"why_not": f"{NO_SIGNAL}."})
    found = confidence(run)
    by_index = {}
    for one, (answer, scored) in zip(found.sure, run.judged, strict=True):
        silent = sureness(answer.prediction, found.signal) is None
        why = "it did not run" if scored.outcome in DID_NOT_RUN else "it does not say" if silent else ""
        by_index[one.index] = one.confidence, why
    return Sureness(_told(found), by_index)


def _told(found: Confidence) -> dict[str, Any]:
    what, digits = found.answered, digits_of(found)
    return {
        "says": found.says, "n": found.n, "right": _percent(found.right), "digits": digits,
        "sentence": answered(found), "figures": figures(found), "left_out": left_out(found),
        "bins": [
            [*_rounded(one.low, one.high, one.confidence, digits=6), one.n, *_percents(one.right)] for one in found.bins
        ],
        "curve": [_point(point) for point in thinned(found.curve)],
        "rows": [_point(point) for point in at_coverages(found)],
        "wanted": _percent(what.wanted),
        "answered": [_percent(what.share), *_percents(what.precision)] if what.n else None,
    }  # fmt: skip


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most so many points of a curve, evenly, its first and its last among them.

    >>> thinned([(i, 0, 0) for i in range(9)], 3)
    [(0, 0, 0), (4, 0, 0), (8, 0, 0)]
    """
    if len(points) <= most:
        return list(points)
    return [points[i * (len(points) - 1) // (most - 1)] for i in range(most)]


def _point(point: Point) -> list[float]:
    coverage, precision, threshold = point
    return [_percent(coverage), _percent(precision), *_rounded(threshold, digits=6)]


def _percent(share: float) -> float:
    return round(100 * share, 6)  # the page rounds to one digit, and of two a half could be made of less


def _percents(one: Measured) -> list[float | None]:
    return [_percent(value) if isfinite(value) else None for value in (one.value, one.low, one.high)]


def _rounded(*values: float, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
