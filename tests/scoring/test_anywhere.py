"""``score`` and ``judge`` in a script without a guard, a notebook, threads, beside torch: nothing runs itself again."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from notebook import notebook

ASKS = """
from spider_opt.benchmarks import load
from spider_opt.scoring import Rules, judge, score
benchmark = load("spider-mini:test")
pairs = [(e, e.gold_sql if i % 2 else "SELECT 'no'") for i, e in enumerate(benchmark.examples[:40])]
path = next(iter(benchmark.paths.values()))
print("score", score(benchmark, pairs, Rules(), n_workers=2).summary()["ex"])
print("judge", judge("SELECT 1", "SELECT 1.0", path).correct, judge("SELECT 1", "SELECT 2", path).correct)
"""
PLAIN = f'print("begins")\n{ASKS}print("ends")\n'
TORCH = f'import sys, types\nsys.modules["torch"] = types.ModuleType("torch")\n{PLAIN}'
THREADS = f"""
print("begins")
import threading
def ask():
{textwrap.indent(ASKS, "    ")}
thread = threading.Thread(target=ask)
thread.start()
thread.join()
print("ends")
"""
EXEC = f"""
print("begins")
import threading
thread = threading.Thread(target=exec, args=({ASKS!r}, {{"__name__": "__main__"}}))
thread.start()
thread.join()
print("ends")
"""
SAID = ["begins", "score 50.0", "judge True False", "ends"]


def said(arguments, tmp_path: Path, text: str | None = None) -> list[str]:
    """Run Python; its processes must be gone when it is."""
    marked = {**os.environ, "SPIDER_OPT_TEST": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *arguments], input=text, capture_output=True, text=True, cwd=tmp_path, env=marked, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == []
    return done.stdout.splitlines()


def left(tmp_path: Path) -> list[str]:
    """The processes with this test's mark in their environment, after a moment to end in."""
    mark = f"SPIDER_OPT_TEST={tmp_path}".encode()
    deadline = time.monotonic() + 10
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize("script", [PLAIN, TORCH, THREADS, EXEC], ids=["plain", "torch", "threads", "exec"])
def test_a_script_without_a_guard(script, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(script)
    assert said([str(path)], tmp_path) == SAID


@pytest.mark.parametrize("how", [["-c", TORCH], ["-"], ["-m", "some_script"]], ids=["command", "stdin", "module"])
def test_other_ways_to_run(how, tmp_path):
    (tmp_path / "some_script.py").write_text(TORCH)
    assert said(how, tmp_path, TORCH if how == ["-"] else None) == SAID


def test_typed_line_by_line(tmp_path):
    assert said(["-i", "-q"], tmp_path, TORCH) == SAID


def test_a_script_that_fails_or_is_killed_leaves_nothing(tmp_path):
    """Not even what was busy with an endless query in a thread."""
    hang = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    script = f"""
import os, signal, sys, threading, time
{ASKS}
for _ in range(2):
    ask = dict(target=judge, args=("SELECT 1", {hang!r}, path), kwargs={{"timeout_s": 20}}, daemon=True)
    threading.Thread(**ask).start()
time.sleep(0.5)
"""
    for end, code in (("sys.exit(3)", 3), ("raise ValueError", 1), ("os.kill(os.getpid(), signal.SIGTERM)", -15)):
        start = time.monotonic()
        marked = {**os.environ, "SPIDER_OPT_TEST": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", script + end], capture_output=True, cwd=tmp_path, env=marked)
        assert done.returncode == code
        said = done.stderr.decode().splitlines()
        assert (said[0], said[-1]) == ("Traceback (most recent call last):", "ValueError") if code == 1 else not said
        assert len(said) < 5
        assert left(tmp_path) == []
        assert time.monotonic() - start < 15


def test_a_fork_has_its_own_processes_and_leaves_its_parents_alone(tmp_path):
    script = f"""
import os, sys
{ASKS}
from spider_opt.scoring.single_pairs import _workers
before = {{worker._process.pid for worker in _workers._all}}
child = os.fork()
right = all(judge("SELECT 1", f"SELECT {{1 + i % 2}}", path).correct is (i % 2 == 0) for i in range(20))
now = {{worker._process.pid for worker in _workers._all}}
if not child:
    print("child", right, len(now), now.isdisjoint(before), flush=True)
    sys.exit()
os.waitpid(child, 0)
print("parent", right, now == before, judge("SELECT 1", "SELECT 1.0", path).correct)
"""
    assert said(["-u", "-c", script], tmp_path)[2:] == ["child True 1 True", "parent True True True"]


def test_in_a_notebook(tmp_path):
    assert said(notebook([PLAIN, THREADS], tmp_path), tmp_path) == SAID * 2
