"""Processes that hang, die, or lose their parent."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from spider_opt.benchmarks import load
from spider_opt.databases import Sandbox
from spider_opt.errors import DatasetError, GoldError, GoldTimeout, QueryTimeout, SpiderOptError
from spider_opt.scoring import PairScorer, Rules, worker
from spider_opt.scoring import worker_pool as pool
from spider_opt.types import Example, Outcome, Question, Schema, Verdict

forking = pytest.mark.skipif(sys.platform != "linux", reason="patches reach the processes only when they are forked")
RULES = Rules(timeout_s=5)


@pytest.fixture(autouse=True)
def forks(request, monkeypatch):
    """Fork where a test's patches must reach the processes, also after tests that left threads or llama.cpp behind."""
    if any(marker is forking.mark for marker in request.node.iter_markers("skipif")):
        monkeypatch.setattr(worker, "can_fork", lambda: True)


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


@pytest.fixture(scope="module")
def pairs(benchmark):
    """Each gold as its own answer, and as the answer to the question before it."""
    examples = benchmark.examples
    others = [*examples[1:], examples[0]]
    return [(e, e.gold_sql) for e in examples] + [(e, o.gold_sql) for e, o in zip(examples, others, strict=True)]


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(worker, "QUERIES_PER_SCORER", 0)
    monkeypatch.setattr(worker, "GRACE_S", 1.0)
    return RULES


def judge_all(pairs, paths, rules, **options):
    """The verdicts of the one scorer asked."""
    return [verdicts[rules.main] for verdicts in pool.judge_all(pairs, paths, rules, **options)]


def patch_run(monkeypatch, before):
    """Call ``before(sql)`` in the worker process ahead of each query."""
    original = Sandbox.run

    def run(self, sql, **options):
        before(sql)
        return original(self, sql, **options)

    monkeypatch.setattr(Sandbox, "run", run)


def test_same_verdicts_in_the_same_order_however_many_processes(benchmark, pairs):
    scorer = PairScorer(RULES.timeout_s)
    expected = [scorer("official", benchmark.paths[e.question.db_id], e.gold_sql, sql) for e, sql in pairs]
    scorer.close()
    assert 0 < sum(verdict.correct for verdict in expected) < len(pairs)
    for n_workers in (1, 2, 5):
        seen = []
        found = judge_all(
            pairs, benchmark.paths, RULES, n_workers=n_workers, on_verdict=lambda seen=seen: seen.append(1)
        )
        assert found == expected
        assert len(seen) == len(pairs)


def test_nothing_to_judge(benchmark):
    assert judge_all([], benchmark.paths, RULES) == []


def test_many_answers(benchmark, pairs):
    found = judge_all(pairs * 40, benchmark.paths, RULES, n_workers=2)
    assert found == found[: len(pairs)] * 40


def test_processes_are_spawned_where_there_are_threads(benchmark, pairs, tmp_path):
    expected = judge_all(pairs, benchmark.paths, RULES)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not worker.can_fork()
        assert judge_all(pairs, benchmark.paths, RULES, cache=tmp_path / "gold.sqlite", n_workers=2) == expected
    finally:
        done.set()
        thread.join()


def test_a_gold_that_fails_stands_in_its_place(benchmark, pairs):
    example = pairs[3][0]
    broken = Example(example.index, example.question, "SELECT nope FROM nowhere")
    found = judge_all([*pairs[:3], (broken, "SELECT 1"), *pairs[4:]], benchmark.paths, RULES)
    assert isinstance(found[3], GoldError)
    assert "nowhere" in str(found[3])
    assert sum(isinstance(verdict, GoldError) for verdict in found) == 1


# --- hanging and dying ---------------------------------------------------------------------------


@forking
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_query_that_cannot_be_stopped_from_within(benchmark, pairs, monkeypatch, impatient, n_workers):
    patch_run(monkeypatch, lambda sql: time.sleep(60) if "'hang'" in sql else None)
    expected = judge_all(pairs, benchmark.paths, impatient)
    hanging = {7, 8, 100}
    mixed = [(example, f"SELECT 'hang', {i}" if i in hanging else sql) for i, (example, sql) in enumerate(pairs)]
    start = time.monotonic()
    found = judge_all(mixed, benchmark.paths, impatient, n_workers=n_workers)
    assert time.monotonic() - start < 30
    assert {i for i, verdict in enumerate(found) if verdict.outcome is Outcome.TIMEOUT} == hanging
    assert [v for i, v in enumerate(found) if i not in hanging] == [
        v for i, v in enumerate(expected) if i not in hanging
    ]


@forking
def test_a_process_that_is_killed_from_outside_costs_no_verdict(benchmark, pairs, monkeypatch, tmp_path):
    expected = judge_all(pairs, benchmark.paths, RULES)
    marked = [(example, f"{sql} -- {i}") for i, (example, sql) in enumerate(pairs)]

    def die_once(sql):
        number = sql.rpartition("-- ")[2]
        if number in ("5", "77", "120"):
            try:
                os.close(os.open(tmp_path / number, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    patch_run(monkeypatch, die_once)
    found = judge_all(marked, benchmark.paths, RULES, n_workers=2)
    assert len(list(tmp_path.iterdir())) == 3
    assert [verdict.correct for verdict in found] == [verdict.correct for verdict in expected]


@forking
def test_a_query_that_kills_its_process_is_wrong_and_alone(benchmark, pairs, monkeypatch):
    expected = judge_all(pairs, benchmark.paths, RULES)
    patch_run(monkeypatch, lambda sql: os.kill(os.getpid(), signal.SIGKILL) if "'crash'" in sql else None)
    mixed = [(example, "SELECT 'crash'" if i % 50 == 9 else sql) for i, (example, sql) in enumerate(pairs)]
    found = judge_all(mixed, benchmark.paths, RULES)
    assert {i for i, verdict in enumerate(found) if verdict.outcome is Outcome.LIMIT} == {9, 59, 109, 159, 209}
    assert [v for i, v in enumerate(found) if i % 50 != 9] == [v for i, v in enumerate(expected) if i % 50 != 9]


@forking
def test_random_kills(benchmark, pairs, monkeypatch):
    """Any process may be gone at any moment: each answer still gets its verdict once."""
    expected = judge_all(pairs, benchmark.paths, RULES)
    n_seen = 0

    def kill_one():
        nonlocal n_seen
        n_seen += 1
        if n_seen in (10, 50, 90, 130):  # no later: a question whose process died waits behind all others, once
            multiprocessing.active_children()[0].kill()

    found = judge_all(pairs, benchmark.paths, RULES, n_workers=2, on_verdict=kill_one)
    assert found == expected
    assert n_seen == len(pairs)


@forking
def test_processes_that_never_begin_are_no_verdicts(benchmark, pairs, monkeypatch):
    monkeypatch.setattr(worker, "judge_jobs", lambda *_: os._exit(1))
    with pytest.raises(SpiderOptError, match="end before they begin"):
        judge_all(pairs, benchmark.paths, RULES)


@forking
@pytest.mark.parametrize("kind", [ZeroDivisionError, OSError])
def test_what_goes_wrong_in_the_scorer_is_no_verdict(benchmark, pairs, monkeypatch, kind):
    def fail(sql):
        raise kind("a mistake of ours")

    patch_run(monkeypatch, fail)
    with pytest.raises(kind, match="a mistake of ours") as caught:
        judge_all(pairs, benchmark.paths, RULES)
    assert "in fail" in caught.value.__notes__[0]


@forking
def test_too_little_memory_is_a_limit(benchmark, pairs, monkeypatch):
    def fail(sql):
        if "'huge'" in sql:
            raise MemoryError

    patch_run(monkeypatch, fail)
    found = judge_all([(pairs[0][0], "SELECT 'huge'"), pairs[1]], benchmark.paths, RULES)
    assert [verdict.outcome for verdict in found] == [Outcome.LIMIT, Outcome.CORRECT]


def test_a_database_that_is_gone_is_no_verdict(benchmark, pairs, tmp_path):
    gone = {db_id: tmp_path / f"{db_id}.sqlite" for db_id in benchmark.paths}
    with pytest.raises(DatasetError, match=r"No database at .*sqlite"):
        judge_all(pairs, gone, RULES)


# --- interrupts ----------------------------------------------------------------------------------


def test_an_interrupt_leaves_no_process(benchmark, pairs):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_all(pairs, benchmark.paths, RULES, n_workers=2, on_verdict=interrupt)


SLOW = """
    import multiprocessing, sys, time
    from spider_opt.benchmarks import load
    from spider_opt.databases import Sandbox
    from spider_opt.scoring import Rules
    from spider_opt.scoring.worker_pool import judge_all

    original = Sandbox.run
    Sandbox.run = lambda self, sql, **options: (time.sleep(0.1), original(self, sql, **options))[1]
    benchmark = load("spider-mini:test")
    told = []

    def tell():
        if not told:
            told.extend(child.pid for child in multiprocessing.active_children())
            print(*told, flush=True)

    pairs = [(e, e.gold_sql + " -- x") for e in benchmark.examples]
    judge_all(pairs, benchmark.paths, Rules(), n_workers=2, on_verdict=tell)
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@forking
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_is_stopped_leaves_no_orphans(kind):
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.send_signal(kind)
    parent.wait(timeout=20)
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, children))


def test_a_verdict_survives_the_way_home(benchmark, pairs):
    [verdict] = judge_all([(pairs[0][0], "SELECT '\ud800'")], benchmark.paths, RULES)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.QUERY_ERROR


# --- golds and databases that cannot be judged by -------------------------------------------------


@forking
def test_a_gold_that_ran_out_of_time_is_run_again_when_all_else_is_done(benchmark, pairs, monkeypatch, tmp_path):
    expected = judge_all(pairs, benchmark.paths, RULES)
    marked = [(replace(e, gold_sql=f"{e.gold_sql.rstrip('; ')} -- busy {i}"), sql) for i, (e, sql) in enumerate(pairs)]
    busy = ("busy 5", "busy 77", "busy 120")

    def once_too_slow(sql):
        number = next((name for name in busy if sql.endswith(name)), None)
        if number is not None:
            try:
                os.close(os.open(tmp_path / number, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            raise QueryTimeout("the machine was busy")

    patch_run(monkeypatch, once_too_slow)
    found = judge_all(marked, benchmark.paths, RULES, n_workers=2)
    assert len(list(tmp_path.iterdir())) == len(busy)
    assert [verdict.correct for verdict in found] == [verdict.correct for verdict in expected]


@forking
def test_a_gold_that_always_runs_out_of_time_is_named(benchmark, pairs, monkeypatch):
    def too_slow(sql):
        if sql.endswith("-- slow"):
            raise QueryTimeout("no answer within 5 s")

    patch_run(monkeypatch, too_slow)
    slow = replace(pairs[0][0], gold_sql="SELECT 1 -- slow")
    seen = []
    found = judge_all([(slow, "SELECT 1"), *pairs[1:4]], benchmark.paths, RULES, on_verdict=lambda: seen.append(1))
    assert isinstance(found[0], GoldTimeout)
    assert all(isinstance(verdict, Verdict) for verdict in found[1:])
    assert len(seen) == 4


@pytest.fixture
def two(tmp_path):
    """A sound database and one whose table a is damaged and table b is not; a pair for each table of each."""
    paths = {}
    for db_id in ("sound", "torn"):
        paths[db_id] = tmp_path / f"{db_id}.sqlite"
        with closing(sqlite3.connect(paths[db_id])) as connection:
            connection.executescript(
                "CREATE TABLE b AS SELECT 1 AS x; CREATE TABLE a(x);"
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 400)"
                "INSERT INTO a SELECT hex(randomblob(50)) FROM r"
            )
    whole = paths["torn"].read_bytes()
    paths["torn"].write_bytes(whole[:8192] + b"\x99" * (len(whole) - 8192))
    schema = Schema("", (), ())
    examples = [
        Example(i, Question(f"q{i}", "?", replace(schema, db_id=db_id)), f"SELECT count(x) FROM {table}")
        for i, (db_id, table) in enumerate([("torn", "b"), ("sound", "a"), ("torn", "a"), ("sound", "b")])
    ]
    return examples, paths


def test_a_damaged_database_loses_all_of_its_questions_and_no_other(two):
    examples, paths = two
    for answers in (["SELECT 1"] * 4, ["SELECT 1", "SELECT 1", "DELETE FROM a", "SELECT 1"], [""] * 4):
        found = judge_all(list(zip(examples, answers, strict=True)), paths, RULES)
        assert [type(verdict) for verdict in found] == [GoldError, Verdict, GoldError, Verdict]
        assert str(found[0]) == str(found[2])
        assert re.search(r"The database .*/torn\.sqlite is damaged: database disk image is malformed", str(found[0]))


def test_damage_that_only_an_answer_meets_is_none_of_its_faults(two):
    examples, paths = two
    [answered, sound] = examples[0], examples[3]
    found = judge_all([(answered, "SELECT count(x) FROM a"), (sound, "SELECT 1")], paths, RULES)
    assert [type(verdict) for verdict in found] == [GoldError, Verdict]


def test_where_no_database_can_be_read_nothing_is_judged(two):
    examples, paths = two
    with pytest.raises(DatasetError, match=r"torn\.sqlite is damaged"):
        judge_all([(examples[0], "SELECT 1"), (examples[2], "SELECT 1")], paths, RULES)


def test_many_databases_get_the_verdicts_of_few(tmp_path):
    """So many that their caches would take all of the memory that a query may have."""
    script = "CREATE TABLE t(n INTEGER PRIMARY KEY, x); INSERT INTO t SELECT value, hex(zeroblob(20000)) FROM json_each"
    numbers = f"[{','.join(map(str, range(60)))}]"
    path = tmp_path / "0.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{script}('{numbers}')")
    paths = {"0": path}
    for i in range(1, 150):
        paths[str(i)] = tmp_path / f"{i}.sqlite"
        os.link(path, paths[str(i)])
    golds = ("SELECT count(*), sum(length(x)) FROM t", "SELECT n FROM t ORDER BY x, n DESC")
    answers = ("SELECT 60, 2400000", "SELECT n FROM t ORDER BY 0 - n", "SELECT zeroblob(3000000)")
    pairs = [
        (Example(0, Question("q", "?", Schema(db_id, (), ())), gold), sql)
        for db_id in paths
        for gold in golds
        for sql in answers
    ]
    found = judge_all(pairs, paths, RULES, n_workers=1)
    few = found[: len(golds) * len(answers)]
    assert [verdict.correct for verdict in few] == [True, False, False, False, True, False]
    assert found == few * len(paths)
