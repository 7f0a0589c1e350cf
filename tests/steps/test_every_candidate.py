"""What a model said is among the candidates, whether the step that it was said to chose it or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest
from fake_model import FakeModel

from spider_opt.answering.candidates import own
from spider_opt.answering.choosing import chosen
from spider_opt.errors import QueryFailed
from spider_opt.methods import parse_method
from spider_opt.types import (
    Candidate,
    Column,
    Completion,
    Demo,
    Hardness,
    Likeness,
    Prediction,
    Question,
    Request,
    Result,
    Schema,
    Table,
    Task,
    Tools,
)

SHOP = Schema("shop", (Table("item", (Column("price", "REAL"),)),))


class Fussy:
    """Runs a query whose number is one of ``runs``, and no other."""

    def __init__(self, runs: Sequence[int]) -> None:
        self.runs = runs

    def run(self, sql: str) -> Result:
        number = int(sql.rpartition(" ")[2])
        if number not in self.runs:
            raise QueryFailed("no such column")
        return Result(("n",), [(number,)])


class Books:
    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        return []


def answered(method: str, runs: Sequence[int]) -> tuple[Prediction, int]:
    """Ask a model each of whose completions is a query of its own number; return the answer, and how many it gave."""
    numbers = count()

    def says(request: Request) -> list[Completion]:
        return [Completion(f"SELECT {next(numbers)}") for _ in range(request.n)]

    generator = parse_method(method).build(Tools({"shop": Fussy(runs)}, Books()))  # type: ignore[arg-type]
    return generator(Task(Question("q", "How many?", SHOP), FakeModel(says))), next(numbers)


@pytest.mark.parametrize(
    ("method", "runs"),
    [
        ("vote:n=4+retry:k=2", ()),
        ("vote:n=4+retry:k=2", (0, 1, 5, 6)),
        ("vote:n=3+first-valid:n=3", (2, 4)),
        ("vote:n=2+first-valid:n=2+retry:k=1", ()),
        ("first-valid:n=3+retry:k=1", (5,)),
        ("hyde:n=3+vote:n=2", (4,)),
        ("hyde+difficulty+retry:k=1", ()),
        ("difficulty+fewshot+vote:n=2", ()),
        ("vote:n=3", (1,)),
    ],
)
def test_each_completion_is_a_candidate(method: str, runs: Sequence[int]) -> None:
    prediction, n = answered(method, runs)
    assert n > 1
    assert {candidate.sql for candidate in prediction.candidates} == {f"SELECT {number}" for number in range(n)}


def test_candidates_say_which_sample_they_are_of() -> None:
    prediction, _ = answered("vote:n=2+retry:k=1", (1,))
    assert [(c.step, c.sql[7:], c.outcome, c.sample) for c in prediction.candidates] == [
        ("retry", "0", "query_error", "0"),
        ("retry", "1", "rows", "0"),
        ("retry", "2", "query_error", "1"),
        ("retry", "3", "query_error", "1"),
        ("vote", "1", "rows", ""),
        ("vote", "2", "query_error", ""),
    ]
    prediction, _ = answered("vote:n=2+first-valid:n=2+retry:k=1", ())
    samples = {c.step: [] for c in prediction.candidates}
    for candidate in prediction.candidates:
        samples[candidate.step].append(candidate.sample)
    assert set(samples["retry"]) == {"0.0", "0.1", "1.0", "1.1"}
    assert set(samples["first-valid"]) == {"0", "1"}
    assert set(samples["vote"]) == {""}


def test_drafts_are_candidates_that_were_not_run() -> None:
    prediction, _ = answered("hyde:n=2", ())
    assert prediction.candidates == tuple(Candidate("hyde", f"SELECT {i}", f"SELECT {i}", "not_run") for i in range(2))


@pytest.mark.parametrize("runs", [(), (1,), (2, 3), (0, 2), (5,), (3, 4, 6)])
@pytest.mark.parametrize(
    ("method", "way"),
    [
        ("vote:n=4", "vote"),
        ("vote:n=4,nonempty=yes", "vote-nonempty"),
        ("vote:n=3+retry:k=2", "vote"),
        ("hyde:n=2+vote:n=4,greedy=no", "vote"),
        ("vote:n=3+first-valid:n=2", "vote"),
        ("first-valid:n=4", "first-valid"),
        ("first-valid:n=4,nonempty=yes", "first-nonempty"),
        ("first-valid:n=2+retry:k=1", "first-valid"),
    ],
)
def test_what_is_kept_gives_the_same_answer_again(method: str, way: str, runs: Sequence[int]) -> None:
    prediction, _ = answered(method, runs)
    candidates = own(prediction.candidates)
    assert candidates[chosen(candidates, way)].sql == prediction.sql
