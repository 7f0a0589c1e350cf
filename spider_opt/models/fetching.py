"""Weights where they are needed: those that are missing are fetched, which takes long enough to be shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spider_opt.models import weights


def fetched(name: str, on_progress: weights.Progress | None = None) -> Path:
    """Return the path of some weights, after fetching them where they are missing.

    That is shown by a bar on stderr, or told to ``on_progress`` alone (bytes had, bytes in all).

    Raises:
        UsageError: there are no weights of that name.
        WeightsError: they cannot be had.
    """
    path = weights.find(name)
    if path is not None:
        return path
    if on_progress is not None:
        return weights.fetch(name, progress=on_progress)
    with bytes_bar(f"Fetching {name}") as progress:
        return weights.fetch(name, progress=progress)


@contextmanager
def bytes_bar(what: str) -> Iterator[weights.Progress]:
    """Show bytes, speed and time left on stderr; yield the function that moves the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
