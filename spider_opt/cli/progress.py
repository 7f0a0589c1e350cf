"""Progress on stderr, with the time left: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 30.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call once for each of ``total`` pieces of work done."""
    shown = _bar(label, total) if sys.stderr.isatty() else lines(label, total)
    with shown as advance:
        yield advance


@contextmanager
def _bar(label: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def lines(label: str, total: int) -> Iterator[Callable[[], None]]:
    """As ``progress``, in lines of text: also where a bar stands already."""
    start = last = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left_s = (now - start) / done * (total - done)
            print(f"{label}: {done}/{total}, about {left_s / 60:.0f} min left", file=sys.stderr, flush=True)

    yield advance
