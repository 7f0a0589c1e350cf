"""Ways of choosing among an answer's candidates: pure, so that they are measured again from a run without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import nlargest
from math import exp, inf
from statistics import fmean

from spider_opt.types import Candidate

RAN = ("rows", "empty")
Votes = Sequence[Fraction | float]


@dataclass(frozen=True, slots=True)
class Ballot:
    """Candidates, in the order in which they came, and the votes of each.

    ``zeros`` are digests of results that hold nothing but zeros and NULLs.
    """

    candidates: Sequence[Candidate]
    votes: Votes
    zeros: Collection[str] = ()

    @property
    def ran(self) -> list[int]:
        """The numbers of the candidates that gave a result."""
        return [i for i, candidate in enumerate(self.candidates) if candidate.outcome in RAN]

    @property
    def nonempty(self) -> list[int]:
        """The numbers of those that gave rows."""
        return [i for i, candidate in enumerate(self.candidates) if candidate.outcome == "rows"]

    @property
    def nonzero(self) -> list[int]:
        """The numbers of those that gave rows with more in them than zeros and NULLs."""
        return [i for i in self.nonempty if self.candidates[i].digest not in self.zeros]

    def groups(self, counting: Sequence[int]) -> list[list[int]]:
        """Return numbers by the content of their results, in the order in which the contents first came."""
        found: dict[str, list[int]] = {}
        for i in counting:
            found.setdefault(self.candidates[i].digest, []).append(i)
        return list(found.values())

    def size(self, group: Sequence[int]) -> Fraction | float:
        """Return the votes of a group."""
        return sum((self.votes[i] for i in group), Fraction(0))

    def logprob(self, i: int) -> float:
        """Return the mean log probability of a candidate's tokens, the least of all where it is not known."""
        said = self.candidates[i].logprob
        return -inf if said is None else said

    def likelihood(self, group: Sequence[int]) -> float:
        """Return the mean of a group's log probabilities, sample by sample, of those that are known."""
        found = [self.candidates[i] for i in group]
        known = [one.logprob for one in found if one.logprob is not None for _ in range(one.n)]
        return fmean(known) if known else -inf

    def usual(self, group: Sequence[int]) -> int:
        """Return the first of a group of one content that has the order which most of its votes have."""
        orders: dict[str, list[int]] = {}
        for i in group:
            orders.setdefault(self.candidates[i].order, []).append(i)
        return max(orders.values(), key=self.size)[0]

    def largest(self, counting: Sequence[int]) -> int:
        """Return whom the largest group answers with; of equal ones the likelier, then the earlier. 0 for none."""
        if not counting:
            return 0
        return self.usual(max(self.groups(counting), key=lambda group: (self.size(group), self.likelihood(group))))


@dataclass(frozen=True, slots=True)
class Way:
    """A way of choosing: what it does, and whether it wants log probabilities."""

    says: str
    choose: Callable[[Ballot], int]
    by_logprob: bool = False


def _first(ballot: Ballot, *tried: Sequence[int]) -> int:
    return next((numbers[0] for numbers in tried if numbers), 0)


def _likeliest(ballot: Ballot) -> int:
    return max(ballot.ran, key=ballot.logprob, default=0)


def _by_likelihood(ballot: Ballot) -> int:
    weights = [float(votes) * exp(ballot.logprob(i)) for i, votes in enumerate(ballot.votes)]
    return Ballot(ballot.candidates, weights, ballot.zeros).largest(ballot.ran)


WAYS = {
    "first": Way("the first, with greedy=yes what there would be without choosing", lambda ballot: 0),
    "first-valid": Way("the first that runs", lambda ballot: _first(ballot, ballot.ran)),
    "first-nonempty": Way(
        "the first that gives rows, else that runs", lambda ballot: _first(ballot, ballot.nonempty, ballot.ran)
    ),
    "vote": Way("the result that most of them have", lambda ballot: ballot.largest(ballot.ran)),
    "vote-nonempty": Way(
        "that vote, but for empty results, where others are left",
        lambda ballot: ballot.largest(ballot.nonempty or ballot.ran),
    ),
    "vote-nonzero": Way(
        "that vote, but for results that are empty or nothing but zeros and NULLs, where others are left",
        lambda ballot: ballot.largest(ballot.nonzero or ballot.nonempty or ballot.ran),
    ),
    "likeliest": Way(
        "the one that runs whose tokens have the highest mean log probability", _likeliest, by_logprob=True
    ),
    "vote-likelihood": Way(
        "a vote in which each counts by the mean probability of its tokens", _by_likelihood, by_logprob=True
    ),
}
"""The ways there are, by name."""


def chosen(
    candidates: Sequence[Candidate], way: str = "vote", *, votes: Votes | None = None, zeros: Collection[str] = ()
) -> int:
    """Return the number of the candidate that a way chooses, one of ``WAYS``.

    Each has as many ``votes`` as there are samples of it, where nobody says otherwise. Candidates that failed count
    nowhere; where nothing ran, the first stands. ``zeros`` are digests of results of nothing but zeros and NULLs.

    >>> one, two = Candidate("vote", "SELECT 1", "", "rows", "a"), Candidate("vote", "SELECT 2", "", "rows", "b", n=2)
    >>> chosen([one, two]), chosen([one, two], "first"), chosen([one, two], votes=[3, 2])
    (1, 0, 0)
    """
    counted: Votes = [Fraction(candidate.n) for candidate in candidates] if votes is None else votes
    return WAYS[way].choose(Ballot(candidates, counted, zeros))


def settled(groups: Sequence[Sequence[str]], left: int) -> bool:
    """Tell whether no further samples, so many, can change what a vote chooses.

    ``groups`` are the orders of the results so far, by content (``outcomes.orders``).

    >>> settled([["x", "x"]], 1), settled([["x", "x"]], 2), settled([["x", "", "x"], [""]], 1)
    (True, False, False)
    """
    if _lead(map(len, groups)) <= left:
        return False
    largest = max(groups, key=lambda group: len(group))
    return _lead(Counter(largest).values()) > left


def _lead(sizes: Iterable[int]) -> int:
    first, second = nlargest(2, [*sizes, 0, 0])
    return first - second
