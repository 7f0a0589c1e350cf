"""When a run stops for want of answers, what may be given up, and how that is counted."""

from __future__ import annotations

import pytest

from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer, RunError
from spider_opt.runs.unanswered import MOST_ALIKE, MOST_SLOW, Unanswered, check_answered

FILTERED, FAULT = NoAnswer.FILTERED, NoAnswer.FAULT


def noting(unanswered: Unanswered, *errors: ModelError | None) -> int:
    """Note errors, and None for an answer; return how many were noted before it stopped."""
    for i, error in enumerate(errors):
        try:
            unanswered.answered() if error is None else unanswered.note(f"q{i}", error)
        except ModelUnavailable:
            return i + 1
    return 0


def test_ten_alike_in_a_row_are_enough() -> None:
    alike = [ModelError(f"m at http://127.0.0.1:80{i} answered 400: request req_{i}7 is bad") for i in range(12)]
    assert noting(Unanswered(), *alike) == MOST_ALIKE
    assert noting(Unanswered(), *alike[:9], None, *alike[:9]) == 0
    assert noting(Unanswered(), *alike[:9], ModelError("another"), *alike[:9]) == 0
    assert noting(Unanswered(), *alike[:9], ModelError(str(alike[0]), FILTERED), *alike[:9]) == 0
    unanswered = Unanswered()
    assert noting(unanswered, *alike[:9]) == 0
    with pytest.raises(
        ModelUnavailable, match=r"10 questions in a row got no answer for the same reason.*is bad; what"
    ):
        unanswered.note("tenth", alike[9])


def test_each_wait_for_nothing_is_long_so_three_are_enough() -> None:
    assert noting(Unanswered(), *[ModelError("no answer within 300 s", NoAnswer.TIMEOUT)] * 5) == MOST_SLOW


def test_more_than_may_be_given_up_ends_it_at_once() -> None:
    refused = [ModelError("filtered", FILTERED)] * 20
    assert noting(Unanswered(give_up=19), *refused) == 20
    assert noting(Unanswered(give_up=20), *refused) == 0
    assert noting(Unanswered(give_up=20, given_up=5), *refused) == 16
    unanswered = Unanswered(give_up=1)
    unanswered.note("a", ModelError("x", FILTERED))
    with pytest.raises(ModelUnavailable, match=r"2 questions are refused for good, more than the 1 that may be"):
        unanswered.note("b", ModelError("x", NoAnswer.TOO_LONG))


def test_faults_are_never_given_up() -> None:
    unanswered = Unanswered(give_up=9)
    unanswered.note("a", ModelError("x", FILTERED))
    unanswered.note("b", ModelError("gone", FAULT))
    assert unanswered.to_give_up([]) == []
    assert set(unanswered.errors) == {"a", "b"}


def test_what_is_unanswered_is_counted_by_kind() -> None:
    errors = {"a": ModelError("one."), "b": ModelError("two", FILTERED), "c": ModelError("three", FILTERED)}
    said = r"3 questions have no answer \(1 server_fault, 2 filtered, a: one\); the run .* again, and give_up=2 fin"
    with pytest.raises(RunError, match=said) as caught:
        check_answered(errors)
    assert caught.value.__cause__ is errors["a"]
    with pytest.raises(RunError, match=r"1 question has no answer \(a: one\); .* asks again$"):
        check_answered({"a": errors["a"]})
    with pytest.raises(RunError, match=r"1 question has no answer \(1 filtered, b: two\)"):
        check_answered({"b": errors["b"]})
    check_answered({})
