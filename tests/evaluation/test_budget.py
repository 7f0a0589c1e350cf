"""Budgets hold, against a server that bills what it likes: to within one request, eight at a time, killed, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from misbehaving import Talk, said, serving

from spider_opt.benchmarks import load
from spider_opt.errors import BudgetSpent, UsageError
from spider_opt.evaluation.running import evaluate
from spider_opt.models.openai import patience
from spider_opt.runs import Run
from spider_opt.runs.spending import read_spending
from spider_opt.types import Benchmark

MAX_TOKENS = 300
IN, OUT = 2.0, 10.0  # dollars per million
MOST_PROMPT = 4_500  # bytes of the longest of these prompts, and room for a chat's form
MOST = MOST_PROMPT + MAX_TOKENS
MOST_DOLLARS = (MOST_PROMPT * IN + MAX_TOKENS * OUT) / 1e6


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    Path("prices.csv").write_text(f"model,input,output\nm,{IN},{OUT}\n")


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


@dataclass
class Biller:
    """Answers, and keeps the truth of what it bills: a token for four bytes, and many for an answer.

    ``manner`` says by the number of a call how it behaves.
    """

    manner: tuple[str, ...] = ("good",)
    tokens: int = 0
    dollars: float = 0.0
    calls: int = 0
    at_once: int = 0
    most_at_once: int = 0
    delay_s: float = 0.0
    first_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, talk: Talk) -> None:
        with self.lock:
            self.calls += 1
            number = self.calls
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.delay_s if number > 1 else max(self.first_s, self.delay_s))
        try:
            self.behave(talk, self.manner[number % len(self.manner)], number)
        finally:
            with self.lock:
                self.at_once -= 1

    def bill(self, talk: Talk, number: int) -> dict[str, int]:
        prompt = sum(len(message["content"].encode()) for message in talk.asked["messages"]) // 4
        out = talk.asked["max_tokens"] if number % 3 == 0 else 7
        with self.lock:
            self.tokens += prompt + out
            self.dollars += (prompt * IN + out * OUT) / 1e6
        return {"prompt_tokens": prompt, "completion_tokens": out}

    def behave(self, talk: Talk, how: str, number: int) -> None:
        if how == "busy":
            talk.reply({"error": {"message": "later"}}, 429)
            return
        if how == "refuses":
            talk.reply({"error": {"message": "the prompt was flagged"}}, 400)
            return
        usage = self.bill(talk, number)
        if how == "good":
            talk.reply(said(usage=usage))
        elif how == "silent":
            talk.reply({key: value for key, value in said().items() if key != "usage"})
        elif how == "zeros":
            talk.reply(said(usage={"prompt_tokens": 0, "completion_tokens": 0}))
        elif how == "odd":
            talk.reply(said(usage={"prompt_tokens": "many", "completion_tokens": None}))
        elif how == "fails":
            talk.reply({"error": {"message": "worn out"}}, 500)
        elif how == "fails inside":
            talk.reply({"error": {"message": "worn out", "code": 502}})
        elif how == "breaks":
            talk.reply(json.dumps(said(usage=usage)).encode(), length=99_999)
        elif how == "slow":
            time.sleep(0.6)
            talk.reply(said(usage=usage))


def ask(mini: Benchmark, url: str, **options: Any) -> Run:
    usual = {"model": "m", "base_url": url, "out": "run", "progress": False, "prices": "prices.csv", "concurrency": 8}
    return evaluate("zero-shot", mini, **{**usual, **options})


MANNERS = {
    "good": ("good",),
    "silent": ("good", "silent", "zeros", "odd"),
    "failing": ("good", "fails", "breaks", "busy", "good", "fails inside"),
    "slow": ("good", "good", "good", "good", "good", "slow"),
    "refusing": ("good", "good", "refuses", "good", "silent"),
}


@pytest.mark.parametrize("how", MANNERS)
@pytest.mark.parametrize(("budget", "amount"), [("0.02usd", 0.02), ("12k-tokens", 12_000)])
def test_it_holds_to_within_one_request(mini: Benchmark, how: str, budget: str, amount: float) -> None:
    biller = Biller(MANNERS[how], delay_s=0.01)
    options: dict[str, Any] = {"request_timeout_s": 0.4} if how == "slow" else {}
    with serving(biller) as url:
        with pytest.raises(BudgetSpent) as caught:
            ask(mini, url, budget=budget, **options)
        spent = read_spending(Path("run/spending.jsonl"))
        counted, truth, most = (
            (spent.dollars, biller.dollars, MOST_DOLLARS)
            if "usd" in budget
            else (spent.tokens, biller.tokens, float(MOST))
        )
        assert truth <= counted + 1e-9
        assert amount - most < counted <= amount
        if how == "good":
            assert counted == pytest.approx(truth)
            assert spent.assumed == 0
        path = Path("run/predictions.jsonl")
        answered = path.read_text().count("\n") if path.exists() else 0  # failures alone may have spent it
        message = str(caught.value)
        assert f"{answered} of 125 questions are answered and kept in run" in message
        assert "the same call goes on with a larger budget" in message
        assert "there is no room in the budget" in message
        assert not Path("run/verdicts.jsonl").exists()

        before = truth
        with pytest.raises(BudgetSpent):
            ask(mini, url, budget=budget, **options)
        assert (biller.dollars if "usd" in budget else biller.tokens) - before <= most
        assert (biller.dollars if "usd" in budget else biller.tokens) <= amount
        with pytest.raises(BudgetSpent):
            ask(mini, url, budget=budget.replace("0.02", "0.04").replace("12", "24"), **options)
        after = biller.dollars if "usd" in budget else biller.tokens
        assert before < after <= 2 * amount
    assert biller.most_at_once > 1 or how == "slow"


def test_what_is_enough_is_no_matter(mini: Benchmark) -> None:
    biller = Biller()
    told: list[str] = []
    with serving(biller) as url:
        run = ask(mini, url, budget="1usd", limit=9, tell=told.append)
    assert len(run.answers) == biller.calls == 9
    [line] = [line for line in told if line.startswith("spent")]
    assert line.startswith(
        f"spent, in all, of the budget (1usd): {biller.dollars:.4g} USD, {biller.tokens:,} tokens in 9"
    )
    assert run.info.costs["total"]["dollars"] == pytest.approx(biller.dollars)
    assert run.info.costs["price"]["model"] == "m"


def test_what_lies_in_the_cache_costs_nothing(mini: Benchmark) -> None:
    with serving(Biller()) as url:
        ask(mini, url, limit=9)
        again = ask(mini, url, limit=9, out="again", budget="1-tokens")
    assert again.n == 9
    assert read_spending(Path("again/spending.jsonl")).tokens == 0


def test_what_came_from_the_cache_costs_nothing_when_the_run_goes_on(mini: Benchmark) -> None:
    """Nine answers from the cache leave room for a tenth, which is asked when the budget is large enough for it."""
    biller = Biller()
    with serving(biller) as url:
        ask(mini, url, limit=9)
        before = biller.tokens
        with pytest.raises(BudgetSpent, match="spent so far: 0 USD, 0 tokens in 0 requests"):
            ask(mini, url, limit=10, out="again", budget="1-tokens", concurrency=1)
        told: list[str] = []
        ask(mini, url, limit=10, out="again", budget=f"{MOST}-tokens", concurrency=1, tell=told.append)
    [line] = [line for line in told if line.startswith("spent")]
    assert f", {biller.tokens - before:,} tokens in 1 request," in line


def test_a_run_that_began_without_a_budget_has_spent_what_its_answers_took(mini: Benchmark) -> None:
    biller = Biller()
    with serving(biller) as url:
        ask(mini, url, limit=9)
        first = biller.tokens
        with pytest.raises(BudgetSpent):
            ask(mini, url, budget=f"{first + MOST + 400}-tokens", concurrency=1)
        assert first < biller.tokens <= first + MOST + 400
        more = biller.tokens
        ask(mini, url, limit=20, concurrency=1)  # goes on counting
        assert read_spending(Path("run/spending.jsonl")).tokens == biller.tokens > more


def test_all_samples_of_a_request_are_set_aside(mini: Benchmark) -> None:
    biller = Biller(delay_s=0.0)
    with serving(biller) as url, pytest.raises(BudgetSpent):
        evaluate(
            "vote:n=8+zero-shot", mini, model="m", base_url=url, out="run", progress=False, concurrency=1,
            budget="6k-tokens",
        )  # fmt: skip
    assert biller.tokens <= 6000
    entries = [json.loads(line) for line in Path("run/spending.jsonl").read_text().splitlines()]
    assert max(entry.get("completion_tokens", 0) for entry in entries) > 7 * 300


def test_a_server_that_counts_more_than_can_be_overruns_once(mini: Benchmark) -> None:
    """What nobody could know is learnt: the next requests have as much set aside."""
    real: list[int] = []

    def tenfold(talk: Talk) -> None:
        real.append(30_000)
        talk.reply(said(usage={"prompt_tokens": 29_000, "completion_tokens": 1_000}))

    with serving(tenfold) as url, pytest.raises(BudgetSpent):
        ask(mini, url, budget="100k-tokens", concurrency=1)
    assert sum(real) <= 100_000
    assert len(real) >= 2


def test_time(mini: Benchmark) -> None:
    # The slowest so far took 0.8 s: none is sent in the last 0.8 s, however quick those after it were.
    began = time.monotonic()
    with serving(Biller(delay_s=0.05, first_s=0.8)) as url, pytest.raises(BudgetSpent) as caught:
        ask(mini, url, budget="2s", concurrency=1)
    assert time.monotonic() - began < 4
    assert read_spending(Path("run/spending.jsonl")).seconds <= 2
    n = Path("run/predictions.jsonl").read_text().count("\n")
    assert 2 < n < 11
    assert "by time" in str(caught.value)
    with serving(Biller(delay_s=0.1)) as url, pytest.raises(BudgetSpent):  # what is over stays over
        ask(mini, url, budget="0.5s", out="run2", model="m2", concurrency=1)


def test_time_that_is_over_amid_an_answer(mini: Benchmark) -> None:
    began = time.monotonic()
    with (
        serving(lambda talk: time.sleep(3)) as url,
        pytest.raises(BudgetSpent, match="the time that was given is over"),
    ):
        ask(mini, url, budget="0.5s", concurrency=2)
    assert time.monotonic() - began < 2.5
    spent = read_spending(Path("run/spending.jsonl"))
    assert spent.assumed == spent.calls == 2  # what they came to nobody knows


def test_a_function_of_ones_own_has_but_time(mini: Benchmark) -> None:
    def slow(question: str, database: str) -> str:
        time.sleep(0.1)
        return "SELECT 1"

    with pytest.raises(UsageError, match="bound its time, as in budget=30min"):
        evaluate(slow, mini, out="own", budget="5usd", progress=False)
    with pytest.raises(BudgetSpent, match=r"the time that was given is over.* of 125 questions"):
        evaluate(slow, mini, out="own", budget="0.5s", progress=False)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("5", "is no budget"),
        (["5usd", "6usd"], "two bounds of dollars"),
        ("", "is empty"),
        (",", "is no budget"),
        (["5usd", 7], "budget"),
    ],
)
def test_what_is_no_budget(mini: Benchmark, budget: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(mini, "http://127.0.0.1:1/v1", budget=budget)
    assert not Path("run").exists()


def test_a_price_that_is_not_known_bounds_nothing(mini: Benchmark) -> None:
    with pytest.raises(UsageError, match=r"the price of gull is not known.* prices=FILE, or bound tokens"):
        ask(mini, "http://127.0.0.1:1/v1", model="gull", budget="5usd")
    assert not Path("run").exists()


def test_a_file_that_says_nothing_of_what_was_spent(mini: Benchmark) -> None:
    Path("run").mkdir()
    for text in ("x\n", "[]\n", '{"paid": "a", "session": "b", "s": 1}\n', '{"hold": "a", "dollars": -1, "s": 0}\n'):
        Path("run/spending.jsonl").write_text(text)
        with pytest.raises(Exception, match=r"spending.jsonl, line 1 says nothing of what was spent"):
            ask(mini, "http://127.0.0.1:1/v1", budget="5usd")


KILLED = """
import sys
from spider_opt.cli import main
sys.argv = ["spider-opt", "eval", "--model", "m", "--base-url", sys.argv[1], "--out", "run", "--concurrency", "8",
            "--prices", "prices.csv", "--budget", sys.argv[2]]
main()
"""


def test_killed_and_resumed(mini: Benchmark) -> None:
    biller = Biller(delay_s=0.05)
    with serving(biller) as url:
        command = [sys.executable, "-c", KILLED, url]
        for _ in range(2):
            process = subprocess.Popen([*command, "0.3usd"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            enough = biller.calls + 12
            while biller.calls < enough:
                assert process.poll() is None
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with Path("run/spending.jsonl").open("a") as file:
            file.write('{"hold": "half')  # as a kill amid a line leaves it
        lost = read_spending(Path("run/spending.jsonl"))
        assert 0 < lost.assumed <= 16
        assert biller.dollars <= lost.dollars <= 0.3
        ended = subprocess.run([*command, "0.3usd"], capture_output=True, text=True, check=False)
        assert ended.returncode == 3, ended.stderr
        last = ended.stderr.splitlines()[-1]
        assert last.startswith("Error: there is no room in the budget (0.3usd) for another request, by dollars; spent")
        assert last.endswith("the same command goes on with a larger --budget")
        assert ended.stdout == ""
        assert biller.dollars <= 0.3
        done = subprocess.run([*command, "1usd"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "spent, in all, of the budget (1usd): " in done.stderr
    assert Path("run/predictions.jsonl").read_text().count("\n") == 125
