from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.paths import append_whole, cache_dir, locked, use_wal, write_whole


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "not there yet"))
    assert cache_dir() == tmp_path / "not there yet"
    assert not cache_dir().exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPIDER_OPT_CACHE", "~/cache")
    assert cache_dir() == tmp_path / "cache"


@pytest.mark.parametrize("named", [None, ""])
def test_the_cache_is_else_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None) -> None:
    monkeypatch.delenv("SPIDER_OPT_CACHE")
    if named is not None:
        monkeypatch.setenv("SPIDER_OPT_CACHE", named)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir().name == "spider-opt"
    assert tmp_path in cache_dir().parents


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "one\n")
    write_whole(path, "zwei ä\n")
    assert path.read_bytes() == "zwei ä\n".encode()
    write_whole(path, "")
    assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]


def test_what_utf8_lacks_is_escaped(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "\ud83d")
    append_whole(tmp_path / "file", "|\udc00")
    assert (tmp_path / "file").read_bytes() == rb"\ud83d|\udc00"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_text_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_whole(path, "new" * 10_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", "x")
    with pytest.raises(FileNotFoundError):
        append_whole(tmp_path / "nowhere" / "file", "x")


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    append_whole(path, "one\n")
    append_whole(path, "zwei ä\n")
    append_whole(path, "")
    assert path.read_bytes() == "one\nzwei ä\n".encode()


def test_a_line_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    append_whole(path, "first\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # the system writes 4 bytes of the next, then fails
    try:
        with pytest.raises(OSError, match="File too large"):
            append_whole(path, "second\n")
        assert path.read_bytes() == b"first\n"
        append_whole(path, "3rd\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"first\n3rd\n"


def test_a_lock_keeps_others_out_and_dies_with_its_process(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(BlockingIOError), locked(tmp_path):
            pass
        with locked(tmp_path.parent):
            pass
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    context = multiprocessing.get_context("fork")
    inside = context.Event()
    process = context.Process(target=_stay_inside, args=(tmp_path, inside))
    process.start()
    try:
        assert inside.wait(20)
        with pytest.raises(BlockingIOError), locked(tmp_path):
            pass
    finally:
        process.kill()
        process.join()
    with locked(tmp_path):
        pass


def _stay_inside(folder: Path, inside: Any) -> None:
    with locked(folder):
        inside.set()
        multiprocessing.Event().wait(60)


def test_many_may_ask_for_wal_at_once(tmp_path: Path) -> None:
    def ask(_: int) -> str:
        with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
            use_wal(db, 30)
            [(mode,)] = db.execute("PRAGMA journal_mode")
            return str(mode)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(40))) == {"wal"}


def test_wal_gives_up_where_somebody_stays_in_the_way(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(tmp_path / "db", timeout=0)) as db, pytest.raises(sqlite3.OperationalError):
            use_wal(db, 0.05)
