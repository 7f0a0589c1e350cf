"""What a run's answers cost: dollars, tokens, calls and seconds, of a question and of one that is answered rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spider_opt.prices import HERE, Price, Prices
from spider_opt.prices import prices as read_prices
from spider_opt.runs.info import RunInfo
from spider_opt.types import Usage

if TYPE_CHECKING:
    from pathlib import Path

    from spider_opt.runs.run import Run

AMOUNTS = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "dollars")
Amounts = dict[str, float | None]
"""A number for each of ``AMOUNTS``, None where it is not known."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the answers to ``n`` questions cost, of which ``correct`` are right.

    ``usage`` is all that the answers took, in every layer of the method, as if nothing had been kept from before: an
    answer from the cache counts with what it cost when it was had. ``dollars`` are None where they are not known, and
    ``unknown`` then says why. ``price`` is that of the model.
    """

    n: int
    correct: int
    usage: Usage
    price: Price | None
    dollars: float | None
    unknown: str = ""

    @property
    def total(self) -> Amounts:
        """All of it; tokens are None where a server did not tell all of them."""
        said: Amounts = {name: getattr(self.usage, name) for name in AMOUNTS[:-1]}
        if self.usage.untold:
            said |= dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"))
        return said | {"dollars": self.dollars}

    @property
    def per_question(self) -> Amounts:
        """The mean of a question; None where there is none."""
        return self._per(self.n)

    @property
    def per_correct(self) -> Amounts:
        """All of it, also of wrong answers, for each that is right; None where none is."""
        return self._per(self.correct)

    def _per(self, count: int) -> Amounts:
        return {name: None if value is None or not count else value / count for name, value in self.total.items()}

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-able, rounded to what is read."""
        parts = {"total": self.total, "per_question": self.per_question, "per_correct": self.per_correct}
        told: dict[str, Any] = {"n": self.n, "correct": self.correct}
        for part, amounts in parts.items():
            told[part] = {name: value if value is None else _rounded(value) for name, value in amounts.items()}
        told["price"] = self.price.to_json() if self.price else None
        return told | ({"unknown": self.unknown} if self.unknown else {})

    def __repr__(self) -> str:
        spent = "dollars unknown" if self.dollars is None else f"{self.dollars:.4g} USD"
        return f"<Costs of {self.n} questions: {self.usage.calls:,} calls, {spent}>"


def costs(run: Run | Path | str, *, prices: str | Path | None = None) -> Costs:
    """Return what a run's answers cost: the questions that count, in all layers of the method.

    Dollars are tokens times the price of the model: one that is given here by ``prices`` (a file), else the one that
    was noted with the run, else what the file that ``SPIDER_OPT_PRICES`` names, or ours, says now. What is computed on
    this machine costs none, and a model that says itself what it cost (``Usage.dollars``) is believed. What finds
    training examples (the embedder) and tuning are not in it.

    Raises:
        UsageError: the file of prices cannot be read, or the run is neither a run nor a folder.
        RunError: the folder holds no finished run.
    """
    from spider_opt import arguments
    from spider_opt.runs.run import Run as RunHere

    known = None if prices is None else read_prices(arguments.path(prices, "prices"))
    read = run if isinstance(run, RunHere) else RunHere.read(arguments.path(run, "run"))
    usages = [answer.prediction.usage for answer, _ in read.judged]
    return costs_of(usages, read.info, sum(scored.correct for scored in read.verdicts), price_for(read.info, known))


def costs_of(usages: Sequence[Usage], info: RunInfo, correct: int, price: Price | None) -> Costs:
    """Return what answers cost; ``info`` describes their run, and ``price`` is the model's where it is known."""
    usage = sum(usages, Usage())
    dollars, unknown = _dollars(usages, info, price)
    return Costs(len(usages), correct, usage, price, dollars, unknown)


def price_for(info: RunInfo, given: Prices | None = None) -> Price | None:
    """Return what the model of a run costs; see ``costs``.

    Raises:
        UsageError: the file of prices cannot be read.
    """
    if is_computed_here(info):
        return HERE
    if given is None and info.costs.get("price"):
        try:
            return Price.from_json(info.costs["price"])
        except (TypeError, ValueError, AttributeError):  # somebody has changed it
            pass
    return (given or read_prices()).find(info.model, info.endpoint) if info.model else None


def is_computed_here(info: RunInfo) -> bool:
    """Tell whether a run's model was computed on its user's own machine: no endpoint, and its weights are known."""
    return not info.endpoint and bool(info.engine or info.computed_by or info.model_sha256)


def _dollars(usages: Sequence[Usage], info: RunInfo, price: Price | None) -> tuple[float | None, str]:
    """Return the dollars of answers, or why they are not known."""
    untold = [usage for usage in usages if not usage.dollars]
    calls = sum(usage.calls for usage in untold)
    if not calls and any(usage.seconds for usage in untold):  # of a function of one's own
        return None, f"{info.method} asks models of its own, if any, and what that costs is not seen"
    if price is None and calls:
        where = f" at {info.endpoint}" if info.endpoint else ""
        return None, f"the price of {info.model or 'its model'}{where} is not known"
    silent = sum(usage.untold for usage in untold)
    if silent and price is not None and not price.is_free:
        return None, f"{silent} of {calls} calls told no tokens"
    return sum(usage.dollars or (price.dollars(usage) if price else 0.0) for usage in usages), ""


def _rounded(value: float) -> float:
    return float(f"{value:.6g}") if isinstance(value, float) else value
