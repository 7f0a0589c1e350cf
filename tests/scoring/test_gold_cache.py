"""The file of gold results: it may be broken, locked, shared, or nowhere; scores stay the same."""

from __future__ import annotations

import logging
import math
import multiprocessing
import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt import store
from spider_opt.benchmarks import load
from spider_opt.databases import database_hash
from spider_opt.scoring import Rules, gold_cache, score
from spider_opt.scoring.gold_cache import GoldCache, keep_result, kept_result, levels, results_of
from spider_opt.types import Result


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "gold.sqlite"


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


# --- what is kept --------------------------------------------------------------------------------

VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()


def exact(rows):
    """Rows so that -0.0 and 0, 1 and 1.0 are told apart."""
    return [[(type(cell), repr(cell)) for cell in row] for row in rows]


@given(st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_every_value_comes_back_as_it_was(rows):
    kept = GoldCache(None)
    keep_result(kept, "s", "SELECT 1", Result(("a", "b"), rows))
    kept._sections = kept._fresh
    result = kept_result(kept, "s", "select 1")
    assert result.columns == ("a", "b")
    assert exact(result.rows) == exact(rows)


def test_results_survive_the_process(path):
    rows = [(1, 1.0, -0.0, math.inf, -math.inf, 2**63 - 1, "é'\"\n\x00", b"\xff\x00", None)]
    first = GoldCache(path)
    keep_result(first, results_of("abc"), "SELECT 1", Result(("x",) * 9, rows))
    first.close()
    second = GoldCache(path)
    assert exact(kept_result(second, results_of("abc"), "SELECT  1;").rows) == exact(rows)
    assert kept_result(second, results_of("abd"), "SELECT 1") is None
    assert kept_result(second, results_of("abc"), "SELECT 2") is None
    second.close()


def test_a_query_that_is_no_unicode_is_kept_as_any(path):
    kept = GoldCache(path)
    keep_result(kept, "s", "SELECT '\ud800'", Result(("a",), [(1,)]))
    keep_result(kept, "s", "SELECT 'é'", Result(("a",), [("\ud800",)]))
    kept.close()
    again = GoldCache(path)
    assert kept_result(again, "s", "SELECT '\ud800'").rows == [(1,)]
    assert kept_result(again, "s", "SELECT 'é'").rows == [("\ud800",)]
    again.close()


def test_levels_are_parsed_once(path, monkeypatch):
    golds = ["SELECT a FROM t", "SELECT FROM", "SELECT a FROM t", "SELECT a, b FROM t WHERE a = 1 OR b IN (SELECT 1)"]
    kept = GoldCache(path)
    expected = ["easy", None, "easy", "extra"]
    assert levels(golds, kept) == expected
    kept.close()
    monkeypatch.setattr(gold_cache, "hardness", lambda sql: pytest.fail("parsed again"))
    kept = GoldCache(path)
    assert levels(golds, kept) == expected
    kept.close()


# --- what can be wrong with the file -------------------------------------------------------------


def scored(benchmark):
    return score(benchmark, [(e, e.gold_sql + " ") for e in benchmark.examples], Rules(), n_workers=2)


@pytest.fixture
def gold_file(tmp_path, monkeypatch):
    """The cache file of this test, not there yet."""
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    return tmp_path / "gold.sqlite"


@pytest.fixture(scope="module")
def expected(benchmark):
    report = score(benchmark, [(e, e.gold_sql + " ") for e in benchmark.examples], Rules(), use_cache=False)
    assert report.summary()["ex"] == 100
    return report


def test_without_a_cache_nothing_is_written(benchmark, gold_file, expected):
    report = score(benchmark, [(e, e.gold_sql + " ") for e in benchmark.examples], Rules(), use_cache=False)
    assert report == expected
    assert not gold_file.exists()


def test_cold_and_warm_agree(benchmark, gold_file, expected, caplog):
    assert scored(benchmark) == expected
    assert gold_file.exists()
    assert scored(benchmark) == expected
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000, "half"],
    ids=["text", "damaged", "cut off"],
)
def test_a_broken_file_is_set_aside_and_made_anew(benchmark, gold_file, expected, caplog, content):
    if content == "half":
        scored(benchmark)
        content = gold_file.read_bytes()[:10_000]
    gold_file.write_bytes(content)
    assert scored(benchmark) == expected
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert gold_file.with_name("gold.sqlite.broken-1").read_bytes() == content
    caplog.clear()
    assert scored(benchmark) == expected
    assert caplog.records == []


def test_a_file_of_an_older_version_is_used(benchmark, gold_file, expected, caplog, monkeypatch):
    """It held text."""
    scored(benchmark)
    with closing(sqlite3.connect(gold_file, isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE old (section TEXT, key TEXT, value TEXT, PRIMARY KEY (section, key)) WITHOUT ROWID;"
            "INSERT INTO old SELECT section, key, CAST(value AS TEXT) FROM kept;"
            "DROP TABLE kept; ALTER TABLE old RENAME TO kept;"
        )
    assert scored(benchmark) == expected
    kept = GoldCache(gold_file)
    example = benchmark.examples[0]
    section = results_of(database_hash(benchmark.paths[example.question.db_id]))
    assert kept_result(kept, section, example.gold_sql) is not None
    kept.close()
    assert caplog.records == []


@pytest.mark.parametrize("text", ["", "[", "[1]", "null", '["a", [1]]', '[["a"], [[{"hex": "x"}]]]', '[["a"], [[{}]]]'])
def test_broken_entries_are_run_again(benchmark, gold_file, expected, text):
    scored(benchmark)
    connection = sqlite3.connect(gold_file)
    connection.execute("UPDATE kept SET value = ? WHERE section LIKE 'results%'", (text,))
    connection.commit()
    connection.close()
    pairs = [(e, f"SELECT * FROM ({e.gold_sql})") for e in benchmark.examples]
    assert all(s.correct for s in score(benchmark, pairs, Rules()).scored)


def test_a_folder_that_cannot_be_made(benchmark, tmp_path, monkeypatch, expected, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "file" / "cache"))
    assert scored(benchmark) == expected
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_folder_that_cannot_be_written(benchmark, gold_file, expected, caplog, monkeypatch):
    def refuse(*args, **kwargs):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(store, "_opened", refuse)
    assert scored(benchmark) == expected
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert not gold_file.exists()


def test_a_locked_file_is_waited_for_and_then_done_without(benchmark, gold_file, expected, caplog, monkeypatch):
    scored(benchmark)
    connection = sqlite3.connect(gold_file, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was kept may still stand beside the file
    content = gold_file.read_bytes()
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(gold_cache, "WAIT_S", 0.1)
    try:
        assert scored(benchmark) == expected
    finally:
        connection.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "locked" in caplog.text
    assert list(gold_file.parent.glob("*broken*")) == []
    assert len(gold_file.read_bytes()) == len(content)
    assert scored(benchmark) == expected


def fill(path, seed, barrier):
    rng = random.Random(seed)
    barrier.wait()
    for i in rng.sample(range(200), 200):
        kept = GoldCache(path)
        if kept_result(kept, f"s{i % 7}", f"SELECT {i}") is None:
            keep_result(kept, f"s{i % 7}", f"SELECT {i}", Result(("a",), [(i, seed)]))
        kept.close()


def test_processes_share_the_file(path):
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    barrier = context.Barrier(3)
    crew = [context.Process(target=fill, args=(path, seed, barrier)) for seed in range(3)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0, 0, 0]
    kept = GoldCache(path)
    for i in range(200):
        assert kept_result(kept, f"s{i % 7}", f"SELECT {i}").rows[0][0] == i
    kept.close()
