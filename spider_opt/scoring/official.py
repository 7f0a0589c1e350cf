"""What the official evaluator answers with default flags, minus its failures to return.

What it does is specified in the section on scoring of the docs; its rules are cited where they are applied.
"""

from __future__ import annotations

from collections.abc import Callable

from spider_opt.errors import GoldError, GoldTimeout, NotAQuery, QueryError, QueryTimeout
from spider_opt.scoring import rewrite
from spider_opt.scoring.compare import official_equal
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.scoring.verdicts import SAME_QUERY, differ, n_rows, same, unfit
from spider_opt.sql.spacing import same_query_key
from spider_opt.sql.statement import never_has_rows
from spider_opt.types import Outcome, Result, Verdict

_NO_QUERY = "no query, but to the official evaluator the same"
_AS_EMPTY = f"{_NO_QUERY} 0 rows"


def official(
    gold: str,
    prediction: str,
    database: ScoredDatabase,
    *,
    keep_distinct: bool = False,
    value: Callable[[str], str] = rewrite.value_to_one,
) -> Verdict:
    """Judge as the official evaluator does by default: DISTINCT is dropped from both queries.

    ``keep_distinct`` is its flag of that name, ``value`` what becomes of the letters ``value`` in a prediction.

    Raises:
        GoldError: the gold query fails.
    """
    gold = rewritten_gold(gold, database.db_id, keep_distinct=keep_distinct)
    sql, verdict = rewritten(prediction, keep_distinct=keep_distinct, value=value)
    return judge_rewritten(rewrite.fix_year(gold), rewrite.fix_year(sql), database, verdict, blank_runs=keep_distinct)


def rewritten_gold(gold: str, db_id: str, *, keep_distinct: bool) -> str:
    """Return a gold query as the official evaluator makes it ready, but for the year.

    Raises:
        GoldError: the reference's tokenizer gives up.
    """
    gold = rewrite.close_gaps(gold)
    try:
        return gold if keep_distinct else rewrite.first_statement_without_distinct(gold)
    except ValueError as error:
        raise GoldError(f"gold query on {db_id} cannot be read: {error}") from error


def rewritten(
    prediction: str, *, keep_distinct: bool, value: Callable[[str], str] = rewrite.value_to_one
) -> tuple[str, Verdict | None]:
    """Return a prediction as the official evaluator makes it ready, but for the year; or what it is without a run."""
    sql = rewrite.close_gaps(value(prediction))
    verdict = unfit(sql)
    if verdict is not None or keep_distinct:
        return sql, verdict
    try:
        return rewrite.first_statement_without_distinct(sql), None
    except ValueError as error:
        return sql, Verdict(Outcome.QUERY_ERROR, f"the query cannot be read: {error}")


def judge_rewritten(
    gold: str, sql: str, database: ScoredDatabase, verdict: Verdict | None = None, *, blank_runs: bool = False
) -> Verdict:
    """Judge a prediction by running it and gold, both made ready; ``verdict`` is what is known of it without a run.

    With ``blank_runs`` a blank prediction has no rows, and is right where gold has none.

    Raises:
        GoldError: the gold query fails.
    """
    if verdict is None and same_query_key(sql) == same_query_key(gold):
        verdict = SAME_QUERY
    if blank_runs and not sql.strip() and not _gold(gold, database).rows:
        return Verdict(Outcome.CORRECT, _AS_EMPTY)  # SQLite runs nothing, and there are no rows
    if verdict is not None:
        _gold(gold, database, only_check=True)
        return verdict
    wanted = _gold(gold, database)
    # Source: official evaluator, eval_exec_match: the words anywhere in the gold, subqueries and literals included.
    ordered = "order by" in gold.lower()
    # One row more than gold has tells all there is to know about a longer result.
    enough = len(wanted.rows) + 1
    refusal: NotAQuery | None = None
    try:
        try:
            found = database.run(sql, stop_after_rows=enough)
        except NotAQuery as error:
            # The reference runs whatever it is given; a statement without rows equals an empty gold.
            refusal = error
            if wanted.rows and never_has_rows(sql):
                return Verdict(refusal.outcome, str(refusal))
            found = database.run_on_copy(sql, stop_after_rows=enough)
        equal = official_equal(wanted.rows, found.rows, ordered)
    except QueryError as error:
        return Verdict(error.outcome, str(error))
    if refusal is None:
        return same(wanted) if equal else differ(wanted, found, ordered)
    if equal:
        return Verdict(Outcome.CORRECT, f"{_NO_QUERY} {n_rows(wanted)}")
    return Verdict(refusal.outcome, str(refusal))


def _gold(gold: str, database: ScoredDatabase, *, only_check: bool = False) -> Result:
    """Return what a gold gives; one that does more than read is run on a copy, as such a prediction is.

    Raises:
        GoldError: it fails.
    """
    try:
        if only_check:
            database.check_gold(gold)
            return Result((), [])
        return database.gold(gold)
    except GoldError as error:
        if not isinstance(error.__cause__, NotAQuery):
            raise
    try:
        return database.run_on_copy(gold)
    except QueryError as error:
        kind = GoldTimeout if isinstance(error, QueryTimeout) else GoldError
        raise kind(f"gold query fails on {database.db_id}: {error}") from error


def official_distinct(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as the official evaluator does with its flag to keep DISTINCT, so that it counts.

    Raises:
        GoldError: the gold query fails.
    """
    return official(gold, prediction, database, keep_distinct=True)


def official_value_kept(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``official``, but leave the letters ``value`` in predictions, as a call of its function does.

    Source: official evaluator, ``exec_eval.py`` (``eval_exec_match``), which does not replace them; the command does.

    Raises:
        GoldError: the gold query fails.
    """
    return official(gold, prediction, database, value=str)


def official_value_spaced(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``official`` in its later version, which makes ``1`` only of the word ``value`` between blanks.

    Source: official evaluator, ``evaluation.py`` (``evaluate``), commit 893d0df.

    Raises:
        GoldError: the gold query fails.
    """
    return official(gold, prediction, database, value=lambda sql: sql.replace(" value ", " 1 "))
