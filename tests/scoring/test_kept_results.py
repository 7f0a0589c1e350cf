"""A kept gold result is used only where the gold would give the same again: at any time, in any place."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import Limits
from spider_opt.databases.files import holds
from spider_opt.scoring import gold_cache
from spider_opt.scoring.database import OpenDatabase
from spider_opt.scoring.gold_cache import GoldCache, results_of

SCRIPT = """
CREATE TABLE t (a INT, d TEXT, m TEXT);
INSERT INTO t VALUES (1, '2020-01-01', 'localtime');
CREATE VIEW here AS SELECT datetime(d, 'localtime') AS a FROM t;
CREATE VIEW above AS SELECT a FROM Here;
CREATE VIEW drawn AS SELECT random() AS a;
CREATE VIEW plain AS SELECT a FROM t;
"""
Kept = Callable[[str], bool]


def database(path: Path, script: str = SCRIPT) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def is_kept(path: Path, cache: Path, sql: str) -> bool:
    kept = GoldCache(cache)
    opened = OpenDatabase("d", path, Limits(), kept)
    opened.gold(sql)
    opened.close()
    kept.close()
    again = GoldCache(cache)
    found = OpenDatabase("d", path, Limits(), again)._is_kept(sql, 30.0)
    again.close()
    return found


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("SELECT a FROM t", True),
        ("SELECT a FROM plain", True),
        ("SELECT strftime('%Y', d) FROM t", True),
        ("SELECT datetime(d, 'localtime') FROM t", False),
        ("SELECT datetime(d, m) FROM t", False),
        ("SELECT date('now')", False),
        ("SELECT * FROM here", False),
        ("SELECT * FROM ABOVE", False),
        ('SELECT a FROM "drawn"', False),
    ],
)
def test_what_may_be_something_else_elsewhere_is_not_kept(tmp_path: Path, sql: str, kept: bool) -> None:
    assert is_kept(database(tmp_path / "d.sqlite"), tmp_path / "gold.sqlite", sql) is kept


@pytest.mark.parametrize("said", ["now", "NOW", "Now "])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_date_in_the_data_that_is_the_clocks(tmp_path: Path, said: str, encoding: str) -> None:
    script = f"PRAGMA encoding = '{encoding}'; {SCRIPT}"
    path = database(tmp_path / "a.sqlite", script)
    assert is_kept(path, tmp_path / "gold.sqlite", "SELECT date(d) FROM t")
    path = database(tmp_path / "b.sqlite", f"{script} INSERT INTO t VALUES (2, '{said}', '')")
    assert holds(path, "now")
    assert not is_kept(path, tmp_path / "gold.sqlite", "SELECT date(d) FROM t")
    assert is_kept(path, tmp_path / "gold.sqlite", "SELECT d FROM t")


def test_another_build_of_sqlite_has_results_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = results_of("abc")
    assert results_of("abc") == here != results_of("abd")
    monkeypatch.setattr(gold_cache, "_built", lambda: "another")
    assert results_of("abc") != here


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set")
@pytest.mark.parametrize(
    "gold",
    [
        "SELECT datetime('2020-01-01 00:00:00', 'localtime')",
        "SELECT strftime('%H', '2020-01-01 12:00', 'utc')",
        "SELECT * FROM here",
        "SELECT datetime('2020-01-01', m) FROM t",
    ],
)
def test_one_cache_in_two_time_zones(tmp_path: Path, gold: str) -> None:
    """The command, in processes of their own, as on two machines that share a cache."""
    folder = tmp_path / "own"
    (folder / "database" / "d").mkdir(parents=True)
    database(folder / "database" / "d" / "d.sqlite")
    (folder / "dev.json").write_text(json.dumps([{"db_id": "d", "question": "When?", "query": gold}]))
    (tmp_path / "p.txt").write_text(gold.replace("SELECT ", "SELECT DISTINCT ") + " LIMIT 5\n")
    said = []
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        environment = os.environ | {"TZ": zone, "SPIDER_OPT_CACHE": str(tmp_path / "cache")}
        command = [
            sys.executable,
            "-m",
            "spider_opt",
            "score",
            str(tmp_path / "p.txt"),
            "--data",
            str(folder),
            "--json",
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.append(json.loads(done.stdout)["ex"])
    assert said == [100, 100, 100]
