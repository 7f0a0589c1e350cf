"""The scorer against a plain evaluator that does what the official one is documented to do.

A few seeds run here, chosen for speed; ``benchmarks/fuzzing.py`` tries 100,000 pairs. What the reference is not
asked about: golds that it would change its database by, which it then judges otherwise the next time.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.errors import GoldError
from spider_opt.scoring import PairScorer
from spider_opt.types import Outcome


@pytest.mark.parametrize("split", ["train", "test"])
def test_on_the_bundled_benchmark(official, mutations, fuzzing, tmp_path, split):
    benchmark = load(f"spider-mini:{split}")
    assert (
        fuzzing.disagreements(official, mutations, 1, 150, fuzzing.by_database(benchmark), benchmark.paths, tmp_path)
        == []
    )


@pytest.mark.parametrize("split", ["dev", "train_spider"])
def test_on_spider(official, mutations, fuzzing, tmp_path, shared, split):
    benchmark = real_spider(split, shared)
    assert (
        fuzzing.disagreements(official, mutations, 2, 150, fuzzing.by_database(benchmark), benchmark.paths, tmp_path)
        == []
    )


@pytest.fixture
def odd(fuzzing, tmp_path):
    path = tmp_path / "source" / "odd.sqlite"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(fuzzing.ODD_ROWS)
    connection.close()
    return path


def test_on_odd_values(official, mutations, fuzzing, odd, tmp_path):
    assert fuzzing.disagreements(official, mutations, 3, 150, {"odd": fuzzing.ODD_GOLDS}, {"odd": odd}, tmp_path) == []


def test_the_reference_agrees_with_the_recorded_verdicts(official, shared, tmp_path):
    """It would be of no use otherwise."""
    told = json.loads((shared / "conformance" / "corners.json").read_text(encoding="utf-8"))
    path, copy = tmp_path / "corners.sqlite", tmp_path / "copy" / "corners.sqlite"
    copy.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(told["schema"])
    connection.close()
    for case in told["cases"]:
        if case["official"] == "does not return" or case["name"] in ("ATTACH writes a file", "eight columns permuted"):
            continue
        for key, keep_distinct in (("official", False), ("official_keep_distinct", True)):
            shutil.copyfile(path, copy)
            assert official.judge(str(copy), case["gold"], case["pred"], keep_distinct) == case[key], case["name"]


ROWS, NONE = "SELECT a FROM x", "SELECT a FROM empty"
CASES = [
    # what is no query
    *((gold, pred) for gold in (ROWS, NONE) for pred in ("", " ", "\t", ";", "; ;", "-- c", "/* c */", "\ufeff")),
    (NONE, "ATTACH 'x.db' AS main"),
    (NONE, "ATTACH 'x.db' AS \"MAIN\""),
    (NONE, "attach database 'x.db' as [temp]"),
    (NONE, "ATTACH ':memory:' AS main"),
    (NONE, "ATTACH ':memory:' AS y"),
    (NONE, "ATTACH 'no such folder/x.db' AS y"),
    (ROWS, "ATTACH ':memory:' AS y"),
    (NONE, "DETACH main"),
    (NONE, "DETACH DATABASE y"),
    (NONE, "CREATE VIRTUAL TABLE y USING nothing(a)"),
    (NONE, "CREATE VIRTUAL TABLE y USING nothing"),
    (NONE, "CREATE VIRTUAL TABLE y USING fts5(a)"),
    (NONE, "CREATE VIRTUAL TABLE y USING FTS5()"),
    (NONE, "CREATE VIRTUAL TABLE y USING json_each(a)"),
    (NONE, "CREATE VIRTUAL TABLE x USING fts4(a)"),
    (NONE, "CREATE VIRTUAL TABLE y USING rtree(a)"),
    (NONE, "PRAGMA busy_timeout = 5"),
    (NONE, "PRAGMA foreign_keys = 1"),
    (NONE, "PRAGMA journal_mode = OFF"),
    (NONE, "PRAGMA data_version"),
    (ROWS, "DELETE FROM x"),
    (ROWS, "DELETE FROM x RETURNING a"),
    (ROWS, "DELETE FROM x WHERE a = 1 RETURNING a"),
    (NONE, "INSERT INTO n(id) VALUES (1)"),
    (NONE, "INSERT INTO n(id) VALUES (100)"),
    # golds that are no reading query
    *(
        (gold, pred)
        for gold in (
            "PRAGMA table_info(x)",
            "SELECT name FROM pragma_table_info('x')",
            "PRAGMA user_version",
            "DELETE FROM x",
            "INSERT INTO n(id) VALUES (100)",
            "UPDATE x SET a = 3",
            "DELETE FROM x RETURNING a",
            "EXPLAIN SELECT 1",
            "PRAGMA foreign_key_list(x)",
            "-- nothing",
            "INSERT INTO nowhere VALUES (1)",
            "BEGIN",
            "ATTACH ':memory:' AS y",
            "SELECT count(*) FROM pragma_table_info('x')",
            "PRAGMA no_such_thing",
        )
        for pred in (gold, ROWS, "DELETE FROM x", "SELECT name FROM pragma_table_info('x')", "")
    ),
    # one statement
    *((gold, gold + end) for gold in (ROWS, NONE) for end in (";;", "; ;", " ; -- c", ";\n;\n", "; /* c */ ;", ";x")),
    # two that are easily taken for one
    ("SELECT a x FROM empty", "SELECT a FROM empty"),
    ("SELECT x'41'", "SELECT x '41' FROM (SELECT 'A' AS x)"),
    ("SELECT x '41' FROM (SELECT 5 AS x)", "SELECT x'41' FROM (SELECT 5 AS x)"),
    ("SELECT X\n'41' FROM (SELECT 5 AS x)", "SELECT 5"),
    # formats
    ("SELECT printf('%d', 6) || '%d'", "SELECT printf(\"%d\", 6) || '%d'"),
    ("SELECT '6%d' FROM x", 'SELECT printf("%d", 6) || "%d" FROM x'),
    ("SELECT '6' FROM x WHERE c LIKE '%d'", "SELECT printf(\"%d\", 6) FROM x WHERE c LIKE '%d'"),
    ("SELECT 'it''s 1'", "SELECT printf('it''s %d', 1)"),
    ("SELECT '12345 1'", "SELECT printf('12345 %d', 1)"),
    # full-text tables and long rows
    ("SELECT w FROM words WHERE words MATCH 'b'", "SELECT w FROM words WHERE w LIKE '%b%'"),
    ("SELECT w FROM words", "SELECT w FROM words ORDER BY rank"),
    ("SELECT count(*) FROM words WHERE words MATCH 'zz'", "SELECT 0"),
    ("SELECT length(v) FROM long", "SELECT 150000"),
    ("SELECT id FROM long WHERE v LIKE 'x%'", "SELECT id FROM long WHERE substr(v, 1, 1) = 'x'"),
    ("SELECT v FROM long", "SELECT v FROM long LIMIT 1"),
    ("SELECT hex(zeroblob(500000))", "SELECT a FROM x"),
]
MORE_TABLES = """
CREATE VIRTUAL TABLE words USING fts5(w);
INSERT INTO words VALUES ('a b'), ('b c'), ('c');
CREATE TABLE long(id INTEGER PRIMARY KEY, v TEXT);
INSERT INTO long VALUES (1, replace(hex(zeroblob(75000)), '0', 'x'));
"""


@pytest.mark.parametrize("keep_distinct", [False, True], ids=["distinct dropped", "distinct kept"])
@pytest.mark.parametrize(("gold", "pred"), CASES)
def test_small_rules(official, odd, tmp_path, monkeypatch, gold, pred, keep_distinct):
    """Kinds of statements on which the scorer once differed."""
    with closing(sqlite3.connect(odd)) as connection:
        connection.executescript(MORE_TABLES)
    copy = tmp_path / "copy.sqlite"
    shutil.copyfile(odd, copy)
    monkeypatch.chdir(tmp_path)
    scorer = PairScorer()
    try:
        verdict = scorer("official-distinct" if keep_distinct else "official", odd, gold, pred)
    except GoldError:
        with pytest.raises(official.GoldFails):
            official.judge(str(copy), gold, pred or "x", keep_distinct)
        return
    finally:
        scorer.close()
    assert os.listdir(odd.parent) == [odd.name]
    try:
        expected = official.judge(str(copy), gold, pred, keep_distinct)
    except official.NoVerdict:  # it crashes on blank text
        assert not verdict.correct
    else:
        assert verdict.correct == expected, verdict


@pytest.mark.parametrize("gold", ["WITH y AS (SELECT 1) DELETE FROM x", "DROP TABLE x", "CREATE TABLE u(a)"])
def test_a_gold_that_writes_changes_nothing(official, odd, tmp_path, gold):
    """The reference changes its database, where Python's ``sqlite3`` sees no reason to take that back."""
    copy, before = tmp_path / "copy.sqlite", odd.read_bytes()
    shutil.copyfile(odd, copy)
    official.judge(str(copy), gold, NONE)
    assert copy.read_bytes() != before
    scorer = PairScorer()
    assert [scorer("official", odd, gold, pred).correct for pred in (gold, NONE, ROWS, gold)] == [
        True,
        True,
        False,
        True,
    ]
    scorer.close()
    assert odd.read_bytes() == before


@pytest.mark.parametrize(
    ("pred", "reference_says", "outcome"),
    [
        ("VACUUM INTO '.'", False, Outcome.CORRECT),  # not run, and so without rows, as the empty gold is
        ("SELECT a FROM empty -- " + "x" * 150_000, True, Outcome.LIMIT),
        (f"SELECT a FROM empty WHERE a IN ({', '.join(map(str, range(5_000)))})", True, Outcome.LIMIT),
        (f"SELECT a FROM x WHERE c LIKE '{'the ' * 400}'", True, Outcome.QUERY_ERROR),
        ("SELECT a FROM x WHERE trim(hex(zeroblob(15000))) = ''", True, Outcome.LIMIT),
    ],
    ids=["to a folder", "very long text", "very many literals", "very long pattern", "very long value"],
)
def test_where_the_scorer_is_known_to_differ(official, odd, tmp_path, pred, reference_says, outcome):
    """Each is the price of a limit in the sandbox; nothing like it was seen in predictions."""
    copy = tmp_path / "copy.sqlite"
    shutil.copyfile(odd, copy)
    gold = "SELECT a FROM empty"
    assert official.judge(str(copy), gold, pred, keep_distinct=True) is reference_says
    scorer = PairScorer()
    assert scorer("official-distinct", odd, gold, pred).outcome is outcome
    scorer.close()
