from __future__ import annotations

from fractions import Fraction

import pytest

from spider_opt.answering.candidates import own
from spider_opt.answering.choosing import WAYS, chosen
from spider_opt.types import Candidate


def had(digest: str | None, n: int = 1, logprob: float | None = None, order: str = "") -> Candidate:
    """A candidate whose result has this content: '' an empty one, None one that failed."""
    outcome = "query_error" if digest is None else "rows" if digest else "empty"
    return Candidate("vote", f"SELECT {digest}", "", outcome, digest or "", order, n, logprob)


Row = tuple[str, list[Candidate], dict[str, int]]
ROWS: list[Row] = [
    ("one", [had("a")], dict.fromkeys(WAYS, 0)),
    ("nothing runs", [had(None), had(None, 3)], dict.fromkeys(WAYS, 0)),
    (
        "the first fails",
        [had(None, 3), had("a"), had("b", 2)],
        {"first": 0, "first-valid": 1, "first-nonempty": 1, "vote": 2, "vote-nonempty": 2, "vote-nonzero": 2},
    ),
    (
        "most are empty",
        [had("", 3), had("0", 2), had("a")],
        {"first": 0, "first-valid": 0, "first-nonempty": 1, "vote": 0, "vote-nonempty": 1, "vote-nonzero": 2},
    ),
    ("zeros are all there is", [had(""), had("0"), had("0", 2, order="x")], {"vote": 2, "vote-nonzero": 2}),
    ("zeros stand before nothing", [had("", 3), had("0"), had(None)], {"vote": 0, "vote-nonzero": 1}),
    ("empty is all there is", [had(None, 4), had("", 2)], {"vote": 1, "vote-nonempty": 1, "vote-nonzero": 1}),
    (
        "log probabilities",
        [had(None, 2, -0.01), had("a", 3, -2.0), had("b", 2, -0.5), had("a", 1, -0.6)],
        {"vote": 1, "likeliest": 2, "vote-likelihood": 2},
    ),
    ("likely ones are many", [had("a", 3, -0.7), had("b", 1, -0.1)], {"likeliest": 1, "vote-likelihood": 0}),
    ("of equal ones the earlier", [had("a", 2, -0.5), had("b", 2, -0.5)], dict.fromkeys(WAYS, 0)),
    ("what is not known is least", [had("a", 3), had("b", 1, -9.0)], {"likeliest": 1, "vote-likelihood": 1, "vote": 0}),
]


@pytest.mark.parametrize(("candidates", "due"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_ways(candidates: list[Candidate], due: dict[str, int]) -> None:
    assert {way: chosen(candidates, way, zeros={"0"}) for way in due} == due


def test_votes_can_be_given() -> None:
    ours, theirs = [had("a", 5), had("b", 3)], [had("b", 1)]
    assert chosen([*ours, *theirs]) == 0
    by_run = [Fraction(5, 8), Fraction(3, 8), Fraction(1)]
    assert chosen([*ours, *theirs], votes=by_run) == 1
    assert chosen([had("a", 1), had("b", 1)], votes=[Fraction(1, 3) * 3, 1]) == 0  # equal, not nearly


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([], []),
        ([("hyde", "", "not_run")], []),
        ([("vote", "", "rows"), ("vote", "", "empty")], [0, 1]),
        ([("retry", "0", "rows"), ("retry", "1", "rows"), ("vote", "", "rows"), ("hyde", "", "not_run")], [2]),
        ([("first-valid", "0", "rows"), ("retry", "0.1", "empty"), ("retry", "", "rows")], [2]),
        ([("mine", "", "rows"), ("vote", "", "rows")], [1]),
    ],
)
def test_whom_an_answer_was_chosen_from(steps: list[tuple[str, str, str]], kept: list[int]) -> None:
    candidates = [Candidate(step, f"SELECT {i}", "", o, sample=s) for i, (step, s, o) in enumerate(steps)]
    assert own(candidates) == tuple(candidates[i] for i in kept)
