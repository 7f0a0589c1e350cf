"""Progress of long work, told to whom it may concern: by default nobody, else on stderr with the time left.

On a terminal that is a bar, in a log a line now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from spider_opt import arguments

Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Opens a display for (label, pieces of work in all) and gives what to call for each that was done."""
LINE_EVERY_S = 30.0
_DUE = "a context manager of a function to call for each piece of work that is done"
BURST_S = 1.0
"""What is done within this time came together, as answers that were computed side by side do."""


def display(wanted: bool | Progress | None) -> Progress:
    """Return the display that is wanted: True is the one on stderr, False and None are none.

    Raises:
        UsageError: it is none of these.
    """
    if wanted is None or isinstance(wanted, bool):
        return progress if wanted else silent
    if not callable(wanted):
        raise arguments.wrong(wanted, "progress", "True, False, or a function of (label, pieces of work) to show it")
    opens = arguments.function(wanted, "progress", "label, pieces of work")

    @contextmanager
    def opened(label: str, total: int) -> Iterator[Callable[[], None]]:
        shown = opens(label, total)
        if not isinstance(shown, AbstractContextManager):
            raise arguments.gave(shown, "progress", _DUE)
        with shown as advance:
            if not callable(advance):
                raise arguments.gave(advance, "progress", _DUE)
            yield advance

    return opened


def silent(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show no progress."""
    return nullcontext(lambda: None)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call once for each of ``total`` pieces of work done."""
    shown = _bar(label, total) if sys.stderr.isatty() else lines(label, total)
    with shown as advance:
        yield advance


def time_left(seconds: float) -> str:
    """Return how long something still takes, in words.

    >>> time_left(150), time_left(29), time_left(-1)
    ('about 2 min left', 'less than a minute left', 'less than a minute left')
    """
    return f"about {seconds / 60:.0f} min left" if seconds >= 60 else "less than a minute left"


@contextmanager
def _bar(label: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Over a short time the speed would be that of one burst, or 0.
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=3600) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def lines(label: str, total: int) -> Iterator[Callable[[], None]]:
    """As ``progress``, in lines of text: also where a bar stands already."""
    start = told = burst = time.monotonic()
    done = before = 0  # before: what was done up to the burst before this one, and when that came
    before_s = 0.0

    def advance() -> None:
        nonlocal done, told, burst, before, before_s
        now = time.monotonic()
        if now - burst >= BURST_S:
            before, before_s = done, burst - start
            burst = now
        done += 1
        if now - told >= LINE_EVERY_S:
            told = now
            # How much of this burst is still to come is not known, so the speed is that of the bursts before.
            left_s = before_s / before * (total - before) - (now - start - before_s) if before else None
            left = "" if left_s is None else f", {time_left(left_s)}"
            print(f"{label}: {done}/{total}{left}", file=sys.stderr, flush=True)

    yield advance
