from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from boats import Fill
from fake_model import FakeModel

from spider_opt.analysis.comparing import compare
from spider_opt.errors import ModelError
from spider_opt.review.pairwise import judge_pairs
from spider_opt.review.reading import read_sheets
from spider_opt.review.sheet import write_sheet
from spider_opt.types import Benchmark, ModelInfo, Request


def query(text: str, place: str) -> str:
    return text.partition(f" {place} query>\n")[2].partition("\n</data")[0]


def prefers(*better: str) -> FakeModel:
    """Prefers queries that have one of these words in them, wherever they stand; else calls the two equal."""

    def say(request: Request) -> str:
        first, second = (any(word in query(request.text, place) for word in better) for place in ("first", "second"))
        return "equal" if first == second else "first\nbetter" if first else "**Second**"

    return FakeModel(say, info=ModelInfo("judge", "cd" * 32))


def test_a_judge_that_knows(runs: list[Path], benchmark: Benchmark) -> None:
    # What is right and the other not: a on 2 and 3, b on 4 and 6; 0 and 7 are the same query, 1 and 5 tell nothing.
    model = prefers("SELECT name FROM boat", "'red'", "SELECT length", "SELECT color FROM boat")
    found = judge_pairs(runs[0], runs[1], benchmark, model)
    assert len(model.requests) == 2 * 6
    assert (found.n, found.alike, found.n_asked) == (8, 2, 12)
    # Of 2 both have one of the words: equal. Of 5 a's starts with SELECT name FROM boat, b's has 'red': equal.
    assert (found.won, found.lost, found.tied) == (1, 2, 5)
    assert found.win_rate.value == pytest.approx(100 * (1 + 5 / 2) / 8)
    assert (found.with_ex.same, found.with_ex.other, found.with_ex.tied) == (3, 0, 1)
    assert (found.first_place.value, found.contradicted) == (50.0, 0)
    assert found.change == compare(runs[0], runs[1])
    assert "win rate of a, % (a tie is a half): 43.8 [" in str(found)
    assert f"EX on the same questions: {found.change.change:+.1f} points" in str(found)
    assert "where people do: no answer has a label" in str(found)


def test_a_judge_that_looks_at_the_place_says_nothing(runs: list[Path], benchmark: Benchmark) -> None:
    found = judge_pairs(runs[0], runs[1], benchmark, FakeModel("first\nlooks better"))
    assert (found.won, found.lost, found.tied, found.contradicted) == (0, 0, 8, 6)
    assert (found.win_rate.value, found.first_place.value, found.first_place.n) == (50.0, 100.0, 12)
    assert found.with_ex.tied == found.with_ex.n == 4


def test_the_other_way_round_it_is_the_other_number(runs: list[Path], benchmark: Benchmark) -> None:
    model = prefers("id", "missing")
    found, turned = (judge_pairs(a, b, benchmark, model) for a, b in (runs, runs[::-1]))
    assert (found.won, found.lost) == (turned.lost, turned.won) == (2, 1)
    assert found.win_rate.value == pytest.approx(100 - turned.win_rate.value)


def test_what_was_not_said_does_not_count(runs: list[Path], benchmark: Benchmark) -> None:
    def say(request: Request) -> str | BaseException:
        if "SELECT missing" in query(request.text, "second"):
            return ModelError("busy")
        return "I prefer the first" if "SELECT id" in request.text else "equal"

    found = judge_pairs(runs[0], runs[1], benchmark, FakeModel(say))
    assert (found.n, found.unread, found.unanswered, str(found.error)) == (6, 2, 1, "busy")
    assert found.change is not None
    assert found.change.n == 6
    assert found.to_json()["error"] == "busy"


def test_beside_people(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    write_sheet(runs, benchmark, "s.csv")
    said = {("=HYPER", "SELECT name"): ("wrong",), ("=HYPER", "SELECT color"): ("right",)}
    read_sheets(runs, benchmark, fill("s.csv", "anna", said))
    found = judge_pairs(runs[0], runs[1], benchmark, prefers("SELECT name"), n=None)
    assert (found.with_people.same, found.with_people.other, found.with_people.tied) == (0, 1, 0)
    assert "where people do: 0 as it, 1 the other way, 0 tied, n=1" in str(found)


def test_a_sample_and_the_gold(runs: list[Path], benchmark: Benchmark) -> None:
    model = prefers("id")
    found = judge_pairs(runs[0], runs[1], benchmark, model, only="disagree", n=2, gold=True)
    assert (found.n, len(model.requests)) == (2, 4)
    assert all("reference query>" in text for text in model.prompts)


def test_what_is_left_out_is_said(runs: list[Path], benchmark: Benchmark) -> None:
    found = judge_pairs(runs[0], runs[1], benchmark, FakeModel(lambda request: "Die erste"))
    assert (found.n, found.alike, found.n_asked, found.unread) == (2, 2, 12, 12)
    assert "left out, without a verdict in both orders: 6 questions" in str(found)
    one = judge_pairs(runs[0], runs[1], benchmark, FakeModel(lambda request: "Die erste"), n=1)
    assert "left out" not in str(judge_pairs(runs[0], runs[1], benchmark, prefers("id")))
    for each in (found, one):
        assert "nan" not in str(each)
        json.loads(json.dumps(each.to_json()), parse_constant=pytest.fail)


def test_one_question_has_no_interval(runs: list[Path], benchmark: Benchmark) -> None:
    found = judge_pairs(runs[0], runs[1], benchmark, FakeModel(lambda request: "second"), n=1)
    assert found.change is not None
    assert math.isnan(found.change.low)
    assert f"EX on the same questions: {found.change.change:+.1f} points, " in str(found)
    assert found.to_json()["change"]["low"] is None
