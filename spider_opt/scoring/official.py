"""One prediction against one gold query: run both, compare, say in a sentence what came out.

``official`` is what the official evaluator answers with default flags, minus its failures to return.
``strict`` is what the question deserves. What each mode does is specified in the README's section on
scoring; the official rules are cited where they are applied.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spider_opt.databases import Limits, Sandbox, file_hash
from spider_opt.errors import GoldError, NotAQuery, QueryError
from spider_opt.scoring import rewrite
from spider_opt.scoring.cache import ScoringCache, keep_result, kept_result, results_of, same_query_key
from spider_opt.scoring.compare import official_equal, one_number_for_close, same_table
from spider_opt.scoring.ties import agree_up_to_ties, is_ordered, runs, sort_columns, with_tie_rank
from spider_opt.types import Example, Outcome, Prediction, Result, Verdict

Mode = Literal["official", "strict"]
VERSION = "1"
STRICT_TOLERANCE = 1e-9
# Possessive, or a row of comments would take for ever.
_SELECT = re.compile(r"(?:\s++|--[^\n]*+\n|(?>/\*.*?\*/))*+(?:select|with)\b", re.IGNORECASE | re.DOTALL)


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
        gold_sql, sql = rewrite.close_gaps(gold_sql), rewrite.close_gaps(rewrite.value_to_one(sql))
        keep_distinct = self._rules.keep_distinct
        try:
            gold_sql = gold_sql if keep_distinct else rewrite.first_statement_without_distinct(gold_sql)
        except ValueError as error:
            raise GoldError(f"gold query on {db_id} cannot be read: {error}") from error
        gold_sql = rewrite.fix_year(gold_sql)
        if (verdict := self._unfit(sql)) is not None:
            return self._with_gold(db_id, gold_sql, verdict)
        try:
            sql = rewrite.fix_year(sql if keep_distinct else rewrite.first_statement_without_distinct(sql))
        except ValueError as error:
            return self._with_gold(db_id, gold_sql, Verdict(Outcome.QUERY_ERROR, f"the query cannot be read: {error}"))
        if same_query_key(sql) == same_query_key(gold_sql):
            return self._with_gold(db_id, gold_sql, _SAME_QUERY)
        gold = self._gold(db_id, gold_sql)
        # Source: official evaluator, eval_exec_match: the words anywhere in the gold, subqueries and literals included.
        ordered = "order by" in gold_sql.lower()
        refusal: NotAQuery | None = None
        try:
            try:
                pred = self._run(db_id, sql, len(gold.rows))
            except NotAQuery as error:
                # The reference runs whatever it is given; a statement without rows equals an empty gold.
                refusal = error
                pred = self._sandbox(db_id)[0].run_on_copy(sql, stop_after_rows=len(gold.rows) + 1)
            equal = official_equal(gold.rows, pred.rows, ordered)
        except QueryError as error:
            return Verdict(error.outcome, str(error))
        if refusal is None:
            return _same(gold) if equal else _differ(gold, pred, ordered)
        if equal:
            return Verdict(Outcome.CORRECT, f"no query, but to the official evaluator the same {_rows(gold)}")
        return Verdict(refusal.outcome, str(refusal))

    def _strict(self, db_id: str, gold_sql: str, sql: str) -> Verdict:
        gold_sql, sql = (rewrite.fix_year(rewrite.close_gaps(text)) for text in (gold_sql, sql))
        if (verdict := self._unfit(sql)) is not None:
            return self._with_gold(db_id, gold_sql, verdict)
        if not _SELECT.match(sql):
            return self._with_gold(db_id, gold_sql, _NO_SELECT)
        if same_query_key(sql) == same_query_key(gold_sql):
            return self._with_gold(db_id, gold_sql, _SAME_QUERY)
        gold = self._gold(db_id, gold_sql)
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

    def _unfit(self, sql: str) -> Verdict | None:
        """Judge what is not worth a look, None for the rest; tokenizers take for ever on very long texts."""
        if not sql.strip():
            return Verdict(Outcome.NO_SQL, "no SQL in the answer")
        longest = self._limits.max_sql_bytes
        return None if len(sql) <= longest else Verdict(Outcome.LIMIT, f"the query is longer than {longest:,} bytes")

    def _tie_groups(self, db_id: str, gold_sql: str, gold: Result) -> Sequence[int]:
        """Return a number for each row of gold, equal for rows that tie; all different where that is not known."""
        ranked_sql = with_tie_rank(gold_sql)
        if ranked_sql is not None:
            with contextlib.suppress(GoldError):
                ranked = self._gold(db_id, ranked_sql).rows
                groups = [int(str(row[-1])) for row in ranked]
                if agree_up_to_ties(gold.rows, [row[:-1] for row in ranked], groups, "limit" in gold_sql.lower()):
                    return groups
        columns = sort_columns(gold_sql)
        if columns is not None and max(columns) < len(gold.columns):
            return runs(gold.rows, columns)
        return range(len(gold.rows))

    def _with_gold(self, db_id: str, gold_sql: str, verdict: Verdict) -> Verdict:
        """Return a verdict that holds whatever gold's rows are, once it is sure that gold has any."""
        _, section = self._sandbox(db_id)
        if self._cache.get(section, same_query_key(gold_sql)) is None:
            self._gold(db_id, gold_sql)
        return verdict

    def _gold(self, db_id: str, sql: str) -> Result:
        known = self._golds.get((db_id, sql))
        if known is not None:
            return known
        sandbox, section = self._sandbox(db_id)
        result = kept_result(self._cache, section, sql)
        if result is None:
            try:
                result = sandbox.run(sql)
            except QueryError as error:
                raise GoldError(f"gold query fails on {db_id}: {error}") from error
            keep_result(self._cache, section, sql, result)
        self._golds[db_id, sql] = result
        return result

    def _run(self, db_id: str, sql: str, n_gold: int) -> Result:
        sandbox, section = self._sandbox(db_id)
        # One row more than gold has tells all there is to know about a longer result.
        return kept_result(self._cache, section, sql) or sandbox.run(sql, stop_after_rows=n_gold + 1)

    def _sandbox(self, db_id: str) -> tuple[Sandbox, str]:
        if db_id not in self._open:
            path = self._paths[db_id]
            self._open[db_id] = (Sandbox(path, limits=self._limits), results_of(file_hash(path)))
        return self._open[db_id]


_NO_SELECT = Verdict(Outcome.NOT_A_QUERY, "the text does not begin with SELECT or WITH")
_SAME_QUERY = Verdict(Outcome.CORRECT, "the same query as gold")


def _same(gold: Result) -> Verdict:
    return Verdict(Outcome.CORRECT, f"the same {_rows(gold)}")


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
    elif set(gold.rows) == set(pred.rows) and not ordered:
        detail = "the right rows, but not each as often as in gold"
    else:
        shared = len(set(gold.rows) & set(pred.rows))
        detail = f"as many rows and columns as gold, {shared} of {len(set(gold.rows))} different rows the same"
    return Verdict(Outcome.WRONG_ROWS, detail)


def _rows(result: Result) -> str:
    return _count(len(result.rows), "row")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
