"""The one file of every cache: shared, killed, forked, broken, locked, full; no answer is lost by it."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt import paths
from spider_opt import store as module
from spider_opt.store import Older, Store, count, is_open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "c.sqlite"


class Warned(logging.Handler):
    """What was warned of."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    handler = Warned()
    logging.getLogger("spider_opt").addHandler(handler)
    yield handler.said
    logging.getLogger("spider_opt").removeHandler(handler)


def whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))


# --- what is kept --------------------------------------------------------------------------------


def test_what_is_kept_is_there_for_the_next(path: Path) -> None:
    with closing(Store(path)) as store:
        assert store.get("s", "a") is None
        assert store.keep("s", {"a": b"1", "b": b""}) == {"a": b"1", "b": b""}
        assert store.keep("t", {"a": b"\0\xff"}) == {"a": b"\0\xff"}
    with closing(Store(path)) as store:
        assert store.get("s", "a") == b"1"
        assert store.get("s", "c") is None
        assert store.get_many("s", ["b", "c", "a"]) == {"b": b"", "a": b"1"}
        assert store.get_many("s", []) == {}
        assert store.get_section("s") == {"a": b"1", "b": b""}
        assert store.get_section("t") == {"a": b"\0\xff"}
        assert store.get_section("u") == {}
        store.close()
        assert store.get("t", "a") == b"\0\xff"


def test_the_first_counts_unless_it_is_replaced(path: Path) -> None:
    with closing(Store(path)) as one, closing(Store(path)) as other:
        one.keep("s", {"a": b"one"})
        assert other.keep("s", {"a": b"other", "b": b"other"}) == {"a": b"one", "b": b"other"}
        other.replace("s", {"a": b"third"})
        other.replace("s", {})
        assert one.get_section("s") == {"a": b"third", "b": b"other"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(Store(tmp_path_factory.mktemp("keys") / "c")) as store:
        yield store


@given(st.text(st.characters(), max_size=9), st.text(st.characters(), max_size=9))
def test_every_text_is_a_key_of_its_own(shared: Store, one: str, other: str) -> None:
    entries = {one: b"1", other: b"2"}
    section = repr((one, other))
    assert shared.keep(section, entries) == entries
    assert shared.get_section(section) == shared.get_many(section, [one, other]) == entries


@pytest.mark.parametrize("key", ["", "\0", "a\0b", "\ud83d", "a\udc00b", "\U0001f600", "x" * 100_000])
def test_keys_that_are_not_usual(path: Path, key: str) -> None:
    with closing(Store(path)) as store:
        store.replace("s", {key: b"1"})
        assert store.get("s", key) == b"1"
        assert store.get_section("s") == {key: b"1"}


def test_many_at_once(path: Path) -> None:
    entries = {str(i): i.to_bytes(2, "big") for i in range(1234)}
    with closing(Store(path)) as store:
        assert store.keep("s", entries) == store.get_many("s", entries) == store.get_section("s") == entries
    assert count(path) == 1234


def test_without_a_file_nothing_is_kept(tmp_path: Path, warnings: list[str]) -> None:
    with closing(Store(None)) as store:
        assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
        store.replace("s", {"a": b"1"})
        assert store.get("s", "a") is None
        assert not store.usable
    assert warnings == []


def test_nothing_is_written_before_something_is_asked(path: Path) -> None:
    Store(path).close()
    assert not path.parent.exists()


def test_what_an_older_version_kept_is_taken_over(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, completions TEXT NOT NULL) WITHOUT ROWID")
        db.executemany("INSERT INTO answers VALUES (?, ?)", [(f"k{i}", f"é{i}") for i in range(700)])
    older = Older("answers", "SELECT 's', key, completions FROM answers")
    with ThreadPoolExecutor(4) as pool:  # all at once
        stores = [Store(path, older=older) for _ in range(4)]
        found = list(pool.map(lambda store: store.get_section("s"), stores))
    for store in stores:
        store.close()
    assert found == [{f"k{i}": f"é{i}".encode() for i in range(700)}] * 4
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("kept",)]


def test_text_that_an_older_version_kept_is_read(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE kept (section TEXT, key TEXT, value TEXT, PRIMARY KEY (section, key)) WITHOUT ROWID")
        db.execute("INSERT INTO kept VALUES ('s', 'a', 'é')")
    with closing(Store(path)) as store:
        store.keep("s", {"a": b"x", "b": b"\xff"})
        assert store.get_section("s") == store.get_many("s", "ab") == {"a": "é".encode(), "b": b"\xff"}


# --- several at once -----------------------------------------------------------------------------


def test_threads_share_an_object(path: Path) -> None:
    with closing(Store(path)) as store:

        def fill(seed: int) -> dict[str, bytes]:
            keys = random.Random(seed).sample([str(i) for i in range(300)], 300)
            return {key: store.keep("s", {key: b"%d" % seed})[key] for key in keys}

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(fill, range(8)))
        assert all(one == store.get_section("s") for one in found)


def _fill(path: Path, seed: int) -> None:
    with closing(Store(path)) as store:
        for start in random.Random(seed).sample(range(900), 900):
            store.keep("s", {str(start + i): b"%d" % seed for i in range(3)})


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_a_file(path: Path, method: str, warnings: list[str]) -> None:
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=_fill, args=(path, seed)) for seed in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with closing(Store(path)) as store:
        assert len(store.get_section("s")) == 902
    assert warnings == []


PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from spider_opt.store import Store

    store = Store(Path(sys.argv[1]))
    for i in range(100_000):
        store.keep("s", {f"{sys.argv[2]} {i} {part}": b"x" * 1000 for part in "ab"})
        print(i, flush=True)
    """
)


def test_killed_processes_leave_all_they_had(path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(path)]
    started = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "pq"]
    reached = {}
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
    time.sleep(0.3)
    for name, process in zip("pq", started, strict=True):
        os.kill(process.pid, signal.SIGKILL)
        reached[name] = int(process.communicate()[0].split()[-1])
    assert min(reached.values()) > 0
    with closing(Store(path)) as store:
        found = store.get_section("s")
    for name, last in reached.items():
        assert all(f"{name} {i} {part}" in found for i in range(last + 1) for part in "ab")
    assert len(found) % 2 == 0  # what is kept together is there together
    assert whole(path)


def test_a_process_forks_while_the_file_is_open(path: Path, warnings: list[str]) -> None:
    store = Store(path)
    store.keep("s", {"before": b"1"})
    done = threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set():
            store.keep("s", {f"parent {n}": b"1"})
            n += 1

    writing = threading.Thread(target=write)
    writing.start()
    children = []
    for child in range(20):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                entries = {f"child {child} {i}": b"1" for i in range(50)}
                for key in entries:
                    store.keep("s", {key: b"1"})
                there = store.get_section("s")
                status = 0 if entries.keys() <= there.keys() and "before" in there else 2
            finally:
                os._exit(status)
        children.append(pid)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    done.set()
    writing.join()
    found = store.get_section("s")
    store.close()
    assert statuses == [0] * 20
    assert sum(key.startswith("child") for key in found) == 1000
    n_parent = sum(key.startswith("parent") for key in found)
    assert {f"parent {n}" for n in range(n_parent)} <= found.keys()
    assert whole(path)
    assert warnings == []


def test_a_forked_process_starts_with_no_connection(path: Path) -> None:
    store = Store(path)
    store.keep("s", {"a": b"1"})
    pid = os.fork()
    if pid == 0:
        os._exit(store._db is not None)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.get("s", "a") == b"1"
    store.close()


def test_whether_another_has_it_open(path: Path) -> None:
    assert not is_open(path)
    store = Store(path)
    store.keep("s", {"a": b"1"})
    assert is_open(path)
    assert store.get("s", "a") == b"1"
    store.close()
    assert not is_open(path)
    assert store.get("s", "a") == b"1"
    store.close()
    path.write_bytes(b"no database" * 100)
    assert not is_open(path)
    assert count(path) is None


# --- what can be wrong with the file -------------------------------------------------------------


def filled(path: Path) -> bytes:
    with closing(Store(path)) as store:
        store.keep("s", {str(i): b"x" * 100 for i in range(500)})
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["text", "header", "middle", "cut off"])
def test_a_broken_file_is_set_aside(path: Path, damage: str, warnings: list[str]) -> None:
    data = bytearray(filled(path))
    if damage == "text":
        data = bytearray(b"no database at all, only words" * 100)
    elif damage == "cut off":
        del data[10_000:]
    else:
        at = 0 if damage == "header" else 4096
        data[at:] = b"\xff" * (len(data) - at)
    path.write_bytes(data)

    with closing(Store(path)) as store:
        assert store.get_section("s") == {}
        assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
        assert store.keep("s", {"a": b"2"}) == {"a": b"1"}
        assert store.usable
    [warning] = warnings
    assert warning.startswith(f"{path} is broken (")
    assert "it was moved to c.sqlite.broken-1" in warning
    assert path.with_name("c.sqlite.broken-1").read_bytes() == bytes(data)
    assert whole(path)


def test_the_log_of_a_broken_file_goes_with_it(path: Path) -> None:
    """A log that stays behind would be written into the new file."""
    path.parent.mkdir()
    for side in ("", "-wal", "-shm"):
        Path(f"{path}{side}").write_text(side)
    module._set_aside(path)
    there = {file.name: file.read_text() for file in path.parent.iterdir()}
    assert there == {f"c.sqlite.broken-1{side}": side for side in ("", "-wal", "-shm")}


def test_each_broken_file_gets_a_place_of_its_own(path: Path) -> None:
    path.parent.mkdir()
    for n in (1, 2, 3):
        path.write_bytes(b"%d " % n * 1000)
        with closing(Store(path)) as store:
            assert store.get("s", "a") is None
        assert path.with_name(f"c.sqlite.broken-{n}").read_bytes() == b"%d " % n * 1000


def test_what_another_process_began_anew_is_not_set_aside(path: Path, warnings: list[str]) -> None:
    """Of two who find the file broken, the second finds the first's new one."""
    filled(path)
    with closing(Store(path)) as slow, closing(Store(path)) as fast:
        assert len(slow.get_section("s")) == len(fast.get_section("s")) == 500
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)
        with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.DatabaseError):
            db.execute("SELECT * FROM kept")
        for store in (fast, slow):
            store._close()  # else what it has in memory hides the damage
        slow._file = module._identity(path)
        fast.keep("s", {"a": b"1"})
        broken = sqlite3.DatabaseError("database disk image is malformed")
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        slow._recover(path, broken, broken_before=False, only_writing=False)
        assert slow.get_section("s") == fast.get_section("s") == {"a": b"1"}
    assert len(warnings) == 1
    assert [file.name for file in path.parent.glob("*broken*")] == ["c.sqlite.broken-1"]


def test_a_file_that_breaks_again_is_done_without(
    path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> sqlite3.Connection:
        path.write_bytes(b"words")
        error = sqlite3.DatabaseError("file is not a database")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error

    path.parent.mkdir()
    path.write_bytes(b"words")
    monkeypatch.setattr(module, "_opened", broken)
    with closing(Store(path, "answers")) as store:
        for _ in range(3):
            assert store.get("s", "a") is None
            assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
    assert len(warnings) == 2
    assert "answers are not kept" in warnings[1]


def test_a_table_of_another_shape_is_left_alone(path: Path, warnings: list[str]) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE kept (other TEXT)")
    with closing(Store(path)) as store:
        assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
        assert store.get("s", "a") is None
    assert len(warnings) == 1
    assert str(path) in warnings[0]


def test_a_place_that_cannot_be_written(tmp_path: Path, warnings: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "c"
    with closing(Store(path, "answers")) as store:
        for _ in range(2):
            assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
            assert store.get_many("s", ["a"]) == store.get_section("s") == {}
        assert not store.usable
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path} cannot be used (")
    assert warnings[0].endswith("answers are not kept.")


def test_a_full_disk_costs_what_is_new_and_not_what_was_kept(path: Path, warnings: list[str]) -> None:
    filled(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(Store(path, "answers")) as store:
        assert len(store.get_section("s")) == 500
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        try:
            new = {"new": b"y" * 1_000_000}
            assert store.keep("s", new) == new
            assert store.keep("s", {"small": b"y"}) == {"small": b"y"}
            store.replace("s", {"small": b"y"})
            assert len(store.get_section("s")) == 500
            assert store.get("s", "7") == b"x" * 100
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    [warning] = warnings
    assert warning.startswith(f"{path} cannot be written (")
    assert warning.endswith("answers are not kept.")
    assert whole(path)
    with closing(Store(path)) as store:
        assert len(store.get_section("s")) == 500


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "free_bytes", "why"),
    [
        (of_sqlite(sqlite3.SQLITE_FULL), 10**9, "the disk is full"),
        (of_sqlite(sqlite3.SQLITE_IOERR), 100, "the disk is full"),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), 100, "the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), 10**9, "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 10**9, "the disk is full"),
        (of_sqlite(sqlite3.SQLITE_IOERR), 10**9, "what SQLite says"),
        (of_sqlite(sqlite3.SQLITE_READONLY), 10**9, "what SQLite says"),
        (PermissionError(errno.EACCES, "Permission denied"), 10**9, "[Errno 13] Permission denied"),
    ],
)
def test_a_full_disk_is_called_that(
    path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, free_bytes: int, why: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "_opened", fail)
    monkeypatch.setattr(paths.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))
    with closing(Store(path, "answers")) as store:
        assert store.get("s", "a") is None
    assert warnings == [f"{path} cannot be used ({why}); answers are not kept."]


def test_a_locked_file_is_waited_for_and_then_done_without(path: Path, warnings: list[str]) -> None:
    before = filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with closing(Store(path, wait_s=0.2)) as store:
            assert store.get_section("s") == {}
            assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
        assert 0.15 < time.monotonic() - began < 5
    assert len(warnings) == 1
    assert "locked" in warnings[0]
    assert path.read_bytes()[100:] == before[100:]
    with closing(Store(path)) as store:
        assert len(store.get_section("s")) == 500


def test_a_lock_that_ends_is_waited_for(path: Path, warnings: list[str]) -> None:
    filled(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    with closing(Store(path)) as store:
        assert store.keep("s", {"a": b"1"}) == {"a": b"1"}
        assert store.get("s", "a") == b"1"
    timer.join()
    other.close()
    assert warnings == []


def test_many_may_open_a_new_file_at_once(tmp_path: Path, warnings: list[str]) -> None:
    def fill(i: int) -> None:
        with closing(Store(tmp_path / str(i // 8))) as store:
            store.keep("s", {str(i): b"1"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, range(80)))
    assert [count(tmp_path / str(i)) for i in range(10)] == [8] * 10
    assert warnings == []
