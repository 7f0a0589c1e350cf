"""Test-suite accuracy: right on every database of a suite, which have one schema and other rows.

Source: official evaluator, ``exec_eval.py`` (``eval_exec_match``), commit e97acc5; Zhong et al. 2020, arXiv:2010.02840.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from spider_opt.errors import DatasetError, GoldError
from spider_opt.scoring import rewrite
from spider_opt.scoring.official import judge_rewritten, rewritten, rewritten_gold
from spider_opt.scoring.plug_values import plugged
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.types import Outcome, Verdict
from spider_opt.wording import counted

MAX_PLUGGED = 20_000
"""Ways to put gold's values into one prediction that are tried; the official tool has no such cap, and may not end."""


def suite(
    gold: str,
    prediction: str,
    database: ScoredDatabase,
    *,
    keep_distinct: bool = False,
    plug_value: bool = False,
    alone: bool = False,
) -> Verdict:
    """Judge as the official tool does on a folder of databases: a prediction must be right on all of them.

    ``keep_distinct`` and ``plug_value`` are its flags of these names. With the second a prediction is tried as it
    stands, then with gold's values in place of its own, in every way up to ``MAX_PLUGGED``: one that is right
    on all databases is enough. ``alone`` judges on the benchmark's own database only.

    Raises:
        GoldError: the gold query fails on one of the databases, which is named.
    """
    ready = rewritten_gold(gold, database.db_id, keep_distinct=keep_distinct)
    sql, unfit = rewritten(prediction, keep_distinct=keep_distinct)
    instances = [database] if alone else database.instances
    first = _on_all(ready, sql, instances, unfit, blank_runs=keep_distinct)
    if first.correct or not plug_value or unfit is not None:
        return first
    try:
        n_ways, queries = plugged(ready, sql)
    except ValueError:
        return first
    tried = {sql}
    for query in islice(queries, MAX_PLUGGED):
        if query not in tried:
            tried.add(query)
            verdict = _on_all(ready, query, instances, checked=True)
            if verdict.correct:
                return Verdict(Outcome.CORRECT, f"with gold's values {verdict.detail}")
    if n_ways > MAX_PLUGGED:
        ways = f"the first {MAX_PLUGGED:,} of {n_ways:,} ways"
        return Verdict(first.outcome, f"{first.detail}; nor with gold's values, of which {ways} were tried")
    return first


def _on_all(
    gold: str,
    sql: str,
    instances: Sequence[ScoredDatabase],
    unfit: Verdict | None = None,
    *,
    blank_runs: bool = False,
    checked: bool = False,
) -> Verdict:
    """Judge on all databases. Golds that are ``checked`` have run on all of them: the first one to fail is the end."""
    gold, sql = rewrite.fix_year(gold), rewrite.fix_year(sql)
    failed: Verdict | None = None
    for instance in instances:
        # The reference stops where a prediction fails; a gold that fails on a later database must not hide there.
        known = unfit if failed is None else failed
        try:
            verdict = judge_rewritten(gold, sql, instance, known, blank_runs=blank_runs and failed is None)
        except DatasetError as error:
            if instance is instances[0]:  # the benchmark's own mostly, which no other scorer can read either
                raise
            raise GoldError(f"the suite's database cannot be read: {error}") from error
        if failed is not None:
            continue
        if not verdict.correct:
            several = len(instances) > 1
            failed = Verdict(verdict.outcome, f"on {instance.path.name}: {verdict.detail}") if several else verdict
            if checked:
                return failed
    return failed or Verdict(Outcome.CORRECT, f"{verdict.detail} on {counted(len(instances), 'database')}")


def official_plug_value(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``official`` does with the official tool's flag to put gold's values into predictions.

    Raises:
        GoldError: the gold query fails.
    """
    return suite(gold, prediction, database, plug_value=True, alone=True)


def suite_distinct(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``suite`` does with the official tool's flag to keep DISTINCT.

    Raises:
        GoldError: as for ``suite``.
    """
    return suite(gold, prediction, database, keep_distinct=True)


def suite_plug_value(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``suite`` does with the official tool's flag to put gold's values into predictions.

    Raises:
        GoldError: as for ``suite``.
    """
    return suite(gold, prediction, database, plug_value=True)


def suite_distinct_plug_value(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as ``suite`` does with both of the official tool's flags.

    Raises:
        GoldError: as for ``suite``.
    """
    return suite(gold, prediction, database, keep_distinct=True, plug_value=True)
