"""Estimates: who is asked, what is kept, and how near to what all then takes."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from dataclasses import fields
from inspect import signature
from itertools import pairwise
from pathlib import Path
from statistics import variance
from typing import Any, get_type_hints

import pytest
from click.testing import CliRunner
from fake_model import FakeModel
from misbehaving import Talk, said, serving

import spider_opt as so
from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import BudgetSpent
from spider_opt.evaluation.estimating import Estimate, estimate, next_number
from spider_opt.evaluation.given import Given
from spider_opt.evaluation.sampling import Guess, Part, parts, to_ask, total, usual_number
from spider_opt.types import Benchmark, ModelInfo, Request, Usage

RULES = {"mode", "metrics", "suite", "plug_value", "corrections"}


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


def questions(**sizes: int) -> list[tuple[str, str, int]]:
    return [(db_id, f"{db_id}{i}", len(db_id)) for db_id, n in sizes.items() for i in range(n)]


def test_an_estimate_is_asked_for_as_a_run_is() -> None:
    """``Given`` holds what both take: an option that one of the three lacks would be lost in silence."""
    common = {one.name: one.default for one in fields(Given)}
    for function, own in ((estimate, {"questions"}), (so.evaluate, RULES)):
        told = signature(function).parameters
        assert told.keys() - {"method", "benchmark"} == common.keys() | own
        assert {name: told[name].default for name in common} == common
    kinds = [get_type_hints(function) for function in (estimate, so.evaluate)]
    assert {name: kinds[0][name] for name in common} == {name: kinds[1][name] for name in common}


def test_the_first_of_each_database_and_some_others() -> None:
    asked = questions(a=40, bb=30, c=2, d=1)
    found = parts(asked, 12, 7)
    assert [len(part.ids) for part in found] == [40, 30, 2, 1]
    assert all(part.ids[0] in part.drawn for part in found)
    assert sum(len(part.drawn) for part in found) == 12
    assert [len(part.drawn) for part in found][2:] == [2, 1]
    assert parts(asked, 12, 7) == found != parts(asked, 12, 8)
    assert [part.drawn for part in parts(asked, 999, 0)] == [frozenset(part.ids) for part in found]


@pytest.mark.parametrize("asked", [questions(a=40, bb=30, c=2, d=1), questions(**{f"db{i}": 7 for i in range(30)})])
def test_more_questions_are_those_of_fewer_and_others(asked: list[tuple[str, str, int]]) -> None:
    drawn = [{name for part in parts(asked, n, 3) for name in part.drawn} for n in range(2, len(asked) + 1, 2)]
    assert all(few <= more for few, more in pairwise(drawn))


def test_it_goes_on_until_it_is_near_enough() -> None:
    def told(far: float, asked: int, **others: Guess | None) -> Estimate:
        return Estimate(900, asked, {"calls": Guess(900, 900, 900), "dollars": Guess(2, 1, 2 + far), **others}, Usage())

    assert next_number(told(0.29, 60)) == 60
    assert next_number(told(0.31, 60)) == 78
    assert next_number(told(math.inf, 60)) == 78
    assert next_number(told(9, 250)) == 300 == next_number(told(9, 300))
    assert next_number(told(9, 420)) == 420, "asked for"
    assert next_number(told(0.2, 60, seconds=Guess(9, 0, 99), cached_tokens=Guess(1, 0, 9), prompt_tokens=None)) == 60


def test_of_many_databases_some_are_drawn() -> None:
    asked = questions(**{f"db{i:03}": 5 for i in range(100)})
    found = [part for part in parts(asked, usual_number(asked), 0) if part.drawn]
    assert usual_number(asked) == 60
    assert len(found) == 30
    assert {len(part.drawn) for part in found} == {2}
    assert usual_number(questions(a=3)) == 3


def test_totals() -> None:
    asked = parts(questions(a=4), 4, 0)
    took = {f"a{i}": float(i) for i in range(4)}
    assert total(asked, took) == Guess(6.0, 6.0, 6.0)
    some = [Part(("a0", "a1", "a2", "a3"), 1, frozenset(("a0", "a1", "a3")))]
    found = total(some, took)
    assert found.value == 0 + 3 * 2
    # By hand: s² = 2 of one and three, 3² · 2/2 · (1 - 2/3) = 3, t = 12.7
    assert found.high == pytest.approx(6 + 12.7062 * 3**0.5, rel=1e-4)
    assert found.low == 0
    few = [Part(("a0", "a1", "a2"), 1, frozenset(("a0", "a1")))]
    assert total(few, took).high == float("inf")  # one alone says nothing of others


def test_the_interval_is_student_s_for_any_number_of_questions() -> None:
    for n, t in ((2, 12.706), (20, 2.0930), (41, 2.0211)):
        names = tuple(f"a{i}" for i in range(2 * n + 1))
        took = {name: float(i % 2) for i, name in enumerate(names[: n + 1])}
        found = total([Part(names, 1, frozenset(took))], took)
        rest = [took[name] for name in names[1 : n + 1]]
        error = (2 * n) * (variance(rest) / n * (1 - n / (2 * n))) ** 0.5
        assert found.high - found.value == pytest.approx(t * error, rel=1e-4)


def test_it_is_right_on_average_and_its_interval_holds() -> None:
    """Databases of different sizes whose first question costs more; each with its own mean."""
    chance = random.Random(5)
    sizes = {f"db{i}": chance.randint(5, 60) for i in range(12)}
    means = {db_id: chance.uniform(100, 900) for db_id in sizes}
    asked = [(db_id, f"{db_id}-{i}", round(means[db_id])) for db_id, n in sizes.items() for i in range(n)]
    took = {
        name: means[db_id] * (3 if name.endswith("-0") else 1) * chance.uniform(0.7, 1.3) for db_id, name, _ in asked
    }
    truth = sum(took.values())
    for n in (36, 12):  # all databases, some of them
        found = [total(parts(asked, n, seed), took) for seed in range(300)]
        assert sum(one.value for one in found) / 300 == pytest.approx(truth, rel=0.05)
        assert sum(one.low <= truth <= one.high for one in found) > 0.85 * 300


class Counting(FakeModel):
    """Takes longer answers for longer prompts."""

    def __init__(self) -> None:
        super().__init__(lambda request: "SELECT 1", info=ModelInfo("fake", "ab" * 32))
        self.asked: Counter[str] = Counter()
        self.cache_tag = "counting"

    def complete(self, request: Request) -> list[Any]:
        self.asked[request.text] += 1
        n = len(request.text)
        self.usage = Usage(1, n // 4, n // 8, self.length(n), n / 1e4)
        return super().complete(request)

    def length(self, n: int) -> int:
        return 10 + n % 7


def test_the_run_need_not_ask_them_again_and_costs_what_was_said(mini: Benchmark) -> None:
    model = Counting()
    found = estimate("zero-shot", mini, model=model, out="run", progress=False)
    assert (found.n, found.asked, found.folder) == (125, 24, Path("run"))
    assert len(model.asked) == 24
    assert Path("run/predictions.jsonl").read_text().count("\n") == 24
    assert not Path("run/verdicts.jsonl").exists()
    run = so.evaluate("zero-shot", mini, model=model, out="run", progress=False)
    assert set(model.asked.values()) == {1}
    assert len(model.asked) == 125
    cost = so.costs(run).total
    for name, guess in found.amounts.items():
        assert guess is not None
        truth = cost[name]
        assert truth is not None
        assert guess.value == pytest.approx(truth, rel=0.15, abs=1e-9), name
    again = estimate("zero-shot", mini, model=model, out="run", progress=False)
    assert again.asked == again.n == 125  # nothing is left to estimate
    for name, guess in again.amounts.items():
        assert guess == Guess(*[pytest.approx(cost[name])] * 3), name
    assert set(model.asked.values()) == {1}


def test_an_estimate_made_twice_is_the_same(mini: Benchmark) -> None:
    model = Counting()
    found = [estimate("zero-shot", mini, model=model, out="run", progress=False) for _ in range(2)]
    assert found[0] == found[1]
    assert set(model.asked.values()) == {1}


def test_answers_of_very_different_lengths_are_asked_for_more_of(mini: Benchmark) -> None:
    class Uneven(Counting):
        def length(self, n: int) -> int:
            return 1 + 200 * (n % 5 == 0)

    model = Uneven()
    found = estimate("zero-shot", mini, model=model, out="run", progress=False)
    assert found.asked == 42 == len(model.asked), "a third"
    few = estimate("zero-shot", mini, model=model, out="run", questions=24, progress=False)
    assert (few.asked, len(model.asked)) == (24, 42), "no more than it is told"


def answers(talk: Talk) -> None:
    prompt = sum(len(message["content"]) for message in talk.asked["messages"]) // 4
    talk.reply(said(usage={"prompt_tokens": prompt, "completion_tokens": 12}))


def typed(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["eval", *arguments])


def test_typed() -> None:
    Path("prices.csv").write_text("model,input,output\nm,2,10\n")
    with serving(answers) as url:
        asked = ("--model", "m", "--base-url", url, "--out", "run")
        unknown = typed(*asked, "--dry-run")
        assert unknown.exit_code == 0, unknown.stderr
        lines = unknown.stdout.splitlines()
        assert lines[0] == "all 125 questions, estimated by 24 of them, with 95 % intervals:"
        assert lines[1] == "  calls: 125"
        assert lines[-2].startswith("  USD: unknown (the price of m at http://127.0.0.1:")
        assert "the same command without --dry-run goes on there" in unknown.stderr
        told = json.loads(typed(*asked, "--dry-run", "30", "--prices", "prices.csv", "--json").stdout)
        assert (told["n"], told["asked"], told["folder"]) == (125, 30, "run")
        done = typed(*asked, "--prices", "prices.csv", "--json")
        assert done.exit_code == 0, done.stderr
        cost = json.loads(done.stdout)["costs"]["total"]
        assert told["dollars"]["value"] == pytest.approx(cost["dollars"], rel=0.15)
        assert told["dollars"]["low"] <= cost["dollars"] <= told["dollars"]["high"]
        refused = typed(*asked, "--dry-run", "--fail-under", "50")
        assert refused.exit_code == 2
        assert "leave out --fail-under" in refused.stderr
        one = typed(*asked, "--dry-run", "1")
        assert one.exit_code == 2
        assert "--dry-run is 1, but must be a whole number from 2 on" in one.stderr
        alone = typed("--model", "m", "--base-url", url, "--out", "alone", "--limit", "1", "--dry-run").stdout
        assert alone.startswith("all 1 question, answered:")
        assert alone.endswith("they took 1 call and 0 s\n")


def test_a_budget_holds_for_these_too(mini: Benchmark) -> None:
    with serving(answers) as url, pytest.raises(BudgetSpent):
        estimate("zero-shot", mini, model="m", base_url=url, out="run", budget="9k-tokens", progress=False)


def test_a_budget_for_the_first_questions_is_enough(mini: Benchmark) -> None:
    """What more would be asked to come nearer is left out where the budget does not allow it."""
    asked: list[int] = []

    def uneven(talk: Talk) -> None:
        asked.append(1)
        talk.reply(said(usage={"prompt_tokens": 100, "completion_tokens": 2 + 300 * (len(asked) % 7 == 3)}))

    with serving(uneven) as url:
        how: dict[str, Any] = {"model": "m", "base_url": url, "progress": False, "concurrency": 1}
        found = estimate("zero-shot", mini, out="run", budget="8k-tokens", **how)
        assert 24 <= found.asked <= len(asked) < 42
        assert next_number(found) > found.asked, "else it is not the budget that ends it"


def test_what_is_drawn_from(mini: Benchmark) -> None:
    asked = to_ask(mini.examples)
    assert [name for _, name, _ in asked] == [example.question.id for example in mini.examples]
    assert all(size > 50 for _, _, size in asked)
