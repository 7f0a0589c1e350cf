"""The same method asked with several seeds, each in a run folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from spider_opt.errors import UsageError
from spider_opt.evaluation.folders import Out
from spider_opt.runs import Run
from spider_opt.runs.info import FILE
from spider_opt.wording import argument


class Asks(Protocol):
    """Makes a run with a seed: ``evaluate``, all else given."""

    def __call__(self, *, seed: int, out: Out) -> Run:
        """Answer and score, or go on where that was stopped."""


def with_seeds(ask: Asks, n: int, *, seed: int = 0, out: Out = None) -> list[Run]:
    """Return ``n`` runs, with ``seed``, ``seed`` + 1, and so on: in the folders ``seed-0``, … of ``out``.

    Or where a function that is ``out`` says. Those that are finished are read, not asked again.

    Raises:
        UsageError: fewer than two seeds tell nothing of the spread, or the folder is a run's own.
    """
    if n < 2:
        raise UsageError(f"{argument('repeat')} takes at least 2 seeds to show how they differ")
    if isinstance(out, str | Path) and (Path(out) / FILE).exists():
        raise UsageError(f"{out} is the folder of one run, and each seed has a folder of its own: name another one")

    def folder(of: int) -> Out:
        return Path(out) / f"seed-{of}" if isinstance(out, str | Path) else out

    return [ask(seed=of, out=folder(of)) for of in range(seed, seed + n)]
