"""LentCopies of databases: written to, deleted, shared by threads; the original is never any other."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases.lent_copies import AT_MOST, LentCopies
from spider_opt.errors import DatasetError, RunError


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return made(tmp_path / "shop.sqlite")


def made(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE item (n); INSERT INTO item VALUES (1), (2)")
    return path


def total(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT sum(n) FROM item").fetchone()[0])


def script(sql: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)

    return write


def left_open(path: Path) -> None:
    """In WAL mode, with a connection that nobody closed, the change is beside the file."""
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode = WAL; UPDATE item SET n = 5")
    kept.append(connection)


kept: list[sqlite3.Connection] = []


@pytest.mark.parametrize(
    "write",
    [
        script("UPDATE item SET n = 3 - n"),  # of equal size, and within the clock's tick
        script("DROP TABLE item"),
        script("PRAGMA user_version = 3"),
        script("VACUUM"),
        left_open,
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: shutil.rmtree(path.parent),
    ],
)
def test_what_is_written_is_thrown_away(write: Callable[[Path], object], original: Path, tmp_path: Path) -> None:
    before, told = original.read_bytes(), []
    copies = LentCopies(tmp_path / "copies", told.append)
    with copies.using(original) as path:
        assert (total(path), path.name) == (3, "shop.sqlite")
        write(path)
    assert told == [original]
    with copies.using(original) as again:
        assert again != path
        assert again.read_bytes() == before
    while kept:
        kept.pop().close()
    assert original.read_bytes() == before
    assert not path.exists()


def test_who_only_reads_has_the_same_copy(original: Path, tmp_path: Path) -> None:
    told: list[Path] = []
    copies = LentCopies(tmp_path / "copies", told.append)
    seen = set()
    for _ in range(3):
        with copies.using(original) as path:
            assert total(path) == 3
            seen.add(path)
    assert (len(seen), told) == (1, [])


def test_few_are_kept_and_none_that_is_in_use_goes(tmp_path: Path) -> None:
    originals = [made(tmp_path / f"db{i}.sqlite") for i in range(AT_MOST + 3)]
    copies = LentCopies(tmp_path / "copies")
    with copies.using(originals[0]) as first:
        for original in originals[1:]:
            with copies.using(original) as path:
                assert total(path) == 3
        assert total(first) == 3
    assert len(list((tmp_path / "copies").iterdir())) == AT_MOST


def test_threads_that_write(original: Path, tmp_path: Path) -> None:
    copies, wrong = LentCopies(tmp_path / "copies"), []
    turn = threading.Barrier(4)

    def work() -> None:
        for _ in range(5):
            turn.wait()
            with copies.using(original) as path:
                script("INSERT INTO item VALUES (10)")(path)
            turn.wait()
            with copies.using(original) as path:
                if total(path) != 3:
                    wrong.append(path)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert total(original) == 3


def test_what_cannot_be_copied(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = LentCopies(tmp_path / "copies")
    with pytest.raises(DatasetError, match="No database at"), copies.using(tmp_path / "none.sqlite"):
        pass
    monkeypatch.setattr(shutil, "copyfile", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(RunError, match=r"cannot copy .*: No space left; set TMPDIR"), copies.using(original):
        pass
