"""What the oracle found: which rung mends a wrong answer, and how much of that chance would do as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spider_opt.analysis.diagnosis.causes import RUNGS, Rung
from spider_opt.types import Usage


@dataclass(frozen=True, slots=True)
class Control:
    """Of ``n`` answers, how many were judged otherwise than before once the prompt had changed."""

    n: int
    turned: int

    @property
    def share(self) -> float:
        """The share that turned, from 0 to 1; 0 where none was asked."""
        return self.turned / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class OracleFindings:
    """What came of asking again with gold in the prompt.

    ``mended`` maps the index of a wrong answer to the first rung that mends it; those in ``stayed`` are wrong with all
    of it. What is neither's fault was not asked. ``broken`` is by rung how many of some right answers turn wrong,
    ``by_chance`` how many of some wrong ones turn right when the tables stand in another order. ``no_demo`` questions
    have no training example with gold's skeleton. ``usage`` is what all answers cost.
    """

    mended: Mapping[int, Rung]
    stayed: frozenset[int]
    broken: Mapping[Rung, Control] = field(default_factory=dict)
    by_chance: Control = Control(0, 0)
    no_demo: int = 0
    usage: Usage = field(default_factory=Usage)

    def mended_at(self, rung: Rung) -> int:
        """Return how many answers this rung is the first to mend."""
        return sum(found is rung for found in self.mended.values())

    @property
    def asked(self) -> int:
        """How many wrong answers were asked again."""
        return len(self.mended) + len(self.stayed)

    @property
    def broken_by_all(self) -> Control:
        """How many right answers turn wrong with all of gold's context, on the highest rung."""
        return next((self.broken[rung] for rung in reversed(RUNGS) if rung in self.broken), Control(0, 0))
