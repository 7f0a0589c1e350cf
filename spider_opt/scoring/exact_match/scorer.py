"""Exact set match as a scorer among others."""

from __future__ import annotations

from spider_opt.scoring.exact_match.matcher import matcher
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.types import Verdict


def match(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge by the official exact set match: the same parts (select, where, group …), without values. Runs nothing.

    Raises:
        GoldError: the gold query cannot be read.
    """
    return matcher(database.path, database.db_id).verdict(gold, prediction)
