"""How sure an answer is, by what a run kept of it and nothing of gold."""

from __future__ import annotations

from math import exp
from typing import Literal

from spider_opt.answering.candidates import DRAWN_ALIKE, own
from spider_opt.answering.choosing import RAN
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.types import Outcome, Prediction

Signal = Literal["votes", "logprob", "attempts"]
SIGNALS: dict[Signal, str] = {
    "votes": "the share of the samples that have the answer's result",
    "logprob": "the mean probability of the answer's tokens",
    "attempts": "1 / how many queries were tried until one ran",
}
"""What an answer's confidence can be, by name; the first that a run has is taken."""
DID_NOT_RUN = frozenset(Outcome) - {Outcome.CORRECT, Outcome.WRONG_ROWS}
"""What comes of running it shows by itself that such an answer is none."""
HOW_TO_HAVE_ONE = "ask with votes (vote:n=8+…), or with logprobs from a server that gives log probabilities"
NO_SIGNAL = f"its answers came without any; {HOW_TO_HAVE_ONE}"
_TRIED = ("first-valid", "retry")


def signals_of(run: Run) -> list[Signal]:
    """Return what a run can be sure by: what most of its answers have."""
    answers = [answer.prediction for answer, _ in run.judged]
    return [name for name in SIGNALS if 2 * sum(sureness(one, name) is not None for one in answers) > len(answers)]


def check_signal(run: Run, signal: str | None) -> Signal:
    """Return the signal that is asked for, or the first that there is.

    Raises:
        UsageError: the run has none, or not that one.
    """
    there = signals_of(run)
    if signal is None and there:
        return there[0]
    for name in there:
        if name == signal:
            return name
    has = f"it has {', '.join(there)}; {HOW_TO_HAVE_ONE}" if there else NO_SIGNAL
    raise UsageError(f"{run.where} does not say how sure its answers are{f' by {signal}' if signal else ''}: {has}")


def sureness(prediction: Prediction, signal: Signal) -> float | None:
    """Return how sure an answer is, from 0 to 1; None where nothing tells.

    >>> from spider_opt.types import Candidate
    >>> one, two = Candidate("vote", "a", "", "rows", "x", n=3), Candidate("vote", "b", "", "rows", "y")
    >>> sureness(Prediction("a", candidates=(one, two)), "votes"), sureness(Prediction("a"), "votes")
    (0.75, None)
    >>> sureness(Prediction("a", trace=({"step": "vote", "n": 5, "groups": [4, 1]},)), "votes")
    0.8
    """
    if signal == "logprob":
        return None if prediction.logprob is None else exp(min(0.0, prediction.logprob))
    return _votes(prediction) if signal == "votes" else _attempts(prediction)


def _votes(prediction: Prediction) -> float | None:
    several = [candidate for candidate in own(prediction.candidates) if candidate.step in DRAWN_ALIKE]
    if several:
        chosen = next((one for one in several if one.sql == prediction.sql), None)
        if chosen is None or chosen.outcome not in RAN:
            return 0.0
        alike = sum(one.n for one in several if one.outcome in RAN and one.digest == chosen.digest)
        return alike / sum(one.n for one in several)
    for step in reversed(prediction.trace):  # of before candidates were kept: the largest group's is the answer
        groups, n = step.get("groups"), step.get("n")
        if step.get("step") in DRAWN_ALIKE and isinstance(groups, list) and isinstance(n, int) and n > 0:
            return groups[0] / n if groups else 0.0
    return None


def _attempts(prediction: Prediction) -> float | None:
    for step in reversed(prediction.trace):
        outcomes = step.get("outcomes")
        if step.get("step") in _TRIED and isinstance(outcomes, list) and outcomes:
            return 1 / len(outcomes) if outcomes[-1] in RAN else 0.0
    return None
