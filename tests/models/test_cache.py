"""The response cache: what counts as the same request, and what happens to the file."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import FakeModel

from spider_opt.errors import ModelError
from spider_opt.models import CachedModel, computing
from spider_opt.models.cache import completions_to_json, request_key
from spider_opt.types import Completion, Message, ModelInfo, Request, Usage

INFO = ModelInfo("m", "abc")


class Counting(FakeModel):
    """Answers with a number that grows with each call."""

    def __init__(self, info: ModelInfo = INFO, cache_tag: str = "") -> None:
        super().__init__(self._count, info=info, cache_tag=cache_tag)

    def _count(self, request: Request) -> list[Completion]:
        usage = Usage(1, 10, 4, 2, 0.1 + 0.2, 1e-7)
        said = f"é\udc80 {len(self.requests)}"
        return [Completion(f"{said}.{i}", Usage() if i else usage, "stop", -0.1) for i in range(request.n)]


CHAT = (Message("user", "How many?"),)


def test_the_same_request_is_asked_once(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "deep" / "c.sqlite")) as model:
        first = model.complete(Request(CHAT, n=2, stop=("a",)))
        assert model.complete(Request(CHAT, n=2, stop=("a",), temperature=0)) == first
        assert (len(inner.requests), model.hits, model.misses) == (1, 1, 1)
        assert model.info is inner.info
    assert inner.closed
    with closing(CachedModel(Counting(), tmp_path / "deep" / "c.sqlite")) as later:
        assert later.complete(Request(CHAT, n=2, stop=("a",))) == first
        assert first[0].usage == Usage(1, 10, 4, 2, 0.1 + 0.2, 1e-7)


def test_kept_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = CachedModel(Counting(), tmp_path / "passing" / "c.sqlite")
    [first] = model.complete(Request(CHAT))
    model.keep_no_more()
    shutil.rmtree(tmp_path / "passing")
    [late] = model.complete(Request(CHAT))
    model.close()
    assert first != late
    assert not (tmp_path / "passing").exists()
    assert not caplog.records


def test_everything_an_answer_depends_on_makes_another_request(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "c")) as model:
        requests = [
            Request(CHAT),
            Request((Message("system", "How many?"),)),
            Request((*CHAT, *CHAT)),
            Request("How many?"),
            Request('[["user", "How many?"]]'),
            Request(CHAT, n=2),
            Request(CHAT, temperature=0.5),
            Request(CHAT, seed=1),
            Request(CHAT, stop=(";",)),
            Request(CHAT, grammar="root ::= [0-9]"),
            Request(CHAT, max_tokens=9),
            Request(CHAT, extra={"top_p": 0.5}),
            Request(CHAT, extra={"top_p": 0.6}),
            Request(CHAT, extra={"chat_template_kwargs": {"enable_thinking": False}}),
        ]
        for _ in range(2):
            for request in requests:
                model.complete(request)
        assert (len(inner.requests), model.hits) == (len(requests), len(requests))


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
        model.complete(Request(CHAT))
        two.complete(Request(CHAT))
        assert two.misses == 1


SPOKEN = (Message("system", "Écris"), Message("user", "hi"))


@pytest.mark.parametrize(
    ("info", "request_", "tag", "key"),
    [
        (ModelInfo("m", "abc", "lora"), Request((Message("user", "hi"),)), "",
         "b7b6e5b08c1a179b2efd88ea1b1174aa513566b264ca9864457bd25227da703e"),
        (ModelInfo("m"), Request("hi"), "",
         "cfb648a61cd54b8f93cf6cf913360557b0a592137715fb84c4c85bbfabafd657"),
        (ModelInfo("m"), Request(SPOKEN, 3, 0.7, 5, (";", "\n\n"), max_tokens=300), "http://127.0.0.1:8000/v1 logprobs",
         "7dbbd95eb812bf388957ef3549a7dc9d1e95ab796671c2dfdf2ce4ad52c6f8b8"),
        (ModelInfo("m", "abc", "lora", "torch int8"), Request(SPOKEN, temperature=1, grammar='root ::= "x"'), "",
         "547fd70397c743acf67e0b631a80de09cbd2848f8fd3a4245f5a88eeae3c4f1b"),
    ],
)  # fmt: skip
def test_a_request_is_called_what_it_was_in_recordings_and_caches(
    info: ModelInfo, request_: Request, tag: str, key: str
) -> None:
    assert request_key(info, request_, tag) == key
    assert request_key(info, replace(request_, extra={"top_p": 0.5}), tag) != key


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    with closing(CachedModel(FakeModel(ModelError("busy"), "1", "2"), tmp_path / "c")) as model:
        with pytest.raises(ModelError, match="busy"):
            model.complete(Request(CHAT))
        assert model.complete(Request(CHAT)) == model.complete(Request(CHAT))


def test_threads_that_ask_the_same_at_once_get_the_same(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=10)

    class Slow(Counting):
        def complete(self, request: Request) -> list[Completion]:
            together.wait()
            return super().complete(request)

    with closing(CachedModel(Slow(), tmp_path / "c")) as model, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.complete(Request(CHAT))[0].text, range(4)))
        assert len(set(answers)) == 1
        assert model.misses == 4


def test_two_objects_on_one_file_agree(tmp_path: Path) -> None:
    def ask(worker: int) -> list[str]:
        with closing(CachedModel(Counting(), tmp_path / "c")) as model:
            return [model.complete(Request(f"question {i}"))[0].text for i in range(50)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    with closing(CachedModel(Counting(), tmp_path / "c")) as model:
        kept = [model.complete(Request(f"question {i}"))[0].text for i in range(50)]
        assert model.hits == 50
    assert all(answer == kept for answer in answers)


PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from spider_opt.models import CachedModel, computing
    from spider_opt.types import Completion, ModelInfo, Request

    class Inner:
        info = ModelInfo("m", "abc")
        def complete(self, request):
            return [Completion(request.text + " answered")]

    model = CachedModel(Inner(), Path(sys.argv[1]))
    for i in range(100_000):
        model.complete(Request(f"{sys.argv[2]} {i}"))
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
                assert model.complete(Request(f"{name} {i}"))[0].text == f"{name} {i} answered"
        assert model.misses == 0
    with closing(sqlite3.connect(tmp_path / "c")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_answers_that_were_kept_before_there_was_a_store_are_read(tmp_path: Path) -> None:
    request = Request(SPOKEN, 2, 0.7, 5, (";",))
    answers = [Completion("é\udc80", Usage(1, 10, 4, 2, 0.3, 1e-7), "stop", -0.1), Completion("b", Usage())]
    with closing(sqlite3.connect(tmp_path / "c", isolation_level=None)) as db:  # what it was written with
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, completions TEXT NOT NULL) WITHOUT ROWID")
        text = json.dumps(completions_to_json(answers))
        db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (request_key(INFO, request), text))
    inner = Counting()
    for _ in range(2):
        with closing(CachedModel(inner, tmp_path / "c")) as model:
            assert model.complete(request) == answers
    assert inner.requests == []


@pytest.mark.parametrize("damage", ["text", "header", "middle"])
def test_a_broken_file_is_set_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c"
    with closing(CachedModel(Counting(), path)) as model:
        for i in range(200):
            model.complete(Request(f"question {i}"))
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"no database at all, only words" * 100)
    else:
        at = 0 if damage == "header" else 4096
        data[at:] = b"\xff" * (len(data) - at)
    path.write_bytes(data)

    inner = Counting()
    with caplog.at_level(logging.WARNING), closing(CachedModel(inner, path)) as model:
        answers = [model.complete(Request(f"question {i}")) for i in range(50)]
        assert [model.complete(Request(f"question {i}")) for i in range(50)] == answers
        assert len(inner.requests) == 50
    [warning] = caplog.messages
    assert warning.startswith(f"{path} is broken (")
    assert (tmp_path / "c.broken-1").read_bytes() == bytes(data)


def test_a_broken_answer_is_asked_again(tmp_path: Path) -> None:
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "c")) as model:
        for broken in (
            "{", "[7]", "7", '[{"text": "a"}]', '[{"text": "a", "usage": {"cost": 1}}]', '[{"text": 7, "usage": {}}]',
            '[{"text": "a", "usage": {"prompt_tokens": -5}}]', '[{"text": "a", "usage": {"calls": "x"}}]',
        ):  # fmt: skip
            model.complete(Request(CHAT))
            with closing(sqlite3.connect(tmp_path / "c")) as db, db:
                db.execute("UPDATE kept SET value = ?", (broken,))
            assert model.complete(Request(CHAT)) == model.complete(Request(CHAT))
    assert len(inner.requests) == 9


def test_a_cache_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "c"
    with caplog.at_level(logging.WARNING), closing(CachedModel(Counting(), path)) as model:
        assert [model.complete(Request(CHAT))[0].text[-3:] for _ in range(2)] == ["1.0", "2.0"]
        assert (model.hits, model.misses) == (0, 2)
    assert len(caplog.messages) == 1
    assert "answers are not kept" in caplog.messages[0]


# --- what computes the answers -----------------------------------------------------------------


@pytest.mark.parametrize("engine", ["EmbeddedModel", "TorchModel"])
@pytest.mark.parametrize("changed", ["_version", "_code"])
def test_answers_of_another_version_of_the_engine_do_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, changed: str
) -> None:
    class Computed(Counting):
        """Stands for a model that is computed here."""

    engines = tuple((Computed if kind.__name__ == engine else kind, *rest) for kind, *rest in computing._ENGINES)
    monkeypatch.setattr(computing, "_ENGINES", engines)
    monkeypatch.setattr(computing, "_version", lambda package: f"{package} 1")
    monkeypatch.setattr(computing, "_code", lambda folder: "0123456789")

    def asked() -> int:
        inner = Computed()
        with closing(CachedModel(inner, tmp_path / "c.sqlite")) as model:
            model.complete(Request(CHAT))
        return len(inner.requests)

    assert [asked(), asked()] == [1, 0]
    monkeypatch.setattr(computing, changed, lambda of: "another")
    assert [asked(), asked()] == [1, 0]


def test_what_is_kept_of_an_endpoint_or_recorded_is_found_by_the_key_it_always_had(tmp_path: Path) -> None:
    # Answers that may have been paid for, and recordings: this is what their keys were when they were made.
    assert request_key(INFO, Request(CHAT)) == "9decbb9b59585a76c25229039d25695872b5a4eca4abd2227259e2b071265ee3"
    inner = Counting()
    with closing(CachedModel(inner, tmp_path / "c.sqlite")) as model:
        model.complete(Request(CHAT))
        with closing(sqlite3.connect(tmp_path / "c.sqlite")) as connection:
            [kept] = connection.execute("SELECT key FROM kept WHERE section = 'answers'").fetchall()
    assert kept[0] == request_key(INFO, Request(CHAT))
