"""``judge``: one pair, one warm process, whatever happens to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from spider_opt.databases import snapshots
from spider_opt.errors import DatasetError, GoldError, ScorerError, SpiderOptError, UsageError
from spider_opt.processors import usable_processors
from spider_opt.scoring import PairScorer, judge, single_pairs, worker
from spider_opt.types import Outcome, Verdict

NAMES = "SELECT name FROM item"
COUNT = "SELECT count(*) FROM item"
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
PAIRS = [
    (NAMES, NAMES), (NAMES, "SELECT item.name FROM item"), (NAMES, "SELECT DISTINCT name FROM item"), (NAMES, COUNT),
    (NAMES, ""), (NAMES, "SELECT nope"), (NAMES, "DELETE FROM item"), (COUNT, "SELECT 3.0"), (NAMES, "SELECT '\ud800'"),
    (f"{NAMES} ORDER BY price", f"{NAMES} ORDER BY price DESC"), (NAMES, "SELECT 1; SELECT 2"),
]  # fmt: skip
PLUGIN = """
import os, time

def half(gold, prediction, database):
    return Verdict(Outcome.WRONG_ROWS, database.db_id, 0.5)

def hang(gold, prediction, database):
    time.sleep(60)

def die(gold, prediction, database):
    os._exit(1)

def raises(gold, prediction, database):
    raise KeyError("a mistake")
"""


@pytest.fixture(autouse=True)
def workers(monkeypatch):
    """The processes of this test alone."""
    own = single_pairs._Workers()
    monkeypatch.setattr(single_pairs, "_workers", own)
    yield own
    pids = [worker._process.pid for worker in own._all]
    own.end()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def pids(workers):
    return {worker._process.pid for worker in workers._all}


@pytest.mark.parametrize("name", ["official", "strict", "official-distinct"])
def test_it_says_what_the_scorers_say(shop, name):
    scorer = PairScorer()
    for gold, sql in PAIRS:
        assert judge(gold, sql, shop, mode=name) == scorer(name, shop, gold, sql)
    scorer.close()


def test_distinct_counts_where_it_is_asked_for(shop):
    assert judge(NAMES, "SELECT DISTINCT name FROM item", shop).correct
    assert not judge(NAMES, "SELECT DISTINCT name FROM item", shop, keep_distinct=True).correct


def test_one_process_is_kept_for_all_calls(shop, workers, tmp_path):
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.executescript("CREATE TABLE item AS SELECT 'z' AS name")
    for i in range(50):
        assert judge(NAMES, f"SELECT name FROM item WHERE {i} >= 0", shop, timeout_s=1 + i % 7).correct
        assert judge(NAMES, f"SELECT 'z' WHERE {i} >= 0", other, mode="strict").correct
    assert len(pids(workers)) == 1
    assert os.getpid() not in pids(workers)


def test_a_path_may_be_text_and_relative_wherever_we_are(shop, monkeypatch, tmp_path):
    assert judge(COUNT, "SELECT 3", str(shop)).correct
    for folder, path in ((tmp_path, "shop.sqlite"), (tmp_path.parent, f"{tmp_path.name}/shop.sqlite")):
        monkeypatch.chdir(folder)
        assert judge(COUNT, "SELECT 3", path).correct


def test_a_changed_file_is_noticed_at_the_next_call(shop, workers):
    for n in range(3, 20):
        assert judge(COUNT, f"SELECT {n}", shop).correct
        with closing(sqlite3.connect(shop)) as connection:
            connection.executescript("INSERT INTO item VALUES ('c', 4)")
    assert len(pids(workers)) == 1


def test_a_file_that_is_written_to_is_read_as_it_is_now(shop, workers, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with closing(sqlite3.connect(shop, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for n in range(4, 12):
            connection.execute("INSERT INTO item VALUES ('c', 4)")
            assert judge(COUNT, f"SELECT {n}", shop).correct
            assert not judge(COUNT, f"SELECT {n - 1}", shop).correct
        with ThreadPoolExecutor(5) as pool:
            writes = pool.submit(lambda: [connection.execute("UPDATE item SET price = price + 1") for _ in range(50)])
            assert all(pool.map(lambda i: judge(COUNT, f"SELECT {11 + 0 * i}", shop).correct, range(50)))
            writes.result()
    workers.end()
    snapshots.remove_snapshots()
    assert list((tmp_path / "temporary").iterdir()) == []


# --- what is refused -----------------------------------------------------------------------------


def test_what_is_asked_wrongly(shop, tmp_path, workers):
    no_database = tmp_path / "notes.txt"
    no_database.write_text("SELECT 1")
    for error, sentence, arguments, options in (
        (DatasetError, r"No database at .*nowhere\.sqlite\.$", (NAMES, NAMES, tmp_path / "nowhere.sqlite"), {}),
        (DatasetError, r"notes\.txt is not a SQLite database\.$", (NAMES, NAMES, no_database), {}),
        (DatasetError, r"Cannot read the database .*: Is a directory\.$", (NAMES, "", tmp_path), {}),
        (GoldError, "^gold query fails on shop: no such column: nope$", ("SELECT nope", NAMES, shop), {}),
        (ScorerError, "no scorer 'offical'", (NAMES, NAMES, shop), {"mode": "offical"}),
        (UsageError, "timeout_s is 0, but must be a number above 0", (NAMES, NAMES, shop), {"timeout_s": 0}),
    ):
        with pytest.raises(error, match=sentence):
            judge(*arguments, **options)
        assert judge(NAMES, NAMES, shop).correct
    assert len(pids(workers)) == 1


def test_no_file_is_made_where_there_is_none(tmp_path):
    with pytest.raises(DatasetError):
        judge(NAMES, NAMES, tmp_path / "nowhere.sqlite")
    assert list(tmp_path.iterdir()) == []


# --- hostile queries -----------------------------------------------------------------------------


def test_nothing_is_written_and_nothing_runs_for_ever(shop, workers):
    before = shop.read_bytes()
    for sql, outcome in (
        ("DROP TABLE item", Outcome.NOT_A_QUERY),
        ("ATTACH 'x.sqlite' AS x", Outcome.NOT_A_QUERY),
        (ENDLESS, Outcome.TIMEOUT),
        ("SELECT zeroblob(1000000000)", Outcome.LIMIT),
        ("SELECT load_extension('x')", Outcome.QUERY_ERROR),
    ):
        start = time.monotonic()
        assert judge(NAMES, sql, shop, timeout_s=0.5).outcome is outcome
        assert time.monotonic() - start < 5
        assert judge(NAMES, NAMES, shop).correct
    assert shop.read_bytes() == before
    assert [item.name for item in shop.parent.iterdir()] == ["shop.sqlite"]
    assert len(pids(workers)) == 1


@pytest.fixture
def plugin(install_scorers):
    names = ("half", "hang", "die", "raises")
    install_scorers("judge_plugin", PLUGIN, **dict(zip(names, names, strict=True)))


def test_scorers_of_other_packages(shop, plugin):
    assert judge(NAMES, COUNT, shop, mode="half") == Verdict(Outcome.WRONG_ROWS, "shop", 0.5)
    with pytest.raises(SpiderOptError, match=r"scorer 'raises' fails on a question of shop: KeyError\('a mistake'\)"):
        judge(NAMES, NAMES, shop, mode="raises")


def test_a_package_that_came_later_is_found(shop, workers, install_scorers):
    assert judge(NAMES, NAMES, shop).correct
    install_scorers("judge_plugin", PLUGIN, half="half")
    sys.path.insert(0, str(shop.parent))
    try:
        assert judge(NAMES, NAMES, shop, mode="half").metric == 0.5
    finally:
        sys.path.remove(str(shop.parent))
    assert len(pids(workers)) == 1


def test_what_cannot_be_stopped_from_within_is_ended(shop, plugin, workers, monkeypatch):
    assert judge(NAMES, NAMES, shop).correct
    before = pids(workers)
    monkeypatch.setattr(worker, "QUERIES_PER_SCORER", 0)
    monkeypatch.setattr(worker, "GRACE_S", 1.0)
    start = time.monotonic()
    assert judge(NAMES, NAMES, shop, mode="hang") == worker.OVERDUE
    assert time.monotonic() - start < 10
    monkeypatch.undo()
    monkeypatch.setattr(single_pairs, "_workers", workers)
    assert pids(workers) == set()
    assert judge(NAMES, NAMES, shop).correct
    assert before.isdisjoint(pids(workers))


def test_a_query_that_kills_its_process_is_wrong_and_alone(shop, plugin, workers):
    assert judge(NAMES, NAMES, shop, mode="die") == worker.DIED
    assert judge(NAMES, NAMES, shop).correct


def test_a_process_that_was_killed_costs_nothing(shop, workers):
    for _ in range(5):
        assert judge(NAMES, NAMES, shop).correct
        [pid] = pids(workers)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def test_processes_that_never_begin_are_no_verdict(shop, monkeypatch, workers):
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    with pytest.raises(SpiderOptError, match="end before they begin"):
        judge(NAMES, NAMES, shop)
    assert pids(workers) == set()


def test_an_interrupt_ends_what_it_was_at(shop, workers):
    assert judge(NAMES, NAMES, shop).correct
    before = pids(workers)
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        judge(NAMES, ENDLESS, shop, timeout_s=60)
    timer.join()
    assert time.monotonic() - start < 20
    assert judge(COUNT, "SELECT 3", shop).correct
    assert before.isdisjoint(pids(workers))


# --- threads and forks ---------------------------------------------------------------------------


def test_threads_ask_side_by_side(shop, workers):
    def ask(i):
        return judge(COUNT, f"SELECT {3 + i % 2}", shop).correct

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == [True, False] * 100
    assert 1 <= len(pids(workers)) <= max(2, usable_processors())


def test_one_that_hangs_holds_up_no_other(shop, workers):
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(judge, NAMES, ENDLESS, shop, timeout_s=4)
        time.sleep(0.2)
        start = time.monotonic()
        assert judge(NAMES, NAMES, shop).correct
        assert time.monotonic() - start < 3.5
        assert slow.result().outcome is Outcome.TIMEOUT
