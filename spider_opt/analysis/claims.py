"""A number that somebody published, and which rules give it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spider_opt.errors import UsageError
from spider_opt.wording import argument, counted

if TYPE_CHECKING:
    from spider_opt.analysis.explaining import RuleLine

_NUMBER = re.compile(r"(\d{1,3})(?:\.(\d*))?\s*%?")
_FAR = 20.0
"""Points that the share of right answers may be off among those left out, which are of other databases."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A published percentage, ``decimals`` after the point; ``fits`` and ``says`` are what came of the search."""

    claimed: float
    decimals: int
    fits: tuple[str, ...] = ()
    says: str = ""

    def is_met_by(self, value: float) -> bool:
        """Tell whether a value in percent is the claimed one, rounded.

        >>> Claim(85.3, 1).is_met_by(85.2514), Claim(85.3, 1).is_met_by(85.249)
        (True, False)
        """
        return bool(abs(value - self.claimed) <= 0.5 / 10**self.decimals + 1e-9)

    def answered(self, lines: Sequence[RuleLine], missing: int, n_total: int) -> Claim:
        """Return the same with what the lines say: the rules within rounding, or that none fits."""
        fits = [line.rule for line in lines if line.n and self.is_met_by(line.value)]
        fits += [f"{line.rule} of all" for line in lines if line.of_all is not None and self.is_met_by(line.of_all)]
        shown = f"{self.claimed:.{self.decimals}f}"
        if fits:
            some = [name.replace(" of all", f" of all {n_total:,}") for name in fits]
            says = f"claimed {shown}: {_listed(some)} {'give' if len(fits) > 1 else 'gives'} that, rounded"
        else:
            says = f"claimed {shown}: no rule gives that, rounded"
            if told := [line for line in lines if line.n]:
                near = min(told, key=lambda line: abs(line.value - self.claimed))
                says += f"; the nearest is {near.rule}, {near.value:.2f}"
        if missing and (might := self._might(lines, missing, n_total)):
            says += (
                f"\n{counted(missing, 'question')} of {n_total:,} have no database here. Over all of them it would be "
                + "; ".join(might)
            )
        return Claim(self.claimed, self.decimals, tuple(fits), says)

    def _might(self, lines: Sequence[RuleLine], missing: int, n_total: int) -> list[str]:
        """Say by which rules the number is possible, where few or most of the questions left out must not be right."""
        found: dict[tuple[int, ...], list[RuleLine]] = {}
        for line in lines:
            fitting = [m for m in range(missing + 1) if self.is_met_by(100 * (line.right + m) / n_total)]
            if line.n + missing == n_total and fitting and abs(100 * fitting[0] / missing - line.value) <= _FAR:
                found.setdefault(tuple(fitting), []).append(line)
        return [
            f"{_listed([line.rule for line in some])} if {_range(fitting)} of the {missing} are right "
            f"({100 * fitting[0] / missing:.0f} %; of the others {some[0].value:.0f} %)"
            for fitting, some in found.items()
        ]


def claim_of(claimed: float | str) -> Claim:
    """Return a claimed percentage with its decimals: 85.3 has one, "85.30" two, 85 none.

    Raises:
        UsageError: it is no percentage.

    >>> claim_of("85.30%"), claim_of(85)
    (Claim(claimed=85.3, decimals=2, fits=(), says=''), Claim(claimed=85.0, decimals=0, fits=(), says=''))
    """
    said = claimed.strip() if isinstance(claimed, str) else str(claimed)
    found = None if isinstance(claimed, bool) else _NUMBER.fullmatch(said)
    if found is None or not 1 <= float(said.rstrip("% ")) <= 100:
        raise UsageError(
            f"{argument('claimed')} is {said}, and is due a percentage from 1 to 100 as it was published: "
            f"{argument('claimed', '85.3')}"
        )
    return Claim(float(said.rstrip("% ")), len(found[2] or ""))


def _range(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
