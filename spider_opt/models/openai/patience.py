"""Asks a server again that is busy, gone or broken: when, how often, and that this is seen as it happens."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TypeVar

from spider_opt.errors import ModelUnavailable
from spider_opt.models.openai.refusals import Passing

MOST_WAIT_S = 600.0
"""A server that wants to be left alone for longer ends the run."""
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 8.0
MOST_SLOW = 1
"""How often a request is sent again that got no answer in its time: each costs that time."""
SHOWN_AGAIN_S = 3.0
_LOG = logging.getLogger("spider_opt")
_DIGITS = re.compile(r"[\d.]+")
T = TypeVar("T")


class Patience:
    """What all requests to one server have in common: how long it wants to be left alone, and what was shown of that.

    ``max_retries`` is how often a request is sent again. Threads may share it.
    """

    def __init__(self, max_retries: int) -> None:
        self._max_retries = max_retries
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._shown: dict[str, float] = {}
        self._closed = threading.Event()
        self._exhausted = False

    def ask(self, once: Callable[[], T]) -> T:
        """Return what a call gives, made again while it fails in a way that passes.

        Raises:
            ModelError: the last failure, or one that does not pass.
            ModelUnavailable: the server wants to be left alone for longer than anybody waits.
        """
        for attempt in count():
            self._hold()
            try:
                given = once()
            except Passing as error:
                failed = error
            else:
                self._exhausted = False
                return given
            if attempt >= self._most(failed.slow):
                self._exhausted = True
                raise failed
            self._wait(failed, attempt)
        raise AssertionError("it is asked until it is answered, or given up")

    def close(self) -> None:
        """Let nobody wait any longer; who does is told so."""
        closed, self._closed = self._closed, threading.Event()
        closed.set()

    def tell(self, text: str) -> None:
        """Show a sentence on what happens now, unless one that is alike but for its numbers was just shown."""
        alike, now = _DIGITS.sub("#", text), time.monotonic()
        with self._lock:
            if now - self._shown.get(alike, -SHOWN_AGAIN_S) < SHOWN_AGAIN_S:
                return
            self._shown[alike] = now
        _LOG.warning("%s", text)

    def _most(self, slow: bool) -> int:
        """Return how often to ask again; hardly, where another request was asked often and nothing came since."""
        return min(self._max_retries, (0 if self._exhausted else MOST_SLOW) if slow else 1 if self._exhausted else 99)

    def _wait(self, failed: Passing, attempt: int) -> None:
        said = str(failed).rstrip(".")
        if failed.after_s is not None and failed.after_s > MOST_WAIT_S:
            when = datetime.now(UTC).astimezone() + timedelta(seconds=failed.after_s)
            raise ModelUnavailable(
                f"{said}; it wants no request for {spell(failed.after_s)}, until {when:%Y-%m-%d %H:%M}: "
                "type the same command again then, what was answered is kept"
            )
        wait_s = failed.after_s or min(LAST_WAIT_S, FIRST_WAIT_S * 2**attempt) * random.uniform(0.75, 1.0)
        self.tell(f"{said}; asked again in {spell(wait_s)} ({attempt + 1} of {self._most(failed.slow)})")
        if failed.after_s:
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + wait_s)
        else:
            self._sleep(wait_s)

    def _hold(self) -> None:
        """Wait until the server may be asked; what it told one request holds for all."""
        while (left := self._not_before - time.monotonic()) > 0:
            self._sleep(left)

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise ModelUnavailable("The model was closed while it was waited for.")


def after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which a server wants to be left alone, None where it says none.

    >>> after_s({"retry-after": "20"}), after_s({"retry-after-ms": "20", "retry-after": "9"}), after_s({})
    (20.0, 0.02, None)
    >>> after_s({"retry-after": "soon"}), after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    (None, None)
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", said):
            return float(said) * unit or None
    try:
        when = parsedate_to_datetime(headers["retry-after"])
        left = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return left if left > 0 else None


def spell(seconds: float) -> str:
    """Return a time in words.

    >>> spell(0.42), spell(30), spell(90), spell(3 * 3600), spell(86400 * 2)
    ('0.4 s', '30 s', '90 s', '3 hours', '2 days')
    """
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1g} s"
