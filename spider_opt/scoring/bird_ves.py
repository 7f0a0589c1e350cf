"""BIRD's R-VES: how long a right answer takes beside its gold. Noisy: no two runs of it agree.

Source: bird-bench/mini_dev, evaluation_ves.py (commit bb37377).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from time import monotonic, perf_counter

from spider_opt.databases.files import open_read_only
from spider_opt.errors import QueryError
from spider_opt.scoring.bird import both, compared, says_nothing
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.sql.statement import is_query
from spider_opt.types import Outcome, Verdict

RUNS = 100
SIGMAS = 3
REWARDS = ((2.0, 1.25), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5), (0.0, 0.25))
"""From which ratio of gold's time to the answer's on how much is given."""
_LOOK_EVERY = 1_000_000
"""Opcodes between two looks at the clock: so few looks that they cost nothing that is measured."""


def r_ves(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Give the root of BIRD's reward for a fast answer, 0 to 1.12: 100 runs beside gold. Noisy, and slow.

    What is wrong by ``bird``, or takes longer than a hundred times the time of ``bird``, has 0; so has what begins with
    none of SELECT, WITH and VALUES, or has such a gold.
    """
    try:
        wanted, found = both(gold, prediction, database)
    except QueryError as error:
        return Verdict(error.outcome, str(error), 0.0)
    verdict = compared(wanted, found, prediction)
    if not verdict.correct:
        return Verdict(verdict.outcome, verdict.detail, 0.0)
    no_query = ["the answer"] if not (is_query(prediction) or says_nothing(prediction)) else []
    if no_query := ["gold", *no_query] if not is_query(gold) else no_query:
        why = f"{' and '.join(no_query)} {'begin' if len(no_query) > 1 else 'begins'}"
        detail = f"{verdict.detail}; not timed, since {why} with none of SELECT, WITH and VALUES"
        return Verdict(verdict.outcome, detail, 0.0)
    until = monotonic() + RUNS * database.timeout_s
    ratios = []
    for _ in range(RUNS):
        answers_s = _seconds(prediction, database, until)
        golds_s = _seconds(gold, database, until)
        if answers_s is None or golds_s is None:
            return Verdict(Outcome.TIMEOUT, f"{RUNS} runs took longer than {RUNS * database.timeout_s:g} s", 0.0)
        ratios.append(golds_s / answers_s)
    ratio = usual(ratios)
    return Verdict(verdict.outcome, f"{verdict.detail}, in 1/{ratio:.2g} of gold's time", math.sqrt(reward(ratio)))


def usual(ratios: Sequence[float]) -> float:
    """Return the mean of what is less than three standard deviations from the mean of all; 0 where nothing is.

    >>> usual([1.0] * 5 + [1.2] * 5 + [90.0])
    1.1
    """
    from statistics import fmean, pstdev  # which takes its time to load

    mean, reach = fmean(ratios), SIGMAS * pstdev(ratios)
    kept = [ratio for ratio in ratios if mean - reach < ratio < mean + reach]
    return fmean(kept) if kept else 0.0


def reward(ratio: float) -> float:
    """Return BIRD's reward for a ratio of gold's time to the answer's.

    >>> [reward(ratio) for ratio in (2.5, 1.0, 0.99, 0.3, 0.1, 0.0)]
    [1.25, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return next(given for least, given in REWARDS if ratio >= least) if ratio > 0 else 0.0


def _seconds(sql: str, database: ScoredDatabase, until: float) -> float | None:
    """Return how long a query takes on a connection of its own, None where that is later than ``until``."""
    with closing(open_read_only(database.path)) as connection:
        connection.set_progress_handler(lambda: monotonic() > until, _LOOK_EVERY)
        start = perf_counter()
        try:
            connection.execute(sql).fetchall()
        except sqlite3.Error:
            return None
        connection.close()
        return max(perf_counter() - start, 1e-9)
