"""Folds of training questions: who answers a question has not learnt from its database, nor from one with its rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from spider_opt.benchmarks.validation import SHARE
from spider_opt.errors import UsageError
from spider_opt.training.dataset import Item


def folds(items: Sequence[Item], alike: Iterable[frozenset[str]], n: int = 2) -> list[list[Item]]:
    """Return the items in ``n`` folds of nearly as many, each in their order; a database is in one of them.

    ``alike`` are groups of databases with equal contents (``benchmarks.equal_contents``), which stay together. The same
    items always give the same folds.

    Raises:
        UsageError: there are fewer such groups than folds.
    """
    group_of = {db_id: group for group in alike for db_id in group}
    sizes = Counter(min(group_of.get(item.question.db_id, {item.question.db_id})) for item in items)
    if len(sizes) < n:
        raise UsageError(
            f"{n} folds need training questions over at least {n} databases with different contents; there "
            f"{'is' if len(sizes) == 1 else 'are'} {len(sizes)}"
        )
    totals = [0] * n
    fold_of: dict[str, int] = {}
    for name, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        fold_of[name] = totals.index(min(totals))
        totals[fold_of[name]] += size
    found: list[list[Item]] = [[] for _ in range(n)]
    for item in items:
        db_id = item.question.db_id
        found[fold_of[min(group_of.get(db_id, {db_id}))]].append(item)
    return found


def hold_out(
    items: Sequence[Item], alike: Iterable[frozenset[str]], share: float = SHARE
) -> tuple[list[Item], list[Item]]:
    """Return the items to learn, and those of databases to compare by: by a hash of names, at least this share.

    It is for training questions of whose databases none is held out (see ``benchmarks.validation``). What has equal
    contents stays together; where everything has, nothing is held out.
    """
    group_of = {db_id: group for group in alike for db_id in group}
    names = [min(group_of.get(item.question.db_id, {item.question.db_id})) for item in items]
    sizes = Counter(names)
    out: set[str] = set()
    for name in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        if sum(sizes[one] for one in out) >= share * len(items) or len(out) + 1 == len(sizes):
            break
        out.add(name)
    pairs = list(zip(items, names, strict=True))
    return [item for item, name in pairs if name not in out], [item for item, name in pairs if name in out]
