"""The response cache: what counts as the same request, and what happens to the file."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import ModelError
from spider_opt.models import CachedModel
from spider_opt.models.cache import request_key
from spider_opt.types import Completion, Message, ModelInfo, Usage


class Counting:
    """Answers with a number that grows with each call."""

    def __init__(self, info: ModelInfo | None = None, cache_tag: str = "") -> None:
        self.info = info or ModelInfo("m", "abc")
        self.cache_tag = cache_tag
        self.calls = 0
        self.closed = False

    def complete(self, messages: Sequence[Message] | str, *, n: int = 1, **options: Any) -> list[Completion]:
        self.calls += 1
        usage = Usage(1, 10, 4, 2, 0.1 + 0.2, 1e-7)
        return [Completion(f"é\udc80 {self.calls}.{i}", usage if i == 0 else Usage(), "stop", -0.1) for i in range(n)]

    def close(self) -> None:
        self.closed = True


CHAT = [Message("user", "How many?")]


def test_the_same_request_is_asked_once(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "deep" / "c.sqlite")) as model:
        first = model.complete(CHAT, n=2, stop=("a",))
        assert model.complete(CHAT, n=2, stop=["a"], temperature=0) == first
        assert (inner.calls, model.hits, model.misses) == (1, 1, 1)
        assert model.info is inner.info
    assert inner.closed
    with closing(CachedModel(Counting(), tmp_path / "deep" / "c.sqlite")) as later:
        assert later.complete(CHAT, n=2, stop=("a",)) == first
        assert first[0].usage == Usage(1, 10, 4, 2, 0.1 + 0.2, 1e-7)


def test_everything_an_answer_depends_on_makes_another_request(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "c")) as model:
        requests: list[tuple[Any, dict[str, Any]]] = [
            (CHAT, {}),
            ([Message("system", "How many?")], {}),
            ([*CHAT, *CHAT], {}),
            ("How many?", {}),
            ('[["user", "How many?"]]', {}),
            (CHAT, {"n": 2}),
            (CHAT, {"temperature": 0.5}),
            (CHAT, {"seed": 1}),
            (CHAT, {"stop": (";",)}),
            (CHAT, {"grammar": "root ::= [0-9]"}),
            (CHAT, {"max_tokens": 9}),
        ]
        for _ in range(2):
            for messages, options in requests:
                model.complete(messages, **options)
        assert (inner.calls, model.hits) == (len(requests), len(requests))


@pytest.mark.parametrize(
    "other",
    [
        Counting(ModelInfo("other", "abc")),
        Counting(ModelInfo("m", "abd")),
        Counting(ModelInfo("m", "abc", "lora")),
        Counting(ModelInfo("m", "abc", engine="torch int8")),
        Counting(cache_tag="http://127.0.0.1:1/v1"),
    ],
)
def test_another_model_is_another_request(tmp_path: Path, other: Counting) -> None:
    with closing(CachedModel(Counting(), tmp_path / "c")) as model, closing(CachedModel(other, tmp_path / "c")) as two:
        model.complete(CHAT)
        two.complete(CHAT)
        assert two.misses == 1


def test_without_an_engine_a_request_is_what_it_was_before_there_were_any() -> None:
    options: dict[str, Any] = {"n": 1, "temperature": 0, "seed": 0, "stop": (), "grammar": None, "max_tokens": 512}
    infos = [ModelInfo("m", "abc", "lora"), ModelInfo("m", "abc", "lora", "torch int8")]
    before, other = (request_key(info, [Message("user", "hi")], **options) for info in infos)
    assert before == "b7b6e5b08c1a179b2efd88ea1b1174aa513566b264ca9864457bd25227da703e"
    assert other != before


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    class Failing(Counting):
        def complete(self, *args: Any, **options: Any) -> list[Completion]:
            if self.calls == 0:
                self.calls = 1
                raise ModelError("busy")
            return super().complete(*args, **options)

    with closing(CachedModel(Failing(), tmp_path / "c")) as model:
        with pytest.raises(ModelError, match="busy"):
            model.complete(CHAT)
        assert model.complete(CHAT) == model.complete(CHAT)


def test_threads_that_ask_the_same_at_once_get_the_same(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=10)

    class Slow(Counting):
        def complete(self, *args: Any, **options: Any) -> list[Completion]:
            together.wait()
            return super().complete(*args, **options)

    with closing(CachedModel(Slow(), tmp_path / "c")) as model, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.complete(CHAT)[0].text, range(4)))
        assert len(set(answers)) == 1
        assert model.misses == 4


def test_two_objects_on_one_file_agree(tmp_path: Path) -> None:
    def ask(worker: int) -> list[str]:
        with closing(CachedModel(Counting(), tmp_path / "c")) as model:
            return [model.complete(f"question {i}")[0].text for i in range(50)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    with closing(CachedModel(Counting(), tmp_path / "c")) as model:
        kept = [model.complete(f"question {i}")[0].text for i in range(50)]
        assert model.hits == 50
    assert all(answer == kept for answer in answers)


PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from spider_opt.models import CachedModel
    from spider_opt.types import Completion, ModelInfo

    class Inner:
        info = ModelInfo("m", "abc")
        def complete(self, messages, **options):
            return [Completion(messages + " answered")]

    model = CachedModel(Inner(), Path(sys.argv[1]))
    for i in range(100_000):
        model.complete(f"{sys.argv[2]} {i}")
        print(i, flush=True)
    """
)


def test_killed_processes_leave_all_they_had(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "c")]
    started = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"]
    reached = {}
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
    time.sleep(0.3)
    for name, process in zip("ab", started, strict=True):
        os.kill(process.pid, signal.SIGKILL)
        reached[name] = int(process.communicate()[0].split()[-1])
    assert min(reached.values()) > 0

    with closing(CachedModel(Counting(), tmp_path / "c")) as model:
        for name, last in reached.items():
            for i in range(last + 1):
                assert model.complete(f"{name} {i}")[0].text == f"{name} {i} answered"
        assert model.misses == 0
    with closing(sqlite3.connect(tmp_path / "c")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("damage", ["text", "header", "middle"])
def test_a_broken_file_is_set_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c"
    with closing(CachedModel(Counting(), path)) as model:
        for i in range(200):
            model.complete(f"question {i}")
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"no database at all, only words" * 100)
    else:
        at = 0 if damage == "header" else 4096
        data[at:] = b"\xff" * (len(data) - at)
    path.write_bytes(data)

    inner = Counting()
    with caplog.at_level(logging.WARNING), closing(CachedModel(inner, path)) as model:
        answers = [model.complete(f"question {i}") for i in range(50)]
        assert [model.complete(f"question {i}") for i in range(50)] == answers
        assert inner.calls == 50
    [warning] = caplog.messages
    assert warning.startswith(f"The response cache {path} is broken (")
    assert warning.endswith("it was moved to c.broken-1.")
    assert (tmp_path / "c.broken-1").read_bytes() == bytes(data)


def test_a_broken_answer_is_asked_again(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "c")) as model:
        for broken in ("{", "[7]", "7", '[{"text": "a"}]', '[{"text": "a", "usage": {"cost": 1}}]'):
            model.complete(CHAT)
            with closing(sqlite3.connect(tmp_path / "c")) as db, db:
                db.execute("UPDATE answers SET completions = ?", (broken,))
            assert model.complete(CHAT) == model.complete(CHAT)
    assert inner.calls == 6


def test_a_cache_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "c"
    with caplog.at_level(logging.WARNING), closing(CachedModel(Counting(), path)) as model:
        assert [model.complete(CHAT)[0].text[-3:] for _ in range(2)] == ["1.0", "2.0"]
        assert (model.hits, model.misses) == (0, 2)
    assert len(caplog.messages) == 1
    assert "answers are not kept" in caplog.messages[0]
