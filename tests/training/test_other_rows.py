"""Whether a right query is right by luck."""

from __future__ import annotations

from dataclasses import replace

import pytest
from full_disk import full_at

from spider_opt.benchmarks import load
from spider_opt.errors import SpiderOptError
from spider_opt.training.other_rows import holding
from spider_opt.types import Example

BENCHMARK = load("spider-mini:train")
pytestmark = pytest.mark.usefixtures("other_rows")


def asked(text: str) -> Example:
    return next(example for example in BENCHMARK.examples if example.question.text == text)


LONG = asked("How many books have more than 300 pages?")
BRANDS = asked("What are the different brands of bikes?")


def test_a_query_holds_that_gives_what_gold_gives_on_other_rows_too() -> None:
    pairs = [
        (LONG, LONG.gold_sql),
        (LONG, f"SELECT * FROM ({LONG.gold_sql})"),
        (LONG, "SELECT count(*) FROM book WHERE pages >= 300"),  # no book has 300 pages
        (LONG, "SELECT 0 FROM no_such_table"),
    ]
    assert holding(pairs, BENCHMARK.paths) == [True, True, False, False]


def test_distinct_counts_where_it_is_to() -> None:
    pairs = [(BRANDS, "SELECT brand FROM bike"), (BRANDS, BRANDS.gold_sql)]
    assert holding(pairs, BENCHMARK.paths) == [True, True]
    assert holding(pairs, BENCHMARK.paths, keep_distinct=True) == [False, True]


def test_nothing_holds_of_a_gold_that_fails() -> None:
    broken = replace(LONG, gold_sql="SELECT no_such_column FROM book")
    assert holding([(broken, LONG.gold_sql), (BRANDS, BRANDS.gold_sql)], BENCHMARK.paths) == [False, True]


def test_nothing_holds_where_no_other_rows_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spider_opt.suites.building.chosen", lambda found, most: [])
    assert holding([(LONG, LONG.gold_sql)], BENCHMARK.paths) == [False]


def test_of_no_query_nothing_is_told() -> None:
    assert holding([], BENCHMARK.paths) == []


def test_without_room_it_says_where_room_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    full_at(monkeypatch, 1)
    with pytest.raises(SpiderOptError, match=r"in \S+: No space left on device; set TMPDIR to a folder with room"):
        holding([(LONG, LONG.gold_sql)], BENCHMARK.paths)
