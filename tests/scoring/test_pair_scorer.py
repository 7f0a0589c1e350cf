"""One pair, several scorers: what they let through, what they must not say, databases that change."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from spider_opt.databases import Sandbox
from spider_opt.errors import DatasetError, GoldError, QueryTimeout, ScorerError, SpiderOptError
from spider_opt.scoring import PairScorer, pair_scorer
from spider_opt.types import Outcome, Verdict

NAMES = "SELECT name FROM item"
COUNT = "SELECT count(*) FROM item"
SCORERS = """
asked = []

def rows(gold, prediction, database):
    asked.append(prediction)
    same = database.gold(gold).rows == database.run(prediction).rows
    return Verdict(Outcome.CORRECT if same else Outcome.WRONG_ROWS, f"on {database.db_id}, {database.path.name}", 0.5)

def raises(gold, prediction, database):
    raise ZeroDivisionError("a mistake")

def none(gold, prediction, database):
    return True

def nan(gold, prediction, database):
    return Verdict(Outcome.CORRECT, "", float("nan"))
"""


@pytest.fixture
def scorer(install_scorers):
    names = ("rows", "raises", "none", "nan")
    install_scorers("some_scorers", SCORERS, **dict(zip(names, names, strict=True)))
    scorer = PairScorer(timeout_s=0.3)
    yield scorer
    scorer.close()


def test_a_scorer_gets_gold_prediction_and_database(scorer, shop):
    assert scorer("rows", shop, NAMES, NAMES) == Verdict(Outcome.CORRECT, "on shop, shop.sqlite", 0.5)
    assert scorer("rows", shop, NAMES, COUNT, "store").outcome is Outcome.WRONG_ROWS


def test_a_pair_is_judged_once(scorer, shop):
    from some_scorers import asked

    for sql in (NAMES, COUNT, NAMES, NAMES):
        scorer("rows", shop, NAMES, sql)
    assert asked == [NAMES, COUNT]


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("SELECT nope FROM item", Outcome.QUERY_ERROR),
        ("DELETE FROM item", Outcome.NOT_A_QUERY),
        ("SELECT zeroblob(100001)", Outcome.LIMIT),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", Outcome.TIMEOUT),
    ],
)
def test_a_query_that_fails_is_a_verdict(scorer, shop, sql, outcome):
    verdict = scorer("rows", shop, NAMES, sql)
    assert (verdict.outcome, verdict.metric) == (outcome, False)


def test_a_gold_that_fails_is_none(scorer, shop):
    with pytest.raises(GoldError, match="gold query fails on shop: no such column: nope"):
        scorer("rows", shop, "SELECT nope FROM item", NAMES)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("raises", r"scorer 'raises' fails on a question of shop: ZeroDivisionError\('a mistake'\)"),
        ("none", "scorer 'none' says True, and a Verdict that is a number or none is wanted"),
        ("nan", "scorer 'nan' says Verdict"),
    ],
)
def test_what_a_scorer_does_wrong_is_no_verdict(scorer, shop, name, sentence):
    with pytest.raises(SpiderOptError, match=sentence):
        scorer(name, shop, NAMES, NAMES)


def test_a_scorer_that_is_none(scorer, shop):
    with pytest.raises(ScorerError, match="no scorer 'row'"):
        scorer("row", shop, NAMES, NAMES)


# --- files that change ---------------------------------------------------------------------------


@pytest.fixture
def watching():
    scorer = PairScorer(timeout_s=5, watch=True)
    yield scorer
    scorer.close()


def change(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def test_a_changed_file_is_noticed_at_once(watching, shop):
    for n in range(3, 8):
        assert watching("official", shop, COUNT, f"SELECT {n}").correct
        assert not watching("official", shop, COUNT, f"SELECT {n + 1}").correct
        change(shop, "INSERT INTO item VALUES ('c', 4)")


def test_also_where_its_size_and_times_stay(watching, shop):
    before = shop.stat()
    assert watching("official", shop, "SELECT max(price) FROM item", "SELECT 3").correct
    change(shop, "UPDATE item SET price = 5 WHERE price = 3")
    os.utime(shop, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shop.stat().st_size == before.st_size
    assert watching("official", shop, "SELECT max(price) FROM item", "SELECT 5").correct


def test_another_file_in_its_place(watching, shop, tmp_path):
    assert watching("official", shop, COUNT, "SELECT 3").correct
    other = tmp_path / "other.sqlite"
    change(other, "CREATE TABLE item (name); INSERT INTO item VALUES ('x')")
    other.replace(shop)
    assert watching("official", shop, COUNT, "SELECT 1").correct


def test_changes_that_stand_beside_the_file_count(watching, shop):
    assert watching("official", shop, COUNT, "SELECT 3").correct
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for n in (4, 5, 6):
            connection.execute("INSERT INTO item VALUES ('c', 4)")
            connection.commit()
            assert watching("official", shop, COUNT, f"SELECT {n}").correct
            assert not watching("official", shop, COUNT, f"SELECT {n - 1}").correct
    assert watching("official", shop, COUNT, "SELECT 6").correct


def test_a_file_that_goes_or_becomes_none(watching, shop):
    assert watching("official", shop, COUNT, "SELECT 3").correct
    shop.write_text("no database")
    with pytest.raises(DatasetError, match="is not a SQLite database"):
        watching("official", shop, COUNT, "SELECT 3")
    shop.unlink()
    with pytest.raises(DatasetError, match="No database at"):
        watching("official", shop, COUNT, "SELECT 3")


@pytest.mark.parametrize(
    ("gold", "sql", "again"),
    [
        (COUNT, "SELECT 3", False),
        (COUNT, "SELECT 3 WHERE random() IS NOT NULL", True),
        ("SELECT count(*) FROM item WHERE name < date('now')", "SELECT 0", True),
        (COUNT, "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", True),
        (COUNT, "SELECT zeroblob(100001)", True),
    ],
)
def test_what_may_be_otherwise_the_next_time_is_asked_anew(shop, monkeypatch, gold, sql, again):
    seen = []
    original = pair_scorer._ask
    monkeypatch.setattr(pair_scorer, "_ask", lambda *pair: (seen.append(pair), original(*pair))[1])
    for watch in (True, False):
        scorer = PairScorer(timeout_s=0.2, watch=watch)
        assert scorer("strict", shop, gold, sql) == scorer("strict", shop, gold, sql)
        scorer.close()
        assert len(seen) == 1 + (watch and again)
        seen.clear()


def test_a_gold_that_ran_out_of_time_is_run_anew(watching, shop, monkeypatch):
    original, seen = Sandbox.run, []

    def run(self, sql, **options):
        seen.append(sql)
        if len(seen) == 1:
            raise QueryTimeout("the machine was busy")
        return original(self, sql, **options)

    monkeypatch.setattr(Sandbox, "run", run)
    with pytest.raises(GoldError, match="the machine was busy"):
        watching("official", shop, COUNT, "SELECT 3")
    assert watching("official", shop, COUNT, "SELECT 3").correct


def test_verdicts_are_kept_within_bounds(shop, monkeypatch):
    monkeypatch.setattr(pair_scorer, "MAX_CHARACTERS", 500)
    scorer = PairScorer()
    for i in range(100):
        assert scorer("official", shop, NAMES, f"SELECT name FROM item WHERE {i} >= 0").correct
        assert len(scorer._open[str(shop)].verdicts) <= 10
    scorer.close()


def test_no_more_files_are_open_than_that(watching, tmp_path, monkeypatch):
    monkeypatch.setattr(pair_scorer, "MAX_OPEN", 2)
    opened = []
    for n in (1, 2, 3, 1, 2):
        path = tmp_path / f"{n}.sqlite"
        if not path.exists():
            change(path, f"CREATE TABLE item AS SELECT {n} AS name")
        assert watching("official", path, NAMES, f"SELECT {n}").correct
        opened.append(watching._open[str(path)].database)
    assert [database._sandbox._guard is not None for database in opened] == [False, False, False, True, True]
