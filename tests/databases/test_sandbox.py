"""One database that answers queries: what it answers, where it stops, what it refuses to open."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest

from spider_opt.databases import DatabasePool, Limits, Sandbox, copies, database_hash
from spider_opt.databases.guard import Damaged, Guard
from spider_opt.databases.limits import lifted
from spider_opt.errors import DatasetError, NotAQuery, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.types import Database, Value

SHORT = Limits(max_value_bytes=1000, max_stored_bytes=1000)
RUNAWAY = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


def make(path: Path, script: str = "") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA synchronous = OFF; CREATE TABLE t(a INTEGER, b TEXT); CREATE TABLE e(a UNIQUE);"
            "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, NULL);" + script
        )
    return path


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return make(tmp_path / "small.sqlite")


@pytest.fixture
def sandbox(db: Path) -> Iterator[Sandbox]:
    with Sandbox(db) as sandbox:
        yield sandbox


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


# --- each row once ----------------------------------------------------------------------------


def test_each_different_row_is_kept_where_it_came_first(sandbox: Sandbox) -> None:
    sql = "SELECT a FROM t UNION ALL VALUES (2.0), (NULL), ('2'), (x'32'), (NULL), (1)"
    assert sandbox.run(sql, distinct=True).rows == [(1,), (2,), (3,), (None,), ("2",), (b"2",)]
    assert type(sandbox.run(sql, distinct=True).rows[1][0]) is int
    assert len(sandbox.run(sql).rows) == 9


def test_only_rows_that_are_kept_count_for_the_caps(db: Path) -> None:
    with Sandbox(db, limits=Limits(max_rows=10)) as sandbox:
        assert len(sandbox.run("SELECT one.a FROM t AS one, t, t, t", distinct=True).rows) == 3
        with pytest.raises(QueryLimit, match="more than 10 rows"):
            sandbox.run("SELECT one.a FROM t AS one, t, t, t")
        with pytest.raises(QueryLimit, match="more than 10 rows"):
            sandbox.run(
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r", distinct=True
            )


def test_text_that_lost_broken_bytes_is_told(tmp_path: Path) -> None:
    db = make(tmp_path / "broken.sqlite", "INSERT INTO t VALUES (4, CAST(x'ff61' AS TEXT));")
    with Sandbox(db) as sandbox:
        assert sandbox.run("SELECT b FROM t").lossy
        assert sandbox.run("SELECT b FROM t").rows[-1] == ("a",)
        assert not sandbox.run("SELECT a FROM t").lossy
        assert not sandbox.run("SELECT b FROM t", stop_after_rows=3).lossy
        assert [r.lossy for r in sandbox.run_in_order(["SELECT b FROM t", "SELECT 1"])] == [True, False]


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


# --- answers -----------------------------------------------------------------------------------


def test_answers_with_columns_and_rows_in_order(sandbox: Sandbox) -> None:
    database: Database = sandbox
    result = database.run("SELECT a AS first, b FROM t ORDER BY a DESC;")
    assert result.columns == ("first", "b")
    assert result.rows == [(3, None), (2, "y"), (1, "x")]


def test_an_empty_result_still_has_its_width(sandbox: Sandbox) -> None:
    result = sandbox.run("SELECT a, b FROM t WHERE a > 99")
    assert (result.columns, result.rows) == (("a", "b"), [])


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT 1, 2.5, 'x', x'00ff', NULL", (1, 2.5, "x", b"\x00\xff", None)),
        ("SELECT 9223372036854775807, -1e999", (2**63 - 1, float("-inf"))),
        ("SELECT 'é€😀', 'a' || char(0) || 'b'", ("é€😀", "a\0b")),
        ('SELECT "no such column"', ("no such column",)),
        ("SELECT CAST(x'61ff62' AS TEXT), 'é'", ("ab", "é")),
        ("SELECT CAST(x'edA080' AS TEXT), CAST(x'c3' AS TEXT), 'ok'", ("", "", "ok")),
        ("VALUES (1, 2)", (1, 2)),
        ("WITH q AS (SELECT max(a) AS m FROM t) SELECT m FROM q", (3,)),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 100) SELECT sum(n) FROM r", (5050,)),
        ("SELECT count(*) FROM t AS u JOIN t ON u.b LIKE t.b || '%'", (2,)),
        ('SELECT printf(\'%.2f\', 2.5), printf("%d", 7), printf("%d", 8)', ("2.50", "7", "8")),
        ("SELECT printf(\"%d\", 6) || '%d'", ("6%d",)),
        ("SELECT trim('xxaxx', 'x'), replace('abc', 'b', ''), instr('abc', 'c')", ("a", "ac", 3)),
        ("SELECT sum(value) FROM json_each('[1, 2, 3]')", (6,)),
        ('SELECT group_concat(atom) FROM json_tree(\'{"a": [1, {"b": 2}]}\')', ("1,2",)),
        ("SELECT row_number() OVER (ORDER BY a DESC) FROM t WHERE a = 3", (1,)),
        ("SELECT count(*) FROM sqlite_master WHERE name = 't'", (1,)),
        ("SELECT 1 AS id, 2 AS parent, 3 AS notused, 4 AS detail", (1, 2, 3, 4)),
        ("; SELECT 1 -- the end", (1,)),
    ],
)
def test_values_are_sqlites_own(sandbox: Sandbox, sql: str, row: tuple[Value, ...]) -> None:
    assert sandbox.run(sql).rows == [row]


def test_text_that_is_not_utf_8_does_not_change_later_answers(sandbox: Sandbox) -> None:
    assert sandbox.run("SELECT CAST(x'ff' AS TEXT)").rows == [("",)]
    assert sandbox.run("SELECT 'ÿ'").rows == [("ÿ",)]
    assert sandbox.run("SELECT CAST(x'ff' AS TEXT) FROM t").rows == [("",)] * 3


@pytest.mark.parametrize("module", ["fts3(x)", "fts4(x)", "fts5(x)", "rtree(x, low, high)"])
def test_virtual_tables_of_the_file_can_be_read(tmp_path: Path, module: str) -> None:
    path = make(tmp_path / "virtual.sqlite", f"CREATE VIRTUAL TABLE f USING {module}; INSERT INTO f(x) VALUES (7), (8)")
    with Sandbox(path) as sandbox:
        assert [int(x) for (x,) in sandbox.run("SELECT x FROM f ORDER BY x").rows] == [7, 8]  # type: ignore[arg-type]


def test_every_gold_of_dev_gives_what_plain_sqlite_gives(shared: Path) -> None:
    spider = shared / "spider"
    n_run = 0
    golds = sorted({(item["db_id"], item["query"]) for item in json.loads((spider / "dev.json").read_text("utf-8"))})
    for db_id in sorted({db_id for db_id, _ in golds}):
        path = spider / "database" / db_id / f"{db_id}.sqlite"
        if not path.exists():
            continue
        with Sandbox(path) as sandbox, closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as plain:
            plain.text_factory = lambda raw: raw.decode(errors="ignore")
            for sql in (sql for of, sql in golds if of == db_id):
                assert sandbox.run(sql).rows == plain.execute(sql).fetchall()
                n_run += 1
    assert n_run > 500


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "sql", "named"),
    [
        (Limits(max_rows=2), "SELECT a FROM t", "more than 2 rows"),
        (Limits(max_rows=0), "SELECT a FROM t", "more than 0 rows"),
        (Limits(max_bytes=10_000, max_value_bytes=1000), "SELECT hex(zeroblob(400)) FROM t, t, t", "10,000 bytes"),
        (Limits(max_bytes=100_000, max_value_bytes=1000), "SELECT 1 FROM t, t, t, t, t, t, t, t, t", "100,000 bytes"),
        (SHORT, "SELECT hex(zeroblob(501))", "longer than 1,000 bytes"),
        (SHORT, "SELECT a || hex(zeroblob(500)) FROM t", "longer than 1,000 bytes"),
        (Limits(max_sql_bytes=20), "SELECT 1, 2, 3, 4, 5, 6", "longer than 20 bytes"),
        (Limits(max_sql_bytes=20), "SELECT 'éééééé'", "longer than 20 bytes"),
        (Limits(max_opcodes=50), "SELECT " + "+".join("a" * 60) + " FROM t", "too long a program"),
    ],
)
def test_each_cap_says_which_it_is_and_the_next_query_is_answered(
    db: Path, limits: Limits, sql: str, named: str
) -> None:
    with Sandbox(db, limits=limits) as sandbox:
        with pytest.raises(QueryLimit, match=named):
            sandbox.run(sql)
        assert sandbox.run("SELECT 1 LIMIT 0").rows == []


def test_a_result_at_its_cap_is_fine(db: Path) -> None:
    with Sandbox(db, limits=Limits(max_rows=3, max_value_bytes=1000)) as sandbox:
        assert len(sandbox.run("SELECT a FROM t").rows) == 3
        assert len(sandbox.run("SELECT hex(zeroblob(499))").rows[0][0]) == 998  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [999, 1000, 1001, 2000])
def test_no_row_is_lost_between_chunks(sandbox: Sandbox, n: int) -> None:
    sql = f"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {n}) SELECT n FROM r"
    assert sandbox.run(sql).rows == [(i,) for i in range(1, n + 1)]


def test_no_more_rows_are_fetched_than_wanted(sandbox: Sandbox) -> None:
    endless = RUNAWAY.replace("count(*)", "n")
    assert sandbox.run(endless, stop_after_rows=1500).rows == [(n,) for n in range(1, 1501)]
    assert sandbox.run("SELECT a FROM t", stop_after_rows=3).rows == [(1,), (2,), (3,)]


def test_a_runaway_query_is_stopped_and_the_next_is_answered(db: Path) -> None:
    with Sandbox(db, limits=Limits(timeout_s=0.1)) as sandbox:
        for _ in range(2):
            with pytest.raises(QueryTimeout, match=r"no answer within 0\.1 s"):
                sandbox.run(RUNAWAY)
            assert sandbox.run("SELECT 1").rows == [(1,)]


def test_ctrl_c_during_a_query_is_not_taken_for_a_verdict(sandbox: Sandbox) -> None:
    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(RUNAWAY)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sandbox.run("SELECT 1").rows == [(1,)]


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT a FORM t", 'near "t": syntax error'),
        ("SELECT zz FROM t", "no such column: zz"),
        ("SELECT a FROM nowhere", "no such table: nowhere"),
        ("SELECT nowhere()", "no such function: nowhere"),
        ("SELECT a FROM t UNION SELECT a, b FROM t", "do not have the same number of result columns"),
        ("SELECT load_extension('x')", "not authorized to use function: load_extension"),
        ("SELECT 1 WHERE 'a' REGEXP 'a'", "no such function: REGEXP"),
        ("SELECT ?1", "bindings"),
        ("DROP TABLE nowhere", "no such table: nowhere"),
    ],
)
def test_sqlites_own_message_is_kept(sandbox: Sandbox, sql: str, message: str) -> None:
    with pytest.raises(QueryFailed, match=message):
        sandbox.run(sql)


@pytest.mark.parametrize("sql", ["", " \n", ";", "-- only", "DELETE FROM t", "SELECT 1; SELECT 2", "EXPLAIN SELECT 1"])
def test_what_is_no_query_is_told_apart(sandbox: Sandbox, sql: str) -> None:
    with pytest.raises(NotAQuery):
        sandbox.run(sql)


# --- files -------------------------------------------------------------------------------------


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


# --- statements of any kind, on a copy ---------------------------------------------------------


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
