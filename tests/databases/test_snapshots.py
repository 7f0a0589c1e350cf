"""Databases that another program has open, or has died over: what it holds is read, and nothing is left there."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import Sandbox, database_hash, read_schema, snapshots
from spider_opt.databases.snapshots import settled
from spider_opt.errors import DatasetError

N = "SELECT count(*) FROM t"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    path = folder / "a b.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3)")
    return path


def wal(connection: sqlite3.Connection) -> None:
    connection.executescript("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (4)")


def wal_without_changes(connection: sqlite3.Connection) -> None:
    connection.executescript("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (4); PRAGMA wal_checkpoint(TRUNCATE)")


def wal_amid_a_change(connection: sqlite3.Connection) -> None:
    wal(connection)
    connection.executescript("BEGIN; INSERT INTO t VALUES (5)")


def journal_amid_a_change(connection: sqlite3.Connection) -> None:
    connection.executescript("INSERT INTO t VALUES (4); PRAGMA cache_size = 5; BEGIN; INSERT INTO t VALUES (5)")


def locked_amid_a_large_change(connection: sqlite3.Connection) -> None:
    """Pages of it stand in the file already."""
    connection.executescript(
        "INSERT INTO t VALUES (4); PRAGMA cache_size = 5; BEGIN EXCLUSIVE; UPDATE t SET a = 7;"
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 500)"
        "INSERT INTO t SELECT hex(zeroblob(1000)) FROM r"
    )


def wal_locked(connection: sqlite3.Connection) -> None:
    connection.executescript("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; INSERT INTO t VALUES (4)")


WRITERS = [wal, wal_without_changes, wal_amid_a_change, journal_amid_a_change, locked_amid_a_large_change, wal_locked]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "WAIT_S", 0.1)


@pytest.fixture(params=WRITERS, ids=lambda write: write.__name__)
def writer(request: pytest.FixtureRequest, db: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(db, isolation_level=None)
    request.param(connection)
    yield connection
    connection.close()


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a folder, but for the shared memory of a log, in which readers note themselves."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def test_what_a_live_writer_has_committed_is_read(writer: sqlite3.Connection, db: Path) -> None:
    before, names = contents(db.parent), {path.name for path in db.parent.iterdir()}
    with Sandbox(db) as sandbox:
        assert sandbox.run(N).rows == [(4,)]
        assert sandbox.run("SELECT max(a) FROM t").rows == [(4,)]
        assert len(sandbox.run_on_copy("DELETE FROM t RETURNING a").rows) == 4
    assert read_schema(db, "a").tables[0].name == "t"
    assert database_hash(db) == database_hash(settled(db))
    assert contents(db.parent) == before
    assert {path.name for path in db.parent.iterdir()} == names
    if not writer.in_transaction:
        writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (9)")  # nobody keeps it from that
    writer.execute("COMMIT")


def test_what_it_writes_is_read_from_then_on(db: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        wal(connection)
        first, hashed = settled(db), database_hash(db)
        assert settled(db) == first
        connection.execute("INSERT INTO t VALUES (5)")
        with Sandbox(db) as sandbox:
            assert sandbox.run(N).rows == [(5,)]
        assert database_hash(db) != hashed
        assert first.exists()  # another thread may be about to open it
        connection.execute("DELETE FROM t WHERE a = 5")
        assert settled(db) != first
        assert not first.exists()
        connection.execute("INSERT INTO t VALUES (5)")
    with Sandbox(db) as sandbox:  # it has gone, and the log with it
        assert settled(db) == db
        assert sandbox.run(N).rows == [(5,)]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_what_a_writer_left_that_died_is_read(db: Path, tmp_path: Path, write: Callable[..., None]) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        write(connection)
        dead = tmp_path / "dead"
        shutil.copytree(db.parent, dead)
    for shared in dead.glob("*-shm"):
        shared.unlink()
    before = contents(dead)
    with Sandbox(dead / db.name) as sandbox:
        assert sandbox.run(N).rows == [(4,)]
    assert contents(dead) == before
    assert list(dead.glob("*-shm")) == []


def test_a_folder_that_cannot_be_written_will_do(db: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        wal(connection)
        db.parent.chmod(0o555)
        try:
            with Sandbox(db) as sandbox:
                assert sandbox.run(N).rows == [(4,)]
        finally:
            db.parent.chmod(0o755)


@pytest.mark.parametrize("mode", ["PERSIST", "TRUNCATE", "DELETE", "OFF"])
def test_a_journal_that_is_over_is_none(db: Path, mode: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(f"PRAGMA journal_mode = {mode}; INSERT INTO t VALUES (4)")
        assert settled(db) == db
        with Sandbox(db) as sandbox:
            assert sandbox.run(N).rows == [(4,)]


def test_a_lock_alone_holds_up_nobody(db: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert settled(db) == db
        with Sandbox(db) as sandbox:
            assert sandbox.run(N).rows == [(3,)]


def test_nothing_is_advised_about_the_users_files(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(snapshots, "_take", refuse)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        wal(connection)
        with pytest.raises(DatasetError, match="no snapshot of it can be taken") as caught, Sandbox(db) as sandbox:
            sandbox.run(N)
    assert "No space left on device" in str(caught.value)
    assert "PRAGMA" not in str(caught.value)


def test_snapshots_go_with_their_process(db: Path, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from spider_opt.databases.snapshots import settled;"
    code += "print(settled(Path(sys.argv[1])))"
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        wal(connection)
        env = os.environ | {"TMPDIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code, db], capture_output=True, text=True, env=env, check=True)
    taken = Path(done.stdout.strip())
    assert taken.is_relative_to(tmp_path)
    assert not taken.parent.parent.exists()


def test_a_log_without_a_database_is_nothing(db: Path) -> None:
    Path(f"{db}-wal").write_bytes(b"left")
    db.unlink()
    assert settled(db) == db
    with pytest.raises(DatasetError, match=r"No database at .*a b\.sqlite"), Sandbox(db) as sandbox:
        sandbox.run(N)
