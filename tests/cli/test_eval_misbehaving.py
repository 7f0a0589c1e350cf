"""A server that does everything wrong, asked through ``eval``: an answer, a named outcome, or one clear sentence."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from misbehaving import CASES, KEY, Case, serving

from spider_opt.cli import main
from spider_opt.models.openai import patience

MOST_BYTES = 500_000_000


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(patience, "LAST_WAIT_S", 0.02)


def ask(url: str, *args: str) -> Result:
    command = ["eval", "--base-url", url, "--model", "m", "--limit", "3", "--out", "run", "--json", *args]
    return CliRunner().invoke(main, command)


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
def test_each_ends_in_an_answer_or_in_a_sentence(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), serving(case.behaves) as url:
        result = ask(url, *case.args)
    told = "\n".join([*caplog.messages, result.stderr])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == case.code, told
    assert re.search(case.words, told), told
    assert KEY not in told + Path("run/run.json").read_text()
    info = json.loads(Path("run/run.json").read_text())
    assert info["endpoint"] == url
    assert {name: info.get(name) for name in case.run} == case.run
    predictions = Path("run/predictions.jsonl")
    lines = predictions.read_text(encoding="utf-8").splitlines() if predictions.exists() else []
    answers = [json.loads(line) for line in lines]
    assert len(answers) == case.answers
    if case.code:
        assert result.stderr.count("Error: ") == 1
        assert "Traceback" not in told
        assert (info.get("n"), info.get("scorer"), Path("run/verdicts.jsonl").exists()) == (None, None, False)
        assert kept() == 0
    else:
        summary = json.loads(result.stdout)
        assert summary["n"] == info["n"] == case.answers
        asked = {name: summary[name] for name in case.summary if name != "outcomes"}
        assert asked == {name: value for name, value in case.summary.items() if name != "outcomes"}
        wanted = dict(case.summary).get("outcomes", {})
        assert isinstance(wanted, dict)
        assert {name: summary["outcomes"][name] for name in wanted} == wanted
        given = [answer for answer in answers if not answer.get("refused")]
        assert kept() == len(given) * (2 if "vote:n=3+zero-shot" in case.args else 1)


def test_there_are_enough() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


PROGRAM = """
import sys
from click.testing import CliRunner
from spider_opt.cli import main
from spider_opt.models.openai import patience
patience.FIRST_WAIT_S = patience.LAST_WAIT_S = 0.01
command = ["eval", "--base-url", sys.argv[1], "--model", "m", "--limit", "2", "--out", "run", "--request-timeout", "20"]
code = CliRunner().invoke(main, command).exit_code
# What getrusage says begins with what the process had that this one was forked off.
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(code, peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process had at most is read from /proc")
@pytest.mark.parametrize("name", ["a flood", "a bomb", "deep", "a header of a megabyte"])
def test_no_server_takes_much_memory(name: str) -> None:
    [case] = [case for case in CASES if case.name == name]
    with serving(case.behaves) as url:
        done = subprocess.run([sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, timeout=120)
    code, peak_kb = map(int, done.stdout.split())
    assert (code, done.stderr.count("Traceback")) == (1, 0)
    assert peak_kb * 1024 < MOST_BYTES
