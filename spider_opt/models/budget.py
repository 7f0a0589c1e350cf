"""What may be spent: each request has the most that it may cost set aside before it is sent, so that none is exceeded.

What a request took is known when its answer is there. Until then, and where nobody says it (no usage in the reply, no
reply, a process that was killed), its maximum counts. It is written down before the request is sent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from math import inf, isfinite
from typing import Any

from spider_opt.errors import BudgetSpent, UsageError
from spider_opt.prices import Price
from spider_opt.types import Request, Usage
from spider_opt.wording import counted

_ONE = re.compile(r"\$?\s*(\d+(?:[._]?\d+)*)\s*(k|m|g)?\s*-?\s*([a-z$]*)", re.IGNORECASE)
_TIMES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_SECONDS = {"s": 1, "sec": 1, "seconds": 1, "min": 60, "minutes": 60, "h": 3600, "hours": 3600}
EXAMPLES = "5usd, 2M-tokens or 30min"
PER_MESSAGE, PER_PROMPT = 16, 64  # tokens that a chat's form may add to its words
Note = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may take, None for no bound."""

    dollars: float | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        """Return it as it is typed.

        >>> str(budget(["5usd", "2M-tokens, 30min"]))
        '5usd, 2000000-tokens, 1800s'
        """
        said = [None if self.dollars is None else f"{self.dollars:g}usd"]
        said += [None if self.tokens is None else f"{self.tokens}-tokens"]
        said += [None if self.seconds is None else f"{self.seconds:g}s"]
        return ", ".join(filter(None, said))


def budget(given: Sequence[str]) -> Budget:
    """Return what amounts that somebody typed come to, each with its unit; several may stand in one, with commas.

    Raises:
        UsageError: one is none, or two have one unit.

    >>> budget(["5usd"]).dollars, budget(["2M-tokens"]).tokens, budget(["1.5h"]).seconds, budget(["$0.25"]).dollars
    (5.0, 2000000, 5400.0, 0.25)
    """
    found: dict[str, Any] = {}
    for text in (part.strip() for one in given for part in one.split(",")):
        name, value = _amount(text)
        if name in found:
            raise UsageError(f"the budget has two bounds of {name}: which of them is meant?")
        found[name] = value
    return Budget(**found)


def _amount(text: str) -> tuple[str, float]:
    wrong = UsageError(f"{text[:50]!r} is no budget: write an amount above 0 with its unit, such as {EXAMPLES}")
    if (matched := _ONE.fullmatch(text)) is None:
        raise wrong
    number, times, unit = matched[1].replace("_", ""), (matched[2] or "").lower(), matched[3].lower()
    if times == "m" and unit == "in":  # "30min"
        times, unit = "", "min"
    try:
        value = float(number)
    except ValueError:
        raise wrong from None
    if not 0 < value < inf:
        raise wrong
    if unit in ("usd", "dollars") or (text.startswith("$") and not unit):
        return "dollars", value * _TIMES[times]
    if unit in ("token", "tokens") and value * _TIMES[times] >= 1:
        return "tokens", int(value * _TIMES[times])
    if unit in _SECONDS and not times:
        return "seconds", value * _SECONDS[unit]
    raise wrong


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent so far. Of ``assumed`` requests nobody said what they took, and their maximum counts."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    seconds: float = 0.0
    assumed: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    @property
    def tokens(self) -> int:
        """Those of prompts and of answers."""
        return self.prompt_tokens + self.completion_tokens

    def to_json(self) -> dict[str, float]:
        """Return what is not 0."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name))}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Spent:
        """Read what ``to_json`` made.

        Raises:
            ValueError, TypeError: it is something else.
        """
        found = {f.name: said[f.name] for f in fields(cls) if f.name in said}
        for name, value in found.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
                raise ValueError(f"its {name} is {value!r}")
        return cls(**found)

    def __str__(self) -> str:
        """Return it in words.

        >>> str(Spent(3, 1000, 0, 50, 0.0125, 61.5, 1))
        '0.0125 USD, 1,050 tokens in 3 requests, 62 s; of 1 of them the most it may have cost, since nobody said it'
        """
        n = counted(self.calls, "request")
        said = f"{self.dollars:.4g} USD, {self.tokens:,} tokens in {n}, {self.seconds:,.0f} s"
        unsaid = f"; of {self.assumed:,} of them the most it may have cost, since nobody said it"
        return said + unsaid if self.assumed else said


class Account:
    """Sets aside what requests may cost, and counts what they did; threads may share it.

    ``before`` was spent in earlier processes. ``note`` is called with each entry before it counts: what is held
    ("hold") and what came of it ("paid"); of nothing ("before"), where the first answer is from the cache. The clock
    runs from the first look at it. ``price`` None is for a model whose price is not known, and no dollars are bounded.
    """

    def __init__(
        self, bounds: Budget, price: Price | None, before: Spent = Spent(), note: Note = lambda entry: None,
        *, session: str = "", now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.budget = bounds
        self._price = price
        self._before, self._paid, self._held = before, Spent(), Spent()
        self._note, self._session, self._now = note, session, now
        self._changed = threading.Condition()
        self._began: float | None = None
        self._number = 0
        self._slowest_s = 0.0
        self._ratios = {"prompt": 1.0, "completion": 1.0}
        self._over, self._told = "", False

    def begun(self) -> None:
        """Note that somebody counts, where nothing was spent yet: what is answered from a cache costs nothing."""
        with self._changed:
            if not self._told:
                self._note({"before": {}})
            self._told = True

    @property
    def spent(self) -> Spent:
        """What was spent, in earlier processes too; what is in flight counts in full."""
        with self._changed:
            return self._before + self._paid + self._held + Spent(seconds=self._elapsed())

    @property
    def left_s(self) -> float:
        """The seconds that are left, infinite where time is not bounded."""
        if self.budget.seconds is None:
            return inf
        with self._changed:
            return self.budget.seconds - self._before.seconds - self._elapsed()

    @contextmanager
    def request(self, prompt_tokens: int, completion_tokens: int) -> Iterator[Hold]:
        """Set aside the most that a request may take, as long as the block lasts; what is told by then counts.

        Where it does not fit beside what others have set aside, it waits for those.

        Raises:
            BudgetSpent: it does not fit.
        """
        hold = self._take(prompt_tokens, completion_tokens)
        try:
            yield hold
        finally:
            self._settle(hold)

    def _take(self, prompt: int, completion: int) -> Hold:
        with self._changed:
            while True:
                elapsed = self._elapsed()  # begins the clock
                prompt_most = int(prompt * self._ratios["prompt"]) + 1
                completion_most = int(completion * self._ratios["completion"]) + 1
                most = Spent(1, prompt_most, 0, completion_most, self._dollars_most(prompt_most, completion_most))
                if self._over:
                    raise BudgetSpent(self._over)
                if not (short := self._short_of(most, elapsed)):
                    break
                if not self._held.calls or short == "time":
                    self._over = f"there is no room in the budget ({self.budget}) for another request, by {short}"
                    self._changed.notify_all()
                    raise BudgetSpent(self._over)
                self._changed.wait()
            self._number += 1
            hold = Hold(f"{self._session}{self._number}", most, prompt, completion, self._now())
            self._told = True
            self._note({"hold": hold.name, **most.to_json(), "s": round(elapsed, 3)})
            self._held = self._held + most
            return hold

    def _short_of(self, most: Spent, elapsed: float) -> str:
        """Return what there is not enough of for so much more, '' where it fits."""
        bounds, then = self.budget, self._before + self._paid + self._held + most
        if bounds.dollars is not None and then.dollars > bounds.dollars:
            return "dollars"
        if bounds.tokens is not None and then.tokens > bounds.tokens:
            return "tokens"
        if bounds.seconds is not None and self._before.seconds + elapsed + self._slowest_s > bounds.seconds:
            return "time"
        return ""

    def _settle(self, hold: Hold) -> None:
        with self._changed:
            took = hold.took
            elapsed = self._elapsed()
            if took is None:
                paid = replace(hold.most, assumed=1)
            else:
                paid = Spent(
                    int(hold.sent), took.prompt_tokens, took.cached_tokens, took.completion_tokens,
                    took.dollars or (self._price.dollars(took) if self._price else 0.0),
                )  # fmt: skip
                self._learn("prompt", took.prompt_tokens, hold.prompt)
                self._learn("completion", took.completion_tokens, hold.completion)
                self._slowest_s = max(self._slowest_s, self._now() - hold.began if hold.sent else 0.0)
            self._held, self._paid = self._held - hold.most, self._paid + paid
            self._changed.notify_all()
            self._note({"paid": hold.name, **paid.to_json(), "s": round(elapsed, 3)})

    def _learn(self, part: str, took: int, thought: int) -> None:
        """Take more for possible where a server counts more than was thought to be the most."""
        if took > thought * self._ratios[part]:
            self._ratios[part] = took / max(1, thought)

    def _dollars_most(self, prompt: int, completion: int) -> float:
        if self._price is None:
            return 0.0
        return (prompt * self._price.most_input + completion * self._price.output) / 1e6

    def _elapsed(self) -> float:
        if self._began is None:
            self._began = self._now()
        return self._now() - self._began


class Hold:
    """What is set aside for one request that is about to be sent."""

    def __init__(self, name: str, most: Spent, prompt: int, completion: int, began: float) -> None:
        self.name, self.most, self.prompt, self.completion, self.began = name, most, prompt, completion, began
        self.took: Usage | None = None
        self.sent = True

    def told(self, usage: Usage) -> None:
        """Count what a server says; where it does not say it, the maximum stays."""
        self.took = None if usage.untold else usage

    def unbilled(self) -> None:
        """Count nothing: it was refused, or never got there."""
        self.took, self.sent = Usage(), False


def most_prompt_tokens(texts: Sequence[str]) -> int:
    """Return the most tokens that messages may have: tokens of text are at least a byte each, and a chat's form some.

    >>> most_prompt_tokens(["SELECT", "ü"])
    104
    """
    return sum(len(text.encode(errors="surrogatepass")) + PER_MESSAGE for text in texts) + PER_PROMPT


def most_of(request: Request) -> tuple[int, int]:
    """Return the most tokens of a request's prompt and of its answers."""
    texts = [request.messages] if isinstance(request.messages, str) else [m.content for m in request.messages]
    return most_prompt_tokens(texts), request.max_tokens * request.n
