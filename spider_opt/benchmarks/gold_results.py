"""Golds that are results and not queries: as scorers are given them, what is wrong with one, who cannot use them."""

from __future__ import annotations

import json
from functools import lru_cache

from spider_opt.benchmarks.csv_table import columns_of
from spider_opt.errors import UsageError
from spider_opt.types import RESULT, Benchmark, GoldResult


@lru_cache(maxsize=64)
def result_in(gold: str) -> GoldResult:
    """Return the result that scorers are given in place of a gold query.

    >>> result_in(GoldResult("a,b", (0,)).text)
    GoldResult(csv='a,b', columns=(0,), any_order=False, fault='')
    """
    text, asked, any_order, fault = json.loads(gold.removeprefix(RESULT))
    return GoldResult(text, tuple(asked), any_order, fault)


def fault_in(result: GoldResult) -> str:
    """Return why nothing can be right by a gold result, '' where something can."""
    if result.fault:
        return result.fault
    try:
        has = len(columns_of(result.csv))
    except ValueError as error:
        return f"its table cannot be read: {error}"
    too_far = [at for at in result.columns if not -has <= at < has]
    return f"it asks for column {too_far[0]} of {has}, counted from 0" if too_far else ""


def check_has_queries(benchmark: Benchmark, needs: str) -> None:
    """Make sure that a benchmark's golds are queries; ``needs`` says what needs them.

    Raises:
        UsageError: they are results.
    """
    if any(example.gold_results for example in benchmark.examples):
        raise UsageError(
            f"{benchmark.name} {benchmark.split} has no gold queries but results that are right, and {needs}"
        )
