"""What a whole run will take, from a few of its questions: which ones, and how far off that may be.

Prompts differ by database more than by question, and the first question of a database costs more than those behind it
wherever a server keeps the beginnings of prompts. So of each database the first question is asked, and some of the
others; of many databases some are drawn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

from spider_opt.scoring.statistics import student
from spider_opt.types import Example

PER_DATABASE = 3
LEAST = 24


@dataclass(frozen=True, slots=True)
class Guess:
    """A total with its 95 % interval; the bounds are the value itself where all is known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Part:
    """The questions of one database in the order in which they are asked, how large its schema is, and those drawn."""

    ids: tuple[str, ...]
    size: int
    drawn: frozenset[str]


Asked = tuple[str, str, int]
"""A question: its database, its id, and how large that database's schema is."""


def to_ask(examples: Sequence[Example]) -> list[Asked]:
    """Return the questions as they are drawn from, in order."""
    sizes: dict[str, int] = {}
    for schema in {example.question.db_id: example.question.schema for example in examples}.values():
        sizes[schema.db_id] = sum(len(t.name) + sum(len(c.name) + 8 for c in t.columns) for t in schema.tables)
    return [(ex.question.db_id, ex.question.id, sizes[ex.question.db_id]) for ex in examples]


def usual_number(questions: Sequence[Asked]) -> int:
    """Return how many questions to ask: three of each database, at least 24, of many databases as many as of 20."""
    databases = len({db_id for db_id, _, _ in questions})
    return min(len(questions), max(LEAST, PER_DATABASE * min(databases, 20)))


def parts(questions: Sequence[Asked], n: int, seed: int) -> list[Part]:
    """Return all databases with those of their questions that are drawn, about ``n`` in all, the same by seed.

    The first question of each database that is drawn is among them, and another where there is one. Where ``n`` is too
    small for two of each, that many databases are drawn, by their number of questions. What a smaller even ``n`` draws
    a larger even one draws, too.
    """
    ids: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for db_id, name, size in questions:
        ids.setdefault(db_id, []).append(name)
        sizes[db_id] = size
    chance = random.Random(f"dry run {seed}")
    few = max(1, n // 2)
    asked = set(ids)
    if len(ids) > few:
        by_number = sorted(ids, key=lambda db_id: -math.log(1 - chance.random()) / len(ids[db_id]))
        asked = set(by_number[:few])
    taken = {db_id: 1 for db_id in ids if db_id in asked}
    left = n - len(taken)
    while left > 0:  # one more where the most questions stand behind one that is drawn, at least one behind the first
        able = [db_id for db_id in taken if taken[db_id] < len(ids[db_id])]
        if not able:
            break
        db_id = max(able, key=lambda name: (taken[name] == 1, (len(ids[name]) - 1) / taken[name]))
        taken[db_id] += 1
        left -= 1
    drawn: dict[str, list[str]] = {db_id: [] for db_id in ids}
    for db_id, number in taken.items():
        first, *others = ids[db_id]
        order = random.Random(f"dry run {seed} {db_id}").sample(others, len(others))
        drawn[db_id] = [first, *order[: number - 1]]
    return [Part(tuple(several), sizes[db_id], frozenset(drawn[db_id])) for db_id, several in ids.items()]


def total(found: Sequence[Part], took: Mapping[str, float]) -> Guess:
    """Return what all questions will take together, from what those took that were asked, by id.

    The first of a database stands for itself, the mean of the others for the rest of it; where a database was not
    drawn, both follow its schema's size on a line through those that were. The interval is by Student's t, with the
    spread of questions within a database and, where some were not drawn, between databases.

    >>> total([Part(("a", "b", "c"), 9, frozenset("abc"))], {"a": 5.0, "b": 1.0, "c": 1.5})
    Guess(value=7.5, low=7.5, high=7.5)
    """
    asked = [part for part in found if part.drawn]
    value, variance = 0.0, 0.0
    rests = {part: [took[name] for name in part.ids[1:] if name in part.drawn] for part in asked}
    squares = sum(sum((one - fmean(rest)) ** 2 for one in rest) for rest in rests.values() if rest)
    free = sum(len(rest) - 1 for rest in rests.values() if rest)
    within = squares / free if free > 0 else math.nan
    for part, rest in rests.items():
        value += took[part.ids[0]] + (len(part.ids) - 1) * (fmean(rest) if rest else 0.0)
        behind = len(part.ids) - 1
        if rest and len(rest) < behind:
            variance += behind**2 * within / len(rest) * (1 - len(rest) / behind)
    others = [part for part in found if not part.drawn]
    if others:
        each = [(part.size, _all(part, took, rests[part]) / len(part.ids)) for part in asked]
        guessed, spread = _line(each)
        lacking = sum(len(part.ids) for part in others)
        value += sum(len(part.ids) * guessed(part.size) for part in others)
        variance += spread**2 * (sum(len(part.ids) ** 2 for part in others) + lacking**2 / len(each))
        free = max(1, len(each) - 2) if not free or free > len(each) else free
    if variance == 0:
        return Guess(value, value, value)
    if not variance > 0 or free < 1:  # one of each says nothing of how they differ
        return Guess(value, 0.0, math.inf)
    far = student(free, 0.975) * math.sqrt(variance)
    return Guess(value, max(0.0, value - far), value + far)


def _all(part: Part, took: Mapping[str, float], rest: Sequence[float]) -> float:
    return took[part.ids[0]] + (len(part.ids) - 1) * (fmean(rest) if rest else took[part.ids[0]])


def _line(points: Sequence[tuple[int, float]]) -> tuple[Callable[[int], float], float]:
    sizes = {size for size, _ in points}
    mean = fmean(value for _, value in points)
    if len(points) < 3 or len(sizes) < 2:
        return lambda size: mean, _spread([value - mean for _, value in points], 1)
    slope, intercept = linear_regression(*zip(*points, strict=True))
    return (
        lambda size: max(0.0, intercept + slope * size),
        _spread([value - intercept - slope * size for size, value in points], 2),
    )


def _spread(rests: Sequence[float], taken: int) -> float:
    return math.sqrt(sum(one * one for one in rests) / (len(rests) - taken)) if len(rests) > taken else math.nan
