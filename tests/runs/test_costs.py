"""Costs: sums, means of a question and of a right one, and what is not known is said and never 0."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import spider_opt as so
from spider_opt.errors import RunError, UsageError
from spider_opt.prices import HERE, Price, Prices
from spider_opt.runs.costs import AMOUNTS, Costs, costs, costs_of, is_computed_here, price_for
from spider_opt.runs.info import RunInfo
from spider_opt.types import Usage

OPENAI = "https://api.openai.com/v1"
ASKED = RunInfo("vote+zero-shot", "vote+zero-shot", "gpt-4.1-mini", "", "", "b", "s", "", "0", 0, endpoint=OPENAI)
HOME = replace(ASKED, endpoint="", model_sha256="ab")


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_OPT_PRICES", raising=False)


def test_each_question_and_each_right_one() -> None:
    usages = [Usage(2, 1000, 800, 50, 0.5), Usage(4, 3000, 0, 150, 1.5), Usage(), Usage(2, 1000, 0, 100, 2.0)]
    found = costs_of(usages, ASKED, 3, price_for(ASKED))
    dollars = (4200 * 0.4 + 800 * 0.1 + 300 * 1.6) / 1e6
    assert found.dollars == pytest.approx(dollars)
    assert found.total == {
        "calls": 8, "prompt_tokens": 5000, "cached_tokens": 800, "completion_tokens": 300, "seconds": 4.0,
        "dollars": pytest.approx(dollars),
    }  # fmt: skip
    for part, n in ((found.per_question, 4), (found.per_correct, 3)):
        assert part == pytest.approx({name: value / n for name, value in found.total.items() if value is not None})
    told = found.to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["price"]["as_of"]
    assert "unknown" not in told


def test_nothing_is_right_and_nothing_is_asked() -> None:
    assert costs_of([Usage(1, 5, 0, 5, 1.0)], HOME, 0, HERE).per_correct == dict.fromkeys(AMOUNTS)
    assert costs_of([], HOME, 0, HERE).per_question == dict.fromkeys(AMOUNTS)
    assert costs_of([], ASKED, 0, None).dollars == 0


@pytest.mark.parametrize(
    ("info", "usage", "dollars", "why"),
    [
        (HOME, Usage(1, 10, 0, 5, 1.0), 0.0, ""),
        (HOME, Usage(1, 0, 0, 0, 1.0, untold=1), 0.0, ""),
        (replace(ASKED, model="gull-7b"), Usage(1, 10, 0, 5, 1.0), None, "the price of gull-7b at https://"),
        (replace(ASKED, endpoint="http://127.0.0.1:1/v1"), Usage(1, 10, 0, 5), None, "the price of gpt-4.1-mini at"),
        (replace(ASKED, model=""), Usage(1, 10, 0, 5), None, "the price of its model at"),
        (ASKED, Usage(3, 10, 0, 5, untold=2), None, "2 of 3 calls told no tokens"),
        (replace(ASKED, model="gull-7b"), Usage(1, 10, 0, 5, dollars=0.25), 0.25, ""),  # the model says it itself
        (replace(ASKED, model="", endpoint=""), Usage(seconds=2.0), None, "asks models of its own"),  # a function
        (replace(ASKED, model="gull-7b"), Usage(), 0.0, ""),  # given up, say
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_nothing(info: RunInfo, usage: Usage, dollars: float | None, why: str) -> None:
    found = costs_of([usage], info, 1, price_for(info))
    assert found.dollars == dollars
    assert why in found.unknown
    assert bool(found.unknown) == (dollars is None)
    if usage.untold:
        assert found.total["prompt_tokens"] is None


def test_who_is_computed_here() -> None:
    assert is_computed_here(HOME)
    assert not is_computed_here(ASKED)
    assert not is_computed_here(replace(ASKED, endpoint=""))
    assert price_for(HOME, Prices((Price("*", 1, 1),))) is HERE


def test_the_price_of_then_counts_and_one_that_is_given_before_it() -> None:
    then = Price("gpt-4.1-mini", 100.0, 200.0, as_of="2020-01-01")
    noted = replace(ASKED, costs={"price": then.to_json()})
    assert price_for(noted) == then
    assert price_for(noted, Prices((Price("*", 1, 1),))) == Price("*", 1, 1)
    for broken in ({"price": {"input": "x"}}, {"price": 3}, {"price": None}, {}):
        found = price_for(replace(ASKED, costs=broken))
        assert found is not None
        assert found.input == 0.4


RUNS = Path(__file__).resolve().parents[2] / "results" / "runs"


def test_a_recorded_run_as_its_file_says_it() -> None:
    """Each figure from the file's own lines."""
    folder = RUNS / "rag+vote+finetune-qwen2.5-coder-0.5b-spider-dev-torch"
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    right = sum(json.loads(line)["correct"] for line in (folder / "verdicts.jsonl").read_text().splitlines())
    found = so.costs(folder)
    assert isinstance(found, Costs)
    assert (found.n, found.correct, found.dollars) == (len(lines), right, 0.0)
    for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds"):
        total = sum(line["usage"][name] for line in lines)
        assert found.total[name] == pytest.approx(total)
        assert found.per_correct[name] == pytest.approx(total / right)
    assert repr(found) == "<Costs of 972 questions: 1,944 calls, 0 USD>"


def test_what_is_no_run(tmp_path: Path) -> None:
    thing: Any = 3
    with pytest.raises(UsageError):
        costs(thing)
    with pytest.raises(RunError):
        costs(tmp_path)
    with pytest.raises(UsageError):
        costs(RUNS / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test", prices=tmp_path / "gone.csv")
