"""Ranks of runs on the same questions that say no more than can be told: ties are shared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from spider_opt.analysis.paired import flipped, holm
from spider_opt.runs import RunInfo
from spider_opt.scoring.report import Scored

LEVEL = 0.05
RANKED_BY = "1 + rows better by exact sign flips of gold queries, Holm over the row's comparisons, 5 %"
"""By which test, as the leaderboard's CSV says it."""
Together = tuple[str, str, int, str, str, float]


def ranked_with(info: RunInfo, verdicts: Sequence[Scored]) -> Together:
    """Return what is equal for runs that are ranked together: the same questions, judged by one rule.

    That is benchmark, fingerprint, how many questions (negative: the larger sets stand first) and which, scorer with
    its flags, and the time that a query has.
    """
    time_out = info.scorer.timeout_s if info.scorer else 0.0
    return info.asked, info.fingerprint, -len(verdicts), question_set(verdicts), str(info.scorer), time_out


def question_set(verdicts: Sequence[Scored]) -> str:
    """Return a short hash of the questions that count, with their databases and gold queries."""
    questions = sorted((scored.index, (scored.db_id, scored.cluster)) for scored in verdicts)
    return hashlib.sha256(repr(questions).encode()).hexdigest()[:8]


def ranks(runs: Sequence[Sequence[Scored]]) -> list[int]:
    """Return of each run's verdicts 1 + how many of the others are better beyond chance.

    Better is a run that is right more often on the same questions, where a paired test (``flipped``), corrected by Holm
    for the comparisons that the ranked run takes part in, has p below 5 %. So the chance that a run stands lower than
    one that is no better is at most 5 %. Ranks are shared, and being tied is not transitive: a run may be tied with two
    of which one is better than the other.

    Raises:
        ValueError: the runs are not of the same questions.
    """
    right = [{scored.index: scored.correct for scored in run} for run in runs]
    clusters = {scored.index: scored.cluster for run in runs for scored in run}
    if any(one.keys() != clusters.keys() for one in right):
        raise ValueError("runs are ranked on the same questions")
    n = [sum(one.values()) for one in right]
    ps = [[1.0] * len(runs) for _ in runs]
    for i, mine in enumerate(right):
        for j in range(i):
            p = flipped([mine[index] - right[j][index] for index in clusters], list(clusters.values()))
            ps[i][j] = ps[j][i] = p
    found = []
    for i in range(len(runs)):
        others = [j for j in range(len(runs)) if j != i]
        corrected = holm([ps[i][j] for j in others])
        found.append(1 + sum(n[j] > n[i] and p < LEVEL for j, p in zip(others, corrected, strict=True)))
    return found
