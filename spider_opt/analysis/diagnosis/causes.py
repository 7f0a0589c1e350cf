"""Context or behaviour: what could mend a wrong answer, as far as the two queries and the recalls tell.

Source: the terms are those of "A Survey of Techniques for Maximizing LLM Performance" (OpenAI DevDay 2023): context is
what a model was not shown, behaviour what it did wrong with what it was shown. How reasons are told to them is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from spider_opt.analysis.diagnosis.reasons import Kind, Reason
from spider_opt.sql.used import used
from spider_opt.types import Example, Schema


class Rung(StrEnum):
    """What of gold's can be put into a prompt, one after the other: the rungs of the oracle ladder, from the bottom."""

    TABLES = "tables"
    COLUMNS = "columns"
    VALUES = "values"
    DEMO = "demo"


RUNGS = tuple(Rung)
RECALLS = {
    Rung.TABLES: "recall_tables",
    Rung.COLUMNS: "recall_columns",
    Rung.VALUES: "recall_values",
    Rung.DEMO: "recall_skeleton",
}
"""The figure of a run's context metrics that says how much of gold's was in the prompt."""
OF_THE_DATABASE = (Rung.TABLES, Rung.COLUMNS, Rung.VALUES)
"""What there is to retrieve from the database itself; a demo comes from training examples."""
_NUMBER = re.compile(r"(-?\d+(\.\d+)?)?")
_MENDS = {
    Kind.TABLE: Rung.TABLES,
    Kind.JOIN: Rung.TABLES,
    Kind.COLUMN: Rung.COLUMNS,
    Kind.VALUE: Rung.VALUES,
}
_MENDS_WHY = {"no such table": Rung.TABLES, "no such column": Rung.COLUMNS, "ambiguous column": Rung.COLUMNS}


def mending(reason: Reason) -> frozenset[Rung]:
    """Return what of gold's in the prompt could mend a reason: its own rung and all above it.

    What is wrong in form needs an example of that form; a value that is shown with its column tells the table as well.
    """
    own = _MENDS_WHY.get(reason.why, Rung.DEMO) if reason.kind is Kind.NOT_RUN else _MENDS.get(reason.kind, Rung.DEMO)
    return frozenset(RUNGS[RUNGS.index(own) :])


def lacking(example: Example, context: Mapping[str, float]) -> frozenset[Rung]:
    """Return what of gold's the prompt did not have, or not apart from what gold does not use.

    ``context`` are the run's context metrics of the answer; where they do not say it, the whole schema is taken to have
    been shown, and nothing else. Gold without texts to compare with lacks no values, for numbers stand in the question.
    """
    schema = example.question.schema
    found = {rung for rung, metric in RECALLS.items() if context.get(metric, 1.0) < 1}
    if RECALLS[Rung.DEMO] not in context:
        found.add(Rung.DEMO)
    if RECALLS[Rung.VALUES] not in context and not context and _compares_texts(example):
        found.add(Rung.VALUES)
    if context.get("precision_tables", 0.0) < 1 and _is_wider(example, schema, columns=False):
        found.add(Rung.TABLES)
    if context.get("precision_columns", 0.0) < 1 and _is_wider(example, schema, columns=True):
        found.add(Rung.COLUMNS)
    return frozenset(found)


def is_withheld(context: Mapping[str, float]) -> bool:
    """Tell whether a table or column that gold needs was not in the prompt at all: nobody could have known it."""
    return any(context.get(RECALLS[rung], 1.0) < 1 for rung in (Rung.TABLES, Rung.COLUMNS))


def _compares_texts(example: Example) -> bool:
    gold = used(example.gold_sql, example.question.schema)
    return gold is not None and any(not _NUMBER.fullmatch(value.strip("% ")) for value in gold.values)


def _is_wider(example: Example, schema: Schema, *, columns: bool) -> bool:
    gold = used(example.gold_sql, schema)
    if gold is None:
        return True
    if columns:
        return sum(len(table.columns) for table in schema.tables) > len(gold.columns)
    return len(schema.tables) > len(gold.tables)
