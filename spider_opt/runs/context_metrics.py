"""What retrieval brought, and whether the answer used it: RAGAS' questions, from the parsed queries alone.

Source: RAGAS (Es et al. 2023, arXiv:2309.15217) for recall, precision and faithfulness; correctness is EX.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from spider_opt.benchmarks.leaks import check_leaks
from spider_opt.benchmarks.shown_gold import first_shown
from spider_opt.errors import LeakError
from spider_opt.sql.hardness import hardness
from spider_opt.sql.skeleton import skeleton
from spider_opt.sql.used import Used, used
from spider_opt.types import Context, Example, Prediction, Schema, Value

METRICS = (
    "recall_tables",
    "recall_columns",
    "recall_values",
    "recall_skeleton",
    "precision_tables",
    "precision_columns",
    "precision_values",
    "precision_demos",
    "faithfulness",
    "level",
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def measure(example: Example, prediction: Prediction) -> Mapping[str, float]:
    """Return those of ``METRICS`` that the question has, each from 0 to 1.

    Recall is the share of what gold uses that was in the prompt: 1 for tables and columns where the whole schema was
    shown. Of values only text counts, since numbers stand in the question, and only those in lines of their own: the
    sample values beside columns are no retrieval's. For the skeleton it is 1 where a demo had gold's.

    Precision is the average precision of what retrieval brought, in its order, by whether gold uses it; a demo counts
    where it has gold's skeleton. What was not retrieved has none.

    Faithfulness is the share of the tables and columns in the answer that stand in the schema shown. ``level`` is 1
    where the predicted hardness is gold's.

    Raises:
        LeakError: a demo is too near to the question, by the rules of ``benchmarks.leaks``, or what a model is told
            with the question has its gold query.
    """
    context, schema = prediction.context, example.question.schema
    shown = {"text": example.question.text, "notes": example.question.notes}
    if name := next(filter(None, (first_shown(shown, gold) for gold in example.golds)), ""):
        raise LeakError(
            f"the {name} of {example.question.id} has its gold query, and a model is shown that: nothing counts"
        )
    check_leaks([Example(i, demo.question, demo.sql) for i, demo in enumerate(context.demos)], [example])
    found: dict[str, float | None] = {"faithfulness": _faithfulness(used(prediction.sql, schema), context, schema)}
    if not example.gold_sql:
        return {name: value for name, value in found.items() if value is not None}
    gold = used(example.gold_sql, schema)
    if gold is not None:
        found |= _of_schema(gold, context, schema) | _of_values(gold, context)
    level = hardness(example.gold_sql)
    if context.level is not None and level is not None:
        found["level"] = float(context.level == level)
    wanted = skeleton(example.gold_sql)
    alike = [skeleton(demo.sql) == wanted for demo in context.demos]
    found |= {"recall_skeleton": float(any(alike)), "precision_demos": _average_precision(alike)}
    return {name: value for name in METRICS if (value := found.get(name)) is not None}


def _of_schema(gold: Used, context: Context, schema: Schema) -> dict[str, float | None]:
    tables, columns = _shown(context, schema)
    retrieved = [(table, column) for table, names in context.tables for column in names]
    return {
        "recall_tables": _share(gold.tables, tables),
        "recall_columns": _share(gold.columns, columns),
        "precision_tables": _average_precision([table in gold.tables for table, _ in context.tables]),
        "precision_columns": _average_precision([pair in gold.columns for pair in retrieved]),
    }


def _of_values(gold: Used, context: Context) -> dict[str, float | None]:
    wanted = {_core(value) for value in gold.values}
    right = [(table, column) in gold.columns and _core(value) in wanted for table, column, value in context.values]
    brought = {_core(value) for (_, _, value), hit in zip(context.values, right, strict=True) if hit}
    return {
        "recall_values": _share({value for value in wanted if value and not _NUMBER.fullmatch(value)}, brought),
        "precision_values": _average_precision(right),
    }


def _faithfulness(answer: Used | None, context: Context, schema: Schema) -> float | None:
    if answer is None:
        return None
    tables, columns = _shown(context, schema)
    return _share([*answer.tables, *answer.columns], {*tables, *columns})


def _shown(context: Context, schema: Schema) -> tuple[set[str], set[tuple[str, str]]]:
    whole = {table.name: tuple(column.name for column in table.columns) for table in schema.tables}
    tables = dict(context.tables) or whole
    return set(tables), {(table, column) for table, columns in tables.items() for column in columns}


def _core(value: Value) -> str:
    """Return a value as what it is told by: without the wildcards of LIKE, spaces around it and letter case."""
    return str(value).strip("% ").casefold()


def _share(wanted: Collection[object], there: Collection[object]) -> float | None:
    return sum(item in there for item in wanted) / len(wanted) if wanted else None


def _average_precision(right: Sequence[bool]) -> float | None:
    """Average the precision at each item that is right; 0 where none is, None where there are no items.

    >>> _average_precision([True, False, True])
    0.8333333333333333
    """
    if not right:
        return None
    precisions = [sum(right[: i + 1]) / (i + 1) for i, hit in enumerate(right) if hit]
    return sum(precisions) / len(precisions) if precisions else 0.0
