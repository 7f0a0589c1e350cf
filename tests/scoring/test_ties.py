"""The sort key of a gold query, found and turned into groups of rows."""

from __future__ import annotations

import sqlite3

import pytest

from spider_opt.scoring.ties import agree_up_to_ties, runs, sort_columns, with_tie_rank


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("SELECT a FROM t ORDER BY b", "b"),
        ("SELECT a FROM t ORDER BY b DESC, c", "b DESC, c"),
        ("SELECT a, b FROM t ORDER BY 2 DESC", "b DESC"),
        ("SELECT a, b AS x FROM t ORDER BY x", "b"),
        ("SELECT count(*) AS b, a FROM t GROUP BY a ORDER BY b", "COUNT(*)"),
        ("SELECT a AS b, b AS a FROM t ORDER BY a", "b"),  # the alias is nearer than the column
        ("SELECT t.a AS b FROM t ORDER BY t.b", "t.b"),
        ("SELECT a FROM t ORDER BY b COLLATE NOCASE", "b COLLATE NOCASE"),
        ("SELECT a FROM t GROUP BY a HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 3", "COUNT(*) DESC"),
        ("SELECT * FROM t ORDER BY b", "b"),
        ("SELECT DISTINCT a, b FROM t ORDER BY b", "b"),
        ("SELECT DISTINCT a FROM t ORDER BY a + 1", None),
        ("SELECT DISTINCT a FROM t ORDER BY b", None),
        ("SELECT * FROM t ORDER BY 2", None),
        ("SELECT a, * FROM t ORDER BY 3", None),
        ("SELECT a FROM t UNION SELECT b FROM t ORDER BY 1", None),
        ("SELECT a FROM t", None),
        ("DROP TABLE t", None),
        ("SELECT FROM", None),
    ],
)
def test_rank_over_the_sort_key(sql, keys):
    ranked = with_tie_rank(sql)
    if keys is None:
        assert ranked is None
    else:
        assert f"DENSE_RANK() OVER (ORDER BY {keys})" in ranked
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE t(a, b, c)")
        connection.execute(ranked)
        connection.close()


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY a", [0]),
        ("SELECT a, b FROM t UNION SELECT b, c FROM u ORDER BY 2, 1 DESC", [1, 0]),
        ("SELECT a AS x, b FROM t EXCEPT SELECT b, c FROM u ORDER BY X", [0]),
        ("SELECT * FROM t ORDER BY 2", [1]),
        ("SELECT * FROM t ORDER BY b", None),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY a + 1", None),
        ("SELECT a FROM t UNION SELECT b FROM u", None),
        ("SELECT FROM", None),
    ],
)
def test_columns_that_are_the_sort_key(sql, columns):
    assert sort_columns(sql) == columns


def test_runs():
    assert runs([], [0]) == []
    assert runs([(1, "a")], [0]) == [0]
    assert runs([(1, "a"), (1.0, "b"), (2, "b"), (None, "c"), (None, "d")], [0]) == [0, 0, 1, 2, 2]


def test_results_that_agree_up_to_ties():
    gold = [("a",), ("b",), ("c",)]
    assert agree_up_to_ties(gold, [("b",), ("a",), ("c",)], [1, 1, 2], is_cut=False)
    assert not agree_up_to_ties(gold, [("c",), ("b",), ("a",)], [1, 1, 2], is_cut=False)
    assert not agree_up_to_ties(gold, gold[:2], [1, 1], is_cut=False)
    assert agree_up_to_ties(gold, [("a",), ("b",), ("d",)], [1, 1, 2], is_cut=True)
    assert agree_up_to_ties([], [], [], is_cut=True)
