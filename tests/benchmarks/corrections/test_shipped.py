"""The corrections that come with the package: each is of the gold that is there, gives a reason, and runs."""

from __future__ import annotations

from collections import Counter

import pytest
from real_spider import real_spider

from spider_opt.benchmarks.corrections import read_corrections
from spider_opt.benchmarks.corrections.reading import shipped
from spider_opt.scoring import Rules
from spider_opt.scoring.corrected import check_corrections

NUMBERS = {
    "spider-dev": {"right": 75, "wrong": 43, "several": 45},
    "spider-train": {"right": 74, "wrong": 57, "several": 8},
}


def test_none_is_left_out():
    assert NUMBERS.keys() == shipped().keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    corrections = read_corrections(name)
    assert Counter(entry.said for entry in corrections) == NUMBERS[name]
    assert all(len(entry.reason) > 20 for entry in corrections)
    assert all(bool(entry.golds) == (entry.said != "right") for entry in corrections)


@pytest.mark.parametrize("name", NUMBERS)
def test_each_is_of_the_gold_that_is_there_and_runs(shared, name):
    check_corrections(read_corrections(name), real_spider(name.removeprefix("spider-"), shared), Rules())
