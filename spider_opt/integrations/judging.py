"""Judges single answers that another harness hands over one by one, as ``spider_opt.scoring.score`` judges all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spider_opt.errors import GoldError, GoldTimeout
from spider_opt.scoring import Rules, judge
from spider_opt.scoring.several_golds import best_of
from spider_opt.types import Benchmark, Example, Verdict


def rules_on(benchmark: Benchmark, mode: str = "", timeout_s: float | None = None) -> Rules:
    """Return the rules by which a benchmark is judged: EX by ``mode`` alone, '' is its own rule and what stands beside.

    Raises:
        ScorerError: there is no such scorer.
    """
    from spider_opt.scoring import find_scorer

    rules = Rules(mode, timeout_s=timeout_s).on(benchmark)
    for name in rules.asked.values():
        find_scorer(name)
    return rules


def judged(example: Example, sql: str, database: Path, rules: Rules) -> Mapping[str, Verdict | GoldError]:
    """Judge an answer by each scorer of the rules, the one of EX first, by any of the question's golds.

    A GoldError stands where no gold runs: then the question counts nowhere.

    Raises:
        DatasetError: the database cannot be read.
        SpiderOptError: the scorer of another package fails, or no process can be started.
    """
    return {
        name: best_of([_of_gold(gold, sql, database, scorer, rules.timeout_s) for gold in example.judged_by])
        for name, scorer in rules.asked.items()
    }


def _of_gold(gold: str, sql: str, database: Path, scorer: str, timeout_s: float | None) -> Verdict | GoldError:
    for again in (True, False):
        try:
            return judge(gold, sql, database, mode=scorer, timeout_s=timeout_s)
        except GoldTimeout as error:  # the machine may have been busy
            if not again:
                return error
        except GoldError as error:
            return error
    raise AssertionError("either returned")
