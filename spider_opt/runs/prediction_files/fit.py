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

    That is where hardly an answer runs on its question's database; where of many hardly one is right; and where
    answers are the gold queries of other questions rather than of their own.
    """
    n = len(scored)
    if n < AT_LEAST:
        return ""
    broken = sum(s.outcome in (Outcome.QUERY_ERROR, Outcome.NOT_A_QUERY, Outcome.NO_SQL) for s in scored)
    right = sum(s.correct for s in scored)
    if right > n / 2:
        return ""
    keys = [(same_query_key(pair.sql), {*map(same_query_key, pair.example.golds)}) for pair in pairs]
    golds = {gold for _, own in keys for gold in own}
    others = sum(said not in own and said in golds for said, own in keys)
    own = sum(said in own for said, own in keys)
    if broken >= MOSTLY * n:
        said = f"{broken} of {n} answers do not run on their question's database"
    elif others >= AT_LEAST and others > max(own, right):
        said = f"{others} of {n} answers are the gold query of another question"
    elif n >= MANY and right <= FEW * n:
        said = f"{right} of {n} answers are right"
    else:
        return ""
    return f"nearly nothing fits its question ({said}): the order of the file, or the file, looks wrong"
