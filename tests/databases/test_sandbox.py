"""One database that answers queries: what it answers, where it stops, what it refuses to run."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest
from small_database import RUNAWAY, make

from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import NotAQuery, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.types import Database, Value

SHORT = Limits(max_value_bytes=1000, max_stored_bytes=1000)

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
