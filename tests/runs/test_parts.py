from __future__ import annotations

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import UsageError
from spider_opt.runs.parts import as_frame, kinds_of_parts, parts
from spider_opt.scoring.report import Scored, cluster_of
from spider_opt.scoring.statistics import accuracy_interval, clustered_se
from spider_opt.sql.characteristics import CHARACTERISTICS
from spider_opt.types import Outcome


@pytest.fixture(scope="module")
def verdicts() -> list[Scored]:
    examples = load("spider-mini").examples
    told = {True: Outcome.CORRECT, False: Outcome.WRONG_ROWS}
    return [
        Scored(e.index, e.question.db_id, e.index % 3 > 0, told[e.index % 3 > 0], "", "easy", cluster_of(e))
        for e in examples
    ]


@pytest.mark.parametrize("by", CHARACTERISTICS)
def test_every_question_is_of_one_part_by_its_gold_query(verdicts: list[Scored], by: str) -> None:
    benchmark = load("spider-mini")
    found = parts(verdicts, by, benchmark)
    assert sorted(s.index for part in found.values() for s in part) == sorted(s.index for s in verdicts)
    assert list(found) == sorted(found)
    assert set(found) <= {"0", "1", "2", "3+"}


def test_joins_are_counted_in_the_words_of_the_gold_query(verdicts: list[Scored]) -> None:
    benchmark = load("spider-mini")
    golds = {example.index: f" {example.gold_sql.upper()} ".split() for example in benchmark.examples}
    for name, part in parts(verdicts, "joins", benchmark).items():
        assert {min(golds[s.index].count("JOIN"), 3) for s in part} == {int(name[0])}


def test_a_frame_has_the_numbers_of_each_part(verdicts: list[Scored]) -> None:
    found = parts(verdicts, "database")
    frame = as_frame(found, "database")
    assert (frame.index.name, list(frame.columns)) == ("database", ["n", "ex", "ex_se", "ex_low", "ex_high"])
    for name, part in found.items():
        right, clusters = [s.correct for s in part], [s.cluster for s in part]
        assert frame.loc[name, "n"] == len(part)
        assert frame.loc[name, "ex"] == pytest.approx(100 * sum(right) / len(right), abs=1e-4)
        assert frame.loc[name, "ex_se"] == clustered_se(right, clusters)
        assert tuple(frame.loc[name, ["ex_low", "ex_high"]]) == accuracy_interval(right, clusters)


def test_what_is_not_known_is_a_part_of_its_own_the_last(verdicts: list[Scored]) -> None:
    other = Scored(9999, "gone", True, Outcome.CORRECT, "", None, "x")
    assert list(parts([other, *verdicts], "joins", load("spider-mini")))[-1] == "-"
    assert list(parts([other, *verdicts], "hardness"))[-1] == "-"


def test_without_the_benchmark_gold_queries_say_nothing(verdicts: list[Scored]) -> None:
    assert kinds_of_parts(None) == ["hardness", "database"]
    with pytest.raises(UsageError, match=r"no parts by 'joins', but by hardness, database \(read the run with its"):
        parts(verdicts, "joins")
