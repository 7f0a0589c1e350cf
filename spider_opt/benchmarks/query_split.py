"""Halves of one's own questions that share databases and no query: what is learnt of the one is no answer to the other.

A query split, as Finegan-Dollak et al. 2018 (arXiv:1806.09029) call it: questions whose gold queries are the same but
for their values stand on one side, and with them those in nearly the same words. It measures what examples of a
database bring for other queries on it, and says nothing of databases that were never seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from spider_opt.benchmarks.near import near_duplicates
from spider_opt.benchmarks.questions import normal_text
from spider_opt.sql.normal import without_values


@dataclass(frozen=True, slots=True)
class Sided:
    """A question to be put on a side: its database, words and gold queries; whether it may be learnt from."""

    db_id: str
    question: str
    golds: tuple[str, ...]
    can_be_learnt: bool = True


def to_learn(questions: Sequence[Sided]) -> list[bool]:
    """Return which questions are learnt from: of each database about half, none too near to one that is asked.

    The same questions are always parted alike, whatever their order.
    """
    groups = _together(questions)
    by_database: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_database[min(questions[i].db_id for i in group)].append(group)
    learnt = [False] * len(questions)
    for parts in by_database.values():
        enough = sum(map(len, parts)) / 2
        n = 0
        for group in sorted(parts, key=lambda group: (-len(group), _key(questions[i] for i in group))):
            if n + len(group) <= enough and all(questions[i].can_be_learnt for i in group):
                n += len(group)
                for i in group:
                    learnt[i] = True
    return learnt


def _together(questions: Sequence[Sided]) -> list[list[int]]:
    """Return the numbers of questions that must stand on one side, each once."""
    group_of = list(range(len(questions)))

    def first(i: int) -> int:
        while group_of[i] != i:
            group_of[i] = i = group_of[group_of[i]]
        return i

    def join(i: int, j: int) -> None:
        one, other = sorted((first(i), first(j)))
        group_of[other] = one

    seen: dict[Hashable, int] = {}
    for i, question in enumerate(questions):
        for key in (("words", normal_text(question.question)), *(("query", without_values(g)) for g in question.golds)):
            join(i, seen.setdefault(key, i))
    for i, j, _ in near_duplicates([(question.db_id, question.question, "") for question in questions]):
        join(i, j)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(questions)):
        groups[first(i)].append(i)
    return list(groups.values())


def _key(questions: Iterable[Sided]) -> str:
    """Return what decides between groups of one size: by chance, and always alike."""
    texts = sorted(f"{question.db_id}\0{normal_text(question.question)}" for question in questions)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
