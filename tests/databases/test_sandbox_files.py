"""The files of databases: which are opened, how damage is told, what is left as it is."""

from __future__ import annotations

import hashlib
import shutil
import threading
from pathlib import Path

import pytest
from small_database import contents, make

from spider_opt.databases import DatabasePool, Sandbox, database_hash
from spider_opt.databases.guard import Damaged, Guard
from spider_opt.errors import DatasetError, QueryFailed


@pytest.mark.parametrize("name", ["a b.sqlite", "a?mode=rw.sqlite", "a#b", "100%41", "é😀.db", "file:x", "q'q\"q"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name)
    before = contents(tmp_path)
    with Sandbox(str(path)) as sandbox:
        assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]
        assert len(sandbox.run_on_copy("DELETE FROM t RETURNING a").rows) == 3
    assert contents(tmp_path) == before


def test_a_relative_path_will_do(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(db.parent)
    with Sandbox(db.name) as sandbox:
        assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]


def test_nothing_is_opened_before_the_first_query(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "later.sqlite")
    with pytest.raises(DatasetError, match=r"No database at .*later\.sqlite"):
        sandbox.run("SELECT 1")
    make(tmp_path / "later.sqlite")
    assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]
    sandbox.close()
    sandbox.close()
    assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]
    sandbox.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a SQLite database"),
        (b"CREATE TABLE t(a);" * 100, "is not a SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 5000, "not a database"),
    ],
)
def test_a_file_that_is_no_database_is_a_dataset_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with Sandbox(path) as sandbox:
        for use in (sandbox.run, sandbox.run_on_copy):
            with pytest.raises(DatasetError, match=message):
                use("SELECT a FROM t")


def test_a_folder_is_a_dataset_error(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox, pytest.raises(DatasetError, match="Is a directory"):
        sandbox.run("SELECT 1")


def damaged(tmp_path: Path) -> Path:
    """A database of which only the first page is whole."""
    path = make(tmp_path / "x.sqlite", "CREATE TABLE big AS SELECT hex(randomblob(3000)) AS x FROM t, t, t")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x99" * (len(whole) - 4096))
    return path


def test_a_damaged_database_is_a_dataset_error_by_name_and_no_verdict(tmp_path: Path) -> None:
    with Sandbox(damaged(tmp_path)) as sandbox:
        for sql in ("SELECT sum(length(x)) FROM big", "SELECT 1"):  # what is known to be damaged stays so
            with pytest.raises(DatasetError, match=r"The database .*x\.sqlite is damaged: "):
                sandbox.run(sql)


def test_to_who_answers_questions_damage_is_a_query_that_fails(tmp_path: Path) -> None:
    sandbox = DatabasePool({"x": damaged(tmp_path)})["x"]
    for _ in range(2):
        with pytest.raises(QueryFailed, match="malformed"):
            sandbox.run("SELECT sum(length(x)) FROM big")
    sandbox.close()


def test_what_only_looks_like_damage_is_the_statements_fault(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise Damaged("database disk image is malformed")

    monkeypatch.setattr(Guard, "run", run)
    with Sandbox(db) as sandbox, pytest.raises(QueryFailed, match="malformed"):
        sandbox.run("SELECT 1")


def test_a_database_in_wal_mode_is_read_without_side_files(tmp_path: Path) -> None:
    path = make(tmp_path / "wal.sqlite", "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (4, 'z')")
    before = contents(tmp_path)
    assert list(before) == ["wal.sqlite"]
    with Sandbox(path) as sandbox:
        assert sandbox.run("SELECT count(*) FROM t").rows == [(4,)]
        assert len(sandbox.run_on_copy("DELETE FROM t RETURNING 1").rows) == 4
        assert contents(tmp_path) == before


def test_threads_may_share_a_sandbox(sandbox: Sandbox) -> None:
    wrong: list[object] = []

    def ask(number: int) -> None:
        for _ in range(50):
            rows = sandbox.run(f"SELECT {number}, count(*) FROM t, t, t").rows
            if rows != [(number, 27)]:
                wrong.append(rows)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_file_hash_follows_the_bytes(db: Path, tmp_path: Path) -> None:
    expected = hashlib.sha256(db.read_bytes()).hexdigest()
    assert database_hash(db) == database_hash(str(db)) == expected
    copy = Path(shutil.copy(db, tmp_path / "copy"))
    assert database_hash(copy) == expected
    copy.write_bytes(b"other")
    assert database_hash(copy) == hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DatasetError, match="Cannot read"):
        database_hash(tmp_path / "none")
