"""Statements of any kind, on a copy of a database in memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from small_database import RUNAWAY, contents, make

from spider_opt.databases import Limits, Sandbox, copies
from spider_opt.databases.limits import lifted
from spider_opt.errors import NotAQuery, QueryFailed, QueryLimit, QueryTimeout

SHORT = Limits(max_value_bytes=1000, max_stored_bytes=1000)


def test_statements_run_in_order_on_one_copy(sandbox: Sandbox, db: Path) -> None:
    before = contents(db.parent)
    deleted, left, again = sandbox.run_in_order(["DELETE FROM t WHERE a > 1", "SELECT a FROM t", "SELECT 1 FROM t, t"])
    assert (deleted.rows, left.rows, again.rows) == ([], [(1,)], [(1,)])
    assert len(sandbox.run("SELECT a FROM t").rows) == 3
    with pytest.raises(QueryFailed, match="no such table: nope"):
        sandbox.run_in_order(["SELECT 1", "SELECT a FROM nope"])
    with pytest.raises(QueryTimeout, match=r"within 0\.1 s"):
        sandbox.run_in_order([RUNAWAY, "SELECT 1"], within_s=0.1)
    assert contents(db.parent) == before


@pytest.mark.parametrize(
    ("sql", "n_rows"),
    [
        ("SELECT a FROM t", 3),
        ("SELECT a FROM e", 0),
        ("INSERT INTO e VALUES (1)", 0),
        ("INSERT INTO e VALUES (1), (2) RETURNING a", 2),
        ("UPDATE t SET a = 0", 0),
        ("DELETE FROM t", 0),
        ("DROP TABLE t", 0),
        ("CREATE TABLE z AS SELECT * FROM t", 0),
        ("CREATE TEMP VIEW z AS SELECT 1", 0),
        ("ALTER TABLE t RENAME TO u", 0),
        ("BEGIN", 0),
        ("ANALYZE", 0),
        ("REINDEX", 0),
        ("PRAGMA table_info(t)", 2),
        ("PRAGMA main.Table_Info('t')", 2),
        ("PRAGMA user_version", 1),
        ("PRAGMA writable_schema = 1", 0),
        ("PRAGMA no_such_pragma", 0),
        ("PRAGMA busy_timeout = 5", 1),
        ("PRAGMA temp_store_directory = '.'", 0),
        ("PRAGMA hard_heap_limit", 1),
        ("ATTACH 'attached.db' AS z", 0),
        ("ATTACH DATABASE 'main' AS z", 0),
        ("attach 'a' || 'b' as 'z z'", 0),
        ("ATTACH ':memory:' AS z", 0),
        ("ATTACH '' AS z", 0),
        ("VACUUM", 0),
        ("VACUUM INTO 'stolen.db'", 0),
        ("CREATE VIRTUAL TABLE z USING fts5(a)", 0),
        ("CREATE VIRTUAL TABLE z USING rtree(a, b, c)", 0),
        ("", 0),
        (";", 0),
        ("-- nothing", 0),
        ("EXPLAIN QUERY PLAN SELECT * FROM t", 1),
    ],
)
def test_rows_of_a_statement_of_any_kind(
    sandbox: Sandbox, db: Path, monkeypatch: pytest.MonkeyPatch, sql: str, n_rows: int
) -> None:
    monkeypatch.chdir(db.parent)
    before = contents(db.parent)
    assert len(sandbox.run_on_copy(sql).rows) == n_rows
    assert contents(db.parent) == before
    assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("DROP TABLE nowhere", QueryFailed),
        ("INSERT INTO e VALUES (1), (1)", QueryFailed),
        ("COMMIT", QueryFailed),
        ("SELECT 1; SELECT 2", NotAQuery),
        ("DROP TABLE t; DROP TABLE e", NotAQuery),
        ("SELECT load_extension('x')", QueryFailed),
        ("PRAGMA hard_heap_limit = 1", QueryFailed),
        ("DETACH main", QueryFailed),
        ("DETACH z", QueryFailed),
        ("ATTACH 'x.db' AS main", QueryFailed),
        ("ATTACH DATABASE 'x.db' AS \"Temp\"", QueryFailed),
        ("ATTACH ':memory:' AS main", QueryFailed),
        ("ATTACH 'no/such/folder/x.db' AS z", QueryFailed),
        ("ATTACH '.' AS z", QueryFailed),
        ("CREATE VIRTUAL TABLE z USING nothing(a)", QueryFailed),
        ("CREATE VIRTUAL TABLE z USING fts5(a, nonsense = 1)", QueryFailed),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", QueryFailed),
        ("INSERT INTO t(b) SELECT zeroblob(90000) FROM t, t, t, t, t, t, t, t, t", QueryLimit),
    ],
)
def test_a_statement_that_fails_on_the_copy_says_how(sandbox: Sandbox, sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        sandbox.run_on_copy(sql)
    assert sandbox.run("SELECT count(*) FROM t").rows == [(3,)]


def test_a_database_is_measured_before_it_is_copied(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(copies, "SHARE_OF_MEMORY", 10**6)
    with Sandbox(db) as sandbox:
        monkeypatch.setattr(sqlite3, "connect", fail)
        with pytest.raises(QueryLimit, match=r"too large \([\d,]+ bytes\) to try statements on a copy"):
            sandbox.run_on_copy("DELETE FROM t")


def test_rows_of_the_file_may_be_longer_than_values(tmp_path: Path) -> None:
    path = make(tmp_path / "long.sqlite", "INSERT INTO t VALUES (4, hex(zeroblob(4000)))")
    with Sandbox(path, limits=Limits(max_value_bytes=1000)) as sandbox:
        assert sandbox.run("SELECT length(b) FROM t WHERE a = 4").rows == [(8000,)]
        assert sandbox.run("SELECT b FROM t WHERE b LIKE '000%'").rows == [("0" * 8000,)]
        with pytest.raises(QueryLimit, match=f"longer than {path.stat().st_size:,} bytes"):
            sandbox.run("SELECT hex(zeroblob(100000))")
    with Sandbox(path, limits=SHORT) as sandbox, pytest.raises(QueryLimit, match="longer than 1,000 bytes"):
        sandbox.run("SELECT length(b) FROM t WHERE a = 4")


LIFTED = [
    "SELECT a FROM t",
    "SELECT hex(zeroblob(501))",
    "SELECT a FROM t ORDER BY " + " + ".join("a" * 60),
    "SELECT a FROM t WHERE 'x' LIKE '" + "y" * 2000 + "'",
    "SELECT printf('%.*f', 2, a) FROM t",
]


@pytest.mark.parametrize("sql", LIFTED)
def test_without_caps_only_time_counts(db: Path, sql: str) -> None:
    limits = Limits(max_rows=2, max_value_bytes=1000, max_stored_bytes=1000, max_opcodes=50, max_sql_bytes=1000)
    with Sandbox(db, limits=limits) as capped, pytest.raises((QueryLimit, QueryFailed)):
        capped.run(sql)
    with Sandbox(db, limits=lifted(limits)) as free:
        free.run(sql)
    with Sandbox(db, limits=lifted(Limits(timeout_s=0.1))) as free, pytest.raises(QueryTimeout):
        free.run(RUNAWAY)


def test_a_runaway_statement_on_the_copy_is_stopped(db: Path) -> None:
    with Sandbox(db, limits=Limits(timeout_s=0.1)) as sandbox, pytest.raises(QueryTimeout):
        sandbox.run_on_copy(f"DELETE FROM t WHERE a = ({RUNAWAY})")
