from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import resource
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import pytest
from full_disk import full_at

from spider_opt import paths
from spider_opt.paths import append_whole, cache_dir, file_hash, locked, write_all_whole, write_whole


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
    with pytest.raises(type(error)) as failed:
        write_whole(path, "new" * 10_000)
    assert isinstance(failed.value, KeyboardInterrupt) or failed.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_files_that_belong_together_all_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, text, picture = (tmp_path / name for name in ("table.csv", "text.md", "picture.png"))
    write_all_whole({table: "old\n", text: "old ä\n"})
    full_at(monkeypatch, 2)
    with pytest.raises(OSError, match="No space") as failed:
        write_all_whole({table: "new\n", text: "new\n", picture: b"new"})
    assert failed.value.filename == str(text)
    assert (table.read_text(), text.read_text()) == ("old\n", "old ä\n")
    assert sorted(tmp_path.iterdir()) == [table, text]
    write_all_whole({table: "new\n", text: "new\n", picture: b"new"})
    assert [path.read_bytes() for path in (table, text, picture)] == [b"new\n", b"new\n", b"new"]
    text.unlink()
    text.mkdir()
    with pytest.raises(IsADirectoryError, match="text"):
        write_all_whole({table: "newer\n", text: "newer\n"})
    assert table.read_text() == "new\n"
    assert len(list(tmp_path.iterdir())) == 3


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
        with pytest.raises(OSError, match="File too large") as failed:
            append_whole(path, "second\n")
        assert failed.value.filename == str(path), "a system that has no room does not say for which file"
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


def test_a_lock_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_waited_for_where_that_is_asked(tmp_path: Path) -> None:
    inside, order = threading.Event(), []

    def stay() -> None:
        with locked(tmp_path):
            inside.set()
            time.sleep(0.2)
            order.append("first")

    first = threading.Thread(target=stay)
    first.start()
    inside.wait()
    with locked(tmp_path, wait=True):
        order.append("second")
    first.join()
    assert order == ["first", "second"]


def test_who_waited_for_a_folder_that_is_another_now_waits_for_that(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    inside, go_on, order = threading.Event(), threading.Event(), []

    def replace() -> None:
        with locked(folder):
            inside.set()
            time.sleep(0.2)
            folder.rename(tmp_path / "old")
            folder.mkdir()
            with locked(folder):
                go_on.set()
                time.sleep(0.2)
                order.append("first")

    first = threading.Thread(target=replace)
    first.start()
    inside.wait()
    with locked(folder, wait=True):
        assert go_on.is_set()
        order.append("second")
    first.join()
    assert order == ["first", "second"]


def test_there_is_nothing_to_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "nowhere"):
        pass


@pytest.mark.parametrize("fault", ["no such locks", "no folder can be opened"])
def test_where_folders_cannot_be_locked_a_file_stands_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOSYS, "no flock here") if fault == "no such locks" else PermissionError

    if fault == "no such locks":
        monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    else:
        usual = os.open
        monkeypatch.setattr(
            os, "open", lambda path, *rest, **more: (refuse if path == tmp_path else usual)(path, *rest, **more)
        )
    with locked(tmp_path):
        assert [file.name for file in tmp_path.iterdir()] == [".lock"]
        with pytest.raises(BlockingIOError), locked(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    pid = os.fork()
    if pid == 0:
        with locked(tmp_path):
            os._exit(0)
    os.waitpid(pid, 0)
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]
    with locked(tmp_path):  # the dead hold no lock
        pass


# --- hashes --------------------------------------------------------------------------------------


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    read: list[Path | str] = []
    usual = paths._hash
    monkeypatch.setattr(paths, "_hash", lambda path: read.append(path) or usual(path))
    assert file_hash(path) == file_hash(str(path)) == sha256(b"one")
    assert len(read) == 2  # it was written just now
    monkeypatch.setattr(paths, "_TICK_NS", 0)
    for _ in range(3):
        assert file_hash(path) == file_hash(str(path)) == sha256(b"one")
    assert len(read) == 3
    assert file_hash(path, again=True) == sha256(b"one")
    assert len(read) == 4
    stat = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # who says it has not changed
    assert file_hash(path) == sha256(b"two")
    other = tmp_path / "other"
    other.write_bytes(b"1 2")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert file_hash(path) == sha256(b"1 2")
    with pytest.raises(FileNotFoundError):
        file_hash(tmp_path / "none")


def test_changes_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / "file").write_bytes(b"%03d" % n)
        assert file_hash(tmp_path / "file") == sha256(b"%03d" % n)
