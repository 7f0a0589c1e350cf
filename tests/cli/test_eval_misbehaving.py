"""A server that does everything wrong, asked through ``eval``: an answer, a named outcome, or one clear sentence.

Each is asked by a process of its own; what is looked at is how it ends, what it says, what stands in the run folder and
in the cache, and the most memory that it had.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from forked import MEMORY, Commands, Ended, commands
from misbehaving import CASES, KEY, Case, Talk, serving

MOST_BYTES = 500_000_000
Ask = Callable[..., Ended]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


@pytest.fixture(scope="module")
def _commands() -> Iterator[Commands]:
    with commands("spider_opt.cli.eval") as running:
        yield running


@pytest.fixture
def ask(_commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """ask(url, …) -> how ``eval`` of three questions ended, in the folder where we are."""
    monkeypatch.chdir(tmp_path)

    def ask(url: str, *args: str, key: str = KEY) -> Ended:
        command = ["eval", "--base-url", url, "--model", "m", "--limit", "3", "--out", "run", "--json", *args]
        return _commands.run(command, tmp_path, {"SPIDER_OPT_CACHE": str(tmp_path / "cache"), "OPENAI_API_KEY": key})

    return ask


def kept() -> int:
    """How many answers the cache has."""
    path = Path("cache/responses.sqlite")
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept'").fetchone():
            return 0
        return int(db.execute("SELECT count(*) FROM kept WHERE section = 'answers'").fetchone()[0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_ends_in_an_answer_or_in_a_sentence(case: Case, ask: Ask) -> None:
    with serving(case.behaves) as url:
        result = ask(url, *case.args)
    assert result.code == case.code, result.stderr
    assert re.search(case.words, result.stderr), result.stderr
    assert 0 < url.calls <= case.most_calls
    assert "Traceback" not in result.stderr
    assert KEY not in result.stdout + result.stderr + Path("run/run.json").read_text()
    info = json.loads(Path("run/run.json").read_text())
    assert info["endpoint"] == url
    assert {name: info.get(name) for name in case.run} == case.run
    predictions = Path("run/predictions.jsonl")
    lines = predictions.read_text(encoding="utf-8").splitlines() if predictions.exists() else []
    answers = [json.loads(line) for line in lines]
    assert len(answers) == case.answers
    assert kept() == case.rows * sum(not answer.get("refused") for answer in answers)
    if case.code:
        assert result.stdout == ""
        assert result.stderr.count("Error: ") == 1
        assert result.stderr.splitlines()[-1].startswith("Error: ")
        assert (info.get("n"), info.get("scorer"), Path("run/verdicts.jsonl").exists()) == (None, None, False)
    else:
        summary = json.loads(result.stdout)
        assert summary["n"] == info["n"] == case.answers
        asked = {name: summary[name] for name in case.summary if name != "outcomes"}
        assert asked == {name: value for name, value in case.summary.items() if name != "outcomes"}
        wanted = dict(case.summary).get("outcomes", {})
        assert isinstance(wanted, dict)
        assert {name: summary["outcomes"][name] for name in wanted} == wanted
    assert result.peak_bytes < MOST_BYTES
    assert result.peak_bytes > 0 or not MEMORY.exists()


def test_there_are_enough() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [f"{KEY} ", f"\t{KEY}\r\n", f"Bearer {KEY}\n", f"  bearer  {KEY}"])
def test_a_key_is_sent_without_what_stands_round_it(written: str, ask: Ask) -> None:
    sent: list[str] = []

    def notes(talk: Talk) -> None:
        sent.append(talk.headers["authorization"])
        talk.right()

    with serving(notes) as url:
        result = ask(url, key=written)
    assert (result.code, sent) == (0, [f"Bearer {KEY}"] * 3)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        (f"{KEY}\n{KEY}", "a line break"),
        (f"{KEY}\t2", "a tab"),
        (f"“{KEY}”", "the character U+201C (left double quotation mark)"),
        (f"{KEY}ключ", "the character U+043A (cyrillic small letter ka)"),
        (f"{KEY}\x7f", "the character U+007F (a control character)"),
        (f"\ufeff{KEY}", "the character U+FEFF (zero width no-break space)"),
        (f"{KEY}\udcff", "the character U+DCFF"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_at_once_and_by_name(written: str, wrong: str, ask: Ask) -> None:
    began = time.monotonic()
    with serving(lambda talk: talk.right()) as url:
        result = ask(url, key=written)
    assert (result.code, url.calls, kept()) == (1, 0, 0)
    assert f"Error: the key in OPENAI_API_KEY cannot be sent: it holds {wrong}" in result.stderr
    assert KEY not in result.stderr
    assert not Path("run/predictions.jsonl").exists()
    assert time.monotonic() - began < 20


def test_an_empty_key_is_none(ask: Ask) -> None:
    result = ask("http://192.0.2.1/v1", key=" \n")
    assert result.code == 1
    assert "No key for http://192.0.2.1/v1: set OPENAI_API_KEY" in result.stderr
