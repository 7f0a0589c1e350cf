"""``spider-opt finetune --provider``, with a provider on this machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_tuning import FakeTuning

from spider_opt.benchmarks import load
from spider_opt.benchmarks.learnt import question_hashes
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.cli import main
from spider_opt.models.adapters import FILE, adapters_dir, find_adapter
from spider_opt.steps.finetune import FineTuned
from spider_opt.training import openai_jobs
from spider_opt.types import Prediction, Tools

Finetune = Callable[..., Result]
Refused = Callable[..., str]
HOSTED = ("--provider", "openai", "--model", "gpt-4.1-nano-2025-04-14", "--price", "1", "--context", "none")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One on this machine, and none of what trains."""
    for package in ("torch", "transformers", "gguf"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(openai_jobs, "follow", partial(openai_jobs.follow, sleep=lambda _: None))
    with FakeTuning.serving() as fake:
        yield fake


def test_tuning_at_a_provider(training: Any, finetune: Finetune, refused: Refused, provider: Any) -> None:
    arguments = [*HOSTED, "--base-url", provider.url, "--name", "hosted", "--values", "1", "--epochs", "2"]
    assert "To begin, type the same with --yes" in refused(*arguments)
    assert provider.requests == []
    result = finetune(*arguments, "--yes")
    assert result.exit_code == 0, result.stderr
    name = "ft:gpt-4.1-nano-2025-04-14:org::x"
    assert result.stdout.splitlines()[-2:] == [
        f"model: {name}",
        f"next: spider-opt eval --method finetune:adapter=hosted --base-url {provider.url} --model {name}",
    ]
    assert training.calls == []
    chats = [json.loads(line)["messages"] for line in provider.files["file-1"]["content"].splitlines()]
    assert len(chats) > 100
    assert all(chat[-1]["content"].startswith("FROM ") for chat in chats)
    assert provider.bodies[0]["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}
    card = find_adapter("hosted").card
    assert (card["model"], card["target"], card["look"]["values"]) == (name, "from-first", 1)
    assert card["data"]["source"] == "spider-mini train"
    mini = load("spider-mini:train")
    assert find_adapter("hosted").learnt_databases == {db_id for db_id in mini.paths if not is_held_out(db_id)}
    FineTuned("hosted").wrap(lambda task: Prediction(""), Tools())
    asked = len(provider.requests)
    assert finetune(*arguments).stdout == result.stdout  # goes on with what is there
    assert len(provider.requests) == asked
    other = refused(*arguments, "--seed", "1", code=1)
    assert "is of a job with seed 0: give another --name, or the same options and data" in other
    without = CliRunner().invoke(main, ["eval", "--method", "finetune:adapter=hosted", "--limit", "1"])
    assert without.exit_code == 2
    assert f"name that model, --base-url {provider.url} --model {name}" in without.stderr


def test_what_leaks_is_not_sent(finetune: Finetune, provider: Any, spider: Path) -> None:
    result = finetune(*HOSTED, "--base-url", provider.url, "--yes", "--form", "plain", "--spider", str(spider))
    assert result.exit_code == 0, result.stderr
    train, validation = (provider.files[name]["content"] for name in ("file-1", "file-2"))
    assert (train.count("\n"), validation.count("\n")) == (13, 10)
    for text in (train, validation):
        assert not re.search(r"(?i)number 0|number 5[0-3]|where 1 = 1", text)
    assert "SELECT name FROM item WHERE 10 = 10" in train
    assert "number 60" in validation
    assert "number 60" not in train


def test_chats_of_the_users_own(finetune: Finetune, provider: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "SELECT 1"}]}
    asked = {"role": "user", "content": [{"type": "text", "text": "Schema: none\n\nHow many boats are there?"}]}
    other = {
        "messages": [{"role": "system", "content": "Answer."}, asked, {"role": "assistant", "content": "SELECT 2"}]
    }
    own.write_text((json.dumps(chat) + "\n") * 9 + json.dumps(other) + "\n")
    where = ("--provider", "openai", "--model", "gpt-x", "--price", "1", "--base-url", provider.url, "--yes")
    assert finetune(*where, "--chats", str(own)).exit_code == 0
    assert [file["content"] for file in provider.files.values()] == [own.read_text()]
    assert find_adapter("mine").card["target"] == "plain"
    assert find_adapter("mine").learnt_databases is None  # of which they are is not known
    lines = ["a", "Schema: none", "how many boats are there"]
    assert find_adapter("mine").learnt_questions == question_hashes(lines)
    assert finetune(*where, "--chats", str(own), "--form", "from-first").exit_code == 0
    assert find_adapter("mine").card["target"] == "from-first"


def test_cancelling_needs_only_the_name(finetune: Finetune, refused: Refused, provider: Any) -> None:
    said = refused("--provider", "openai", "--name", "hosted", "--cancel", code=1)
    assert said == f"Error: There is no job in {adapters_dir() / 'hosted'} to cancel."
    provider.ticks = [("running", [])]
    provider.faults = [("GET", r"/fine_tuning/jobs/ftjob-1", (403, {}, {"error": {"message": "no"}}))]
    assert finetune(*HOSTED, "--base-url", provider.url, "--name", "hosted", "--yes").exit_code == 1
    result = finetune("--provider", "openai", "--name", "hosted", "--cancel")
    assert (result.exit_code, result.stdout) == (0, "job ftjob-1: cancelled\n")


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--provider", "openai"), "Which of the provider's models? Name it with --model"),
        ((*HOSTED, "--batch", "4"), "--batch is for tuning on this machine: leave it out, or --provider"),
        ((*HOSTED, "--rank", "4"), "--rank is for tuning on this machine: leave it out, or --provider"),
        ((*HOSTED, "--minutes", "4"), "--minutes is for tuning on this machine"),
        ((*HOSTED, "--resume"), "--resume is for tuning on this machine"),
        ((*HOSTED, "--epochs", "1.5"), "--epochs is 1.5, but a provider takes a whole number"),
        (
            (*HOSTED, "--chats", __file__),
            "--context chooses what is learnt, and so does --chats: leave one",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_at_once(
    training: Any, refused: Refused, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(*arguments)
    assert training.calls == []
    assert not adapters_dir().exists()


def test_what_was_tuned_on_this_machine_is_not_overwritten(training: Any, refused: Refused) -> None:
    folder = adapters_dir() / "mine"
    folder.mkdir(parents=True)
    for name in (FILE, "checkpoint.pt"):
        (folder / name).write_text("kept")
        assert "There is an adapter 'mine' of this machine already: take another --name" in refused(*HOSTED)
        assert (folder / name).read_text() == "kept"
        (folder / name).unlink()
    assert training.calls == []
