"""What prompts show of a database's contents, and how long is looked for it."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.databases import Sandbox, read_schema, samples
from spider_opt.databases.samples import sample_rows, sample_values
from spider_opt.errors import QueryTimeout

ENDLESS = (
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS a, n AS b, n AS c FROM r WHERE n < 0"
)
SHOP = """
CREATE TABLE item (id INTEGER, name TEXT);
INSERT INTO item VALUES (1, 'pen'), (2, 'ink'), (3, 'ink'), (4, NULL);
CREATE VIEW cheap AS SELECT name FROM item WHERE id < 3;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make(tmp_path / "shop.sqlite", SHOP)


def make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def test_rows_and_values(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    schema = read_schema(shop, "shop")
    with Sandbox(shop) as database:
        for _ in range(3):
            assert sample_rows(schema, database, 2) == {"item": [(1, "pen"), (2, "ink")], "cheap": [("pen",), ("ink",)]}
            assert sample_values(schema, database, 2) == {
                ("item", "id"): [1, 2], ("item", "name"): ["pen", "ink"], ("cheap", "name"): ["pen", "ink"]
            }  # fmt: skip
    assert not caplog.messages


def test_a_view_that_never_ends_is_looked_at_once_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(samples, "TABLE_S", 0.2)
    path = make(tmp_path / "shop.sqlite", f"{SHOP} CREATE VIEW endless AS {ENDLESS};")
    schema = read_schema(path, "shop")
    assert [table.name for table in schema.tables] == ["item", "cheap", "endless"]
    with Sandbox(path) as database, caplog.at_level(logging.WARNING):
        began = time.monotonic()
        assert sorted(sample_rows(schema, database, 2)) == ["cheap", "item"]
        assert {table for table, _ in sample_values(schema, database, 2)} == {"cheap", "item"}
        assert time.monotonic() - began < 2, "three columns, of which one was waited for"
        assert database.run("SELECT count(*) FROM item").rows == [(4,)]
    assert caplog.messages == [
        f"shop: prompts show not all sample {what} of endless, for looking takes more than 0.2 s"
        for what in ("rows", "values")
    ]


def test_many_slow_views_take_no_longer_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(samples, "TABLE_S", 0.2)
    monkeypatch.setattr(samples, "DATABASE_S", 0.5)
    views = "".join(f"CREATE VIEW endless_{i} AS {ENDLESS};" for i in range(40))
    path = make(tmp_path / "shop.sqlite", SHOP + views)
    with Sandbox(path) as database, caplog.at_level(logging.WARNING):
        began = time.monotonic()
        assert sorted(sample_rows(read_schema(path, "shop"), database, 1)) == ["cheap", "item"]
        assert time.monotonic() - began < 3
    assert "of endless_0, endless_1, endless_2 and 37 more" in caplog.text


def test_one_query_may_be_given_less_time_than_the_limits_give(shop: Path) -> None:
    with Sandbox(shop) as database:
        with pytest.raises(QueryTimeout, match=r"no answer within 0\.1 s"):
            database.run(ENDLESS, within_s=0.1)
        with pytest.raises(QueryTimeout, match=r"no answer within 0\.2 s"):
            database.run(ENDLESS, within_s=0.2)
        assert database.run("SELECT 1", within_s=60).rows == [(1,)]


# --- large databases ---------------------------------------------------------------------------


def test_of_a_large_database_the_first_rows_are_looked_at(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = read_schema(shop, "shop")
    with Sandbox(shop) as database:
        wanted = sample_values(schema, database, 2), sample_rows(schema, database, 2)
        monkeypatch.setattr(samples, "LARGE_BYTES", 0)
        assert (sample_values(schema, database, 2), sample_rows(schema, database, 2)) == wanted
        monkeypatch.setattr(samples, "FIRST_ROWS", (1, 1))
        assert sample_values(schema, database, 2)["item", "name"] == ["pen"]


def test_what_is_slow_in_a_large_database_is_looked_at_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(samples, "LARGE_BYTES", 0)
    monkeypatch.setattr(samples, "LARGE_TABLE_S", 0.3)
    monkeypatch.setattr(samples, "FIRST_ROWS", (10**12, 5))
    counted = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n % 2 AS a, 'x' AS b FROM r"
    path = make(tmp_path / "shop.sqlite", f"{SHOP} CREATE VIEW counted AS {counted}; CREATE VIEW endless AS {ENDLESS};")
    schema = read_schema(path, "shop")
    with Sandbox(path) as database, caplog.at_level(logging.WARNING):
        began = time.monotonic()
        found = sample_values(schema, database, 3)
        assert time.monotonic() - began < 4
    assert (found["counted", "a"], found["counted", "b"], found["item", "name"]) == ([1, 0], ["x"], ["pen", "ink"])
    assert ("endless", "a") not in found
    assert "prompts show not all sample values of endless, for looking takes more than 0.3 s" in caplog.text
