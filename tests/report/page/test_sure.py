from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from kept_candidates import boats, voted

from spider_opt.analysis.confidence import confidence
from spider_opt.analysis.confidence_text import answered, figures, to_markdown
from spider_opt.report.page import report_data
from spider_opt.report.page.sure import MOST_POINTS, sureness_of, thinned
from spider_opt.runs import Run
from spider_opt.types import Outcome

MINI = Path(__file__).resolve().parents[3] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return voted(boats(), logprobs=True)


@pytest.fixture(scope="module")
def many() -> Run:
    """250 answers whose tokens are as probable as their index says, some without, some that do not run."""
    run = Run.read(MINI)
    said = [
        replace(a, prediction=replace(a.prediction, logprob=None if a.index % 17 == 3 else -(a.index + 1) / 200))
        for a in run.answers
    ]
    return replace(run, answers=tuple(said))


def test_it_is_what_the_command_says(many: Run) -> None:
    found, told = confidence(many), sureness_of(many).told
    for sentence in ("sentence", "figures", "left_out"):
        assert told[sentence] in to_markdown(found)
    assert (told["sentence"], told["figures"]) == (answered(found), figures(found))
    assert told["says"] == "the mean probability of the answer's tokens"
    hit = found.answered.precision
    assert found.answered.n
    expected = [100 * share for share in (found.answered.share, hit.value, hit.low, hit.high)]
    assert told["answered"] == pytest.approx(expected, abs=1e-5)


def test_bins_and_curve_by_counting(many: Run) -> None:
    told = sureness_of(many)
    right = {scored.index: scored.correct for scored in many.verdicts}
    sure = {index: value for index, (value, _) in told.by_index.items()}
    assert sum(one[3] for one in told.told["bins"]) == len(right) == told.told["n"]
    for low, high, mean, n, share, *_ in told.told["bins"]:
        inside = [i for i, value in sure.items() if low - 1e-6 <= value <= high + 1e-6]
        assert len(inside) == n
        assert mean == pytest.approx(sum(sure[i] for i in inside) / n, abs=1e-5)
        assert share == pytest.approx(100 * sum(right[i] for i in inside) / n, abs=1e-5)
    assert 20 < len(told.told["curve"]) <= MOST_POINTS
    for coverage, precision, threshold in told.told["curve"]:
        surest = [i for i, value in sure.items() if value >= threshold - 1e-6]
        assert coverage == pytest.approx(100 * len(surest) / len(right), abs=1e-5)
        assert precision == pytest.approx(100 * sum(right[i] for i in surest) / len(surest), abs=1e-5)


def test_why_a_confidence_is_0(many: Run) -> None:
    told = sureness_of(many)
    outcomes = {scored.index: scored.outcome for scored in many.verdicts}
    whys = defaultdict(set)
    for index, (value, why) in told.by_index.items():
        whys[why].add(index)
        assert (value == 0) == (why != "")
    ran = {i for i, outcome in outcomes.items() if outcome in (Outcome.CORRECT, Outcome.WRONG_ROWS)}
    assert whys["it did not run"] == outcomes.keys() - ran
    assert whys["it does not say"] == {i for i in ran if i % 17 == 3}


def test_each_answers_confidence_stands_in_its_record_and_in_the_table(run: Run) -> None:
    data = report_data([run], run.benchmark)
    expected = [one.confidence for one in confidence(run).sure]
    assert [record["answers"][0]["confidence"] for record in data.records()] == [[one, ""] for one in expected]
    assert data.frame()["confidence"].tolist() == expected


def test_a_run_that_kept_nothing_to_tell_it_by_says_what_is_missing() -> None:
    run = Run.read(MINI)
    told = sureness_of(run)
    assert told.told == {
        "why_not": "its answers came without any; ask with votes (vote:n=8+…), or with logprobs from a server that "
        "gives log probabilities."
    }
    data = report_data([run])
    assert "confidence" not in next(data.records())["answers"][0]
    assert data.frame()["confidence"].isna().all()
    assert sureness_of(run.only([])).told == {"why_not": "no question of it counts."}


def test_long_curves_are_thinned() -> None:
    points = [(i / 971, 0.5, 1 - i / 971) for i in range(972)]
    few = thinned(points)
    assert (len(few), few[0], few[-1]) == (MOST_POINTS, points[0], points[-1])
    assert few == sorted(set(few))
