"""Confidence: each figure beside one that is computed otherwise; what is kept tells, what is not is said."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import spider_opt as so
from spider_opt.analysis.confidence import confidence
from spider_opt.analysis.confidence_text import to_csv, to_json, to_markdown
from spider_opt.analysis.coverage import aurc, binned, crossfitted, lowest_threshold
from spider_opt.analysis.sureness import DID_NOT_RUN, signals_of, sureness
from spider_opt.errors import UsageError
from spider_opt.report.confidence_picture import draw
from spider_opt.report.picture import to_svg
from spider_opt.runs import Run
from spider_opt.types import Candidate, Outcome, Prediction

RUNS = Path(__file__).resolve().parents[2] / "results"
VOTE = RUNS / "runs" / "rag+vote+finetune-qwen2.5-coder-0.5b-spider-dev-torch"
KEPT = RUNS / "trials" / "tuned" / "AR-dev-vote"
GREEDY = RUNS / "runs" / "repair+finetune-qwen2.5-coder-0.5b-spider-dev-torch"


@pytest.fixture(scope="module")
def vote() -> Run:
    return Run.read(VOTE)


def test_the_area_is_the_mean_over_all_orders_of_equal_confidences() -> None:
    chance = random.Random(3)
    for _ in range(20):
        said = np.array([chance.choice([0.2, 0.5, 0.9]) for _ in range(6)])
        right = np.array([float(chance.random() < 0.6) for _ in range(6)])
        areas = []
        for order in permutations(range(6)):
            if all(said[a] >= said[b] for a, b in pairwise(order)):
                wrong = np.cumsum([1 - right[i] for i in order])
                areas.append(float(np.mean(wrong / np.arange(1, 7))))
        assert aurc(said, right, np.ones((1, 6)))[0] == pytest.approx(np.mean(areas))


def test_a_weight_of_two_is_a_question_twice() -> None:
    said, right = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    twice = np.array([0, 1, 1, 2, 3, 3, 3])
    weighted = aurc(said, right, np.array([[1.0, 2, 1, 3], [0, 1, 0, 0]]))
    assert weighted[0] == pytest.approx(aurc(said[twice], right[twice], np.ones((1, 7)))[0])
    assert weighted[1] == 1


def test_the_lowest_threshold() -> None:
    said, right = np.array([0.9, 0.8, 0.8, 0.5, 0.3]), np.array([1.0, 1, 0, 1, 1])
    for wanted, threshold in ((1.0, 0.9), (0.8, 0.3), (0.75, 0.3), (0.85, 0.9)):
        assert lowest_threshold(said, right, wanted) == threshold
    assert lowest_threshold(said, 0 * right, 0.5) == math.inf
    assert lowest_threshold(np.zeros(3), np.ones(3), 0.5) == math.inf  # who is not sure at all is never answered


def test_a_share_that_is_wanted_but_for_the_last_bits_is_it() -> None:
    said, right = np.linspace(1, 0.5, 1000), np.append(np.ones(999), 0)
    assert 999 / 1000 < 99.9 / 100
    assert lowest_threshold(said, right, 99.9 / 100) == 0.5
    assert lowest_threshold(said, right, 99.91 / 100) > 0.5


def test_those_that_are_as_sure_as_can_be_have_a_bin_of_their_own() -> None:
    said = np.array([*np.linspace(0.1, 0.9, 12), *[1.0] * 38])
    last = binned(said)[-1]
    assert said[last].tolist() == [1.0] * 38
    assert sum(inside.astype(int) for inside in binned(said)).tolist() == [1] * 50  # type: ignore[union-attr]
    different = np.arange(100) / 100
    assert [9 <= inside.sum() <= 11 for inside in binned(different)] == [True] * 10


def test_no_question_has_a_say_in_its_own_threshold() -> None:
    """Right where confidence is high in one fold and low in the other: what one fold teaches is wrong in the other."""
    said = np.array([0.9] * 5 + [0.1] * 5 + [0.9] * 5 + [0.1] * 5)
    right = np.array([1.0] * 5 + [0.0] * 5 + [0.0] * 5 + [1.0] * 5)
    kept, _ = crossfitted(said, right, ["a"] * 10 + ["b"] * 10, 0.95)
    assert kept[10:].tolist() == [True] * 5 + [False] * 5
    assert not kept[:10].any()
    assert right[kept].mean() == 0


def test_figures_of_the_recorded_votes(vote: Run) -> None:
    found = so.confidence(VOTE)
    lines = [json.loads(line) for line in (VOTE / "predictions.jsonl").read_text().splitlines()]
    said, right = [], []
    verdicts = {scored.index: scored for scored in vote.verdicts}
    for line in lines:
        step = next(step for step in line["trace"] if step["step"] == "vote")
        verdict = verdicts[line["index"]]
        ran = verdict.outcome in (Outcome.CORRECT, Outcome.WRONG_ROWS)
        said.append(step["groups"][0] / step["n"] if step["groups"] and ran else 0.0)
        right.append(float(verdict.correct))
    p, y = np.array(said), np.array(right)
    assert [one.confidence for one in found.sure] == said
    assert found.brier.value == pytest.approx(np.mean((p - y) ** 2))
    bins = [(p >= one.low) & (p <= one.high) for one in found.bins]
    assert sum(bins).tolist() == [1] * len(p)  # type: ignore[union-attr]
    assert found.ece.value == pytest.approx(sum(b.mean() * abs(p[b].mean() - y[b].mean()) for b in bins))
    surest = p >= found.curve[0][2]
    assert found.curve[0][:2] == (surest.mean(), y[surest].mean())
    assert found.curve[-1][:2] == (1, y.mean())
    assert found.aurc_best < found.aurc.low < found.aurc.value < found.aurc.high < found.aurc_chance
    assert found.right == pytest.approx(vote.ex / 100)
    for one in (found.ece, found.brier):
        assert one.low < one.value < one.high


def test_what_could_be_answered(vote: Run) -> None:
    at_95, at_85 = confidence(vote), confidence(vote, precision=85)
    assert at_95.answered.n == 0
    assert "No question could be answered at 95 % precision" in to_markdown(at_95)
    what = at_85.answered
    assert 0.5 < what.share < 0.9
    assert what.precision.low < what.precision.value < what.precision.high
    assert what.folds == "the other databases"
    assert f"At 85 % precision {what.n} of 972 questions" in to_markdown(at_85)
    assert confidence(vote, precision=50).answered.share > what.share
    by_database = confidence(vote, by="database", precision=85)
    assert by_database.answered.n == what.n
    assert by_database.ece.high - by_database.ece.low > 0
    assert by_database.ece.low < by_database.ece.value < by_database.ece.high


def test_of_few_databases_an_interval_is_student_s(vote: Run) -> None:
    found = confidence(vote, by="database")
    of = np.array([one.db_id for one in found.sure])
    sizes = np.array([(of == name).sum() for name in sorted(set(of))])
    without = []
    for name in sorted(set(of)):
        left = [one for one in found.sure if one.db_id != name]
        said, right = np.array([one.confidence for one in left]), np.array([float(one.correct) for one in left])
        without.append(aurc(said, right, np.ones((1, len(left))))[0])
    error = math.sqrt(18 / 19 * sum((one - found.aurc.value) ** 2 for one in without))
    far = stats.t.ppf(0.975, sizes.sum() ** 2 / (sizes**2).sum() - 1) * error
    low, high = found.aurc.value - far, found.aurc.value + far
    assert (found.aurc.low, found.aurc.high) == pytest.approx((low, high), rel=1e-3)


def test_candidates_tell_what_the_trace_does() -> None:
    run = Run.read(KEPT)
    assert signals_of(run)[0] == "votes"
    for answer in run.answers:
        step = next(step for step in answer.prediction.trace if step["step"] == "vote")
        expected = step["groups"][0] / step["n"] if step["groups"] else 0.0
        assert sureness(answer.prediction, "votes") == pytest.approx(expected)


def test_signals() -> None:
    prediction = Prediction("a", logprob=math.log(0.25))
    assert sureness(prediction, "logprob") == pytest.approx(0.25)
    assert sureness(Prediction("a", logprob=0.5), "logprob") == 1
    tried: Any = {"step": "retry", "attempts": 2, "outcomes": ["query_error", "rows"]}
    assert sureness(Prediction("a", trace=(tried,)), "attempts") == 0.5
    assert sureness(Prediction("a", trace=({**tried, "outcomes": ["timeout"]},)), "attempts") == 0
    failed = (Candidate("vote", "a", "", "query_error", n=8),)
    assert sureness(Prediction("a", candidates=failed), "votes") == 0
    assert sureness(Prediction("other", candidates=failed), "votes") == 0
    for odd in ({"step": "vote"}, {"step": "vote", "groups": 3, "n": 2}, {"step": "vote", "groups": [1], "n": 0}):
        assert sureness(Prediction("a", trace=(odd,)), "votes") is None
    assert not DID_NOT_RUN & {Outcome.CORRECT, Outcome.WRONG_ROWS}


def test_what_does_not_tell_is_said() -> None:
    with pytest.raises(UsageError, match=r"does not say how sure its answers are: its answers came without any"):
        confidence(GREEDY)
    with pytest.raises(UsageError, match=r"by logprob: it has votes"):
        confidence(VOTE, signal="logprob")
    for wrong in (0, -1, 101, math.nan, "high"):
        with pytest.raises(UsageError):
            confidence(VOTE, precision=wrong)  # type: ignore[arg-type]


def test_written_down(vote: Run) -> None:
    found = confidence(vote, precision=85)
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert len(rows) == 972
    assert sum(int(row["correct"]) for row in rows) == round(972 * found.right)
    told = to_json(found)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["answered"]["n"] == found.answered.n
    svg = to_svg(draw(found))
    assert svg == to_svg(draw(confidence(vote, precision=85)))
    assert svg.startswith("<?xml")
    assert to_svg(draw(confidence(vote)))


def test_answers_that_are_all_right_are_not_sure_to_be(vote: Run) -> None:
    """Twenty right answers of twenty may well be nine of ten, and no figure of theirs has an interval of no width."""
    chosen = [scored for scored in vote.verdicts if scored.correct][:20]
    found = confidence(vote.only([scored.index for scored in chosen]))
    sure = {one.index for one in found.sure if one.confidence > min(other.confidence for other in found.sure)}
    assert found.answered.n == len(sure) == 19
    exact = 0.025 ** (1 / len({scored.cluster for scored in chosen if scored.index in sure}))
    assert (found.answered.precision.low, found.answered.precision.high) == (pytest.approx(exact), 1)
    assert all(one.right.low < 1 or math.isnan(one.right.low) for one in found.bins)
    assert math.isnan(found.aurc.low)


def test_one_question_has_no_interval(vote: Run) -> None:
    found = confidence(vote.only([vote.verdicts[0].index]))
    assert found.n == 1
    assert math.isnan(found.ece.low)
    assert json.loads(json.dumps(to_json(found), allow_nan=False))
    assert "1.00" in to_markdown(found)
