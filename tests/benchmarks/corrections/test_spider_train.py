"""The corrections of Spider's training questions: each is of the gold that is there, runs, and is no mere repeat."""

from __future__ import annotations

import pytest
from real_spider import real_spider

from spider_opt.benchmarks.corrections import read_corrections
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all

CORRECTIONS = read_corrections("spider-train")


@pytest.fixture(scope="module")
def train(shared):
    return real_spider("train", shared)


def test_they_are_of_held_out_databases():
    assert all(is_held_out(entry.db_id) for entry in CORRECTIONS)


def test_where_gold_is_wrong_it_gives_something_else(train):
    """Or (4480, 4481) on other rows only."""
    examples = {example.index: example for example in train.examples}
    asked = [(examples[entry.index], gold) for entry in CORRECTIONS if entry.said == "wrong" for gold in entry.golds]
    verdicts = judge_all(asked, train.paths, Rules("strict"))
    same = [example.index for (example, _), said in zip(asked, verdicts, strict=True) if said["strict"].correct]
    assert same == [4480, 4481]
