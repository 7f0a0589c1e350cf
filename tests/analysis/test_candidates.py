from __future__ import annotations

import csv
import json
import math
import threading
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest
from kept_candidates import OTHERS, SAMPLES, boats, voted

import spider_opt as so
from spider_opt.analysis.candidates_text import to_csv, to_json, to_markdown
from spider_opt.analysis.choices import Agreement, _pass_at, at_least_one
from spider_opt.analysis.pools import Pool
from spider_opt.analysis.recovered import recovered
from spider_opt.answering.choosing import WAYS
from spider_opt.answering.disagreement import Group
from spider_opt.errors import ModelError, RunError, UsageError
from spider_opt.runs import Run
from spider_opt.scoring import Scored
from spider_opt.types import Benchmark, Candidate, Outcome, Question


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return boats()


def test_what_each_way_makes_of_a_run(benchmark: Benchmark) -> None:
    report = so.candidates(voted(benchmark))
    assert {choice.way: choice.ex for choice in report.choices} == {
        "own": 50, "first": 25, "first-valid": 25, "first-nonempty": 25, "vote": 50, "vote-nonempty": 50,
        "vote-nonzero": 50, "oracle": 75,
    }  # fmt: skip
    first = report["first"].against
    assert first
    assert (first.change, first.won, first.lost) == (-25, 0, 1)
    assert report["own"].against is None
    assert report["oracle"].p_holm is None
    assert [share and share.share for share in (report["first"].recovered, report["oracle"].recovered)] == [-100, 100]
    assert report.agreement == Agreement(agree=2, disagree=2, nothing_ran=0, mendable=1)
    assert report.of_wrong == Agreement(agree=1, disagree=1, nothing_ran=0, mendable=1)
    assert (report.n, report.samples, report.distinct) == (4, 3 + 4 + 4 + 3, 1 + 2 + 3 + 1)
    assert [(one.k, one.value, one.drawn) for one in report.pass_at] == [
        (1, 50, 4), (2, pytest.approx(100 * (1 + 1 + 0.5) / 4), 4), (3, pytest.approx(100 * 2.75 / 4), 4), (4, 75, 2)
    ]  # fmt: skip
    assert not report.by_logprob


def test_the_same_from_disk(benchmark: Benchmark) -> None:
    fresh = so.candidates(voted(benchmark))
    assert to_json(so.candidates("voted", benchmark=benchmark)) == to_json(fresh)
    assert to_json(so.candidates(Run.read("voted"), benchmark=benchmark)) == to_json(fresh)


def test_nobody_is_asked_and_nothing_written(benchmark: Benchmark) -> None:
    voted(benchmark)
    before = {path: path.read_bytes() for path in Path("voted").iterdir()}
    so.candidates("voted", benchmark=benchmark)
    assert {path: path.read_bytes() for path in Path("voted").iterdir()} == before


def test_ways_by_log_probability_are_there_where_it_was_kept(benchmark: Benchmark) -> None:
    report = so.candidates(voted(benchmark, logprobs=True))
    assert [choice.way for choice in report.choices] == ["own", *WAYS, "oracle"]
    assert report["likeliest"].ex == 50  # the shorter, here, and the third question's "name" is that
    assert report.by_logprob


@pytest.mark.parametrize(
    ("method", "own"), [("first-valid:n=4", "first-valid"), ("retry:k=1", "first-valid"), ("vote:n=3,chunk=1", "vote")]
)
def test_other_methods_that_choose(benchmark: Benchmark, method: str, own: str) -> None:
    report = so.candidates(voted(benchmark, method=method))
    assert report[own].verdicts == report["own"].verdicts


def test_two_runs_have_one_vote_each(benchmark: Benchmark) -> None:
    """The third question: of one run 2/4 + 1/4, of the other all for the right one."""
    ours, theirs = voted(benchmark, "a"), voted(benchmark, "b", OTHERS)
    report = so.candidates(ours, theirs)
    assert [choice.way for choice in report.choices[:3]] == ["own", "own 2", "first"]
    assert (report["own"].ex, report["own 2"].ex, report["vote"].ex, report["oracle"].ex) == (50, 75, 75, 100)
    third = report.pools[2]
    assert sum(third.votes) == 2
    assert [str(vote) for vote in third.votes] == ["1/2", "1/4", "1/4", "1"]
    assert report["first"].verdicts == so.candidates(ours)["first"].verdicts
    assert [one.value for one in report.pass_at] == [one.value for one in so.candidates(ours).pass_at]


def test_how_another_run_drew_its_samples_changes_nothing_of_the_first_ones(benchmark: Benchmark) -> None:
    ours, theirs = voted(benchmark, "a"), voted(benchmark, "b", method="first-valid:n=4")
    alone = so.candidates(ours)
    assert so.candidates(ours, theirs).pass_at == alone.pass_at
    assert so.candidates(theirs, ours).pass_at == so.candidates(theirs).pass_at != alone.pass_at


def test_a_run_that_kept_none_takes_part_with_its_answer(benchmark: Benchmark) -> None:
    greedy = voted(benchmark, "greedy", OTHERS, method="zero-shot")
    report = so.candidates(voted(benchmark), greedy)
    assert [pool.runs.count(1) for pool in report.pools] == [1, 1, 1, 1]
    assert report["vote"].ex == 50  # the third is won, and the second lost to the one answer with a whole vote
    alone = so.candidates(greedy, voted(benchmark))
    assert [(one.k, one.value) for one in alone.pass_at] == [(1, 50)]


def test_other_scorers_judge_all_anew(benchmark: Benchmark) -> None:
    report = so.candidates(voted(benchmark), mode="strict")
    assert report["own"].ex == 50
    assert so.candidates("voted", benchmark=benchmark, by="database")["own"].ex_se != report["own"].ex_se


def test_a_judge_is_measured_on_what_is_kept(benchmark: Benchmark) -> None:
    asked: list[tuple[str, str]] = []

    def judge(question: Question, schema: str, group: Group) -> float:
        assert "CREATE TABLE boat" in schema
        asked.append((question.text, group.sql))
        return {"SELECT sum(length) FROM boat": 0.9, "SELECT name FROM boat": 0.4}.get(group.sql, 0.1)

    report = so.candidates(voted(benchmark), judge=judge)
    assert asked == [
        ("Which boats are there?", "SELECT length FROM boat"),
        ("Which boats are there?", "SELECT name FROM boat"),
        ("How long are they all?", "SELECT name FROM boat"),
        ("How long are they all?", "SELECT sum(length) FROM boat"),
    ]
    assert (report["vote"].ex, report["select"].ex, report["select-alone"].ex, report["oracle"].ex) == (50, 75, 75, 75)
    assert report["select"].numbers == (0, 1, 1, 0)
    chosen_by = {row["sql"]: row["chosen_by"] for row in csv.DictReader(to_csv(report).splitlines())}
    assert chosen_by["SELECT sum(length) FROM boat"] == "select select-alone"
    with pytest.raises(UsageError, match="judge"):
        so.candidates(voted(benchmark), judge=lambda question: 1.0)  # type: ignore[arg-type,misc]


def test_threads_that_ask_a_judge_change_nothing(benchmark: Benchmark) -> None:
    asked: list[str] = []
    both = threading.Barrier(2, timeout=5)

    def judge(question: Question, schema: str, group: Group) -> float:
        if question.text not in asked:  # two questions are open at a time
            asked.append(question.text)
            both.wait()
        return 0.9 if group.number == 1 else 0.2

    run = voted(benchmark)
    one_by_one = so.candidates(run, judge=lambda question, schema, group: 0.9 if group.number == 1 else 0.2)
    assert so.candidates(run, judge=judge, concurrency=2).choices == one_by_one.choices
    assert len(asked) == 2

    def broken(question: Question, schema: str, group: Group) -> float:
        raise ModelError("it is gone")

    with pytest.raises(ModelError, match="it is gone"):
        so.candidates(run, judge=broken, concurrency=2)


def test_a_run_without_candidates_is_refused(benchmark: Benchmark) -> None:
    greedy = voted(benchmark, "greedy", method="zero-shot")
    with pytest.raises(UsageError, match=r"greedy has one answer to each question .*\(vote, first-valid or retry\)"):
        so.candidates(greedy)


def test_a_run_of_before_candidates_were_kept_is_refused(benchmark: Benchmark) -> None:
    voted(benchmark)
    path = Path("voted/predictions.jsonl")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in e.items() if k != "candidates"}) + "\n" for e in entries))
    with pytest.raises(UsageError, match="voted was made by a version that kept no candidates: ask again"):
        so.candidates("voted", benchmark=benchmark)


def test_what_cannot_be_measured_is_refused(benchmark: Benchmark) -> None:
    run = voted(benchmark)
    with pytest.raises(UsageError, match="give its benchmark"):
        so.candidates("voted")
    with pytest.raises(UsageError, match="given twice"):
        so.candidates(run, run)
    with pytest.raises(UsageError, match="given twice"):
        so.candidates("voted", "voted", benchmark=benchmark)
    Path("link").symlink_to("voted")
    for other in ("link", Path("voted").absolute()):
        with pytest.raises(UsageError, match="given twice"):
            so.candidates("voted", other, benchmark=benchmark)
    with pytest.raises(UsageError, match="'query' or 'database'"):
        so.candidates(run, by="hardness")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="mode"):
        so.candidates(run, mode=3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="benchmark"):
        so.candidates(run, benchmark="spider")  # type: ignore[arg-type]
    with pytest.raises(RunError, match="no run in there"):
        so.candidates("there", benchmark=benchmark)
    with pytest.raises((RunError, UsageError), match="other questions or databases"):
        so.candidates("voted", benchmark=so.load("spider-mini"))
    with pytest.raises(UsageError, match="other questions or databases"):
        so.candidates(run, benchmark=so.load("spider-mini"))


def test_every_number_is_told(benchmark: Benchmark) -> None:
    report = so.candidates(voted(benchmark))
    told = to_json(report)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [way["way"] for way in told["ways"]] == [choice.way for choice in report.choices]
    assert told["scorer"]["mode"] == "official"
    assert told["of_wrong"] == {"agree": 1, "disagree": 1, "nothing_ran": 0, "mendable": 1, "n": 2}
    text = to_markdown(report)
    assert "voted: own dev, 4 questions, 14 samples, 7 different queries.\n" in text
    assert "The run's own choice is wrong on 2: results agree on 1, differ on 1; a right one is there for 1." in text
    assert "| samples k | 1 | 2 | 3 | 4 |\n" in text
    assert "| questions with k | 4 | 4 | 4 | 2 |\n" in text
    assert "Without likeliest and vote-likelihood" in text


def test_all_candidates_as_a_table(benchmark: Benchmark) -> None:
    rows = list(csv.DictReader(to_csv(so.candidates(voted(benchmark))).splitlines()))
    assert len(rows) == 7
    third = [row for row in rows if row["id"] == rows[3]["id"]]
    assert [(row["sql"], row["votes"], row["correct"], row["chosen_by"]) for row in third] == [
        ("SELECT name FROM boat", "2.0", "0", " ".join(way for way, what in WAYS.items() if not what.by_logprob)),
        ("SELECT sum(length) FROM boat", "1.0", "1", ""),
        ("SELECT oops FROM boat", "1.0", "0", ""),
    ]
    questions = [*SAMPLES]
    assert not any(question in to_csv(so.candidates("voted", benchmark=benchmark)) for question in questions)


@pytest.mark.parametrize("n", range(1, 7))
def test_the_estimate_is_the_mean_over_all_draws(n: int) -> None:
    for right in range(n + 1):
        for k in range(1, n + 1):
            draws = list(combinations([i < right for i in range(n)], k))
            assert at_least_one(n, right, k) == pytest.approx(fmean(any(draw) for draw in draws))


def test_the_share_that_is_recovered() -> None:
    exact = recovered([1, 0, 1, 0] * 30, [1, 0, 1, 0] * 30, range(120))
    assert exact.share == 100
    assert math.isnan(exact.low), "draws that are all alike say nothing of other questions"
    worse = recovered([-1, 0, 0, 0] * 30, [0, 1, 0, 0] * 30, range(120))
    assert worse.share == -100
    assert worse.low < -100 < worse.high < 0
    few = recovered([1, 0, 0, 1] * 3, [1, 1, 0, 1] * 3, range(12))
    assert few.low < 200 / 3 < few.high, "of few gold queries Student's t"
    assert math.isnan(recovered([1, 0], [1, 0], range(2)).low), "nothing is to gain without the first"
    one = recovered([1, 0], [1, 1], ["a", "a"])
    assert one.share == 50
    assert one.low != one.low
    again = [recovered([1, -1, 0, 1] * 30, [1, 0, 1, 1] * 30, range(120), seed=seed) for seed in (3, 3, 4)]
    assert again[0] == again[1] != again[2]


def test_where_there_is_nothing_to_judge(benchmark: Benchmark) -> None:
    """All samples are the answers, which the run has verdicts of."""
    same = {question: ["count(*)"] * 4 for question in SAMPLES}
    report = so.candidates(voted(benchmark, samples=same))
    assert {choice.ex for choice in report.choices} == {25}
    assert report["first"].recovered
    assert report["first"].recovered.share != report["first"].recovered.share  # there is nothing to gain
    assert to_json(report)["ways"][1]["recovered"] is None


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("first-valid", [25, 50, 75, 75]), ("retry", [25, 50, 75, 75]), ("vote", [45.8, 66.7, 75, 75]),
        ("select", [45.8, 66.7, 75, 75]),
    ],
)  # fmt: skip
def test_what_ends_at_the_first_that_runs_has_no_samples_that_are_alike(step: str, values: list[float]) -> None:
    """Of one, two, three and four samples the last is right, but for the four: what was drawn first says no more."""
    pools, judged = [], {}
    for n in (1, 2, 3, 4):
        failed = Candidate(step, "bad", "", "query_error", n=n - 1)
        last = Candidate(step, f"last-{n}", "", "rows")
        candidates = (failed, last) if n > 1 else (last,)
        votes = tuple(Fraction(candidate.n) for candidate in candidates)
        pools.append(Pool(n, f"q-{n}", "boats", candidates, (0,) * len(candidates), votes))
        for candidate in candidates:
            right = candidate is last and n < 4
            outcome = Outcome.CORRECT if right else Outcome.WRONG_ROWS
            judged[n, candidate.sql] = Scored(n, "boats", right, outcome, "", "easy", f"c{n}")
    found = _pass_at(pools, judged, [f"c{n}" for n in (1, 2, 3, 4)])
    assert [round(one.value, 1) for one in found] == values
    assert [one.drawn for one in found] == [4, 3, 2, 1]
