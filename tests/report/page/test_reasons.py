from __future__ import annotations

from pathlib import Path

import pytest

from spider_opt.analysis.diagnosis import diagnose
from spider_opt.benchmarks import load
from spider_opt.report.page.reasons import by_outcome, reasons
from spider_opt.runs import Run
from spider_opt.types import Outcome

RUN = Path(__file__).resolve().parents[3] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"


def test_reasons_are_those_of_diagnose() -> None:
    mini = load("spider-mini")
    run = Run.read(RUN, mini)
    found, told = diagnose(run, mini), reasons(run, mini)
    assert told.first.keys() == {scored.index for scored in run.verdicts if not scored.correct}
    for answer in found.wrong:
        assert told.first[answer.index].startswith(answer.primary.kind.value)
        assert told.all[answer.index] == [(one.kind.value, one.what) for one in answer.reasons]
    most = max(found.counts(), key=lambda count: count.first)
    assert f"{most.kind.value}, {most.first} answers" in told.next_step["sentence"]


def test_without_the_benchmark_they_are_told_by_how_answers_ended() -> None:
    run = Run.read(RUN)
    told = reasons(run, None)
    assert told.first.keys() == {scored.index for scored in run.verdicts if not scored.correct}
    assert (told.all, told.next_step) == ({}, {})


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.CORRECT])
def test_every_outcome_has_a_reason(outcome: Outcome) -> None:
    assert by_outcome(outcome, "no such table: x") not in ("", outcome.value)
