"""Verdicts summed up, written, and read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spider_opt.benchmarks import load
from spider_opt.scoring import Rules, Scored, read_verdicts, score, write_verdicts
from spider_opt.scoring.report import accuracy, cluster_of
from spider_opt.types import Outcome


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


ANSWERS = ["", "SELECT", "SELECT 'nothing of that' LIMIT 0", "DELETE FROM x", "SELECT 1; SELECT 2"]


@pytest.fixture(scope="module")
def report(benchmark):
    """Every fifth answer right, the others wrong in different ways."""
    pairs = [
        (example, example.gold_sql if i % 6 == 5 else ANSWERS[i % 6]) for i, example in enumerate(benchmark.examples)
    ]
    return score(benchmark, pairs, Rules(keep_distinct=True))


def test_the_numbers_add_up(benchmark, report):
    summary = report.summary()
    n = len(benchmark.examples)
    assert summary["n"] == n == sum(part["n"] for part in summary["by_hardness"].values())
    assert sum(summary["outcomes"].values()) == n
    assert set(summary["outcomes"]) == {outcome.value for outcome in Outcome}
    assert summary["outcomes"]["no_sql"] == len(range(0, n, 6))
    assert summary["outcomes"]["query_error"] >= len(range(1, n, 6))
    assert summary["outcomes"]["not_a_query"] >= len(range(4, n, 6))
    assert summary["ex"] == pytest.approx(100 * summary["outcomes"]["correct"] / n, abs=1e-4)
    right = sum(part["n"] * (part["ex"] or 0) for part in summary["by_hardness"].values()) / 100
    assert right == pytest.approx(summary["outcomes"]["correct"], abs=1e-2)
    assert summary["mode"] == "official"
    assert summary["keep_distinct"] is True
    assert summary["skipped"] == 0
    assert summary["fingerprint"] == benchmark.fingerprint
    assert json.loads(json.dumps(summary)) == summary


def test_strict_always_keeps_distinct(benchmark):
    report = score(benchmark, [(benchmark.examples[0], "SELECT 1")], Rules("strict"))
    assert report.summary()["keep_distinct"] is True
    assert report.summary()["n"] == 1


def test_no_answers_have_no_accuracy(benchmark):
    summary = score(benchmark, [], Rules()).summary()
    assert summary["n"] == 0
    assert summary["ex"] is None
    assert accuracy([]) is None


def test_a_gold_that_fails_is_left_out_and_told(benchmark):
    first, second, *_ = benchmark.examples
    broken = replace(first, gold_sql="SELECT nope FROM nowhere")
    report = score(benchmark, [(broken, "SELECT 1"), (second, second.gold_sql)], Rules())
    summary = report.summary()
    assert (summary["n"], summary["skipped"], summary["ex"]) == (1, 1, 100)
    assert summary["failed_golds"] == [first.index]
    assert "nowhere" in report.failed_golds[0][1]


def test_missing_databases_are_skipped(benchmark):
    report = score(replace(benchmark, missing={"elsewhere": 7}), [], Rules())
    assert report.summary()["skipped"] == 7


def test_details_hold_no_value_of_the_database(benchmark, report):
    for scored in report.scored:
        assert 0 < len(scored.detail) < 600
        assert "\n" not in scored.detail


def test_verdicts_come_back_as_they_were(report, tmp_path):
    path = tmp_path / "verdicts.jsonl"
    detail = 'say "x"\u2028\x85\ttab\nline é'
    odd = replace(report.scored[0], index=999, detail=detail, hardness=None, outcome=Outcome.TIMEOUT)
    write_verdicts([*report.scored, odd], path)
    assert read_verdicts(path) == [*report.scored, odd]
    assert len(path.read_text(encoding="utf-8").split("\n")) == len(report.scored) + 2
    entry = json.loads(path.read_text(encoding="utf-8").split("\n")[0])
    assert {"index", "db_id", "correct", "outcome", "detail"} <= set(entry)
    write_verdicts([], path)
    assert read_verdicts(path) == []


def test_questions_that_ask_for_the_same_query_are_one_cluster(benchmark):
    first = benchmark.examples[0]
    again = replace(first, gold_sql=f"  {first.gold_sql.replace(' ', '  ')};")
    other = replace(first, gold_sql="SELECT 1")
    assert cluster_of(first) == cluster_of(again) != cluster_of(other)
    n_clusters = len({cluster_of(example) for example in benchmark.examples})
    assert len(benchmark.examples) / 3 < n_clusters < len(benchmark.examples)


def test_scored_is_what_a_line_holds(report):
    assert isinstance(report.scored[0], Scored)
    assert [s.index for s in report.scored] == sorted(s.index for s in report.scored)
