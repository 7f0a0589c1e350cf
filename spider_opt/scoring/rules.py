"""What counts as right, and what else is asked in the same pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spider_opt import arguments
from spider_opt.scoring.table import find_scorer, scorer_version, timeout_for

_KEEPING = "official-distinct"


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as right: ``mode`` names the scorer whose verdict is EX.

    ``keep_distinct`` is ``official``'s option to let DISTINCT count, which makes it the scorer ``official-distinct``;
    no other scorer has it. ``timeout_s`` is the time one query may take, None for each scorer's own. ``metrics`` are
    scorers that are asked too.
    """

    mode: str = "official"
    keep_distinct: bool = False
    timeout_s: float | None = None
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode == _KEEPING:  # one name in what is kept on disk, however it was asked for
            object.__setattr__(self, "mode", "official")
            object.__setattr__(self, "keep_distinct", True)

    @property
    def main(self) -> str:
        """The name of the scorer whose verdict is EX."""
        return _KEEPING if self.mode == "official" and self.keep_distinct else self.mode

    @property
    def main_timeout_s(self) -> float:
        """The time one query may take for that scorer."""
        return timeout_for(self.main, self.timeout_s)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of all scorers to ask, each once, that of EX first."""
        return tuple(dict.fromkeys((self.main, *self.metrics)))

    @property
    def distinct_counts(self) -> bool:
        """Whether DISTINCT in a query is left where it is."""
        return self.main not in ("official", "match")

    def noted(self) -> dict[str, Any]:
        """Return what a run notes of how it was scored."""
        noted = {
            "mode": self.mode,
            "keep_distinct": self.keep_distinct,
            "timeout_s": self.main_timeout_s,
            "version": scorer_version(self.main),
        }
        return noted | ({"metrics": list(self.scorers)} if len(self.scorers) > 1 else {})


def rules_for(metrics: Sequence[str], keep_distinct: bool = False, timeout_s: float | None = None) -> Rules:
    """Return the rules that ask for these scorers; the first is EX. ``keep_distinct`` makes ``official`` keep it.

    Raises:
        ScorerError: there is no such scorer, or it is broken.

    >>> rules_for(["strict", "official"], keep_distinct=True).scorers
    ('strict', 'official-distinct')
    """
    main, *others = [_KEEPING if keep_distinct and name == "official" else name for name in metrics]
    rules = Rules(main, timeout_s=timeout_s, metrics=tuple(others))
    for name in rules.scorers:
        find_scorer(name)
    return rules


def rules_of(mode: Rules | str | Sequence[str]) -> Rules:
    """Return what Python names by one scorer, by several of which the first is EX, or by rules.

    Raises:
        UsageError: it is none of these.
        ScorerError: there is no such scorer, or it is broken.
    """
    if isinstance(mode, Rules):
        return mode
    if not isinstance(mode, str | list | tuple) or not mode:
        raise arguments.wrong(mode, "mode", "the name of a scorer, or a list of them, that of EX first")
    return rules_for([mode] if isinstance(mode, str) else arguments.texts(mode, "mode"))
