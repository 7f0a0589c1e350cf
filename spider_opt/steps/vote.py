"""Vote: sample several answers, run each, and take the one whose result comes most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from heapq import nlargest
from math import inf
from statistics import fmean
from typing import ClassVar

from spider_opt.answering.outcomes import EMPTY, digests
from spider_opt.answering.samples import Sampling
from spider_opt.errors import QueryError
from spider_opt.types import Database, Generator, Prediction, Stage, Task, Tools, Usage

_Group = list[tuple[int, str]]
"""The numbers of the samples that have one result, each with the digest of its order."""


@dataclass(frozen=True, slots=True)
class Vote(Sampling):
    """Sample n answers, drop those that fail, group the rest by result, answer with the largest group's first.

    Within that group, which has one content, the answer is the first that has the most frequent order. Of groups
    equally large the one with the higher mean log probability counts, then the earlier one. Sampling ends early where
    the rest cannot change the answer; where nothing runs, the first answer stands.

    Source: Wang et al. 2022 (self-consistency); Shi et al. 2022 (MBR-exec: by result); DAIL-SQL (Gao et al. 2023).

    Options:
        n: samples.
        temperature: they are drawn at.
        greedy: the first sample is the answer that there would be without this step.
        chunk: samples asked for in one request, none for all: fewer can save some, more are faster each.
        nonempty: empty results count only where there are no others.
    """

    stage: ClassVar[Stage] = Stage.REFINE
    rank: ClassVar[int] = -1

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that asks ``inner`` up to n times."""

        def generate(task: Task) -> Prediction:
            run = cache(lambda sql: _table(tools.databases[task.question.db_id], sql))
            samples: list[Prediction] = []
            groups: dict[str, _Group] = {}
            for i, sample in enumerate(self.draw(inner, task)):
                samples.append(sample)
                table = run(sample.sql)
                if table is not None:
                    content, order = table
                    groups.setdefault(content, []).append((i, order))
                if _settled(self._counting(groups), self.n - len(samples)):
                    break
            chosen = _chosen(self._counting(groups) or list(groups.values()), samples)
            sizes = sorted(map(len, groups.values()), reverse=True)
            failed = len(samples) - sum(sizes)
            trace = {"step": "vote", "n": len(samples), "groups": sizes, "failed": failed, "chosen": chosen}
            usage = sum((sample.usage for sample in samples), Usage())
            return replace(samples[chosen], usage=usage, trace=(*samples[chosen].trace, trace))

        return generate

    def _counting(self, groups: Mapping[str, _Group]) -> list[_Group]:
        return [group for content, group in groups.items() if content != EMPTY or not self.nonempty]


def _table(database: Database, sql: str) -> tuple[str, str] | None:
    """Return a result's digests, for results themselves may be large; None where the query fails."""
    try:
        return digests(database.run(sql), sql) if sql else None
    except QueryError:
        return None


def _settled(groups: Sequence[_Group], left: int) -> bool:
    """Tell whether no further samples, so many, can change what is chosen."""
    return _lead(map(len, groups)) > left and _lead(Counter(o for _, o in max(groups, key=len)).values()) > left


def _lead(sizes: Iterable[int]) -> int:
    first, second = nlargest(2, [*sizes, 0, 0])
    return first - second


def _chosen(groups: Sequence[_Group], samples: Sequence[Prediction]) -> int:
    """Return the number of the sample that answers."""
    if not groups:
        return 0

    def probability(group: _Group) -> float:
        known = [logprob for i, _ in group if (logprob := samples[i].logprob) is not None]
        return fmean(known) if known else -inf

    largest = max(groups, key=lambda group: (len(group), probability(group)))  # the first of several
    [(usual, _)] = Counter(order for _, order in largest).most_common(1)
    return next(i for i, order in largest if order == usual)
