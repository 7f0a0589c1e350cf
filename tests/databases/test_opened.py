from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from spider_opt.databases.opened import Opened
from spider_opt.errors import DatasetError


class Made:
    """What is made of a file; notes that it was closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def database(path: Path, more: bytes = b"") -> Path:
    path.write_bytes(b"SQLite format 3\0" + more)
    return path


@pytest.fixture
def made() -> list[Made]:
    return []


@pytest.fixture
def opened(made: list[Made]) -> Opened[Made]:
    def make(path: Path) -> Made:
        made.append(Made(path))
        return made[-1]

    return Opened(make, at_most=2)


def test_a_file_is_opened_once_whatever_it_is_called(
    opened: Opened[Made], made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = database(tmp_path / "a")
    (tmp_path / "link").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for name in (path, str(path), "a", "link"):
        with opened.using(name) as one:
            assert one is made[0]
    assert len(made) == 1
    assert made[0].closed == 0


@pytest.mark.parametrize("how", ["longer", "touched", "replaced"])
def test_a_file_that_has_changed_is_opened_anew(
    opened: Opened[Made], made: list[Made], tmp_path: Path, how: str
) -> None:
    path = database(tmp_path / "a")
    with opened.using(path):
        pass
    if how == "touched":
        os.utime(path, (1, 1))
    else:
        database(path if how == "longer" else tmp_path / "b", b"more").replace(path)
    with opened.using(path) as one:
        assert one is made[1]
        assert (made[0].closed, one.closed) == (1, 0)


def test_only_the_last_stay_open(opened: Opened[Made], made: list[Made], tmp_path: Path) -> None:
    a, b, c = (database(tmp_path / name) for name in "abc")
    for path in (a, b, a, c):
        with opened.using(path):
            pass
    assert [(one.path.name, one.closed) for one in made] == [("a", 0), ("b", 1), ("c", 0)]


def test_what_is_in_use_stays_open(opened: Opened[Made], made: list[Made], tmp_path: Path) -> None:
    path = database(tmp_path / "a")
    with opened.using(path) as first:
        with opened.using(path):
            database(path, b"more")
            with opened.using(path) as second:
                pass
            assert (first.closed, second.closed) == (0, 0)
        assert first.closed == 0
        opened.close()
        assert (first.closed, second.closed) == (0, 1)
    assert first.closed == 1
    opened.close()
    assert [one.closed for one in made] == [1, 1]


def test_closed_it_opens_again(opened: Opened[Made], made: list[Made], tmp_path: Path) -> None:
    path = database(tmp_path / "a")
    for _ in range(2):
        with opened.using(path):
            pass
        opened.close()
    assert [one.closed for one in made] == [1, 1]


def test_threads_share_one(opened: Opened[Made], made: list[Made], tmp_path: Path) -> None:
    path = database(tmp_path / "a")
    together = threading.Barrier(8)

    def use() -> None:
        together.wait()
        with opened.using(path):
            pass

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_what_is_no_database_is_not_opened(opened: Opened[Made], made: list[Made], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with ExitStack() as stack, pytest.raises(DatasetError, match="is not a SQLite database"):
        stack.enter_context(opened.using(tmp_path / "text"))
    with ExitStack() as stack, pytest.raises(DatasetError, match="No database at"):
        stack.enter_context(opened.using(tmp_path / "nothing"))
    assert made == []
