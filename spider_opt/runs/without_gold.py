"""Questions that count nowhere, since there is no gold that runs: n is smaller for them, which is always said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from spider_opt.scoring.report import NO_GOLD
from spider_opt.wording import counted, to_python

if TYPE_CHECKING:
    from spider_opt.runs.run import Run

N_NAMED = 5


def described(failed_golds: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield a sentence for each reason why questions count nowhere, with their indices; of (index, reason)."""
    found: dict[str, list[int]] = {}
    for index, why in failed_golds:
        found.setdefault(why, []).append(index)
    for why, indices in found.items():
        if why == NO_GOLD:
            have = counted(len(indices), "question has", "questions have")
            yield f"{have} no gold query: asked, not scored"
        else:
            several = f"s {', '.join(map(str, indices))}" if len(indices) > 1 else f" {indices[0]}"
            yield f"question{several} left out: {why}"


def in_counts(failed_golds: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield at most two sentences on questions that count nowhere, of (index, reason): how many, and why the most.

    >>> list(in_counts([(0, "it fails"), (3, "it fails"), (4, "it takes too long"), (5, NO_GOLD)]))
    ['1 question has no gold query: asked, not scored', '3 questions left out for 2 reasons, 2 of them: it fails']
    """
    reasons = Counter(why for _, why in failed_golds)
    if without := reasons.pop(NO_GOLD, 0):
        yield from described([(0, NO_GOLD)] * without)
    if reasons:
        [(why, most)] = reasons.most_common(1)
        several = f" for {len(reasons)} reasons, {most} of them" if len(reasons) > 1 else ""
        yield f"{counted(reasons.total(), 'question')} left out{several}: {why}"


def warn_of(run: Run, tell: Callable[[str], None]) -> None:
    """Say it to who calls from Python: a command shows it with the scores."""
    if to_python():
        for sentence in described(run.failed_golds):
            tell(f"{run.where}: {sentence}; n={run.n}")


def lost(run: Run) -> str:
    """Return one sentence on the questions of a run whose gold queries fail, by id; empty where none does."""
    failed = {index for index, why in run.failed_golds if why != NO_GOLD}
    if not failed:
        return ""
    ids = [answer.id for answer in run.answers if answer.index in failed]
    named = ", ".join(ids[:N_NAMED]) + (f" and {len(ids) - N_NAMED} more" if len(ids) > N_NAMED else "")
    many = counted(len(failed), "question counts nowhere, since its gold query fails",
                   "questions count nowhere, since their gold queries fail")  # fmt: skip
    return f"{run.where}: {many} ({named}); n={run.n}"


def in_short(run: Run) -> Iterator[str]:
    """Yield a few words for each kind of them."""
    none = sum(why == NO_GOLD for _, why in run.failed_golds)
    if failed := len(run.failed_golds) - none:
        yield f"{failed:,} left out, whose gold {'query fails' if failed == 1 else 'queries fail'}"
    if none:
        yield f"{none:,} without a gold query not scored"
