"""What the user sees of hosted fine-tuning, against a local copy of the API."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from click.testing import Result as Ran
from fake_model import FakeModel
from fake_tuning import FakeTuning

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.cli import hosted as module
from spider_opt.cli.group import _Commands
from spider_opt.cli.hosted import hosted, shown
from spider_opt.models.adapters import read_adapter
from spider_opt.training import openai_jobs
from spider_opt.training.dataset import Item
from spider_opt.training.job_replies import Event
from spider_opt.types import Column, Question, Result, Schema, Table, Task

KEY = "sk-secret-of-the-test"
ITEMS = Schema("shop", (Table("item", (Column("id", "INTEGER"),)),))
TRAIN = [Item(Question(f"q{i}", f"Which item {i}?", ITEMS), f"SELECT id FROM item WHERE id = {i}") for i in range(12)]
OTHER = [Item(Question(f"v{i}", f"What item {i}?", ITEMS), f"SELECT id FROM item WHERE id = {i}") for i in range(10)]
LOOK = Look(values=1)
Hosted = Callable[..., Ran]


class Rows:
    """A database with values."""

    def run(self, sql: str) -> Result:
        return Result(("c",), [(1,)])


@pytest.fixture
def fake() -> Iterator[Any]:
    with FakeTuning.serving() as fake:
        yield fake


@pytest.fixture
def run(fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosted:
    """Call it as a command would."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai_jobs, "follow", partial(openai_jobs.follow, sleep=lambda _: None))

    def call(items: Any = TRAIN, validation: Any = OTHER, *, answer: str | None = None, **options: Any) -> Ran:
        given = {
            "folder": tmp_path / "job",
            "model": "gpt-4.1-nano-2025-04-14",
            "base_url": fake.url,
            "price": 2.0,
            "look": LOOK,
        }

        @click.group(cls=_Commands)
        def group() -> None:
            """Group."""

        def get_command(*_: Any) -> click.Command:
            return click.command()(lambda: hosted(items, validation, databases={"shop": Rows()}, **(given | options)))

        monkeypatch.setattr(group, "get_command", get_command)
        if answer is not None:
            monkeypatch.setattr(module.sys, "stdin", io.StringIO())
            monkeypatch.setattr(module, "sys", _Terminal())
        return CliRunner().invoke(group, ["finetune"], input=answer)

    return call


class _Terminal:
    """``sys`` with a terminal to read from."""

    stdin = type("Stdin", (), {"isatty": staticmethod(lambda: True)})()

    @property
    def stderr(self) -> Any:
        return sys.stderr


def test_the_whole_way(run: Hosted, fake: Any, tmp_path: Path) -> None:
    ran = run(yes=True, epochs=2, form="from-first", about={"source": "shop"})
    assert ran.exit_code == 0, ran.stderr
    name = "ft:gpt-4.1-nano-2025-04-14:org::x"
    assert ran.stdout.splitlines() == [
        f"checkpoint: {name}:ckpt-step-2 (step 2, train_loss 0.9)",
        f"checkpoint: {name}:ckpt-step-4 (step 4, train_loss 0.25)",
        f"model: {name}",
        f"next: spider-opt eval --method finetune:adapter=job --base-url {fake.url} --model {name}",
    ]
    assert "1,234 tokens were billed" in ran.stderr
    assert "train.jsonl: 12 examples; " in ran.stderr
    assert re.search(r"about 0\.00 million training tokens at \$2\.00 a million: about \$0\.0\d\n", ran.stderr)
    assert "OpenAI is closing" not in ran.stderr
    first = json.loads(fake.files["file-1"]["content"].splitlines()[0])["messages"]
    assert [message["role"] for message in first] == ["system", "user", "assistant"]
    assert first[-1]["content"] == "FROM item SELECT id WHERE id = 0"
    asked = Drafter(LOOK, {"shop": Rows()}).messages(Task(TRAIN[0].question, FakeModel()))
    assert first[:-1] == [{"role": message.role, "content": message.content} for message in asked]
    assert json.loads((tmp_path / "job" / "job.json").read_text())["fine_tuned_model"] == name
    assert not [path for path in (tmp_path / "job").iterdir() if KEY in path.read_text()]
    assert KEY not in ran.output
    before = len(fake.requests)
    assert run(yes=True, epochs=2, form="from-first", about={"source": "shop"}).stdout == ran.stdout
    assert len(fake.requests) == before
    adapter = read_adapter(tmp_path / "job")
    assert adapter.path is None
    assert {key: adapter.card[key] for key in ("base", "base_url", "model", "look", "target", "data")} == {
        "base": {"name": "gpt-4.1-nano-2025-04-14"},
        "base_url": fake.url,
        "model": name,
        "look": asdict(LOOK),
        "target": "from-first",
        "data": {"source": "shop", "db_ids": ["shop"]},
    }


def test_nothing_is_sent_without_agreement(run: Hosted, fake: Any) -> None:
    ran = run()
    assert ran.exit_code == 2
    assert "To begin, type the same with --yes" in ran.stderr
    assert "a million" in ran.stderr
    assert fake.requests == []


@pytest.mark.parametrize(("answer", "sent"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_it_asks(run: Hosted, fake: Any, answer: str, sent: bool) -> None:
    ran = run(answer=answer)
    assert "Upload the files and begin? [y/N]" in ran.stderr
    assert bool(fake.requests) is sent
    assert (ran.exit_code == 0) is sent
    assert ("Nothing was sent" in ran.stderr) is not sent


def test_without_a_price_it_asks_for_one(run: Hosted, fake: Any) -> None:
    ran = run(price=None, yes=True)
    assert ran.exit_code == 2
    assert "is not known here: give its price per million training tokens, --price DOLLARS" in ran.stderr
    assert fake.requests == []


def test_openais_price_is_known_and_its_end_too(run: Hosted, fake: Any) -> None:
    ran = run(price=None, base_url="https://api.openai.com/v1")
    assert ran.exit_code == 2
    assert "at $1.50 a million (list price of 20" in ran.stderr
    assert "everyone from 2027-01-06" in ran.stderr


def test_no_key_is_said_before_all_else(run: Hosted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = run(base_url="https://api.openai.com/v1", yes=True)
    assert ran.exit_code == 1
    assert "set OPENAI_API_KEY" in ran.stderr
    assert not (tmp_path / "job").exists()


def test_a_file_of_the_users_own(run: Hosted, fake: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    own.write_text((json.dumps(chat) + "\n") * 12)
    ran = run(own, (), yes=True)
    assert ran.exit_code == 0, ran.stderr
    assert "own.jsonl: 12 examples, 11 of them repeat another" in ran.stderr
    assert [file["content"] for file in fake.files.values()] == [own.read_text()]


def test_a_file_with_faults_is_not_sent(run: Hosted, fake: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text("{\n" * 12)
    ran = run(own, (), yes=True)
    assert ran.exit_code == 2
    assert "own.jsonl cannot be sent: line 1 is not JSON" in ran.stderr
    assert "; and 7 more" in ran.stderr
    assert fake.requests == []


@pytest.mark.parametrize("items", [[], TRAIN[:9]])
def test_too_little(run: Hosted, fake: Any, items: Any) -> None:
    ran = run(items, (), yes=True)
    assert ran.exit_code == 2
    assert fake.requests == []


def test_ctrl_c_stops_following_and_not_the_job(run: Hosted, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(openai_jobs, "follow", partial(openai_jobs.follow, sleep=interrupted))
        ran = run(yes=True)
    assert ran.exit_code == 130
    assert f"The job ftjob-1 goes on at {fake.url}: type the same command to follow it" in ran.stderr
    assert "with --cancel to stop it" in ran.stderr
    again = run()  # no agreement is needed for what is begun
    assert again.exit_code == 0
    assert len(fake.jobs) == 1


def test_cancelling(run: Hosted, fake: Any, tmp_path: Path) -> None:
    none = run(cancel=True)
    assert (none.exit_code, none.stderr) == (1, f"Error: There is no job in {tmp_path / 'job'} to cancel.\n")
    fake.ticks = [("running", [])]
    fake.faults = [("GET", r"/fine_tuning/jobs/ftjob-1", (403, {}, {"error": {"message": "no"}}))]
    assert run(yes=True).exit_code == 1
    ran = run([], cancel=True)
    assert (ran.exit_code, ran.stdout) == (0, "job ftjob-1: cancelled\n")
    after = run()
    assert after.exit_code == 1
    assert "was cancelled. To start again, remove" in after.stderr


def test_a_failed_job(run: Hosted, fake: Any) -> None:
    fake.ticks = [("failed", [])]
    fake.error = {"code": "x", "message": "unsafe data", "param": None}
    ran = run(yes=True)
    assert ran.exit_code == 1
    assert ran.stderr.count("Error: The job ftjob-1 failed: unsafe data. To start again, remove ") == 1
    assert ran.stdout == ""


def test_other_data_do_not_overwrite_those_of_the_job(run: Hosted, fake: Any, tmp_path: Path) -> None:
    assert run(yes=True).exit_code == 0
    before = (tmp_path / "job" / "train.jsonl").read_bytes()
    ran = run(TRAIN[1:], yes=True)
    assert ran.exit_code == 1
    assert "is of a job with other data" in ran.stderr
    assert (tmp_path / "job" / "train.jsonl").read_bytes() == before
    assert len(fake.jobs) == 1


def steps(*numbers: int, total: int | None = 100) -> Iterator[Event]:
    for n in numbers:
        yield Event(f"Step {n}", at=1000.0 + 6 * n, step=n, steps=total, loss=1 / n)


def test_in_a_log_steps_are_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with shown() as tell:
        tell(Event("status: running"))
        for event in steps(10, 11, 12, 20, 21, 100):
            now[0] += 12
            tell(event)
        tell(Event("done"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "status: running",
        "step 10/100, loss 0.1",
        "step 20/100, loss 0.05, about 8 min left",
        "step 100/100, loss 0.01, less than a minute left",
        "done",
    ]


def test_a_provider_that_does_not_count_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with shown() as tell:
        for event in steps(10, total=None):
            tell(event)
    assert capsys.readouterr().err == "step 10, loss 0.1\n"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_they_are_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Tty())
    with shown() as tell:
        tell(Event("status: running"))
        for event in steps(10, 20):
            tell(event)
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "status: running" in said
    assert "step 20/100, loss 0.05, about 8 min left" in said
