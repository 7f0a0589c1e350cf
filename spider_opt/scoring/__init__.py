"""Right or wrong: a table of scorers, which judge a pair of queries on its database; several in one pass."""

from spider_opt.scoring.exact_match import exact_match_parts, partial_accuracies
from spider_opt.scoring.pair_scorer import PairScorer
from spider_opt.scoring.report import Scored, ScoreReport, read_verdicts, score, write_verdicts
from spider_opt.scoring.rules import Rules, rules_for, rules_of
from spider_opt.scoring.single_pairs import judge
from spider_opt.scoring.table import find_scorer, scorer_names

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
