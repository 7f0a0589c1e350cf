"""One prediction against one gold query: run both, compare, say in a sentence what came out.

``official`` is what the official evaluator answers with default flags, minus its failures to return.
``strict`` is what the question deserves. What each mode does is specified in the README's section on
scoring; the official rules are cited where they are applied.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spider_opt.databases import Limits, Sandbox, file_hash
from spider_opt.errors import GoldError, NotAQuery, QueryError
from spider_opt.scoring import rewrite
from spider_opt.scoring.cache import ScoringCache, keep_result, kept_result, same_query_key
from spider_opt.scoring.compare import official_equal, one_number_for_close, same_table
from spider_opt.scoring.ties import is_ordered, with_tie_rank
from spider_opt.types import Example, Outcome, Prediction, Result, Verdict

Mode = Literal["official", "strict"]
VERSION = "1"
STRICT_TOLERANCE = 1e-9
_SELECT = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:select|with)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as right. ``keep_distinct`` matters in ``official`` mode; ``strict`` always keeps it.

    ``timeout_s`` is the time one query may take.
    """

    mode: Mode = "official"
    keep_distinct: bool = False
    timeout_s: float = 10.0


class ExecutionScorer:
    """Judges predictions on databases it keeps open; for one process and one thread.

    ``paths`` maps db_id to its SQLite file.
    """

    def __init__(self, paths: Mapping[str, Path], rules: Rules, cache: ScoringCache | None = None) -> None:
        self._paths = paths
        self._rules = rules
        self._cache = cache or ScoringCache(None)
        self._limits = Limits(timeout_s=rules.timeout_s)
        self._open: dict[str, tuple[Sandbox, str]] = {}
        self._known: dict[tuple[str, str, str], Verdict] = {}
        self._golds: dict[tuple[str, str], Result] = {}

    def __call__(self, example: Example, prediction: Prediction) -> Verdict:
        """Judge one prediction.

        Raises:
            GoldError: the gold query itself fails.
        """
        key = (example.question.db_id, example.gold_sql, prediction.sql)
        verdict = self._known.get(key)
        if verdict is None:
            judge = self._official if self._rules.mode == "official" else self._strict
            self._known[key] = verdict = judge(*key)
        return verdict

    def close(self) -> None:
        """Keep what was learnt about golds and close the databases."""
        self._cache.flush()
        for sandbox, _ in self._open.values():
            sandbox.close()
        self._open.clear()

    def _official(self, db_id: str, gold_sql: str, sql: str) -> Verdict:
        gold_sql, sql = rewrite.mend(gold_sql), rewrite.mend(rewrite.value_to_one(sql))
        keep_distinct = self._rules.keep_distinct
        gold_sql = gold_sql if keep_distinct else rewrite.first_statement_without_distinct(gold_sql)
        gold = self._gold(db_id, gold_sql)
        if not sql.strip():
            return _NO_SQL
        try:
            sql = sql if keep_distinct else rewrite.first_statement_without_distinct(sql)
        except ValueError as error:
            return Verdict(Outcome.QUERY_ERROR, f"the query cannot be read: {error}")
        if same_query_key(sql) == same_query_key(gold_sql):
            return _same(gold)
        # Source: official evaluator, eval_exec_match: the words anywhere in the gold, subqueries and literals included.
        ordered = "order by" in gold_sql.lower()
        try:
            pred = self._run(db_id, sql, len(gold.rows))
            if official_equal(gold.rows, pred.rows, ordered):
                return _same(gold)
        except NotAQuery as error:
            return self._official_no_query(db_id, sql, gold, error)
        except QueryError as error:
            return Verdict(error.outcome, str(error))
        return _differ(gold, pred, ordered)

    def _official_no_query(self, db_id: str, sql: str, gold: Result, error: NotAQuery) -> Verdict:
        """Judge a statement that reads nothing: the reference runs it and gets no rows, equal to an empty gold."""
        if gold.rows:
            return Verdict(error.outcome, str(error))
        try:
            n_rows = self._sandbox(db_id)[0].rows_of_statement(sql)
        except QueryError as failure:
            return Verdict(failure.outcome, str(failure))
        if n_rows:
            return Verdict(error.outcome, str(error))
        return Verdict(Outcome.CORRECT, "no query, which the official evaluator counts as right where gold has no rows")

    def _strict(self, db_id: str, gold_sql: str, sql: str) -> Verdict:
        gold_sql, sql = rewrite.mend(gold_sql), rewrite.mend(sql)
        gold = self._gold(db_id, gold_sql)
        if not sql.strip():
            return _NO_SQL
        if not _SELECT.match(sql):
            return Verdict(Outcome.NOT_A_QUERY, "the text does not begin with SELECT or WITH")
        if same_query_key(sql) == same_query_key(gold_sql):
            return _same(gold)
        ordered = is_ordered(gold_sql)
        try:
            pred = self._run(db_id, sql, len(gold.rows))
            if len(gold.rows) != len(pred.rows) or len(gold.columns) != len(pred.columns):
                return _differ(gold, pred, ordered)
            groups = self._tie_groups(db_id, gold_sql, gold) if ordered else None
            if not gold.rows or same_table(*one_number_for_close(gold.rows, pred.rows, STRICT_TOLERANCE), groups):
                return _same(gold)
        except QueryError as error:
            return Verdict(error.outcome, str(error))
        return _differ(gold, pred, ordered)

    def _tie_groups(self, db_id: str, gold_sql: str, gold: Result) -> list[int]:
        """Return a number for each row of gold, equal for rows that tie; all different where that is not known."""
        ranked_sql = with_tie_rank(gold_sql)
        if ranked_sql is not None:
            try:
                ranked = self._gold(db_id, ranked_sql).rows
            except GoldError:
                ranked = []
            if [row[:-1] for row in ranked] == gold.rows:
                return [int(str(row[-1])) for row in ranked]
        return list(range(len(gold.rows)))

    def _gold(self, db_id: str, sql: str) -> Result:
        known = self._golds.get((db_id, sql))
        if known is not None:
            return known
        sandbox, database = self._sandbox(db_id)
        result = kept_result(self._cache, database, sql)
        if result is None:
            try:
                result = sandbox.run(sql)
            except QueryError as error:
                raise GoldError(f"gold query fails on {db_id}: {error}") from error
            keep_result(self._cache, database, sql, result)
        self._golds[db_id, sql] = result
        return result

    def _run(self, db_id: str, sql: str, n_gold: int) -> Result:
        sandbox, database = self._sandbox(db_id)
        # One row more than gold has tells all there is to know about a longer result.
        return kept_result(self._cache, database, sql) or sandbox.run(sql, stop_after_rows=n_gold + 1)

    def _sandbox(self, db_id: str) -> tuple[Sandbox, str]:
        if db_id not in self._open:
            path = self._paths[db_id]
            self._open[db_id] = (Sandbox(path, limits=self._limits), file_hash(path))
        return self._open[db_id]


_NO_SQL = Verdict(Outcome.NO_SQL, "no SQL in the answer")


def _same(gold: Result) -> Verdict:
    return Verdict(Outcome.CORRECT, f"the same {_count(len(gold.rows), 'row')}")


def _differ(gold: Result, pred: Result, ordered: bool) -> Verdict:
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
    else:
        shared = len(set(gold.rows) & set(pred.rows))
        detail = f"as many rows and columns as gold, {shared} of {len(set(gold.rows))} different rows the same"
    return Verdict(Outcome.WRONG_ROWS, detail)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
