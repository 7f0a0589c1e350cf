"""Do answers fit their questions at all? A file in another order gives a number, too."""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.runs.prediction_files.reading import Predicted
from spider_opt.scoring.report import Scored
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Outcome

MOSTLY, AT_LEAST, MANY, FEW = 0.8, 3, 10, 0.05


def misfit(pairs: Sequence[Predicted], scored: Sequence[Scored]) -> str:
    """Return a sentence where nearly nothing fits its question, else ''.

    That is where answers are to something else (see ``strangers``); and where of many hardly one is right.
    """
    n, right = len(scored), sum(s.correct for s in scored)
    said = strangers(pairs, scored)
    if not said and n >= MANY and right <= FEW * n:
        said = f"{right} of {n} answers are right"
    return f"nearly nothing fits its question ({said}): the order of the file, or the file, looks wrong" if said else ""


def strangers(pairs: Sequence[Predicted], scored: Sequence[Scored]) -> str:
    """Return what shows that answers are none to their questions, else ''.

    That is where hardly an answer runs on its question's database, and where answers are the gold queries of other
    questions rather than of their own.
    """
    n, right = len(scored), sum(s.correct for s in scored)
    if n < AT_LEAST or right > n / 2:
        return ""
    broken = sum(s.outcome in (Outcome.QUERY_ERROR, Outcome.NOT_A_QUERY, Outcome.NO_SQL) for s in scored)
    if broken >= MOSTLY * n:
        return f"{broken} of {n} answers do not run on their question's database"
    keys = [(same_query_key(pair.sql), {*map(same_query_key, pair.example.golds)}) for pair in pairs]
    golds = {gold for _, own in keys for gold in own}
    others = sum(said not in own and said in golds for said, own in keys)
    own = sum(said in own for said, own in keys)
    if others < AT_LEAST or others <= max(own, right):
        return ""
    return f"{others} of {n} answers are the gold query of another question"
