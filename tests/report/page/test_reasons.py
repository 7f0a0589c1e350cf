from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_model import FakeModel
from kept_candidates import boats, voted
from wrong_answers import ANSWERS, GOLDS, answered, asked, music

from spider_opt.analysis.diagnosis import diagnose
from spider_opt.analysis.diagnosis.examining import usual_folder
from spider_opt.analysis.diagnosis.oracle import ask_oracle
from spider_opt.analysis.diagnosis.oracle.answers import FILE
from spider_opt.cli import main
from spider_opt.report.page.reasons import by_outcome, reasons
from spider_opt.runs import Run
from spider_opt.types import Benchmark, ModelInfo, Outcome, Request

RUN = Path(__file__).resolve().parents[3] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> str:
    told = CliRunner().invoke(main, ["diagnose", *arguments])
    assert told.exit_code == 0, told.output
    return told.stdout


def check_says_the_same(said: Mapping[str, Any], by_command: str) -> None:
    lines = by_command.rstrip("\n").split("\n\n")
    assert lines[-1] == f"{said['sentence']} {said['command']}"
    assert said["about"] in lines
    table = [row.strip("| ").split(" | ") for row in by_command.split("| what to try |")[1].splitlines()[2:]]
    rows = [[f"`{m}`{f' ({step})' if step else ''}", most, why] for m, step, most, why in said["steps"]]
    assert rows == table[: len(rows)]
    assert len(rows) == by_command.split("| what to try |")[1].count("\n| `")
    assert (said["beside"] in lines) if said["beside"] else "kept no candidates" not in by_command
    assert said.get("oracle", "") in by_command


def test_reasons_are_those_of_diagnose(mini: Benchmark) -> None:
    run = Run.read(RUN, mini)
    found, told = diagnose(run, mini), reasons(run, mini)
    assert told.first.keys() == {scored.index for scored in run.verdicts if not scored.correct}
    for answer in found.wrong:
        assert told.first[answer.index].startswith(answer.primary.kind.value)
        assert told.all[answer.index] == [(one.kind.value, one.what) for one in answer.reasons]


def test_what_to_try_next_is_what_the_command_says(mini: Benchmark, here: Path) -> None:
    check_says_the_same(reasons(Run.read(RUN, mini), mini).next_step, command(str(RUN)))


def test_it_is_so_with_kept_candidates(here: Path) -> None:
    benchmark = boats()
    said = reasons(voted(benchmark), benchmark).next_step
    assert said["beside"] == ""
    check_says_the_same(said, command("voted", "--data", str(benchmark.root)))


def test_it_is_so_with_the_oracles_answers(here: Path) -> None:
    benchmark = music()
    run = answered(benchmark)
    assert run.folder
    questions = list(GOLDS)

    def answer(request: Request) -> str:
        question = asked(request, questions)
        return GOLDS[question] if "Peru" in request.text else ANSWERS[question]

    model = FakeModel(answer, info=ModelInfo("fake", "ab" * 32), cache_tag="fake")
    folder = usual_folder(run.folder)
    ask_oracle(diagnose(run, benchmark), benchmark, folder, model=model, controls=1)
    said = reasons(run, benchmark).next_step
    assert "are context: gold's tables alone mend" in said["oracle"]
    check_says_the_same(said, command(str(run.folder), "--data", str(benchmark.root)))
    (folder / FILE).write_text("{}")
    broken = reasons(run, benchmark).next_step
    assert "is none of the oracle's files" in broken["why_not"]
    assert "sentence" not in broken
    assert broken["about"] == said["about"]


def test_where_no_answer_is_wrong_nothing_is_to_try(here: Path) -> None:
    benchmark = boats()
    run = voted(benchmark)
    right = run.only([scored.index for scored in run.verdicts if scored.correct])
    assert reasons(right, benchmark).next_step == {
        "about": "No answer is wrong: there is nothing to say of context and behaviour."
    }


def test_without_the_benchmark_they_are_told_by_how_answers_ended() -> None:
    run = Run.read(RUN)
    told = reasons(run, None)
    assert told.first.keys() == {scored.index for scored in run.verdicts if not scored.correct}
    assert (told.all, told.next_step) == ({}, {})


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.CORRECT])
def test_every_outcome_has_a_reason(outcome: Outcome) -> None:
    assert by_outcome(outcome, "no such table: x") not in ("", outcome.value)
