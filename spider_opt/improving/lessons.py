"""What answers to training questions teach: which to learn again, and right queries that are written otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spider_opt.improving.review import Label
from spider_opt.runs import Answer
from spider_opt.training.dataset import Item
from spider_opt.training.otherwise import candidates_of, otherwise
from spider_opt.training.spelling import spelled

AGREED, AT_LEAST = 0.75, 3
"""From which share of the samples on, and how many, one wrong result makes the gold query suspected."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is learnt in a round, and of how many questions: ``suspects`` are those whose gold query may be wrong.

    Those that people labelled are counted as such, whether they failed or not.
    """

    items: tuple[Item, ...]
    n_asked: int
    n_failed: int
    n_otherwise: int
    n_labelled: int
    suspects: tuple[Mapping[str, Any], ...]


def labelled(items: Sequence[Item], labels: Mapping[str, Label]) -> list[Item]:
    """Return the items as people corrected them: with their queries, and without those that are to go."""
    found = []
    for item in items:
        label = labels.get(item.question.id)
        if label is None:
            found.append(item)
        elif label.sql is not None:
            found.append(replace(item, sql=spelled(label.sql, item.question.schema) or label.sql))
    return found


def lessons(
    items: Sequence[Item],
    answers: Mapping[str, Answer],
    may_be_learnt: Callable[[str, str], bool],
    failed: frozenset[str],
    labels: Mapping[str, Label],
) -> Lessons:
    """Return what is learnt of the ``items`` that were asked: all of them, those that ``failed`` twice.

    ``answers`` are by question id, ``may_be_learnt`` tells of (question id, query) whether that has the gold's result
    and is kept for no scoring. The most frequent such query that is written otherwise than the gold one is learnt
    beside it. Where a person gave the query (see ``labelled``) that counts in place of all this, and is learnt twice.
    """
    learnt: list[Item] = []
    suspects: list[Mapping[str, Any]] = []
    n_otherwise = n_labelled = 0
    for item in items:
        id = item.question.id
        if id in labels:
            n_labelled += 1
            learnt += [item, item]
            continue
        learnt += [item] * (2 if id in failed else 1)
        if id not in answers:
            continue
        if (other := otherwise(item, candidates_of(answers[id]), may_be_learnt)) is not None:
            n_otherwise += 1
            learnt.append(other)
        if id in failed and (suspect := _suspect(item, answers[id])):
            suspects.append(suspect)
    n_failed = len(failed - labels.keys())  # what was wrong by a gold that a person corrected is not known
    return Lessons(tuple(learnt), len(items), n_failed, n_otherwise, n_labelled, tuple(suspects))


def _suspect(item: Item, answer: Answer) -> Mapping[str, Any] | None:
    """Return what a person should look at where nearly all samples agree on rows that the gold query does not give."""
    votes = [candidate for candidate in answer.prediction.candidates if candidate.step == "vote"]
    n = sum(candidate.n for candidate in votes)
    same = Counter[str]()
    for candidate in votes:
        if candidate.outcome == "rows":
            same[candidate.digest] += candidate.n
    if not same or (most := max(same.values())) < max(AT_LEAST, AGREED * n):
        return None
    said = answer.prediction.sql
    return {
        "id": item.question.id,
        "db_id": item.question.db_id,
        "question": item.question.text,
        "gold": item.sql,
        "answered": said,
        "agreed": f"{most} of {n}",
        "sql": "",
        "drop": False,
    }
