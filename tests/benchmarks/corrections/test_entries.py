"""A correction is of one question and one gold query, and of no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import Correction, Corrections, gold_hash
from spider_opt.errors import CorrectionsError


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


def of(example, **changes):
    entry = Correction(example.index, example.question.db_id, gold_hash(example), "wrong", "", ("SELECT 1",))
    return Corrections("mine", (replace(entry, **changes),))


def test_of_the_question_that_is_there(benchmark):
    of(benchmark.examples[0]).check(benchmark)


def test_the_hash_is_of_database_words_and_gold(benchmark):
    first = benchmark.examples[0]
    same = [replace(first, gold_sql=f" {first.gold_sql.replace('SELECT', 'select', 1)} ;"), replace(first, index=9)]
    others = [
        replace(first, gold_sql=first.gold_sql + " LIMIT 1"),
        replace(first, question=replace(first.question, text=first.question.text + "!")),
        replace(first, question=replace(first.question, schema=replace(first.question.schema, db_id="other"))),
    ]
    assert {gold_hash(one) for one in same} == {gold_hash(first)}
    assert len({gold_hash(one) for one in (first, *others)}) == 4


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hash": "0" * 16}, r"mine corrects question \d+ as it was with the hash 0{16}.*then write [0-9a-f]{16}$"),
        ({"db_id": "nowhere"}, r"as one about nowhere, and in spider-mini test it is about \w+"),
        ({"index": 10**6}, r"corrects question 1000000, and spider-mini test has [\d,]+ questions, counted from 0"),
    ],
)
def test_another_question_is_refused(benchmark, changes, why):
    with pytest.raises(CorrectionsError, match=why):
        of(benchmark.examples[0], **changes).check(benchmark)


def test_one_position_further_is_refused(benchmark):
    first, second = benchmark.examples[:2]
    with pytest.raises(CorrectionsError):
        of(first, index=second.index, db_id=second.question.db_id).check(benchmark)


def test_questions_that_are_not_asked_are_passed_over(benchmark):
    first, *others = benchmark.examples
    of(first).check(replace(benchmark, examples=tuple(others)))
