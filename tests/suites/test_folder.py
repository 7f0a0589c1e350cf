"""The folder of a suite that cannot be written."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import read_schema
from spider_opt.suites.building import Building, Job, build_one


def job(folder: Path) -> Job:
    path = folder / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT)")
    return Job(folder / "out", path, read_schema(path, "shop"), ("SELECT name FROM owner",), 0, 5, 5)


def built_apart(job: Job) -> None:
    """Build in a process of its own."""
    with closing(Building(job)) as building:
        while not building.ended():
            time.sleep(0.01)


@pytest.mark.parametrize("build", [build_one, built_apart])
def test_what_cannot_be_written_is_named(build: Callable[[Job], object], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OSError, match="Not a directory") as failed:
        build(job(tmp_path))
    assert str(failed.value.filename).startswith(str(tmp_path / "out"))
    assert failed.value.errno == errno.ENOTDIR


def test_a_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")  # the system does not say where

    asked = job(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as failed:
        build_one(asked)
    assert failed.value.filename == str(tmp_path / "out" / "shop")
    assert not list((tmp_path / "out").iterdir())
