"""Values of a large database: found as those in memory are, read once, in a bounded time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import Sandbox, read_schema, samples
from spider_opt.linking import value_store
from spider_opt.linking.values import ValueIndex
from spider_opt.paths import cache_dir

TOWNS = ["New York", "York", "Tokyo , Japan", "São Paulo", "Springfield", "Springdale", "Spring Hill", "10"]
SCRIPT = """
CREATE TABLE keeper (id INTEGER PRIMARY KEY, name TEXT, town TEXT, sex CHAR(1));
CREATE TABLE visit (town TEXT, `day of visit` TEXT, note TEXT);
"""
QUESTIONS = [
    "Which keepers live in New York?",
    "How many female keepers are in york",
    'Who visited "Springfeld" on the first day?',
    "Which keeper lives in Tokyo, Japan or Sao Paulo?",
    "Is there a visit to 10?",
    "name 7 of Springdale and Spring Hill",
    "Nothing of that.",
    "",
]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return make(tmp_path / "zoo.sqlite")


def make(path: Path, more: str = "") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
        rows = [(i, f"name {i}", TOWNS[i % len(TOWNS)], "FM"[i % 2]) for i in range(40)]
        connection.executemany("INSERT INTO keeper VALUES (?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO visit VALUES (?, 'first', ?)", [(town, "x" * 99) for town in TOWNS])
        connection.executescript(more)
    return path


def index(path: Path) -> ValueIndex:
    with Sandbox(path) as database:
        return ValueIndex(read_schema(path, "zoo"), database)


def kept() -> list[Path]:
    return sorted((cache_dir() / "values").glob("*"))


def test_what_is_on_disk_is_found_as_what_is_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = index(path)
    assert kept() == []
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    for _ in range(2):
        large = index(path)
        assert isinstance(large._values, value_store.OnDisk)
        assert [large.mentioned(question) for question in QUESTIONS] == [small.mentioned(q) for q in QUESTIONS]
    assert any(small.mentioned(question) for question in QUESTIONS)
    assert len(kept()) == 1


def test_it_is_read_once_for_the_same_contents(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    wanted = index(path).mentioned(QUESTIONS[0])
    ran: list[str] = []
    monkeypatch.setattr(Sandbox, "run", lambda self, sql, **_: ran.append(sql))
    assert index(path).mentioned(QUESTIONS[0]) == wanted
    copy = tmp_path / "elsewhere.sqlite"
    copy.write_bytes(path.read_bytes())
    assert index(copy).mentioned(QUESTIONS[0]) == wanted
    assert ran == []
    monkeypatch.undo()
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    other = make(tmp_path / "other.sqlite", "UPDATE keeper SET town = 'Oslo'; DELETE FROM visit")
    assert [mention.value for mention in index(other).mentioned("Who is in Oslo, who in New York?")] == ["Oslo"]
    assert len(kept()) == 2


def test_a_broken_file_is_written_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    wanted = index(path).mentioned(QUESTIONS[0])
    [file] = kept()
    file.write_bytes(b"no database")
    assert index(path).mentioned(QUESTIONS[0]) == wanted
    assert file.read_bytes().startswith(b"SQLite format 3")


def test_where_nothing_can_be_kept_it_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = index(path).mentioned(QUESTIONS[0])
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    cache_dir().mkdir(parents=True, exist_ok=True)
    (cache_dir() / "values").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert index(path).mentioned(QUESTIONS[0]) == wanted
    assert "is not kept, and read anew each time" in caplog.text


def test_reading_ends_in_time_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    monkeypatch.setattr(value_store, "READ_S", 1.0)
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT 'a' || n AS "
    views = "".join(f"CREATE VIEW v{i} AS {endless} slow FROM r WHERE n < 0;" for i in range(5))
    path = make(tmp_path / "slow.sqlite", views)
    start = time.monotonic()
    with caplog.at_level(logging.WARNING):
        found = index(path).mentioned("Who lives in Springfield?")
    assert time.monotonic() - start < 4
    assert "Springfield" in {mention.value for mention in found}
    assert "of v0.slow, v1.slow, v2.slow and 2 more not all values are looked up" in caplog.text
    [file] = kept()
    assert file.suffix == ".sqlite"


def test_of_a_column_that_is_too_long_a_part_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    monkeypatch.setattr("spider_opt.linking.values._AT_ONCE", 10)
    monkeypatch.setattr(value_store, "READ_S", 1e-9)
    many = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 500) "
    make(
        path.with_name("many.sqlite"), f"CREATE TABLE many (word TEXT); INSERT INTO many {many} SELECT 'w' || n FROM r"
    )
    with caplog.at_level(logging.WARNING):
        index(path.with_name("many.sqlite"))
    assert "not all values are looked up" in caplog.text


def test_threads_share_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    large, found = index(path), []
    wanted = [large.mentioned(question) for question in QUESTIONS]

    def look() -> None:
        for _ in range(20):
            found.append([large.mentioned(question) for question in QUESTIONS])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 80
