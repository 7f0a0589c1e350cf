"""Whose answers a run has: of which endpoint, of which model there, asked anew or not, and which were given up."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from misbehaving import Behaviour, Talk, said, serving

from spider_opt.analysis.comparing import compare
from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, RunError, UsageError
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.scoring_files import score
from spider_opt.leaderboard import read_row
from spider_opt.models import opening
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


def ask(mini: Benchmark, url: str, **options: Any) -> Run:
    return evaluate("zero-shot", mini, **{"model": "m", "base_url": url, "limit": 4, "progress": False, **options})


def counting(sql: str, calls: list[int], **changes: Any) -> Behaviour:
    def behave(talk: Talk) -> None:
        calls.append(talk.calls)
        talk.reply(said(sql, **changes))

    return behave


@pytest.mark.parametrize("out", [None, "run"])
def test_answers_of_one_endpoint_never_serve_another(mini: Benchmark, out: str | None) -> None:
    wrong, right = [], []
    with serving(counting("SELECT 0 WHERE 0", wrong)) as one, serving(counting("SELECT 1", right)) as two:
        assert ask(mini, one, out=out).table()["sql"].unique() == ["SELECT 0 WHERE 0"]
        if out is None:
            assert ask(mini, two).table()["sql"].unique() == ["SELECT 1"]
            assert ask(mini, one).table()["sql"].unique() == ["SELECT 0 WHERE 0"]
        else:
            with pytest.raises(RunError, match=f"holds another run .*endpoint is '{one}' there, '{two}' now"):
                ask(mini, two, out=out)
            assert ask(mini, two, out="other").table()["sql"].unique() == ["SELECT 1"]
    assert (len(wrong), len(right)) == (4, 4)


def test_a_run_cannot_go_on_at_another_endpoint(mini: Benchmark) -> None:
    with serving(counting("SELECT 1", [])) as one, serving(counting("SELECT 2", [])) as two:
        ask(mini, one, out="run", limit=2)
        with pytest.raises(RunError, match="endpoint is"):
            ask(mini, two, out="run")


def test_without_the_cache_all_is_asked_again_and_nothing_lost(mini: Benchmark) -> None:
    calls: list[int] = []
    with serving(counting("SELECT 1", calls)) as url:
        ask(mini, url, out="run")
        ask(mini, url, out="run")
        assert len(calls) == 4
        told: list[str] = []
        ask(mini, url, out="run", cache=False, tell=told.append)
        assert len(calls) == 8
        assert "asked again, without the cache; the answers that were there are in run/before-1" in told
        ask(mini, url, out="run", cache=False)
    assert (len(calls), len(Run.read("run/before-1").answers), len(Run.read("run/before-2").answers)) == (12, 4, 4)
    assert Run.read("run").n == 4


def test_an_unfinished_run_goes_on_without_the_cache(mini: Benchmark) -> None:
    asked: list[int] = []

    def tired(talk: Talk) -> None:
        asked.append(talk.calls)
        talk.reply({"error": {"message": "tired"}}, 501) if talk.calls == 3 else talk.right()

    with serving(tired) as url:
        with pytest.raises(RunError, match="1 question has no answer"):
            ask(mini, url, out="run", cache=False)
        ask(mini, url, out="run", cache=False)
    assert len(asked) == 5
    assert not Path("run/before-1").exists()


def test_another_model_that_answers_later_is_noted_and_said(mini: Benchmark, caplog: pytest.LogCaptureFixture) -> None:
    now = {"model": "m", "system_fingerprint": "fp_1"}
    with serving(lambda talk: talk.reply(said(**now))) as url:
        ask(mini, url, out="run", limit=2)
        assert Run.read("run").info.served == ["m fp_1"]
        now |= {"system_fingerprint": "fp_2"}
        with caplog.at_level(logging.WARNING):
            ask(mini, url, out="run")
        assert "run: answers come from 'm fp_2' now, those that are there from 'm fp_1'." in caplog.messages
        assert Run.read("run").info.served == ["m fp_1", "m fp_2"]
        ask(mini, url, out="kept")  # from the cache, with who answered then
    assert Run.read("kept").info.served == ["m fp_1", "m fp_2"]


def filters(talk: Talk) -> None:
    """Refuse every second question for good."""
    odd = sum(map(ord, talk.asked["messages"][-1]["content"])) % 2
    talk.reply({"error": {"code": "content_filter", "message": "no"}}, 400) if odd else talk.right()


def test_what_is_given_up_stays_in_n_as_wrong(mini: Benchmark) -> None:
    with serving(filters) as url:
        with pytest.raises(RunError, match=r"\d filtered, .* refuses this question: no\); .*give_up=(\d+) ") as caught:
            ask(mini, url, out="run", limit=8)
        n = int(str(caught.value).partition("give_up=")[2].split()[0])
        assert 0 < n < 8
        if n > 1:
            with pytest.raises(ModelError, match=f"{n} questions are refused for good, more than the {n - 1}"):
                ask(mini, url, out="run", limit=8, give_up=n - 1)
        run = ask(mini, url, out="run", limit=8, give_up=n)
        ask(mini, url, out="run", limit=8)  # finished: nothing is left to ask
    for one in (run, Run.read("run"), score("run", mini)):
        summary = one.summary()
        assert (one.n, one.refused, summary["outcomes"]["refused"]) == (8, {"filtered": n}, n)
        right = summary["outcomes"]["correct"]
        assert summary["ex"] == pytest.approx(100 * right / 8)
        assert summary["ex_answered"] == pytest.approx(100 * right / (8 - n), abs=1e-3)
        assert "given up: the server's filter refused it" in {scored.detail for scored in one.verdicts}
    assert read_row(Path("run")).cells()["refused"] == n
    assert compare(run, run).n == 8
    lines = [json.loads(line) for line in Path("run/predictions.jsonl").read_text().splitlines()]
    assert [line["sql"] for line in lines if line.get("refused")] == [""] * n


def test_what_only_a_model_to_be_opened_is_told(mini: Benchmark) -> None:
    opened = opening.open("m", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="max_tokens says nothing to a model that is open: say it where it is opened"):
        evaluate("zero-shot", mini, model=opened, limit=1, progress=False, max_tokens=9)
    for wrong in (-1, True, "2"):
        with pytest.raises(UsageError, match="give_up is"):
            evaluate("zero-shot", mini, limit=1, give_up=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "told"), [("m", True), ("spider", False)])
def test_a_model_that_is_taken_for_a_tuned_one_is_told(mini: Benchmark, name: str, told: bool) -> None:
    lines: list[str] = []
    with serving(counting("SELECT 1", [])) as url:
        evaluate("finetune", mini, model=name, base_url=url, limit=1, progress=False, tell=lines.append)
    assert any("is asked as one that was tuned as the adapter 'spider' was" in line for line in lines) is told
