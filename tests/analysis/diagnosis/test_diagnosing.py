from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from real_spider import real_spider
from wrong_answers import ANSWERS, answered, music, with_context

import spider_opt as so
from spider_opt.analysis.diagnosis import Kind
from spider_opt.analysis.diagnosis.causes import Rung
from spider_opt.analysis.diagnosis.context_figures import ContextFigure, difference_interval
from spider_opt.analysis.diagnosis.static import MESSAGES, OTHER, sort_of
from spider_opt.analysis.diagnosis.text import apart, to_json, to_markdown
from spider_opt.errors import RunError, UsageError
from spider_opt.runs import Run
from spider_opt.types import Benchmark, Outcome

RESULTS = Path(__file__).resolve().parents[3] / "results" / "runs"


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return music()


def test_each_wrong_answer_has_its_reason(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    assert {answer.index: answer.primary.kind for answer in found.wrong} == {
        1: Kind.TABLE, 2: Kind.VALUE, 3: Kind.NOT_RUN, 4: Kind.UNANSWERED, 5: Kind.NESTING
    }  # fmt: skip
    assert found.by_index[3].primary.what == "no such column: name"
    assert [reason.kind for reason in found.by_index[3].reasons] == [Kind.NOT_RUN, Kind.TABLE, Kind.COLUMN]
    assert found.refusals() == {"no such column": 1, "no query in the answer": 1}
    assert [(count.kind, count.first, count.any) for count in found.counts()] == [
        (Kind.UNANSWERED, 1, 1), (Kind.NOT_RUN, 1, 1), (Kind.NESTING, 1, 1), (Kind.TABLE, 1, 3), (Kind.COLUMN, 0, 2),
        (Kind.CONDITION, 0, 1), (Kind.VALUE, 1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "right", "said"),
    [
        ([1, 1, 0, 0], [True, True, False, False], "+100.0"),  # in all draws: which says nothing of other questions
        ([1, 1, 1, 1], [True, True, False, False], "the same"),
        ([1, 1, 0, 1], [True] * 4, "-"),
        ([1, 0, 0, 1] * 9, [True, True, False, False] * 9, "+0.0 (-"),
    ],
)
def test_how_far_right_answers_are_apart(values: list[float], right: list[bool], said: str) -> None:
    of = [[value for value, yes in zip(values, right, strict=True) if yes is which] for which in (True, False)]
    means = [100 * sum(each) / len(each) if each else float("nan") for each in of]
    low, high = difference_interval(values, right, range(len(values)))
    assert apart(ContextFigure("x", 4, 50, *means, means[0] - means[1], low, high)).startswith(said)
    assert (low != low) == ("(" not in said)


def test_of_few_gold_queries_it_covers_the_truth() -> None:
    """Values of right answers are 20 points higher, and the questions of one gold query lean on each other."""
    draw, covered = random.Random(0), 0
    for _ in range(300):
        values, right, clusters = [], [], []
        for cluster in range(15):
            leans = draw.uniform(-0.2, 0.2)
            for _ in range(6):
                yes = draw.random() < 0.6
                values.append(float(draw.random() < 0.5 + 0.2 * yes + leans))
                right.append(yes)
                clusters.append(cluster)
        low, high = difference_interval(values, right, clusters)
        covered += low <= 20 <= high
    assert 0.91 <= covered / 300 <= 0.98


@pytest.mark.parametrize("n_wrong", [30, 300])
def test_where_the_few_right_ones_are_all_alike_it_covers_the_truth(n_wrong: int) -> None:
    """Of right answers 95 % have all tables, of wrong ones 60 %; mostly all of the few right ones do."""
    draw, covered, alike = random.Random(0), 0, 0
    for _ in range(100):
        right = [True] * 8 + [False] * n_wrong
        values = [float(draw.random() < (0.95 if yes else 0.6)) for yes in right]
        low, high = difference_interval(values, right, range(len(right)))
        covered += low <= 35 <= high
        alike += all(values[:8])
    assert alike > 50
    assert covered >= 92


def test_bounds_by_hand(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    # Six questions; the whole schema was shown, no values, no demos: for each reason something was lacking.
    assert found.context_at_most() == pytest.approx(100 * 5 / 6)
    assert found.context_at_most([Rung.TABLES]) == pytest.approx(0)  # 1 has a wrong column, 3 needs both tables
    assert found.context_at_most([Rung.TABLES, Rung.COLUMNS]) == pytest.approx(100 * 2 / 6)  # questions 1 and 3
    assert found.context_of_database_at_most == pytest.approx(100 * 3 / 6)  # and 2, whose value was not shown
    assert found.behaviour_at_most == pytest.approx(100 * 5 / 6)
    assert found.neither == 0


def test_what_was_in_the_prompt_is_no_missing_context(benchmark: Benchmark) -> None:
    run = answered(benchmark)
    shown = with_context(run, q2={"recall_values": 1.0}, q4={"recall_skeleton": 1.0}, q5={"recall_tables": 0.5})
    found = so.diagnose(with_context(shown, q2={"recall_skeleton": 1.0}), benchmark)
    assert [answer.index for answer in found.wrong if answer.may_be_context()] == [1, 3, 5]
    assert [answer.index for answer in found.wrong if answer.may_be_behaviour] == [1, 2, 3, 4]  # 5 lacked a table
    assert found.by_index[5].withheld


def test_gold_s_tables_alone_are_no_missing_context(benchmark: Benchmark) -> None:
    alone = {"precision_tables": 1.0, "precision_columns": 1.0, "recall_skeleton": 1.0}
    shown = with_context(answered(benchmark), q1=alone, q3={**alone, "recall_values": 1.0})
    found = so.diagnose(shown, benchmark)
    assert [answer.index for answer in found.wrong if answer.may_be_context()] == [2, 4, 5]


def test_where_nothing_was_measured_the_whole_schema_was_shown_and_nothing_else(benchmark: Benchmark) -> None:
    run = answered(benchmark)
    unmeasured = replace(run, answers=tuple(replace(answer, context={}) for answer in run.answers))
    found, measured = so.diagnose(unmeasured), so.diagnose(run)
    assert [answer.lacking for answer in found.wrong] == [answer.lacking for answer in measured.wrong]


def test_neither_is_what_a_corrected_gold_mends(benchmark: Benchmark) -> None:
    run = answered(benchmark)
    verdicts = [
        replace(v, metrics={"official": v.correct, "corrected": v.correct or v.index == 5}) for v in run.verdicts
    ]
    found = so.diagnose(replace(run, verdicts=tuple(verdicts)))
    assert found.neither == pytest.approx(100 / 6)
    assert (found.by_index[5].may_be_context(), found.by_index[5].may_be_behaviour) == (False, False)


def test_what_differs_in_nothing_yet_is_wrong_is_a_reason_of_its_own(benchmark: Benchmark) -> None:
    run = answered(benchmark, "ties", {**ANSWERS, "What are the singers called?": "SELECT NAME FROM Singer"})
    verdicts = [replace(v, correct=False, outcome=Outcome.WRONG_ROWS) if v.index == 1 else v for v in run.verdicts]
    answer = so.diagnose(replace(run, verdicts=tuple(verdicts))).by_index[1]
    assert answer.primary.kind is Kind.NOTHING
    assert answer.is_neither


def test_of_several_golds_the_nearest_counts(benchmark: Benchmark) -> None:
    run = answered(benchmark)
    examples = tuple(
        replace(e, other_golds=("SELECT title, id FROM song",)) if e.index == 1 else e for e in benchmark.examples
    )
    found = so.diagnose(run, replace(benchmark, examples=examples))
    assert [reason.kind for reason in found.by_index[1].reasons] == [Kind.MISSING_COLUMN]


def test_from_disk_it_is_the_same(benchmark: Benchmark) -> None:
    fresh = to_json(so.diagnose(answered(benchmark)))
    read = to_json(so.diagnose("run", benchmark))
    assert read == fresh
    assert read["wrong"] == len(read["answers"]) == 5


def test_a_run_without_wrong_answers(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark).only([0]))
    assert found.wrong == ()
    assert "No answer is wrong" in to_markdown(found)


def test_what_cannot_be_diagnosed_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    run = answered(benchmark)
    with pytest.raises(UsageError, match="give its benchmark"):
        so.diagnose("run")
    with pytest.raises(RunError, match="no run in"):
        so.diagnose(tmp_path, benchmark)
    other = music("other", {"How old are they?": "SELECT age FROM singer"})
    with pytest.raises(UsageError, match="other questions or databases"):
        so.diagnose(run, other)
    with pytest.raises(RunError, match="other questions or databases"):
        so.diagnose("run", other)
    with pytest.raises(UsageError):
        so.diagnose(7, benchmark)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "sort"),
    [
        ("no such column: T1.name", "no such column"),
        ("no such table: language", "no such table"),
        ("misuse of aggregate: COUNT()", "aggregate in a wrong place"),
        ("aggregate functions are not allowed in the GROUP BY clause", "aggregate in a wrong place"),
        ('near "SELECT": syntax error', "syntax error"),
        ("incomplete input", "syntax error"),
        ("ambiguous column name: id", "ambiguous column"),
        ("wrong number of arguments to function COUNT()", "wrong number of arguments"),
        ("SELECTs to the left and right of EXCEPT do not have the same number of result columns",
         "compound of different widths"),
        ("sub-select returns 2 columns - expected 1", "column in a wrong place"),
        ("no such function: YEAR", "no such function"),
        ("parser stack overflow", OTHER),
        ("", OTHER),
    ],
)  # fmt: skip
def test_messages_have_sorts(message: str, sort: str) -> None:
    assert sort_of(message) == sort
    assert sort in {*MESSAGES, OTHER}


def test_our_own_run_on_the_real_questions(shared: Path) -> None:
    benchmark = real_spider("dev", shared)
    run = Run.read(RESULTS / "rag+finetune-qwen2.5-coder-1.5b-spider-dev-torch", benchmark)
    found = so.diagnose(run)
    assert len(found.wrong) == sum(not scored.correct for scored in run.verdicts)
    assert sum(count.first for count in found.counts()) == len(found.wrong)
    outcomes = Counter(scored.outcome for scored in run.verdicts)
    stopped = outcomes[Outcome.QUERY_ERROR] + outcomes[Outcome.TIMEOUT] + outcomes[Outcome.LIMIT]
    assert sum(answer.primary.kind is Kind.NOT_RUN for answer in found.wrong) == stopped
    assert not any(answer.primary.kind is Kind.UNREADABLE for answer in found.wrong)
    most = found.points(lambda _: True)
    assert max(found.context_at_most(), found.behaviour_at_most) + found.neither <= most + 1e-9
    steps = [found.context_at_most([*Rung][: i + 1]) for i in range(4)]
    assert steps == sorted(steps)
    assert found.context_at_most() == pytest.approx(steps[-1])
