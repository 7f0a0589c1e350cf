"""How many stay open, and that a query is not refused for what others take."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.databases import Limits, Sandbox, turns
from spider_opt.databases.guard import Guard, OutOfMemory
from spider_opt.errors import QueryLimit
from spider_opt.types import Result


@pytest.fixture
def sandboxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sandbox]]:
    monkeypatch.setattr("spider_opt.databases.sandbox.TURNS", turns.Turns())
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t AS SELECT 1 AS a")
    many = [Sandbox(path) for _ in range(3 * turns.MAX_OPEN)]
    yield many
    for sandbox in many:
        sandbox.close()


def is_open(sandbox: Sandbox) -> bool:
    return sandbox._guard is not None


def test_those_that_were_used_last_stay_open(sandboxes: list[Sandbox]) -> None:
    for sandbox in sandboxes:
        sandboxes[0].run("SELECT a FROM t")
        assert sandbox.run("SELECT a FROM t").rows == [(1,)]
        assert sum(map(is_open, sandboxes)) <= turns.MAX_OPEN
    assert is_open(sandboxes[0])
    assert all(map(is_open, sandboxes[-turns.MAX_OPEN + 1 :]))
    assert sandboxes[1].run("SELECT a FROM t").rows == [(1,)]


def fill(monkeypatch: pytest.MonkeyPatch, needs: str, sandboxes: list[Sandbox]) -> list[int]:
    """Let queries that say so find too little memory while others are open; return how many were, each time."""
    original, seen = Guard.run, []

    def run(self: Guard, sql: str, *others: Any) -> Result:
        if needs in sql:
            seen.append(sum(map(is_open, sandboxes)))
            if seen[-1] > 1 or "never" in sql:
                raise OutOfMemory("too much")
        return original(self, sql, *others)

    monkeypatch.setattr(Guard, "run", run)
    return seen


def test_what_memory_does_not_suffice_for_runs_again_alone(
    sandboxes: list[Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fill(monkeypatch, "'much'", sandboxes)
    for sandbox in sandboxes[:4]:
        sandbox.run("SELECT a FROM t")
    assert sandboxes[1].run("SELECT 'much'").rows == [("much",)]
    assert seen == [4, 1]
    with pytest.raises(QueryLimit, match="too much"):
        sandboxes[0].run("SELECT 'much, never'  -- 'much'")
    assert seen == [4, 1, 2, 1]
    assert sandboxes[2].run("SELECT a FROM t").rows == [(1,)]


def test_alone_is_alone_also_among_threads(sandboxes: list[Sandbox], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = fill(monkeypatch, "'much'", sandboxes)
    wrong: list[object] = []

    def ask(sandbox: Sandbox) -> None:
        for i in range(40):
            sql = "SELECT 'much'" if i % 10 == 0 else f"SELECT {i}"
            rows = sandbox.run(sql).rows
            if rows != [("much" if i % 10 == 0 else i,)]:
                wrong.append(rows)

    threads = [threading.Thread(target=ask, args=(sandbox,)) for sandbox in sandboxes[:12]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)
    assert seen.count(1) >= 4 * 12


CROWD = """
import sqlite3, sys
from contextlib import closing
from pathlib import Path
from spider_opt.databases import Limits, Sandbox
from spider_opt.databases.limits import lifted
from spider_opt.errors import QueryLimit

path = Path(sys.argv[1]) / "big.sqlite"
numbers = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {})"
with closing(sqlite3.connect(path)) as connection:
    connection.execute(f"CREATE TABLE t AS {numbers.format(1000)} SELECT n, hex(randomblob(2000)) AS x FROM r")
    connection.commit()
limits = Limits(max_memory_bytes=12 * 2**20)  # six caches
pool = [Sandbox(path, limits=limits) for _ in range(100)]
print(sum(s.run("SELECT count(*), sum(length(x)) FROM t").rows == [(1000, 4000000)] for s in pool))
sort = f"{numbers.format(200_000)} SELECT n FROM r ORDER BY printf('%.100d', n)"
try:
    pool[0].run(sort)
except QueryLimit:
    print("limit")
print(len(Sandbox(path, limits=lifted(limits)).run(sort).rows))
"""


def test_memory_is_for_one_database_at_a_time_and_golds_use_the_disk(tmp_path: Path) -> None:
    """The cap is the process's for good, so one of its own is asked."""
    done = subprocess.run([sys.executable, "-c", CROWD, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["100", "limit", "200000"], done.stderr


def test_an_interrupt_while_it_waits_holds_up_nobody(sandboxes: list[Sandbox]) -> None:
    one = turns.Turns()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with one.beside_others(sandboxes[0]), pytest.MonkeyPatch.context() as patched:
        patched.setattr(one._changed, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt), one.alone(sandboxes[1]):
            pass
    with one.beside_others(sandboxes[0]), one.beside_others(sandboxes[1]):
        pass
    with one.alone(sandboxes[0]):
        pass


def test_limits_of_its_own_still_hold(sandboxes: list[Sandbox]) -> None:
    with Sandbox(sandboxes[0].path, limits=Limits(max_rows=0)) as sandbox, pytest.raises(QueryLimit, match="0 rows"):
        sandbox.run("SELECT a FROM t")
