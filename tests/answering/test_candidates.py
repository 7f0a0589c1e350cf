from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.answering.candidates import told
from spider_opt.answering.choosing import chosen
from spider_opt.answering.outcomes import Tried
from spider_opt.types import Candidate, Outcome, Prediction

# A sample: its query, the content and the order of its result (None where it fails), its log probability.
Sample = tuple[str, tuple[str, str] | None, float | None]


def ran(sql: str, digest: str, order: str = "", n: int = 1, logprob: float | None = None) -> Candidate:
    return Candidate("vote", sql, sql, "rows" if digest else "empty", digest, order, n, logprob)


def of(samples: list[Sample]) -> tuple[Candidate, ...]:
    tries = [
        Tried(Outcome.QUERY_ERROR) if result is None else Tried("rows" if result[0] else "empty", "", *result)
        for _, result, _ in samples
    ]
    return told("vote", [Prediction(sql, logprob=logprob) for sql, _, logprob in samples], tries)


def by_hand(samples: list[Sample], nonempty: bool) -> int:
    """Vote sample by sample, as the docstring of the step says it."""
    groups: dict[str, list[int]] = {}
    for i, (_, result, _) in enumerate(samples):
        if result is not None:
            groups.setdefault(result[0], []).append(i)
    counting = [group for content, group in groups.items() if content or not nonempty] or list(groups.values())
    if not counting:
        return 0

    def probability(group: list[int]) -> float:
        known = [said for i in group if (said := samples[i][2]) is not None]
        return fmean(known) if known else -inf

    largest = max(counting, key=lambda group: (len(group), probability(group)))
    orders = [str(samples[i][1]) for i in largest]
    [(usual, _)] = Counter(orders).most_common(1)
    return largest[orders.index(usual)]


RESULTS = st.sampled_from([None, ("", ""), ("a", ""), ("a", "x"), ("a", "y"), ("b", "")])
# One query has one result.
SAMPLES = st.dictionaries(st.text("QR", max_size=2), RESULTS, min_size=1).flatmap(
    lambda known: st.lists(
        st.builds(
            lambda sql, logprob: (sql, known[sql], logprob),
            st.sampled_from(sorted(known)),
            st.sampled_from([None, -0.5, -0.25]),
        ),
        min_size=1,
        max_size=12,
    )
)


@given(SAMPLES, st.booleans())
def test_the_vote_of_the_candidates_is_that_of_the_samples(samples: list[Sample], nonempty: bool) -> None:
    candidates = of(samples)
    assert sum(candidate.n for candidate in candidates) == len(samples)
    assert len({replace(candidate, n=1) for candidate in candidates}) == len(candidates)
    sql, _, logprob = samples[by_hand(samples, nonempty)]
    one = candidates[chosen(candidates, "vote-nonempty" if nonempty else "vote")]
    assert (one.sql, one.logprob) == (sql, logprob)


@pytest.mark.parametrize(
    ("candidates", "nonempty", "number"),
    [
        ([ran("a", "A", n=2), ran("b", "B"), ran("c", "B"), ran("d", "B")], False, 1),
        ([ran("a", "A", n=2), ran("b", "B", n=2)], False, 0),
        ([ran("a", "A", n=2, logprob=-2.0), ran("b", "B", n=2, logprob=-1.0)], False, 1),
        ([ran("a", "A", logprob=-2.0), ran("b", "B", logprob=None)], False, 0),
        ([ran("a", "A", "up"), ran("b", "A", "down", n=2)], False, 1),
        ([ran("a", "", n=3), ran("b", "B")], False, 0),
        ([ran("a", "", n=3), ran("b", "B")], True, 1),
        ([ran("a", "", n=3)], True, 0),
        ([Candidate("vote", "a", "a", "timeout", n=9), ran("b", "B")], False, 1),
        ([Candidate("vote", "a", "a", "timeout"), Candidate("vote", "b", "b", "query_error", n=2)], False, 0),
    ],
)
def test_votes(candidates: list[Candidate], nonempty: bool, number: int) -> None:
    assert chosen(candidates, "vote-nonempty" if nonempty else "vote") == number


def test_what_is_said_otherwise_is_another_candidate() -> None:
    samples = [Prediction("SELECT 1", text=text) for text in ("SELECT 1", "SELECT 1;", "SELECT 1")]
    found = told("retry", samples, [Tried("rows", "", "ab" * 32, "cd" * 32)] * 3)
    assert [(c.step, c.text, c.n, c.digest, c.order) for c in found] == [
        ("retry", "SELECT 1", 2, "ab" * 8, "cd" * 8), ("retry", "SELECT 1;", 1, "ab" * 8, "cd" * 8)
    ]  # fmt: skip
