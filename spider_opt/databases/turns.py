"""How many databases a process has open, and a turn alone for a query that memory did not suffice for.

SQLite's heap is one for the process, and so is its cap: caches of other databases, and queries that run beside, take
their share of it. So no more than ``MAX_OPEN`` databases stay open, those that were used last, and a query is said to
need too much memory only where it had all of it: nothing else open, nothing else at work.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

MAX_OPEN = 64
"""More than a test suite has for one database: each pair of queries asks all of these in turn."""


class Opens(Protocol):
    """What has a file open, if it was used."""

    lock: threading.Lock
    """Held by whoever uses it."""

    def shut(self) -> None:
        """Close the file, if it is open; the next use opens it again."""


class Turns:
    """Many may use what they have open at the same time, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: WeakValueDictionary[int, Opens] = WeakValueDictionary()  # the last was used last
        self._at_work = 0
        self._one_alone = False

    @contextmanager
    def beside_others(self, one: Opens) -> Iterator[None]:
        """Use ``one``, whose lock is held; what was not used for longest is closed where that makes too many."""
        with self._changed:
            while self._one_alone:
                self._changed.wait()
            self._at_work += 1
        try:
            with self._changed:
                self._open.pop(id(one), None)
                self._open[id(one)] = one
                if len(self._open) > MAX_OPEN:
                    self._close_oldest()
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, one: Opens) -> Iterator[None]:
        """Use ``one``, whose lock is held, when nobody else is at work; everything that is open is closed."""
        with self._changed:
            while self._one_alone:
                self._changed.wait()
            self._one_alone = True
        try:  # an interrupt may come while it waits
            with self._changed:
                while self._at_work:
                    self._changed.wait()
                for other in list(self._open.values()):
                    other.shut()  # whoever has its lock waits for a turn
                self._open.clear()
                self._open[id(one)] = one
            yield
        finally:
            with self._changed:
                self._one_alone = False
                self._changed.notify_all()

    def _close_oldest(self) -> None:
        for key, other in list(self._open.items()):
            if len(self._open) <= MAX_OPEN:
                return
            if other.lock.acquire(blocking=False):
                try:
                    other.shut()
                finally:
                    other.lock.release()
                del self._open[key]


TURNS = Turns()
