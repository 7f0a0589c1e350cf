"""Of many instances the few that do most."""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.suites.search import Instance

DEPTH = 4
"""So many instances are wanted to kill each mutant: what a model gets wrong is like a mutant, and not the same."""


def chosen(instances: Sequence[Instance], most: int) -> list[Instance]:
    """Return at most so many instances, chosen greedily: each kills most of what was not yet killed often enough.

    First every mutant is killed once, as far as ``most`` allows; then those are added that kill most a second time, and
    so on, ``DEPTH`` times; then those that kill most at all. Of equal ones the first is taken.
    """
    left = list(range(len(instances)))
    taken: list[int] = []
    known = 0
    for instance in instances:
        known |= instance.killed
    killed_at_least = [known] + [0] * DEPTH  # by at least i of those taken; 0 has all that can be killed
    depth = 1
    while left and len(taken) < most:
        wanted = known & ~killed_at_least[depth] if depth <= DEPTH else known
        best = max(left, key=lambda i: ((instances[i].killed & wanted).bit_count(), -i))
        if depth <= DEPTH and not instances[best].killed & wanted:
            depth += 1
            continue
        left.remove(best)
        taken.append(best)
        killed = instances[best].killed
        for level in range(DEPTH, 0, -1):
            killed_at_least[level] |= killed & killed_at_least[level - 1]
    return [instances[i] for i in taken]
