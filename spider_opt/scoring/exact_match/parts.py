"""Two queries compared part by part, as the official script does it.

Source: official evaluator, ``evaluation.py`` (``eval_exact_match``, ``eval_partial_match`` and what they call).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from spider_opt.scoring.exact_match.comparable import Stops
from spider_opt.scoring.exact_match.query import OPERATORS, Condition, Query

PARTS = (
    "select", "select(no AGG)", "where", "where(no OP)", "group(no Having)", "group", "order", "and/or", "IUEN",
    "keywords",
)  # fmt: skip
"""All parts, under the script's names and in its order; all but the tables, which it compares last."""


class Part(NamedTuple):
    """How one part of a prediction compares with gold's.

    ``right`` is the script's accuracy, recall and F1 of a pair, which are the same. ``n_predicted`` and ``n_gold`` say
    how many there are of it, and by that whether the pair counts in ``partial_accuracies``.
    """

    right: bool
    n_predicted: int
    n_gold: int


class Accuracy(NamedTuple):
    """What the script prints of a part: each from 0 to 1."""

    accuracy: float
    recall: float
    f1: float


def compare(predicted: Query, gold: Query) -> dict[str, Part]:
    """Compare two queries, made ``comparable``, part by part.

    Raises:
        Stops: the script would stop with an error.
    """
    where = [c for c in predicted.where[::2] if isinstance(c, Condition)]
    gold_where = [c for c in gold.where[::2] if isinstance(c, Condition)]
    columns, gold_columns = ([column.name for column in query.group] for query in (predicted, gold))
    found = {
        "select": _all_of(predicted.select, gold.select),
        "select(no AGG)": _all_of([unit for _, unit in predicted.select], [unit for _, unit in gold.select]),
        "where": _all_of(where, gold_where),
        "where(no OP)": _all_of([c.unit for c in where], [c.unit for c in gold_where]),
        "group(no Having)": _all_of(_without_tables(columns), _without_tables(gold_columns)),
        "group": _all_or_none(columns, gold_columns, columns == gold_columns and predicted.having == gold.having),
        "order": _all_or_none(
            predicted.order,
            gold.order,
            predicted.order == gold.order and (predicted.limit is None) == (gold.limit is None),
        ),
        "and/or": _joined_alike(predicted, gold),
        "IUEN": _set_operations(predicted, gold),
    }
    words, gold_words = _keywords(predicted), _keywords(gold)
    return found | {"keywords": Part(words == gold_words, len(words), len(gold_words))}


def same_tables(predicted: Query, gold: Query) -> bool:
    """Tell whether two queries read the same tables; one without any passes for all.

    Raises:
        Stops: the script would stop with an error, for it cannot sort queries.
    """
    if not gold.tables:
        return True
    named, gold_named = (sorted(t for t in query.tables if isinstance(t, str)) for query in (predicted, gold))
    queries, gold_queries = ([t for t in query.tables if isinstance(t, Query)] for query in (predicted, gold))
    for several in (gold_queries, queries):
        if any(one != several[0] for one in several[1:]):
            raise Stops("two different queries stand in FROM")
    return named == gold_named and queries == gold_queries


def is_exact(found: Mapping[str, Part], predicted: Query, gold: Query) -> bool:
    """Tell whether two queries match exactly, given how their parts compare.

    Raises:
        Stops: the script would stop with an error.
    """
    return all(part.right for part in found.values()) and same_tables(predicted, gold)


def partial_accuracies(pairs: Iterable[Mapping[str, Part]]) -> dict[str, Accuracy]:
    """Return what the script prints of many pairs: partial matching accuracy, recall and F1 of each part.

    A pair counts for the accuracy where the prediction has the part, for the recall where gold has it. A part that is
    nowhere right has an F1 of 1, as there.

    >>> right, wrong = Part(True, 1, 1), Part(False, 0, 1)
    >>> partial_accuracies([{"where": right}, {"where": wrong}])["where"]
    Accuracy(accuracy=1.0, recall=0.5, f1=0.6666666666666666)
    """
    by_part: dict[str, list[Part]] = {}
    for pair in pairs:
        for name, part in pair.items():
            by_part.setdefault(name, []).append(part)
    return {name: _accuracy(several) for name, several in by_part.items()}


def _accuracy(several: Sequence[Part]) -> Accuracy:
    predicted = [part.right for part in several if part.n_predicted]
    gold = [part.right for part in several if part.n_gold]
    accuracy = sum(predicted) / len(predicted) if predicted else 0.0
    recall = sum(gold) / len(gold) if gold else 0.0
    both = accuracy + recall
    return Accuracy(accuracy, recall, 2 * accuracy * recall / both if both else 1.0)


def _all_of(predicted: Sequence[Any], gold: Sequence[Any]) -> Part:
    """Compare two collections, whatever their order."""
    right = len(predicted) == len(gold)
    if right:
        left = list(gold)
        for one in predicted:
            if one not in left:
                right = False
                break
            left.remove(one)
    return Part(right, len(predicted), len(gold))


def _all_or_none(predicted: Sequence[Any], gold: Sequence[Any], same: bool) -> Part:
    n_predicted, n_gold = int(bool(predicted)), int(bool(gold))
    return Part(n_predicted == n_gold and (same or not n_gold), n_predicted, n_gold)


def _without_tables(columns: Sequence[str]) -> list[str]:
    return [column.split(".")[1] if "." in column else column for column in columns]


def _joined_alike(predicted: Query, gold: Query) -> Part:
    """Compare which of AND and OR there are; where they differ the script takes each one's number for the other's."""
    words, gold_words = ({*query.where[1::2]} for query in (predicted, gold))
    for word in words | gold_words:
        if isinstance(word, Condition) and (isinstance(word.value, Query) or isinstance(word.value2, Query)):
            raise Stops("AND or OR is missing before a condition with a query in it")
    return Part(True, 1, 1) if words == gold_words else Part(False, len(gold_words), len(words))


def _set_operations(predicted: Query, gold: Query) -> Part:
    n_predicted = n_gold = n_right = 0
    for one, other in (
        (predicted.intersect, gold.intersect),
        (predicted.except_, gold.except_),
        (predicted.union, gold.union),
    ):
        n_predicted += one is not None
        n_gold += other is not None
        if one is not None and other is not None:
            n_right += is_exact(compare(one, other), one, other)
    return Part(n_predicted == n_gold == n_right, n_predicted, n_gold)


def _keywords(query: Query) -> set[str]:
    several = (query.on, query.where, query.having)
    conditions = [c for found in several for c in found[::2] if isinstance(c, Condition)]
    operators = {c.operator for c in conditions}
    told = {
        "where": query.where, "group": query.group, "having": query.having, "order": query.order,
        "limit": query.limit is not None, "except": query.except_, "union": query.union, "intersect": query.intersect,
        "or": any("or" in found[1::2] for found in several),
        "not": any(c.negated for c in conditions),
        "in": OPERATORS.index("in") in operators,
        "like": OPERATORS.index("like") in operators,
    }  # fmt: skip
    return {word for word, there in told.items() if there} | ({query.order[0]} if query.order else set())
