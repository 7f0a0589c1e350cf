"""Execution accuracy as Spider's first script has it, which many papers before 2021 and some after it report.

A query must be one that the script can read: what it selects, without the aggregates around it, names the columns of
its result, and these must hold the same values in the same order as gold's. So rows in another order are wrong, also
where nothing orders them; so is another column with the same values; of two columns with one name the last counts, and
of ``*`` the first. Nothing is cleaned up: DISTINCT counts, ``value`` stays, values count.

Source: taoyds/spider, ``evaluation.py`` (``eval_exec_match``), commit 03e26ec.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from spider_opt.errors import GoldError, QueryError
from spider_opt.scoring.exact_match.matcher import matcher
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.scoring.verdicts import differ, same, unfit
from spider_opt.sql.lexer import split_protected
from spider_opt.types import Outcome, Result, Value, Verdict

_LIMIT = re.compile(r"\blimit\s+([^\s;)]+)", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")


def old_spider(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as Spider's first script: its parser must read a query, and each selected column hold the same in order.

    Raises:
        GoldError: the gold query fails, or cannot be read.
    """
    known = matcher(database.path, database.db_id)
    if (wanted_columns := known.selected(gold)) is None:
        raise GoldError(f"gold query on {database.db_id} cannot be read by the first script of Spider")
    wanted = database.gold(gold)
    if verdict := unfit(prediction):
        return verdict
    try:
        found = database.run(prediction, stop_after_rows=len(wanted.rows) + 1)
    except QueryError as error:
        return Verdict(error.outcome, str(error))
    if found.lossy:
        return Verdict(Outcome.QUERY_ERROR, "its rows have text that is no UTF-8, which the script cannot read")
    columns = known.selected(prediction) if _limits_are_numbers(prediction) else None
    if columns is None:
        return Verdict(Outcome.QUERY_ERROR, "the first script of Spider cannot read the query")
    if _by_column(wanted, wanted_columns) == _by_column(found, columns):
        return same(wanted)
    verdict = differ(wanted, found, ordered=True)
    if wanted.rows == found.rows:
        return Verdict(verdict.outcome, "the right rows, of other columns")
    return verdict


def _limits_are_numbers(sql: str) -> bool:
    """Tell whether a whole number follows each LIMIT: the first script reads nothing else, later ones do.

    >>> _limits_are_numbers("SELECT a FROM t LIMIT 3"), _limits_are_numbers("SELECT a FROM t LIMIT 1+1")
    (True, False)
    """
    outside = " ".join(split_protected(sql)[::2])
    return all(_WHOLE.fullmatch(found[1]) for found in _LIMIT.finditer(outside))


def _by_column(result: Result, columns: Sequence[Hashable]) -> dict[Hashable, list[Value]]:
    """Return what stands in each column; one that the result lacks, at which the script ends, is none of them."""
    return {name: [row[at] for row in result.rows] for at, name in enumerate(columns) if at < len(result.columns)}
