"""What the official evaluator does to one question, written down plainly from its documented behaviour.

It is slow where the original is slow (a connection and an event loop for each query, a grouping
tokenizer, every permutation of columns), runs whatever it is given, and must only be pointed at copies.
``tests/scoring/test_against_reference.py`` compares the scorer with it, ``benchmarks/scoring.py`` times it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import sqlite3
from collections import Counter

import sqlparse
from sqlparse.exceptions import SQLParseError

MAX_STEPS = 5_000  # of 1,000 opcodes each
MAX_PERMUTATIONS = 300_000


class GoldFails(Exception):
    """The original stops with an assertion."""


class NoVerdict(Exception):
    """The original crashes, or does not return in a reasonable time."""


def judge(path, gold, pred, keep_distinct=False):
    """Tell whether ``pred``, as the original reads it from a line, is right on the database at ``path``."""
    pred = pred.replace("value", "1")
    gold, pred = close_gaps(gold), close_gaps(pred)
    if not keep_distinct:
        try:
            pred, gold = without_distinct(pred), without_distinct(gold)
        except (IndexError, SQLParseError, RecursionError) as error:
            raise NoVerdict(repr(error)) from error
    ordered = "order by" in gold.lower()
    gold_rows = asyncio.run(rows(path, gold))
    pred_rows = asyncio.run(rows(path, pred))
    if isinstance(gold_rows, Exception):
        raise GoldFails(gold_rows)
    return not isinstance(pred_rows, Exception) and equal(gold_rows, pred_rows, ordered)


def close_gaps(sql):
    return sql.replace("> =", ">=").replace("< =", "<=").replace("! =", "!=")


def without_distinct(sql):
    return "".join(t.value for t in sqlparse.parse(sql)[0].flatten() if t.value.lower() != "distinct")


async def rows(path, sql):
    """Run one query on a connection of its own; an exception is returned."""
    sql = re.sub(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", "2020", sql, flags=re.IGNORECASE)
    connection = sqlite3.connect(path)
    connection.text_factory = lambda raw: raw.decode(errors="ignore")
    steps = itertools.count()
    connection.set_progress_handler(lambda: next(steps) > MAX_STEPS, 1000)
    try:
        return connection.execute(sql).fetchall()
    except Exception as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise NoVerdict("runs on and on") from error
        return error
    finally:
        connection.close()


def equal(gold, pred, ordered):
    if not gold and not pred:
        return True
    if len(gold) != len(pred) or len(gold[0]) != len(pred[0]):
        return False
    gold_sorted, pred_sorted = ([by_text(row) for row in side] for side in (gold, pred))
    if gold_sorted != pred_sorted if ordered else set(gold_sorted) != set(pred_sorted):
        return False
    for tried, order in enumerate(possible_orders(gold, pred)):
        if tried > MAX_PERMUTATIONS:
            raise NoVerdict("too many permutations of columns")
        if len(order) != len(set(order)):
            continue
        permuted = [tuple(row[i] for i in order) for row in pred]
        if gold == permuted if ordered else Counter(gold) == Counter(permuted):
            return True
    return False


def by_text(row):
    return tuple(sorted(row, key=lambda cell: str(cell) + str(type(cell))))


def possible_orders(gold, pred):
    """Yield column orders, repeats among them; with more than 3 columns a sample of rows rules some out."""
    width = len(pred[0])
    options = [set(range(width)) for _ in range(width)]
    if width > 3:
        held = [{row[i] for row in gold} for i in range(width)]
        for _ in range(20):
            row = random.choice(pred)
            options = [{i for i in some if row[i] in cells} for some, cells in zip(options, held, strict=True)]
    return itertools.product(*options)
