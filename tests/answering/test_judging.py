from __future__ import annotations

import pytest
from fake_model import COST, FakeModel

from spider_opt.answering import judging
from spider_opt.answering.disagreement import Group
from spider_opt.answering.judging import Metered, best, judge_named, scores
from spider_opt.errors import MethodError, UsageError
from spider_opt.types import Question, Request, Schema

QUESTION = Question("q", "How many?", Schema("shop", ()))
GROUPS = (Group(0, "SELECT 1", 3), Group(4, "SELECT 2", 1))


def test_without_a_judge_it_is_said_what_to_do() -> None:
    with pytest.raises(MethodError, match=r"no judge to select by: install a package .* or choose without one by vote"):
        judge_named("")


def test_judges_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(judging.JUDGES, "one", "fake_model:FakeModel")
    assert judge_named("") is judge_named("one")
    with pytest.raises(MethodError, match=r"no judge 'won' .*'one'"):
        judge_named("won")
    monkeypatch.setitem(judging.JUDGES, "two", "fake_model:FakeModel")
    with pytest.raises(MethodError, match="several judges, name one: judge=one, judge=two"):
        judge_named("")


@pytest.mark.parametrize("said", [0, 1, 0.25, 1.0])
def test_numbers_from_0_to_1_are_scores(said: float) -> None:
    assert scores(lambda question, schema, group: said, QUESTION, "", GROUPS) == [said, said]


@pytest.mark.parametrize("said", [-0.1, 1.1, float("nan"), float("inf"), True, None, "yes"])
def test_all_else_is_none(said: object) -> None:
    with pytest.raises(UsageError, match="a number from 0 to 1"):
        scores(lambda question, schema, group: said, QUESTION, "", GROUPS)  # type: ignore[arg-type,return-value]


def test_of_equal_ones_it_is_whom_a_vote_takes() -> None:
    assert best(GROUPS, [0.2, 0.6]) == 0
    for groups in (GROUPS, GROUPS[::-1]):
        assert best(groups, [0.0, 0.0]) == 0
        assert best(groups, [0.5, 0.5], by_votes=False) == 0
    few = (Group(1, "SELECT 1", 2, likelihood=-0.5), Group(2, "SELECT 2", 2, likelihood=-0.25), Group(3, "SELECT 3", 1))
    assert [best(few, [0.5] * 3, by_votes=by) for by in (True, False)] == [2, 2]
    assert best((Group(5, "SELECT 1", 2), Group(6, "SELECT 2", 2)), [0.5, 0.5]) == 5


def test_what_a_judge_costs_is_added_up() -> None:
    model = Metered(FakeModel("yes"))
    for _ in range(3):
        assert model.complete(Request("?"))[0].text == "yes"
    assert model.spent == COST + COST + COST
    assert model.info.name == "fake"
