"""Ctrl-C while a command starts: one line, exit code 130, no traceback. The signal is a real one, at known moments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Sends itself the signal when a module begins to be loaded, or a function to be called, then goes on as the command.
PROGRAM = """
import importlib, importlib.abc, os, signal, sys

where, code_of, *arguments = sys.argv[1:]
module, _, function = where.partition(":")

def interrupt(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

class Sends(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            interrupt()
            if code_of:
                exec(code_of)

if function:
    setattr(importlib.import_module(module), function, interrupt)
else:
    sys.meta_path.insert(0, Sends())
sys.argv = ["spider-opt", *arguments]
from spider_opt.__main__ import start
start()
"""
EMBEDDED = ("eval", "--limit", "2", "--out", "run")
EVAL = (*EMBEDDED, "--model", "nobody", "--base-url", "http://127.0.0.1:9/v1")


def command(where: str, *arguments: str, cache: Path, code: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SPIDER_OPT_CACHE": str(cache)}
    environment.pop("SPIDER_DIR", None)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, where, code, *arguments],
        capture_output=True, text=True, timeout=120, cwd=cache.parent, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        ("spider_opt.cli", EVAL),
        ("click", EVAL),
        ("spider_opt.cli.group", ("--help",)),
        ("spider_opt.cli.eval", EVAL),
        ("spider_opt.cli.eval", ("--help",)),
        ("spider_opt.evaluation.running", EVAL),
        ("spider_opt.benchmarks.loading", EVAL),
        ("httpx", EVAL),
        ("spider_opt.benchmarks.loading:read_databases", EVAL),
        ("spider_opt.models.weights:find", EMBEDDED),
        ("spider_opt.models:open", EVAL),
        ("spider_opt.evaluation.ready:opened_model", EVAL),
        ("spider_opt.runs.claiming:claim", EVAL),
        ("spider_opt.cli.ladder", ("ladder",)),
        ("spider_opt.report", ("ladder",)),
        ("spider_opt.cli.finetune_here", ("finetune",)),
        ("spider_opt.cli.data", ("data", "list")),
    ],
)
def test_one_line_and_130(where: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = command(where, *arguments, cache=tmp_path / "cache")
    assert (ended.returncode, ended.stdout) == (130, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    *before, last = [line for line in ended.stderr.splitlines() if line]
    assert last.startswith("Interrupted; ")
    assert not [line for line in before if "Interrupted" in line or "Error" in line]


def test_amid_code_that_is_made_of_text_it_is_130_too(tmp_path: Path) -> None:
    # Python would end by the signal itself: it notes an interrupt that passed through there, caught or not.
    ended = command("spider_opt.cli.eval", *EVAL, cache=tmp_path / "cache", code="exec('interrupt()')")
    assert (ended.returncode, ended.stdout) == (130, ""), ended.stderr
    assert [line[:13] for line in ended.stderr.splitlines() if line] == ["Interrupted; "]


def test_help_is_printed_where_nobody_interrupts(tmp_path: Path) -> None:
    ended = command("none_such", "--help", cache=tmp_path / "cache")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Usage: spider-opt")


def test_at_any_moment(tmp_path: Path) -> None:
    """As a user does it, not before Python has come to this package: until then it is Python's to say."""
    environment = os.environ | {"SPIDER_OPT_CACHE": str(tmp_path / "cache")}
    begun = "from spider_opt.__main__ import start; import os; os.write(1, b'.'); start()"
    for moment in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", begun, "eval", "--replay", "none.jsonl", "--data", "none"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert process.stdout
        assert process.stdout.read(1) == "."
        time.sleep(0.01 + 0.02 * moment)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if process.returncode == 2 or "Error: " in said:
            return  # it had done what there was to do
        if process.returncode == -signal.SIGINT and "spider_opt" not in said:
            continue  # on a busy machine Python has not come to it yet
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert said.strip().startswith("Interrupted; ")
