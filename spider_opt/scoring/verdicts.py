"""Verdicts that several scorers give, each with its sentence."""

from __future__ import annotations

from collections import Counter

from spider_opt.databases.limits import DEFAULT_LIMITS
from spider_opt.types import Outcome, Result, Verdict

SAME_QUERY = Verdict(Outcome.CORRECT, "the same query as gold")


def unfit(sql: str) -> Verdict | None:
    """Judge what is not worth a look, None for the rest; tokenizers take for ever on very long texts."""
    if not sql.strip():
        return Verdict(Outcome.NO_SQL, "no SQL in the answer")
    longest = DEFAULT_LIMITS.max_sql_bytes
    return None if len(sql) <= longest else Verdict(Outcome.LIMIT, f"the query is longer than {longest:,} bytes")


def same(gold: Result) -> Verdict:
    """Say that a result is gold's."""
    return Verdict(Outcome.CORRECT, f"the same {n_rows(gold)}")


def differ(gold: Result, pred: Result, ordered: bool) -> Verdict:
    """Say how two results differ, without a value of the database in it."""
    n_gold, n_pred = len(gold.rows), len(pred.rows)
    if n_pred > n_gold:
        detail = f"more rows than the {n_gold} of gold"
    elif n_gold != n_pred:
        detail = f"{_count(n_pred, 'row')}, gold has {n_gold}"
    elif len(gold.columns) != len(pred.columns):
        detail = f"{_count(len(pred.columns), 'column')}, gold has {len(gold.columns)}"
    elif ordered and Counter(gold.rows) == Counter(pred.rows):
        detail = "the right rows in another order"
    elif set(gold.rows) == set(pred.rows) and not ordered:
        detail = "the right rows, but not each as often as in gold"
    else:
        shared = len(set(gold.rows) & set(pred.rows))
        detail = f"as many rows and columns as gold, {shared} of {len(set(gold.rows))} different rows the same"
    return Verdict(Outcome.WRONG_ROWS, detail)


def n_rows(result: Result) -> str:
    """Say how many rows a result has.

    >>> n_rows(Result(("a",), [(1,)]))
    '1 row'
    """
    return _count(len(result.rows), "row")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
