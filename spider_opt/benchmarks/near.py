"""Questions that are nearly one: asked twice in other words, or with the same query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from spider_opt.benchmarks.questions import normal_text
from spider_opt.sql.normal import normalized

ALIKE = 0.8
"""The share of two questions' words, of all that either has, from which on they are nearly one."""
AT_MOST = 2000
"""Of more questions on one database only those with all the same words are found."""


def near_duplicates(questions: Sequence[tuple[str, str, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield (earlier, later, why) for pairs of (db_id, question, query) that are nearly one, each pair once.

    Why is ``words``: those of the two are nearly the same; or ``query``: the same query under other words.

    >>> list(near_duplicates([("shop", "How many items?", ""), ("shop", "How many  items", ""), ("zoo", "How?", "")]))
    [(0, 1, 'words')]
    """
    of: dict[str, list[int]] = {}
    for i, (db_id, _, _) in enumerate(questions):
        of.setdefault(db_id, []).append(i)
    for numbers in of.values():
        words = {i: frozenset(normal_text(questions[i][1]).split()) for i in numbers}
        queries = {i: normalized(questions[i][2]) if questions[i][2] else "" for i in numbers}
        for i, j in combinations(numbers, 2):
            if words[i] == words[j] or (len(numbers) <= AT_MOST and alike(words[i], words[j])):
                yield i, j, "words"
            elif queries[i] and queries[i] == queries[j]:
                yield i, j, "query"


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two questions, by their words, are nearly one."""
    n = len(one & other)
    return n > 0 and n >= ALIKE * (len(one) + len(other) - n)
