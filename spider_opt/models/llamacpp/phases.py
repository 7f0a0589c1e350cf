"""Who may ask llama.cpp when: prompts are computed one at a time, answers side by side, and never both at once.

A prompt beside an answer would be computed in other batches than alone, and its numbers differ then in their last
digits. So who has computed a prompt waits with its answer until nobody waits with a prompt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spider_opt.errors import ModelError


class Phases:
    """The turns of many threads, and ``n_slots`` slots that they hold meanwhile."""

    def __init__(self, n_slots: int) -> None:
        self._changed = threading.Condition()
        self._free = set(range(n_slots))
        self._n_slots = n_slots
        self._wants_all = 0
        self._n_asking = 0
        self._alone = False
        self._n_waiting = 0
        self._n_beside = 0
        self._closed = False
        self._each_s = 0.0
        self._since = 0.0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Be one who must have ended before the server may.

        Raises:
            ModelError: this was closed.
        """
        with self._changed:
            self._check_open()
            self._n_asking += 1
        with self._given_back(self._asked):
            yield

    def close(self, patience_s: float) -> None:
        """Let nobody begin, and wait so long for those who ask."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._n_asking, timeout=patience_s)

    @contextmanager
    def slot(self, best: Callable[[frozenset[int]], int]) -> Iterator[int]:
        """Wait for a slot and hold it: of those that are free the one that ``best`` says.

        Raises:
            ModelError: this was closed meanwhile.
        """
        with self._changed:
            self._wait(lambda: bool(self._free) and not self._wants_all)
            slot = best(frozenset(self._free))
            self._free.remove(slot)
        with self._given_back(lambda: self._free.add(slot)):
            yield slot

    @contextmanager
    def all_slots(self) -> Iterator[None]:
        """Wait until nobody holds a slot, and hold all.

        Raises:
            ModelError: this was closed meanwhile.
        """
        with self._changed:
            self._wants_all += 1
            try:
                self._wait(lambda: len(self._free) == self._n_slots)
                self._free.clear()
            finally:
                self._wants_all -= 1
                self._changed.notify_all()
        with self._given_back(lambda: self._free.update(range(self._n_slots))):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the server alone, as for a prompt.

        Raises:
            ModelError: this was closed meanwhile.
        """
        with self._changed:
            self._n_waiting += 1
            try:
                self._wait(lambda: not self._alone and not self._n_beside)
                self._alone = True
            finally:
                self._n_waiting -= 1
                self._changed.notify_all()
        with self._given_back(self._not_alone):
            yield

    @contextmanager
    def beside(self) -> Iterator[Callable[[], float]]:
        """Have the server with others, as for an answer; what is given says afterwards one's share of the seconds.

        Raises:
            ModelError: this was closed meanwhile.
        """
        with self._changed:
            self._wait(lambda: not self._alone and not self._n_waiting)
            self._count(1)
            began = self._each_s
        share = 0.0
        try:
            yield lambda: share
        finally:
            with self._changed:
                self._count(-1)
                share = self._each_s - began
                self._changed.notify_all()

    @contextmanager
    def _given_back(self, give: Callable[[], None]) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                give()
                self._changed.notify_all()

    def _asked(self) -> None:
        self._n_asking -= 1

    def _not_alone(self) -> None:
        self._alone = False

    def _count(self, more: int) -> None:
        now = time.perf_counter()
        if self._n_beside:
            self._each_s += (now - self._since) / self._n_beside
        self._since = now
        self._n_beside += more

    def _wait(self, ready: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or ready())
        self._check_open()

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError("the model was closed")
