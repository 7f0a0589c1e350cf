"""How gold's values are put into a prediction; what each case gives is the official tool's."""

from __future__ import annotations

import pytest

from spider_opt.scoring.plug_values import plugged


@pytest.mark.parametrize(
    ("gold", "sql", "queries"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT A FROM t WHERE b = 7", ["select a from t where b = 1"]),
        ("SELECT a FROM t", "SELECT a FROM t WHERE b = 7", []),
        ("SELECT a FROM t WHERE b = 1", "SELECT T1.* FROM t AS T1", ["select t1 . * from t as t1"]),
        (
            "SELECT a FROM t WHERE b = 'It''s' AND c = \"x y\"",
            "SELECT T1.a FROM t T1 WHERE T1.b = 'z'",
            ["select t1 . a from t t1 where t1 . b = 'It''s'", 'select t1 . a from t t1 where t1 . b = "x y"'],
        ),
        (
            "SELECT a FROM t WHERE b = 1.5 AND c = 2 AND d = 2",
            "SELECT a FROM t WHERE b IN (3, 4.5)",
            [
                f"select a from t where b in ( {one} , {two} )"
                for one in ("1.5", "2")
                for two in ("1.5", "2")
            ],
        ),
        ("SELECT a FROM t1 WHERE b = -3", "SELECT a FROM t1 LIMIT 5;", ["select a from t1 limit -3"]),
    ],
)  # fmt: skip
def test_each_way_once(gold, sql, queries):
    n, found = plugged(gold, sql)
    assert (n, sorted(found)) == (len(queries), sorted(queries))


def test_many_ways_are_counted_and_not_made():
    sql = "SELECT a FROM t WHERE b IN (" + ", ".join("9" * 30) + ")"
    n, found = plugged("SELECT a FROM t WHERE b IN (1, 2, 3)", sql)
    assert n == 3**30
    assert next(found).startswith("select a from t where b in ( 1 , 1 ")


@pytest.mark.parametrize("sql", ["", " ", "SELECT " + "(" * 5000 + ")" * 5000])
def test_what_the_tokenizer_gives_up_on(sql):
    with pytest.raises(ValueError, match=r"no statement|gave up"):
        plugged("SELECT a FROM t WHERE b = 1", sql)
