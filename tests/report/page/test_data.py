from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from kept_candidates import boats, model, voted

from spider_opt.analysis.comparing import compare
from spider_opt.analysis.ranking import RANKED_BY
from spider_opt.errors import UsageError
from spider_opt.evaluation.running import evaluate
from spider_opt.leaderboard import table, to_row
from spider_opt.report.ladder import RUNGS, climb
from spider_opt.report.page import ReportData, report_data
from spider_opt.report.page.stairs import stairs
from spider_opt.runs import Run
from spider_opt.runs.labels import Label, answer_hash, keep_labels
from spider_opt.types import Benchmark

RUNS = Path(__file__).resolve().parents[3] / "results" / "runs"


def test_numbers_are_those_of_the_runs(summary: dict[str, Any], runs: list[Run]) -> None:
    for row, run in zip(summary["runs"], runs, strict=True):
        said = row["metrics"]["official"]
        assert said["value"] == pytest.approx(run.ex)
        assert said["se"] == pytest.approx(run.ex_se, abs=1e-4)
        assert said["query"] == pytest.approx(run.interval("query"), abs=1e-3)
        assert said["database"] == pytest.approx(run.interval("database"), abs=1e-3)
        strict = [s.metrics["strict"] for s in run.verdicts]
        assert row["metrics"]["strict"]["value"] == pytest.approx(100 * fmean(strict), abs=1e-3)
        assert row["costs"]["completion_tokens"] == pytest.approx(run.usage.completion_tokens / run.n, abs=1e-3)
        right = sum(s.correct for s in run.verdicts)
        assert row["costs"]["per_correct"]["seconds"] == pytest.approx(run.usage.seconds / right, abs=1e-3)
        faithful = [a.context["faithfulness"] for a in run.answers if "faithfulness" in a.context]
        told = row["context"]["faithfulness"]
        assert (told["n"], told["value"]) == (len(faithful), pytest.approx(100 * fmean(faithful), abs=0.01))
        assert "the candidates that its steps chose from" in row["missing"]


def ranked(runs: list[Run]) -> dict[str, int]:
    frame = table([to_row(run) for run in runs])
    return dict(zip(frame["run"], frame["rank"], strict=True))


def test_ranks_are_the_leaderboards(summary: dict[str, Any], runs: list[Run]) -> None:
    assert {row["name"]: row["rank"]["rank"] for row in summary["runs"]} == ranked(runs)
    assert len({*ranked(runs).values()}) > 1
    assert all(row["rank"]["of"] == 3 and row["rank"]["group"] == "" for row in summary["runs"])
    assert RANKED_BY in summary["ranked_by"]


def test_only_runs_of_the_same_questions_judged_alike_are_ranked_together(make_run: Callable[..., Path]) -> None:
    best, worst = "+" * 60, "-" * 60
    kept = {"mode": "official", "keep_distinct": True, "timeout_s": 10.0, "version": "1"}
    slow = {"mode": "official", "keep_distinct": False, "timeout_s": 60.0, "version": "1"}
    folders = [
        make_run("a", best), make_run("b", worst), make_run("c", worst, scorer=kept), make_run("d", worst, scorer=kept),
        make_run("e", best, scorer=slow), make_run("f", "+" * 50),
    ]  # fmt: skip
    runs = [Run.read(folder) for folder in folders]
    summary = report_data(runs).summary()
    told = [row["rank"] and (row["rank"]["rank"], row["rank"]["of"]) for row in summary["runs"]]
    assert told == [(1, 2), (2, 2), (1, 2), (1, 2), None, None]
    groups = [row["rank"] and row["rank"]["group"] for row in summary["runs"]]
    assert sorted({groups[0], groups[2]}) == ["a", "b"]
    assert (groups[0], groups[2]) == (groups[1], groups[3])
    assert {run.name: rank[0] for run, rank in zip(runs, told, strict=True) if rank}.items() <= ranked(runs).items()
    assert "2 runs, 60 questions, EX by official keep-distinct v1, 10 s a query" in summary["ranked_by"]
    assert report_data(runs[:1]).summary()["ranked_by"] == ""


def test_any_two_runs_are_compared_as_compare_does(summary: dict[str, Any], runs: list[Run]) -> None:
    pairs = summary["pairs"]
    assert [(pair["base"], pair["run"]) for pair in pairs] == [(0, 1), (0, 2), (1, 2)]
    for pair in pairs:
        base, run = runs[pair["base"]], runs[pair["run"]]
        for metric, named in (("official", None), ("strict", "strict")):
            said, found = pair["by"][metric], compare(run, base, metric=named)
            assert (said["n"], said["won"], said["lost"], said["p"]) == (found.n, found.won, found.lost, found.p)
            assert said["change"] == pytest.approx(found.change, abs=1e-4)
            assert said["between"] == pytest.approx((found.low, found.high), abs=1e-3)


def test_a_verdict_for_each_question_of_each_run(summary: dict[str, Any], runs: list[Run], mini: Benchmark) -> None:
    questions = summary["questions"]
    assert questions["id"] == [example.question.id for example in mini.examples]
    assert questions["text"] == [example.question.text for example in mini.examples]
    for told, run in zip(summary["verdicts"], runs, strict=True):
        assert told["metrics"]["official"] == [float(s.correct) for s in run.verdicts]
        names = told["outcome"]["names"]
        assert [names[code] for code in told["outcome"]["codes"]] == [s.outcome.value for s in run.verdicts]
        reasons = [told["reason"]["names"][code] for code in told["reason"]["codes"]]
        assert [reason == "right" for reason in reasons] == [s.correct for s in run.verdicts]


def test_the_ladder_is_from_the_lowest_rung_up(summary: dict[str, Any]) -> None:
    [ladder] = summary["ladders"]
    assert ladder["rungs"][0]["run"] == 0
    assert all("gain" in rung or "not_compared" in rung for rung in ladder["rungs"][1:])


def test_the_ladder_is_that_of_the_command() -> None:
    folders = sorted(RUNS.glob("*0.5b-spider-dev*"))
    said = climb(RUNGS, folders, "qwen2.5-coder-0.5b", "spider dev", tell=lambda sentence: None)
    [ladder] = stairs([Run.read(folder) for folder in folders])
    told = {rung.name: rung for rung in said.rungs if rung.line}
    assert [rung["name"] for rung in ladder["rungs"]] == [*told] == [name for name, _ in RUNGS]
    for rung in ladder["rungs"][1:]:
        against = told[rung["name"]].line.against
        assert rung["gain"] == pytest.approx(against.change, abs=0.01)
        assert rung["between"] == pytest.approx((against.low, against.high), abs=0.01)
        assert rung["talk"] == told[rung["name"]].talk


def test_records_say_what_queries_give(data: ReportData, runs: list[Run], mini: Benchmark) -> None:
    records = list(data.records())
    assert [record["index"] for record in records] == [example.index for example in mini.examples]
    n_differ = 0
    for record, example in zip(records, mini.examples, strict=True):
        assert record["golds"][0]["sql"] == example.gold_sql
        assert record["golds"][0]["result"]["n"] is not None
        for answer, run in zip(record["answers"], runs, strict=True):
            scored = next(s for s in run.verdicts if s.index == example.index)
            query = record["queries"][answer["query"]]
            assert answer["outcome"] == scored.outcome.value
            if scored.metrics["strict"]:
                assert query["beside"]["n_differ"] == 0
            elif scored.outcome.value == "wrong_rows":
                n_differ += query["beside"]["n_differ"] > 0
            elif scored.outcome.value == "query_error":
                assert "result" not in query
    assert n_differ > 50


def test_the_table_has_a_row_for_each_answer(data: ReportData, runs: list[Run]) -> None:
    frame = data.frame()
    assert len(frame) == sum(len(run.answers) for run in runs)
    for name, run in zip(data.names, runs, strict=True):
        of_run = frame[frame["run"] == name]
        assert 100 * of_run["correct"].mean() == pytest.approx(run.ex)
        assert set(of_run[~of_run["correct"].astype(bool)]["reason"].notna()) == {True}
    assert {"question", "gold", "sql", "kind", "strict", "completion_tokens", "faithfulness"} <= set(frame.columns)


def test_candidates_and_raw_answers_are_shown_where_they_were_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark, asked = boats(), model()
    run = evaluate("schema+vote:n=4", benchmark, model=asked, out="run", cache=False, progress=False)
    first = run.answers[0]
    label = Label(first.index, first.id, "Ada", "wrong", answer_hash(first.prediction.sql), reason="no boats")
    assert run.folder
    keep_labels(run.folder, [label])
    data = report_data([run], benchmark)
    records = list(data.records())
    assert data.summary()["runs"][0]["missing"] == []
    for record, answer in zip(records, run.answers, strict=True):
        told = record["answers"][0]
        assert [one["n"] for one in told["candidates"]] == [one.n for one in answer.prediction.candidates]
        assert re.sub(r"^\[\w+\]\n", "", told["prompt"], flags=re.MULTILINE).split() in [
            p.split() for p in asked.prompts
        ]
        assert record["question"] in told["prompt"]
        assert told["raw"] == answer.prediction.text.replace("{question}", record["question"])
    said = [record["answers"][0]["labels"] for record in records]
    assert said == [[{"by": "Ada", "said": "wrong", "reason": "no boats", "corrected": ""}], [], [], []]


def test_beside_an_answer_stands_the_gold_that_it_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three golds the second has the answer's rows; another answer, which meets none, stands beside the first."""
    monkeypatch.chdir(tmp_path)
    plain = boats()
    others = ("SELECT length FROM boat", "SELECT max(length) FROM boat")
    examples = tuple(
        replace(example, other_golds=others) if example.gold_sql == "SELECT name FROM boat" else example
        for example in plain.examples
    )
    benchmark = replace(plain, examples=examples)
    ran = [
        evaluate(lambda question, database, said=said: said, benchmark, out=name, name=name, progress=False)
        for name, said in (("seven", "SELECT length * 1 FROM boat"), ("letter", "SELECT 'x' FROM boat"))
    ]
    assert ran[0].verdicts[1].detail.endswith(" (by gold 2 of 3)")
    record = list(report_data(ran, benchmark).records())[1]
    met, none = (record["queries"][answer["query"]] for answer in record["answers"])
    assert (met["gold"], met["beside"]["n_differ"], none["gold"], none["beside"]["n_differ"]) == (1, 0, 0, 2)
    assert met["pieces"][0] != none["pieces"][0]
    assert [gold.get("result", {}).get("rows") for gold in record["golds"]] == [[["Elsa"]], [[7]], None]


def test_without_the_benchmark_there_is_no_text(runs: list[Run]) -> None:
    data = report_data(runs[:1])
    record = next(data.records())
    assert "question" not in record
    assert "golds" not in record
    assert record["queries"][0]["pieces"][0] is None
    assert not data.summary()["benchmark"]["has_text"]
    assert data.schema(0) is None


def test_questions_that_only_some_runs_were_asked(runs: list[Run], mini: Benchmark) -> None:
    few = runs[1].only([3, 4])
    data = report_data([runs[0], few], mini)
    summary = data.summary()
    told = summary["verdicts"][1]["metrics"]["official"]
    assert [i for i, value in enumerate(told) if value is not None] == [3, 4]
    assert next(data.records())["answers"][1] is None
    assert summary["pairs"][0]["by"]["official"]["n"] == 2


def test_runs_of_two_benchmarks_are_refused(runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = voted(boats())
    with pytest.raises(UsageError, match="one page is about one benchmark"):
        report_data([runs[0], other])
    with pytest.raises(UsageError, match="a page needs a run"):
        report_data([])
    with pytest.raises(UsageError, match="was made with other questions or databases"):
        report_data([runs[0]], boats())
