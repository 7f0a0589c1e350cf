"""Right or wrong: a table of scorers, which judge a pair of queries on its database; several in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spider_opt.scoring.pair_scorer import PairScorer
from spider_opt.scoring.report import Scored, ScoreReport, read_verdicts, score, write_verdicts
from spider_opt.scoring.rules import Rules, rules_for, rules_of
from spider_opt.scoring.single_pairs import judge
from spider_opt.scoring.table import find_scorer, scorer_names

if TYPE_CHECKING:
    from spider_opt.scoring.exact_match import exact_match_parts, partial_accuracies

__all__ = [
    "PairScorer",
    "Rules",
    "ScoreReport",
    "Scored",
    "exact_match_parts",
    "find_scorer",
    "judge",
    "partial_accuracies",
    "read_verdicts",
    "rules_for",
    "rules_of",
    "score",
    "scorer_names",
    "write_verdicts",
]


if not TYPE_CHECKING:  # to a checker it would say that any name is there

    def __getattr__(name: str) -> object:
        """Load the exact set match only for who asks for it: all that judges comes through here."""
        if name not in ("exact_match_parts", "partial_accuracies"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from spider_opt.scoring import exact_match

        return getattr(exact_match, name)
