"""Spider 2.0's rule: each column that gold asks for is a column of the answer, whatever else that has.

Both results are compared as pandas reads them from CSV files (``csv_table``). Numbers are equal within 0.01, a NULL is
0; names of columns do not count, and one of the answer's may stand for several of gold's. Where the order of rows does
not count each column is sorted by itself, by what its cells look like as text.
Source: xlang-ai/Spider2, spider2-lite/evaluation_suite/evaluate.py, ``compare_pandas_table``: its version with
``normalize``; the earlier one, commit 819e5eab, lets NULL be equal to NULL alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import starmap

from spider_opt.benchmarks.csv_table import Cell, Column, columns_of, side_by_side, written
from spider_opt.benchmarks.gold_results import fault_in, result_in
from spider_opt.errors import NotAQuery, QueryFailed
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.scoring.verdicts import unfit
from spider_opt.sql.statement import is_ordered
from spider_opt.types import RESULT, GoldResult, Outcome, Verdict
from spider_opt.wording import counted

TOLERANCE = 1e-2


def columns(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as Spider 2.0's script does: every column of gold that is asked for stands in the answer, NULL as 0.

    ``gold`` is a result (``types.GoldResult.text``), or a query: then all its columns are asked for, in its order of
    rows where it has one.

    Raises:
        GoldError: the gold query fails.
    """
    return _judge(gold, prediction, database, null_is_0=True)


def columns_earlier(gold: str, prediction: str, database: ScoredDatabase) -> Verdict:
    """Judge as the earlier version of Spider 2.0's script did: as ``columns``, but a NULL is equal to a NULL alone.

    Raises:
        GoldError: the gold query fails.
    """
    return _judge(gold, prediction, database, null_is_0=False)


def _judge(gold: str, prediction: str, database: ScoredDatabase, *, null_is_0: bool) -> Verdict:
    if gold.startswith(RESULT):
        wanted = result_in(gold)
    else:
        wanted = GoldResult(written(database.gold(gold)), any_order=not is_ordered(gold))
    if (verdict := unfit(prediction)) is not None:
        return verdict
    try:
        found = database.run(prediction)
    except NotAQuery:
        found = database.run_on_copy(prediction)  # as the script, which has a copy too
        if not found.columns:
            raise
    if found.lossy:
        raise QueryFailed("the answer's rows have text that is not UTF-8")
    if fault := fault_in(wanted):
        return Verdict(Outcome.WRONG_ROWS, f"nothing can be right by gold: {fault}")
    try:
        own = columns_of(written(found))
    except ValueError as error:
        return Verdict(Outcome.WRONG_ROWS, f"its result, written as CSV, cannot be read again: {error}")
    asked = _asked(wanted)
    n = n_found(asked, own, any_order=wanted.any_order, null_is_0=null_is_0)
    has = counted(len(own), "column")
    if n == len(asked):
        return Verdict(Outcome.CORRECT, f"{'the one column' if n == 1 else f'all {n} columns'} asked for, among {has}")
    rows, due = len(own[0].cells), len(asked[0].cells)
    differ = f"; {counted(rows, 'row')}, gold has {due}" if rows != due else ""
    return Verdict(Outcome.WRONG_ROWS, f"{n} of {counted(len(asked), 'column')} asked for, among {has}{differ}")


def n_found(gold: Sequence[Column], own: Sequence[Column], *, any_order: bool, null_is_0: bool) -> int:
    """Return how many of gold's columns are equal to one of the answer's."""
    vectors = [_ready(cells, any_order, null_is_0) for cells in side_by_side(own)]
    return sum(
        any(_same(wanted, vector) for vector in vectors)
        for wanted in (_ready(cells, any_order, null_is_0) for cells in side_by_side(gold))
    )


def _asked(result: GoldResult) -> list[Column]:
    every = columns_of(result.csv)
    return [every[at] for at in result.columns] if result.columns else every


def _ready(cells: Sequence[Cell], any_order: bool, null_is_0: bool) -> list[Cell]:
    ready = [0 if null_is_0 and cell != cell else cell for cell in cells]
    if any_order:
        ready.sort(key=lambda cell: (str(cell), isinstance(cell, int | float)))
    return ready


def _same(wanted: Sequence[Cell], found: Sequence[Cell]) -> bool:
    return len(wanted) == len(found) and all(starmap(_equal, zip(wanted, found, strict=True)))


def _equal(one: Cell, other: Cell) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if one != one or other != other:
        return one != one and other != other
    try:
        return math.isclose(float(one), float(other), abs_tol=TOLERANCE)
    except OverflowError:  # of a whole number beyond all decimals; the script ends there
        return False
