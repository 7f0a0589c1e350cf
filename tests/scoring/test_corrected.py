"""EX with corrected golds stands beside EX, question by question."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import spider_opt as so
from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import Correction, Corrections, gold_hash
from spider_opt.errors import CorrectionsError, UsageError
from spider_opt.runs import Run, RunInfo
from spider_opt.scoring import Rules, read_verdicts, rules_for, score, write_verdicts
from spider_opt.scoring.corrected import check_corrections


@pytest.fixture(scope="module")
def benchmark():
    whole = load("spider-mini:test")
    return replace(whole, examples=whole.examples[:8])


def entry(benchmark, position, said, *golds):
    example = benchmark.examples[position]
    return Correction(example.index, example.question.db_id, gold_hash(example), said, "for the test", golds)


@pytest.fixture
def corrections(benchmark):
    return Corrections(
        "mine",
        (
            entry(benchmark, 0, "wrong", "SELECT 17"),
            entry(benchmark, 1, "wrong", "SELECT 17", "SELECT 18"),
            entry(benchmark, 2, "several", "SELECT 17", "SELECT 18"),
            entry(benchmark, 3, "several", "SELECT 17"),
            entry(benchmark, 4, "right"),
            entry(benchmark, 5, "wrong", "SELECT 17"),
        ),
    )


ANSWERS = (None, "SELECT 18", None, "SELECT 17", "SELECT 17", "SELECT 17", None, "SELECT 17")
"""What is answered to each question, None for its gold."""
EX = (True, False, True, False, False, False, True, False)
CORRECTED = (False, True, True, True, False, True, True, False)


@pytest.fixture
def answers(benchmark):
    return [(example, sql or example.gold_sql) for example, sql in zip(benchmark.examples, ANSWERS, strict=True)]


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_both_numbers(benchmark, answers, corrections, mode):
    report = score(benchmark, answers, Rules(mode, corrections=corrections, metrics=("official", "strict")))
    assert tuple(one.correct for one in report.scored) == EX
    assert tuple(one.metrics["corrected"] for one in report.scored) == CORRECTED
    said = report.summary()
    assert (said["ex"], said["corrected"], said["n"]) == (37.5, 62.5, 8)
    changes = [
        sum(a < b for a, b in zip(EX, CORRECTED, strict=True)),
        sum(a > b for a, b in zip(EX, CORRECTED, strict=True)),
    ]
    assert [*said["corrected_changes"].values()] == changes
    assert said["corrections"] == str(corrections) == f"mine {corrections.fingerprint}"
    assert list(said["metrics"])[:2] == [mode, "corrected"]
    assert said["metrics"]["corrected"]["n"] == 8


def test_nothing_of_it_without_corrections(benchmark, answers):
    report = score(benchmark, answers, Rules())
    assert not {"corrected", "corrections"} & set(report.summary())
    assert "corrected" not in report.summary()["metrics"]
    assert all("corrected" not in one.metrics for one in report.scored)


def test_verdict_lines_have_both(benchmark, answers, corrections, tmp_path):
    report = score(benchmark, answers, Rules(corrections=corrections))
    write_verdicts(report.scored, tmp_path / "v.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [(line["correct"], line["metrics"]["corrected"]) for line in lines] == list(zip(EX, CORRECTED, strict=True))
    assert tuple(read_verdicts(tmp_path / "v.jsonl")) == report.scored


def test_other_golds_are_refused(benchmark, answers, corrections):
    moved = replace(corrections, entries=(replace(corrections.entries[0], hash="0" * 16),))
    with pytest.raises(CorrectionsError, match="its words or its gold query are others"):
        score(benchmark, answers, Rules(corrections=moved))


@pytest.mark.parametrize("sql", ["SELECT nope FROM nowhere", "SELEC 1", "DELETE FROM t"])
def test_a_corrected_query_that_fails_is_named(benchmark, answers, sql):
    broken = Corrections("mine", (entry(benchmark, 6, "several", sql), entry(benchmark, 7, "wrong", sql)))
    index = benchmark.examples[7].index
    with pytest.raises(CorrectionsError, match=rf"mine: a corrected query of question {index} fails on \w+: "):
        score(benchmark, answers, Rules(corrections=broken))
    with pytest.raises(CorrectionsError, match=r"mine: a corrected query of question \d+ fails"):
        check_corrections(broken, benchmark, Rules())


def test_a_corrected_gold_stands_in_place_of_all_of_a_questions_golds(benchmark):
    several = replace(benchmark.examples[0], other_golds=("SELECT 5",))
    asked = replace(benchmark, examples=(several, *benchmark.examples[1:]))
    entries = Corrections("mine", (entry(asked, 0, "wrong", "SELECT 17"),))
    [scored] = score(asked, [(several, "SELECT 5")], replace(Rules(), corrections=entries)).scored
    assert (scored.correct, scored.metrics["corrected"]) == (True, False)
    broken = Corrections("mine", (entry(asked, 0, "wrong", "SELECT nope"),))
    with pytest.raises(CorrectionsError, match="a corrected query of question 0 fails"):
        check_corrections(broken, asked, Rules())


def test_a_gold_that_fails_counts_nowhere(benchmark, answers):
    first = replace(benchmark.examples[0], gold_sql="SELECT nope")
    broken = replace(benchmark, examples=(first, *benchmark.examples[1:]))
    corrections = Corrections("mine", (entry(broken, 0, "wrong", "SELECT 17"),))
    report = score(broken, [(first, "SELECT 17"), *answers[1:]], Rules(corrections=corrections))
    assert report.summary()["n"] == report.summary()["metrics"]["corrected"]["n"] == 7


def test_rules_name_them(tmp_path):
    assert rules_for(corrections="spider-dev").corrections.name == "spider-dev"
    assert rules_for(["corrected", "strict"], corrections="spider-dev").metrics == ("strict",)
    with pytest.raises(UsageError, match="corrected is EX with corrected golds: name their file with corrections=FILE"):
        rules_for(["corrected"])
    with pytest.raises(CorrectionsError, match="there are no corrections"):
        rules_for(corrections="nothing")


def test_a_run_keeps_both(benchmark, corrections, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps(
            [
                {"index": e.index, "db_id": e.db_id, "hash": e.hash, "verdict": e.said, "golds": list(e.golds)}
                for e in corrections
            ]
        )
    )
    answered = {
        example.question.text: sql or example.gold_sql for example, sql in zip(benchmark.examples, ANSWERS, strict=True)
    }

    def method(question, database):
        return answered[question]

    run = so.evaluate(method, benchmark, name="m", out=tmp_path / "run", corrections=path, progress=False)
    assert (run.ex, run.summary()["corrected"]) == (37.5, 62.5)
    assert "EX 37.5" in str(run)
    assert "62.5 with corrected golds" in str(run)
    noted = json.loads((tmp_path / "run" / "run.json").read_text())["scorer"]
    assert noted["corrections"] == f"mine {corrections.fingerprint}"
    again = Run.read(tmp_path / "run")
    assert again.summary()["corrected"] == 62.5
    assert RunInfo.read(tmp_path / "run").scorer.said_of("corrected").endswith(f"(mine {corrections.fingerprint})")
    scored = so.score(tmp_path / "run", benchmark, corrections=path)
    assert scored.summary()["corrected"] == 62.5


def test_eval_asks_no_model_where_a_corrected_query_fails(benchmark, tmp_path):
    def method(question, database):
        raise AssertionError("asked")

    broken = Corrections("mine", (entry(benchmark, 6, "several", "SELECT nope"),))
    with pytest.raises(CorrectionsError, match="fails"):
        so.evaluate(method, benchmark, name="m", out=tmp_path / "run", corrections=broken, progress=False)
    assert not (tmp_path / "run").exists()


def test_what_the_rule_of_ex_cannot_judge_by_is_told_before_a_model_is_asked(benchmark):
    mine = Corrections("mine", (entry(benchmark, 0, "wrong", "SELECT 17"),))  # a literal: no query to exact set match
    check_corrections(mine, benchmark, Rules("official"))
    with pytest.raises(CorrectionsError, match=r"fails on \w+: .* \(to match, .* leave corrections out"):
        check_corrections(mine, benchmark, Rules("match"))
