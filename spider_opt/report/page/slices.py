"""Runs by slices of the questions, as ``compare --slices`` and ``Run.by`` have them, for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isnan
from typing import Any, TypeVar

from spider_opt.analysis.paired import holm, mcnemar
from spider_opt.processors import usable_processors
from spider_opt.report.page.results import cut
from spider_opt.runs import Run
from spider_opt.runs.parts import kinds_of_parts, parts
from spider_opt.scoring.statistics import accuracy_interval, interval
from spider_opt.sql.characteristics import CHARACTERISTICS
from spider_opt.types import Benchmark

MOST_PARTS = 20
"""Kinds of more parts are names and not slices: databases have a chart of their own, other keys tell questions."""
MOST_LETTERS = 60
"""Characters of a slice's name that are shown."""
Given = TypeVar("Given")
Made = TypeVar("Made")
Cell = list[Any] | None
"""The figures of one part, None where no question of it counts."""


class Slices:
    """The questions of runs by each kind of parts: hardness, keys of the benchmark, what gold queries are made of.

    Kinds of one part alone, or of more than ``MOST_PARTS``, are left out.
    """

    def __init__(self, runs: Sequence[Run], benchmark: Benchmark | None) -> None:
        asked = {scored.index: scored for run in runs for scored in run.verdicts}
        self.kinds: dict[str, dict[str, list[int]]] = {}
        for kind in kinds_of_parts(benchmark):
            told = parts([*asked.values()], kind, benchmark)
            if kind != "database" and 1 < len(told) <= MOST_PARTS:
                self.kinds[kind] = {name: [scored.index for scored in part] for name, part in told.items()}

    def to_json(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return the kinds with their parts, in which of these each question is, and whether parts are counts.

        Figures of runs are in this order. A question with none of ``indices`` in a part has None.
        """
        told = []
        for kind, parted in self.kinds.items():
            places = {index: place for place, inside in enumerate(parted.values()) for index in inside}
            told.append(
                {
                    "kind": cut(kind.replace("_", " "), MOST_LETTERS),
                    "parts": [cut(name, MOST_LETTERS) for name in parted],
                    "of": [places.get(index) for index in indices],
                    "counts": kind in CHARACTERISTICS,
                }
            )
        return told

    def of_run(self, run: Run, metrics: Iterable[str]) -> dict[str, list[list[Cell]]]:
        """Return of each metric that a run has, of each kind and part: n, value and its 95 % interval, in percent."""
        clusters = {scored.index: scored.cluster for scored in run.verdicts}
        told = {}
        for metric in metrics:
            values = _values(run, metric)
            if values:
                told[metric] = [
                    [_accuracy(values, clusters, inside) for inside in kind.values()] for kind in self.kinds.values()
                ]
        return told

    def of_pair(self, base: Run, run: Run, metrics: Iterable[str]) -> dict[str, list[list[Cell]]]:
        """Return what a run changed against a base, of each metric, kind and part, on the questions that both have.

        Each has n, both values, the change with its 95 % interval (in percent and points), won, lost, and McNemar's p
        by Holm for all parts of the kind. The runs must be comparable by these metrics.
        """
        clusters = {scored.index: scored.cluster for scored in base.verdicts}
        told = {}
        for metric in metrics:
            before, after = _values(base, metric), _values(run, metric)
            told[metric] = [
                _corrected([_change(before, after, clusters, inside) for inside in kind.values()])
                for kind in self.kinds.values()
            ]
        return told


def side_by_side(make: Callable[[Given], Made], given: Sequence[Given]) -> Iterator[Made]:
    """Yield what is made of each, in order, on all processors: what takes long is resampling, which numpy does."""
    with ThreadPoolExecutor(usable_processors()) as threads:
        yield from threads.map(make, given)


def _values(run: Run, metric: str) -> dict[int, float]:
    main = run.scorer.rules.main or "official"
    said = ((scored.index, scored.said(metric, main)) for scored in run.verdicts)
    return {index: float(value) for index, value in said if value is not None}


def _accuracy(values: Mapping[int, float], clusters: Mapping[int, str], inside: Sequence[int]) -> Cell:
    there = [index for index in inside if index in values]
    if not there:
        return None
    of = [values[index] for index in there]
    return [len(of), *_rounded(100 * sum(of) / len(of), *accuracy_interval(of, [clusters[index] for index in there]))]


def _change(
    before: Mapping[int, float], after: Mapping[int, float], clusters: Mapping[int, str], inside: Sequence[int]
) -> Cell:
    there = [index for index in inside if index in before and index in after]
    if not there:
        return None
    n, differences = len(there), [after[index] - before[index] for index in there]
    won, lost = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    means = (100 * sum(values[index] for index in there) / n for values in (before, after))
    between = interval(differences, [clusters[index] for index in there])
    return [n, *_rounded(*means, 100 * sum(differences) / n, *between), won, lost, mcnemar(won, lost)]


def _corrected(cells: list[Cell]) -> list[Cell]:
    ps = iter(holm([cell[-1] for cell in cells if cell is not None]))
    return [None if cell is None else [*cell[:-1], float(f"{next(ps):.3g}")] for cell in cells]


def _rounded(*values: float) -> list[float | None]:
    return [None if isnan(value) else round(value, 4) for value in values]
