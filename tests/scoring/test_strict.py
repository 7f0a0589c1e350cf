"""Strict mode: what the question deserves."""

from __future__ import annotations

import random
import sqlite3
import time

import pytest

from spider_opt.errors import GoldError
from spider_opt.scoring import PairScorer
from spider_opt.types import Outcome

SCHEMA = """
CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL, n TEXT COLLATE NOCASE);
CREATE TABLE u(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
CREATE TABLE empty(a, b);
INSERT INTO u VALUES (1, 2, 'x'), (2, 2, 'y'), (3, 1, 'x'), (4, 7, 'q');
"""


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """judge(gold, pred) -> Verdict, in strict mode on a table with many ties."""
    path = tmp_path_factory.mktemp("strict") / "t.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    rng = random.Random(7)
    for _ in range(40):
        row = (
            rng.choice([1, 2, 3, None]),
            rng.choice("xyz"),
            rng.choice([1.0, 2.5, None]),
            rng.choice(["m", "M", "k"]),
        )
        connection.execute("INSERT INTO t(a, b, c, n) VALUES (?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    scorer = PairScorer(timeout_s=2)

    def judge(gold, pred):
        return scorer("strict", path, gold, pred)

    yield judge
    scorer.close()


# (gold that leaves ties, another order inside the ties, another order of the groups)
TIES = [
    ("SELECT id FROM t ORDER BY a", "SELECT id FROM t ORDER BY a, id DESC", "SELECT id FROM t ORDER BY a DESC"),
    ("SELECT id FROM t ORDER BY a DESC", "SELECT id FROM t ORDER BY a DESC, id DESC", "SELECT id FROM t ORDER BY a"),
    ("SELECT id, a FROM t ORDER BY 2", "SELECT a, id FROM t ORDER BY a, id DESC", "SELECT id, a FROM t ORDER BY id"),
    (
        "SELECT id, a AS k FROM t ORDER BY k",
        "SELECT id, a FROM t ORDER BY a, id DESC",
        "SELECT id, a FROM t ORDER BY id",
    ),
    ("SELECT * FROM t ORDER BY b", "SELECT * FROM t ORDER BY b, id DESC", "SELECT * FROM t ORDER BY b DESC"),
    ("SELECT * FROM t ORDER BY 3", "SELECT * FROM t ORDER BY b, id DESC", "SELECT * FROM t ORDER BY b DESC"),
    ("SELECT id FROM t ORDER BY a, b", "SELECT id FROM t ORDER BY a, b, id DESC", "SELECT id FROM t ORDER BY b, a"),
    ("SELECT id FROM t ORDER BY n", "SELECT id FROM t ORDER BY n, id DESC", "SELECT id FROM t ORDER BY n DESC"),
    ("SELECT id FROM t ORDER BY c IS NULL", "SELECT id FROM t ORDER BY c IS NULL, -id", "SELECT id FROM t ORDER BY c"),
    (
        "SELECT b, count(*) FROM t GROUP BY b, a, c ORDER BY count(*)",
        "SELECT b, count(*) FROM t GROUP BY b, a, c ORDER BY 2, b DESC, a DESC, c DESC",
        "SELECT b, count(*) FROM t GROUP BY b, a, c ORDER BY 2 DESC",
    ),
    (
        "SELECT DISTINCT a, b FROM t ORDER BY b",
        "SELECT DISTINCT a, b FROM t ORDER BY b, a DESC",
        "SELECT DISTINCT a, b FROM t ORDER BY a, b",
    ),
    (
        "SELECT a, b FROM t UNION SELECT a, b FROM u ORDER BY b",
        "SELECT a, b FROM t UNION SELECT a, b FROM u ORDER BY b, a DESC",
        "SELECT a, b FROM t UNION SELECT a, b FROM u ORDER BY a, b",
    ),
    (
        "SELECT t.id, u.id FROM t JOIN u ON t.a = u.a ORDER BY t.a DESC",
        "SELECT t.id, u.id FROM u JOIN t ON t.a = u.a ORDER BY t.a DESC, u.id DESC, t.id",
        "SELECT t.id, u.id FROM t JOIN u ON t.a = u.a ORDER BY t.a",
    ),
    (
        "WITH q AS (SELECT * FROM t WHERE id > 5) SELECT id FROM q ORDER BY a",
        "SELECT id FROM t WHERE id > 5 ORDER BY a, id DESC",
        "SELECT id FROM t WHERE id > 5 ORDER BY a DESC",
    ),
]


@pytest.mark.parametrize(("gold", "inside", "across"), TIES)
def test_rows_change_places_inside_ties_only(judge, gold, inside, across):
    assert judge(gold, inside).correct, judge(gold, inside)
    verdict = judge(gold, across)
    assert verdict.outcome is Outcome.WRONG_ROWS
    assert verdict.detail == "the right rows in another order"


@pytest.mark.parametrize("limit", [3, 5, 11, 17, 25, 39])
def test_ties_above_a_limit(judge, limit):
    """The cut may go through a tie; which of its rows are kept is gold's choice, their order is not."""
    gold = f"SELECT id, a FROM t ORDER BY a LIMIT {limit}"
    ids = f"SELECT id FROM t ORDER BY a LIMIT {limit}"
    assert judge(gold, f"SELECT id, a FROM t WHERE id IN ({ids}) ORDER BY a, id DESC").correct
    assert judge(gold, f"SELECT id, a FROM t WHERE id IN ({ids}) ORDER BY a, id % 3, b").correct
    assert not judge(gold, f"SELECT id, a FROM t ORDER BY a DESC LIMIT {limit}").correct
    if limit > 12:  # beyond the first tie
        assert not judge(gold, f"SELECT id, a FROM t WHERE id IN ({ids}) ORDER BY a DESC").correct


def test_never_fooled_by_any_order_of_the_groups(judge):
    """All orders of three rows under a key that ties two of them: exactly two are right."""
    gold = "SELECT id, a FROM u WHERE id < 4 ORDER BY a"
    rows = {1: 2, 2: 2, 3: 1}
    right = []
    for order in ([1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]):
        values = ", ".join(f"({i}, {rows[i]})" for i in order)
        if judge(gold, f"WITH v(i, a) AS (VALUES {values}) SELECT * FROM v").correct:
            right.append(order)
    assert right == [[3, 1, 2], [3, 2, 1]]


def test_columns_are_permuted_alike_in_all_groups(judge):
    gold = "SELECT a, id FROM u WHERE id < 4 ORDER BY a"  # (1, 3), (2, 1), (2, 2)
    assert judge(gold, "SELECT 3, 1 UNION ALL SELECT 2, 2 UNION ALL SELECT 1, 2").correct
    assert not judge(gold, "SELECT 3, 1 UNION ALL SELECT 2, 1 UNION ALL SELECT 2, 2").correct


@pytest.mark.parametrize("sql", ["{};;", "{} ; ;\n", ";{}", "-- so\n; {}; -- and\n;", "/* ; */ {} /* ; */"])
def test_empty_statements_are_none(judge, sql):
    gold = "SELECT id FROM t ORDER BY a"
    assert judge(gold, sql.format("SELECT id FROM t ORDER BY a, id")).correct
    assert judge(sql.format(gold), "SELECT id FROM t ORDER BY a, id DESC").correct


def test_order_in_a_subquery_or_a_literal_is_none(judge):
    assert judge("SELECT id FROM (SELECT id FROM u ORDER BY a)", "SELECT id FROM u ORDER BY id DESC").correct
    assert judge("SELECT id FROM u WHERE b <> 'order by'", "SELECT id FROM u ORDER BY id DESC").correct


@pytest.mark.parametrize(
    ("gold", "pred", "correct"),
    [
        ("SELECT 0.1 + 0.2", "SELECT 0.3", True),
        ("SELECT 1000000000.0", "SELECT 1000000000.5", True),
        ("SELECT 1000000000.0", "SELECT 1000000002.5", False),
        ("SELECT 1000000000000", "SELECT 1000000000001", False),
        ("SELECT 1, 10", "SELECT 1.0, 10.0", True),
        ("SELECT 0.0", "SELECT 1e-300", False),
        ("SELECT 1e999", "SELECT 1e308", False),
        ("SELECT 1e999, 5", "SELECT 5, 1e999", True),
        ("SELECT -1e999", "SELECT 1e999", False),
        ("SELECT 1", "SELECT '1'", False),
        ("SELECT 1.5", "SELECT '1.5'", False),
        ("SELECT NULL", "SELECT 0", False),
        ("SELECT avg(a) FROM t", "SELECT sum(a) * 1.0 / count(a) FROM t", True),
        ("SELECT c FROM t ORDER BY c", "SELECT c + 1e-12 FROM t ORDER BY c", True),
        ("SELECT a, avg(c) FROM t GROUP BY a", "SELECT a, sum(c) / count(c) FROM t GROUP BY a ORDER BY 1 DESC", True),
    ],
)
def test_numbers(judge, gold, pred, correct):
    assert judge(gold, pred).correct is correct


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("SELECT a FROM empty", "SELECT a, b FROM empty"),
        ("SELECT DISTINCT b FROM t", "SELECT b FROM t"),
        ("SELECT count(DISTINCT b) FROM t", "SELECT count(b) FROM t"),
        ("SELECT id FROM u", "SELECT id, a FROM u"),
        ("SELECT id, a FROM u", "SELECT a, id FROM u WHERE id < 4"),
        ("SELECT a FROM empty", "SELECT a FROM t"),
    ],
)
def test_wrong_rows(judge, gold, pred):
    verdict = judge(gold, pred)
    assert verdict.outcome is Outcome.WRONG_ROWS
    assert verdict.detail


@pytest.mark.parametrize(
    "pred",
    [
        *(
            "DELETE FROM t",
            "DROP TABLE t",
            "PRAGMA table_info(t)",
            "EXPLAIN SELECT 1",
            "BEGIN",
            ";",
            ";;",
            "-- x",
        ),
        *(
            "/* x */",
            "the answer is 1",
            "selects",
            "WITH q AS (SELECT 1) DELETE FROM t",
            "SELECT 1; SELECT 2",
            "(SELECT 1)",
        ),
        *(
            "INSERT INTO t(a) VALUES (1) RETURNING a",
            "ATTACH 'x.db' AS x",
            "/* SELECT */ DELETE FROM t",
            "-- SELECT\nBEGIN",
        ),
    ],
)
@pytest.mark.parametrize("gold", ["SELECT a FROM empty", "SELECT 1"])
def test_a_prediction_must_be_one_query(judge, gold, pred):
    assert judge(gold, pred).outcome is Outcome.NOT_A_QUERY


@pytest.mark.parametrize("pred", ["", " \n", "\t"])
def test_no_sql(judge, pred):
    assert judge("SELECT a FROM empty", pred).outcome is Outcome.NO_SQL


@pytest.mark.parametrize(
    "pred",
    [
        *(
            "-- the ids\nSELECT id FROM u",
            "/* a */ /* b */\n-- c\n  select id from u;",
            "WITH q AS (SELECT id FROM u) SELECT * FROM q",
        ),
        *(
            "SELECT id FROM u ; ",
            "SELECT id FROM u -- value",
            "SELECT id AS value FROM u",
            "SELECT id FROM u WHERE id > = 1",
        ),
    ],
)
def test_comments_tables_of_its_own_and_names_do_no_harm(judge, pred):
    assert judge("SELECT id FROM u", pred).correct


def test_the_letters_value_are_left_alone(judge):
    assert judge("SELECT 'value'", "SELECT 'val' || 'ue'").correct
    assert not judge("SELECT '1'", "SELECT 'value'").correct


def test_rows_of_comments_take_no_time(judge):
    start = time.process_time()
    assert judge("SELECT 1", "/**/" * 5000 + "x").outcome is Outcome.NOT_A_QUERY
    assert judge("SELECT 1", "/*" * 5000).outcome is Outcome.NOT_A_QUERY
    assert judge("SELECT 1", "-- \n" * 5000 + "SELECT 1").correct
    assert time.process_time() - start < 1


def test_a_gold_that_fails_is_no_verdict(judge):
    for pred in ("SELECT 1", "", "x", "SELECT nope FROM t"):
        with pytest.raises(GoldError, match="gold query fails on t"):
            judge("SELECT nope FROM t", pred)


@pytest.mark.parametrize(
    ("gold", "pred", "correct"),
    [
        ("SELECT 1", "VALUES (1)", True),
        ("SELECT 1", "-- so\nvalues(1) ;", True),
        ("VALUES (1), (2)", "VALUES (2), (1)", True),
        ("VALUES (1)", "SELECT 1", True),
        ("SELECT 1", "VALUES (2)", False),
        ("SELECT 1", "VALUES (1, 2)", False),
    ],
)
def test_values_is_a_query_on_either_side(judge, gold, pred, correct):
    assert judge(gold, pred).outcome is (Outcome.CORRECT if correct else Outcome.WRONG_ROWS)


@pytest.mark.parametrize("gold", ["PRAGMA table_info(t)", "SELECT name FROM pragma_table_info('t')", "DELETE FROM t"])
def test_a_gold_that_is_no_reading_query_is_none(judge, gold):
    with pytest.raises(GoldError, match="not a reading query"):
        judge(gold, "SELECT 1")
