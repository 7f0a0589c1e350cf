from __future__ import annotations

import json
from pathlib import Path

import pytest
from boats import Fill

from spider_opt.benchmarks.corrections import read_corrections
from spider_opt.errors import UsageError
from spider_opt.evaluation.scoring_files import score
from spider_opt.improving.review import read_review
from spider_opt.review.golds import Proposals, proposals, write_corrections, write_review
from spider_opt.review.reading import read_sheets
from spider_opt.review.sheet import write_sheet
from spider_opt.types import Benchmark

Labels = dict[tuple[str, str], tuple[str, ...]]
LONGEST = ("What is the longest", "SELECT name")


def said(
    runs: list[Path],
    benchmark: Benchmark,
    fill: Fill,
    gold: bool = False,
    **people: dict[tuple[str, str], tuple[str, ...]],
) -> Proposals:
    path = write_sheet(runs, benchmark, "s.csv", gold=gold).path
    read_sheets(runs, benchmark, [fill(path, name, labels) for name, labels in people.items()])
    return proposals(runs, benchmark)


def test_what_people_call_right_and_ex_does_not_is_right_beside_the_gold(
    runs: list[Path], benchmark: Benchmark, fill: Fill
) -> None:
    found = said(
        runs, benchmark, fill, anna={LONGEST: ("right", "names the boat"), ("@SUM", "SELECT id"): ("right",)},
        ben={LONGEST: ("unsure",), ("@SUM", "SELECT id"): ("wrong",)},
    )  # fmt: skip
    (one,) = found.found
    assert (one.example.index, one.in_its_place, one.reason) == (5, False, "anna: names the boat")
    assert one.golds == ("SELECT name FROM boat ORDER BY length DESC LIMIT 1",)
    assert found.contested == (benchmark.examples[4].question.id,)
    assert write_corrections(found, benchmark, "c.json") == 1
    (entry,) = read_corrections("c.json")
    assert (entry.index, entry.said) == (5, "several")
    before, after = (score("a", benchmark, corrections=c).summary() for c in (None, "c.json"))
    assert before["ex"] == after["ex"] == 62.5
    assert after["corrected"] == 75.0


def test_a_corrected_query_stands_in_the_golds_place_where_that_was_seen(
    runs: list[Path], benchmark: Benchmark, fill: Fill
) -> None:
    corrected = "SELECT name FROM boat ORDER BY length DESC LIMIT 1"
    labels = {("What is the longest", "SELECT max"): ("wrong", "which boat", corrected)}
    (beside,) = said(runs, benchmark, fill, anna=labels).found
    assert (beside.in_its_place, beside.golds) == (False, (corrected,))
    found = said(runs, benchmark, fill, gold=True, anna=labels)
    write_corrections(found, benchmark, "c.json")
    (entry,) = read_corrections("c.json")
    assert (entry.said, entry.golds, entry.reason) == ("wrong", (corrected,), "anna: which boat")
    assert write_review(found, "r.jsonl") == 1
    ids = [example.question.id for example in benchmark.examples]
    labels_of = read_review(Path("r.jsonl"), ids)
    assert {id: label.sql for id, label in labels_of.items()} == {ids[5]: corrected}


def test_what_gives_what_the_gold_gives_corrects_nothing(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    same = {("@SUM", "SELECT id"): ("wrong", "", "SELECT length FROM boat WHERE 1 = 1")}
    assert said(runs, benchmark, fill, gold=True, anna=same) == Proposals((), ())
    # Nor does a query that does not run become a gold, whoever calls it right.
    assert said(runs, benchmark, fill, anna={("</data>", "SELECT missing"): ("right",)}).found == ()


def test_two_corrected_queries_must_give_the_same(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    def with_corrected(sql: str) -> Labels:
        return {("What is the longest", "SELECT max"): ("wrong", "", sql)}

    other = said(runs, benchmark, fill, anna=with_corrected("SELECT 1"), ben=with_corrected("SELECT 2"))
    assert other == Proposals((), (benchmark.examples[5].question.id,))
    same = said(runs, benchmark, fill, anna=with_corrected("SELECT 1"), ben=with_corrected("SELECT 3 - 2"))
    assert [one.golds for one in same.found] == [("SELECT 1", "SELECT 3 - 2")]


def test_no_file_is_written_over(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    found = said(runs, benchmark, fill, anna={LONGEST: ("right",)})
    Path("c.json").write_text("[]")
    Path("r.jsonl").write_text("{}")
    with pytest.raises(UsageError, match=r"c.json is there"):
        write_corrections(found, benchmark, "c.json")
    with pytest.raises(UsageError, match=r"r.jsonl is there"):
        write_review(found, "r.jsonl")
    with pytest.raises(UsageError, match=r"end it with .json$"):
        write_corrections(found, benchmark, "c.csv")
    assert (Path("c.json").read_text(), json.loads(Path("r.jsonl").read_text())) == ("[]", {})
