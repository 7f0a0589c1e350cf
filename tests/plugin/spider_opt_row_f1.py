"""A scorer from outside that gives a number: how many rows a result has in common with gold's."""

from __future__ import annotations

from collections import Counter

from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.types import Outcome, Verdict


def row_f1(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Return the F1 of the rows, duplicates counted; 0 where the query fails, which the harness says itself."""
    wanted, found = Counter(database.gold(gold).rows), Counter(database.run(prediction).rows)
    n_rows = wanted.total() + found.total()
    f1 = 2 * (wanted & found).total() / n_rows if n_rows else 1.0
    return Verdict(Outcome.CORRECT if f1 == 1 else Outcome.WRONG_ROWS, f"F1 of rows {f1:.2f}", f1)
