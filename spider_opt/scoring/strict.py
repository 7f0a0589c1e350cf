"""What the question deserves; how that differs from the official evaluator is specified in the docs on scoring."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from spider_opt.errors import GoldError, QueryError
from spider_opt.scoring import rewrite
from spider_opt.scoring.compare import one_number_for_close, same_table
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.scoring.ties import agree_up_to_ties, runs, sort_columns, with_tie_rank
from spider_opt.scoring.verdicts import SAME_QUERY, differ, same, unfit
from spider_opt.sql.spacing import same_query_key
from spider_opt.sql.statement import is_ordered, is_query, without_empty_ends
from spider_opt.types import Outcome, Result, Verdict

TOLERANCE = 1e-9
_TIE_RANK = "gold with tie ranks, rules 1"  # another number when ``ties`` answers anew
_SORT_COLUMNS = "sort columns, rules 1"
_NO_SELECT = Verdict(Outcome.NOT_A_QUERY, "the text does not begin with SELECT, WITH or VALUES")


def strict(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge by what the question deserves.

    Raises:
        GoldError: the gold query fails.
    """
    gold, sql = (rewrite.fix_year(rewrite.close_gaps(without_empty_ends(text))) for text in (gold, prediction))
    verdict = unfit(sql)
    if verdict is None and not is_query(sql):
        verdict = _NO_SELECT
    if verdict is None and same_query_key(sql) == same_query_key(gold):
        verdict = SAME_QUERY
    if verdict is not None:
        database.check_gold(gold)
        return verdict
    wanted = database.gold(gold)
    ordered = is_ordered(gold)
    try:
        found = database.run(sql, stop_after_rows=len(wanted.rows) + 1)
        if len(wanted.rows) != len(found.rows) or len(wanted.columns) != len(found.columns):
            return differ(wanted, found, ordered)
        if not wanted.rows or _equal(gold, wanted, found, database, ordered=ordered):
            return same(wanted)
    except QueryError as error:
        return Verdict(error.outcome, str(error))
    return differ(wanted, found, ordered)


def _equal(gold: str, wanted: Result, found: Result, database: ScoredDatabase, *, ordered: bool) -> bool:
    if found.rows == wanted.rows:
        return True
    rows = one_number_for_close(wanted.rows, found.rows, TOLERANCE)
    if not same_table(*rows):
        return False
    # Which rows tie takes longer to find out than all else, and only says whether another order is one of them.
    return not ordered or same_table(*rows, _tie_groups(gold, wanted, database))


def _tie_groups(gold: str, wanted: Result, database: ScoredDatabase) -> Sequence[int]:
    """Return a number for each row of gold, equal for rows that tie; all different where that is not known."""
    if ranked_sql := database.of_text(_TIE_RANK, gold, lambda sql: with_tie_rank(sql) or ""):
        with contextlib.suppress(GoldError):
            ranked = database.gold(ranked_sql).rows
            groups = [int(str(row[-1])) for row in ranked]
            if agree_up_to_ties(wanted.rows, [row[:-1] for row in ranked], groups, "limit" in gold.lower()):
                return groups
    told = database.of_text(_SORT_COLUMNS, gold, lambda sql: " ".join(map(str, sort_columns(sql) or ())))
    columns = [int(number) for number in told.split()]
    if columns and max(columns) < len(wanted.columns):
        return runs(wanted.rows, columns)
    return range(len(wanted.rows))
