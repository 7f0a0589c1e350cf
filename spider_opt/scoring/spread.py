"""How far a number can be trusted: its interval by gold query and by database, and how much the questions lean."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spider_opt.scoring.report import Scored, ScoreReport
from spider_opt.scoring.statistics import BY, By, accuracy_interval, design_effect, group, interval


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean's 95 % interval, ``low`` to ``high`` in percent, with the questions of one cluster counted as dependent.

    ``design_effect`` is how many times its variance is the textbook one. NaN where these cannot be told.
    """

    low: float
    high: float
    clusters: int
    design_effect: float

    @classmethod
    def of(cls, values: Sequence[float], clusters: Sequence[Hashable]) -> Spread:
        """Measure it; ``values`` are of questions, and from 0 to 1 where they are right, wrong or a share of right."""
        shares = all(0 <= value <= 1 for value in values)
        low, high = accuracy_interval(values, clusters) if shares else interval(values, clusters)
        return cls(low, high, len(set(clusters)), design_effect(values, clusters))

    def to_json(self) -> dict[str, float | None]:
        """Return it JSON-able: None for NaN."""
        known = {"low": self.low, "high": self.high, "clusters": self.clusters, "design_effect": self.design_effect}
        return {name: round(value, 4) if value == value else None for name, value in known.items()}


def spread(scored: Sequence[Scored], by: By) -> Spread:
    """Return that of EX, by gold query or by database."""
    return Spread.of([s.correct for s in scored], [group(s, by) for s in scored])


def intervals(report: ScoreReport) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return those of each metric, by gold query and by database, in the order of ``ScoreReport.metrics``."""
    told: dict[str, dict[str, dict[str, float | None]]] = {}
    for name in report.metrics():
        said = [(value, s) for s in report.scored if (value := s.said(name, report.rules.main)) is not None]
        values = [value for value, _ in said]
        told[name] = {by: Spread.of(values, [group(s, by) for _, s in said]).to_json() for by in BY}
    return told


def spread_cells(spreads: Mapping[By, Spread]) -> dict[str, Any]:
    """Return them flat, as the leaderboard's CSV has those of EX."""
    cells: dict[str, Any] = {}
    marks: dict[By, tuple[str, str]] = {"query": ("", "gold_queries"), "database": ("_db", "databases")}
    for by, (mark, counted) in marks.items():
        said = spreads[by].to_json()
        cells |= {f"ex_{name}{mark}": said[name] for name in ("low", "high")}
        cells |= {f"ex_deff{mark}": said["design_effect"], counted: said["clusters"]}
    return cells
