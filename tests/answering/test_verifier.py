"""A judge that says yes or no."""

from __future__ import annotations

import math

import pytest
from fake_model import FakeModel

from spider_opt.answering.disagreement import Group
from spider_opt.answering.verifier import Verifier
from spider_opt.errors import ModelError
from spider_opt.types import Completion, Question, Request, Schema

QUESTION = Question("q", "How many?", Schema("db", (), ()))
GROUP = Group(0, "SELECT\n  1", 2, ("n",), ((1,), (None,), (b"\x01",)), 1234)


@pytest.mark.parametrize(
    ("word", "logprob", "chance"),
    [("yes", math.log(0.7), 0.7), ("no", math.log(0.7), 0.3), (" Yes", 0.0, 1.0), ("no", 1e-9, 0.0)],
)
def test_the_number_is_the_probability_of_yes(word: str, logprob: float, chance: float) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> list[Completion]:
        asked.append(request)
        return [Completion(word, logprob=logprob)]

    assert Verifier(FakeModel(answer))(QUESTION, "CREATE TABLE t (a)", GROUP) == pytest.approx(chance)
    [request] = asked
    assert request.max_tokens == 1
    assert request.temperature == 0
    assert request.text.endswith(
        "CREATE TABLE t (a)\nQuestion: How many?\nQuery: SELECT 1\nIt gives 1,234 rows: n\n1\nNULL\nx'01'"
    )


def test_a_query_that_fails_is_shown_with_what_failed() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> list[Completion]:
        asked.append(request)
        return [Completion("no", logprob=-0.1)]

    Verifier(FakeModel(answer))(QUESTION, "", Group(0, "SELECT x", 1, failed="no such\ncolumn: x"))
    assert asked[0].text.endswith("Query: SELECT x\nIt fails: no such column: x")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Completion("maybe", logprob=-0.1), "said 'maybe' where a judge says yes or no"),
        (Completion("yes"), "does not tell how probable its words are"),
    ],
)
def test_what_is_no_verdict_is_an_error(said: Completion, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        Verifier(FakeModel(lambda request: [said]))(QUESTION, "", GROUP)
