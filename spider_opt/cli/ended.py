"""Signals that end a process, taken as an interrupt: what was done is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Ended(KeyboardInterrupt):
    """A signal that ends the process, where Ctrl-C would raise an interrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Until the end of the block, SIGTERM and a lost terminal's SIGHUP interrupt; SIGINT too where it was ignored.

    Shells have it ignored in what they start in the background of a script (``nohup … &``). A SIGHUP that is ignored,
    as by nohup, stays so. The first ends it: others are ignored while what was done is kept.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    before: dict[int, Any] = {}

    def end(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        raise Ended(number)

    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is None:
            continue
        handler = signal.getsignal(number)
        ours = handler in (signal.SIG_IGN, signal.default_int_handler) if name == "SIGINT" else True
        if ours and not (handler is signal.SIG_IGN and name == "SIGHUP"):
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def how_ended(error: KeyboardInterrupt) -> tuple[str, int]:
    """Return what to say of an interrupt, and the exit code.

    >>> how_ended(KeyboardInterrupt()), how_ended(Ended(signal.SIGTERM))
    (('Interrupted', 130), ('Ended by SIGTERM', 143))
    """
    if not isinstance(error, Ended) or error.number == signal.SIGINT:
        return "Interrupted", 130
    return f"Ended by {signal.Signals(error.number).name}", 128 + error.number
