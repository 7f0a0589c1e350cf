"""What several scorers ask of a database runs once, and comes out as if it had run each time."""

from __future__ import annotations

import pytest

from spider_opt.databases import Limits, Sandbox, database_hash
from spider_opt.errors import DatasetError, GoldError, GoldTimeout, NotAQuery, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.scoring import database as module
from spider_opt.scoring.database import OpenDatabase
from spider_opt.scoring.gold_cache import GoldCache, kept_result, results_of

NAMES = "SELECT name FROM item"
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


@pytest.fixture
def ran(monkeypatch):
    """The (query, rows asked for) of each that really runs."""
    seen = []
    for name in ("run", "run_on_copy"):
        original = getattr(Sandbox, name)

        def run(self, sql, *, stop_after_rows=None, original=original, **options):
            seen.append((sql, stop_after_rows))
            return original(self, sql, stop_after_rows=stop_after_rows, **options)

        monkeypatch.setattr(Sandbox, name, run)
    return seen


@pytest.fixture
def database(shop):
    opened = OpenDatabase("shop", shop, Limits(timeout_s=0.3), GoldCache(None))
    yield opened
    opened.close()


def test_a_query_runs_once(database, ran):
    assert [database.run(NAMES).rows for _ in range(3)] == [[("a",), ("a",), ("b",)]] * 3
    assert database.gold(NAMES).rows == database.run(NAMES, stop_after_rows=9).rows
    database.check_gold(NAMES)
    assert ran == [(NAMES, None)]


def test_what_was_cut_off_answers_no_more_than_it_has(database, ran):
    assert database.run(NAMES, stop_after_rows=2).rows == [("a",), ("a",)]
    assert database.run(NAMES, stop_after_rows=1).rows == [("a",)]
    assert len(ran) == 1
    assert len(database.run(NAMES, stop_after_rows=3).rows) == 3
    assert len(ran) == 2
    assert len(database.gold(NAMES).rows) == 3  # three of three rows could be a part
    assert database.run(NAMES, stop_after_rows=2).rows == [("a",), ("a",)]
    assert ran == [(NAMES, 2), (NAMES, 3), (NAMES, None)]


def test_a_result_with_fewer_rows_than_asked_for_is_whole(database, ran):
    database.run(NAMES, stop_after_rows=4)
    assert len(database.gold(NAMES).rows) == 3
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("sql", "kind"),
    [("SELECT nope FROM item", QueryFailed), (ENDLESS, QueryTimeout), ("DELETE FROM item", NotAQuery)],
)
def test_a_query_that_fails_is_not_tried_again(database, ran, sql, kind):
    for ask in (database.run, database.run):
        with pytest.raises(kind):
            ask(sql)
    for ask in (database.gold, database.check_gold):
        with pytest.raises(GoldError, match="gold query fails on shop: ") as caught:
            ask(sql)
        assert isinstance(caught.value, GoldTimeout) == (kind is QueryTimeout)
    assert len(ran) == 1 + (kind is QueryFailed)  # once more, without caps


def test_a_query_that_fails_at_its_last_row_may_have_the_first(database, ran):
    late = "SELECT abs(CASE price WHEN 3 THEN -9223372036854775807 - 1 ELSE price END) FROM item"
    with pytest.raises(QueryFailed, match="integer overflow"):
        database.run(late)
    assert database.run(late, stop_after_rows=1).rows == [(1,)]
    assert len(ran) == 2


LONG = "SELECT hex(zeroblob(100000))"


def test_a_gold_is_held_to_no_cap_and_its_words_in_a_prediction_are(shop, tmp_path, ran):
    """Whatever was asked before, and whatever is on disk."""
    for _ in range(2):
        cache = GoldCache(tmp_path / "gold.sqlite")
        database = OpenDatabase("shop", shop, Limits(), cache)
        for _ in range(2):
            with pytest.raises(QueryLimit, match="longer than 100,000 bytes"):
                database.run(LONG)
            assert database.gold(LONG).rows == [("0" * 200_000,)]
            database.check_gold(LONG)
        database.close()
        cache.close()
    assert ran == [(LONG, None)] * 3  # with caps, without, and the next time with caps


def test_on_a_copy_it_is_another_thing(database, ran):
    with pytest.raises(NotAQuery):
        database.run("DELETE FROM item")
    for _ in range(2):
        assert database.run_on_copy("DELETE FROM item").rows == []
    assert len(ran) == 2
    assert len(database.run(NAMES).rows) == 3


def test_golds_are_kept_on_disk_and_come_from_there(shop, tmp_path, ran):
    for _ in range(2):
        cache = GoldCache(tmp_path / "gold.sqlite")
        database = OpenDatabase("shop", shop, Limits(), cache)
        assert len(database.gold(NAMES).rows) == 3
        database.run("SELECT price FROM item")
        database.close()
        cache.close()
    assert ran == [(NAMES, None), ("SELECT price FROM item", None), ("SELECT price FROM item", None)]
    cache = GoldCache(tmp_path / "gold.sqlite")
    assert kept_result(cache, results_of(database_hash(shop)), NAMES).rows == [("a",), ("a",), ("b",)]
    OpenDatabase("shop", shop, Limits(), cache).check_gold(NAMES)
    cache.close()
    assert len(ran) == 3


def test_memory_is_bounded(database, ran, monkeypatch):
    monkeypatch.setattr(module, "MAX_RAN", 2 * len(NAMES))
    monkeypatch.setattr(module, "MAX_GOLDS", 2 * len(NAMES))
    prices = "SELECT price FROM item"
    for sql in (NAMES, NAMES, prices, NAMES):
        assert len(database.run(sql).rows) == 3
    for sql in (NAMES, prices, prices, NAMES):
        assert len(database.gold(sql).rows) == 3
    assert [sql for sql, _ in ran] == [NAMES, prices, NAMES, prices, NAMES]
    assert len(database._ran) == len(database._golds) == 1


def test_a_file_that_is_gone(database):
    database.path.unlink()
    with pytest.raises(DatasetError, match="No database at"):
        database.run(NAMES)


def test_what_a_text_says_is_worked_out_once_and_kept_on_disk(shop, tmp_path):
    made = []

    def make(sql):
        made.append(sql)
        return sql.upper()

    for _ in range(2):  # the second time from disk
        database = OpenDatabase("shop", shop, Limits(), cache := GoldCache(tmp_path / "kept"))
        assert database.of_text("upper", "select 1 -- \u00e9", make) == "SELECT 1 -- \u00c9"
        assert database.of_text("another", "", make) == ""
        database.close()
        cache.close()
    assert made == ["select 1 -- \u00e9", ""]
    assert OpenDatabase("shop", shop, Limits(), GoldCache(None)).of_text("upper", "a", make) == "A"
