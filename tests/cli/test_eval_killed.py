"""``spider-opt eval`` in processes of its own, against a server of the test's own: killed, interrupted, resumed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)
N_QUESTIONS = 125
N_KILLS = 10
DELAY_S = 0.01
COMMAND = [sys.executable, "-c", "from spider_opt.cli import main; main()"]
# Imports once what takes long, then runs each command it is sent in a child; tells the child's number, then its status.
NURSERY = """
import json, os, sys, traceback
import openai, httpx, spider_opt.cli.eval, spider_opt.models, spider_opt.scoring, spider_opt.runs, spider_opt.benchmarks
from spider_opt.cli import main
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            main(json.loads(line), standalone_mode=True)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Endpoint(ThreadingHTTPServer):
    """Counts the rows of the first table it is shown, a little later; ``on_request`` is told of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.on_request: Callable[[int], None] = lambda number: None
        self.lock = threading.Lock()

    @property
    def options(self) -> list[str]:
        """The options of a command that asks this server."""
        return ["--base-url", f"http://127.0.0.1:{self.server_port}/v1", "--model", "fake"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has been killed."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the client to confirm the headers
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with self.server.lock:
            self.server.asked[prompt] += 1
            number = self.server.asked.total()
        self.server.on_request(number)
        time.sleep(DELAY_S)
        table = re.search(r'CREATE TABLE (\w+|"[^"]+")', prompt)
        assert table
        message = {"role": "assistant", "content": f"SELECT count(*) FROM {table[1]}"}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 9, "total_tokens": len(prompt) // 4 + 9}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "fake",
            "choices": [choice],
            "usage": usage,
        }
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "SPIDER_OPT_CACHE": str(cache)}


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of the answers; a kill may have left a part of one more."""
    path = folder / "predictions.jsonl"
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


def without_seconds(folder: Path) -> list[dict[str, Any]]:
    return [entry | {"usage": entry["usage"] | {"seconds": 0}} for entry in entries(folder)]


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path / "cache"),
        )
        yield process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


def start(nursery: subprocess.Popen[str], *arguments: str) -> int:
    assert nursery.stdin is not None
    nursery.stdin.write(json.dumps(["eval", *arguments]) + "\n")
    nursery.stdin.flush()
    return int(said(nursery))


def said(nursery: subprocess.Popen[str]) -> str:
    """Return the next line that is a number; the rest is what the commands print."""
    assert nursery.stdout is not None
    for line in nursery.stdout:
        if re.fullmatch(r"-?\d+\n", line):
            return line
    raise AssertionError("the nursery died")


def test_a_run_killed_at_ten_moments_is_the_unbroken_run(
    endpoint: Endpoint, nursery: subprocess.Popen[str], tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    subprocess.run(
        [*COMMAND, "eval", *endpoint.options, "--out", str(whole), "--concurrency", "2"],
        check=True,
        capture_output=True,
        env=environment(tmp_path / "other-cache"),
    )
    assert endpoint.asked.total() == N_QUESTIONS
    endpoint.asked.clear()

    rng = random.Random(20)
    moments = [*sorted(rng.sample(range(3, N_QUESTIONS - 3), N_KILLS - 2)), N_QUESTIONS, None]
    broken, kept, killed = tmp_path / "broken", dict[str, Any](), 0
    for moment in moments:
        reached = threading.Event()
        endpoint.on_request = lambda number, at=moment, on=reached: (
            on.set() if at is not None and number >= at else None
        )
        out = [*endpoint.options, "--out", str(broken), "--concurrency", str(rng.choice((1, 3)))]
        pid = start(nursery, *out)
        if moment is None:  # somewhere in scoring
            while not (broken / "predictions.jsonl").exists() or len(entries(broken)) < N_QUESTIONS:
                time.sleep(0.001)
        else:
            assert reached.wait(120)
        time.sleep(rng.random() * 2 * DELAY_S)
        os.kill(pid, signal.SIGKILL)
        killed += int(said(nursery)) == -signal.SIGKILL
        now = entries(broken)
        ids = [entry["id"] for entry in now]
        assert len(set(ids)) == len(ids)  # none doubled
        assert kept.items() <= {entry["id"]: entry for entry in now}.items()  # none lost, none changed
        kept = {entry["id"]: entry for entry in now}
    assert killed >= N_KILLS - 1

    endpoint.on_request = lambda number: None
    start(nursery, *endpoint.options, "--out", str(broken))
    assert int(said(nursery)) == 0
    assert without_seconds(broken) == without_seconds(whole)
    assert len(entries(broken)) == N_QUESTIONS
    assert (broken / "predictions.jsonl").read_text().endswith("}\n")
    assert (broken / "verdicts.jsonl").read_bytes() == (whole / "verdicts.jsonl").read_bytes()
    assert sorted(path.name for path in broken.iterdir()) == ["predictions.jsonl", "run.json", "verdicts.jsonl"]
    assert endpoint.asked.total() <= N_QUESTIONS + 3 * N_KILLS  # only what was on its way is asked again
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_an_interrupt_ends_it_at_once_though_the_model_hangs(endpoint: Endpoint, tmp_path: Path) -> None:
    hung, freed = threading.Event(), threading.Event()

    def hang(number: int) -> None:
        if number > 4:
            hung.set()
            freed.wait(200)

    endpoint.on_request = hang
    out = tmp_path / "run"
    arguments = ["eval", *endpoint.options, "--out", str(out), "--limit", "8", "--concurrency", "2"]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path / "cache"),
    )
    try:
        assert hung.wait(120)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        stdout, stderr = process.communicate(timeout=30)
        assert time.monotonic() - started < 3
    finally:
        process.kill()
        freed.set()
    assert process.returncode == 130
    assert stdout == ""
    assert stderr == "\nInterrupted; what was done is kept, the same command goes on from there.\n"
    assert 2 <= len(entries(out)) <= 4
    assert not (out / "verdicts.jsonl").exists()

    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment(tmp_path / "cache"))
    assert done.returncode == 0
    assert "8 answers, " in done.stderr
    assert len(entries(out)) == 8
