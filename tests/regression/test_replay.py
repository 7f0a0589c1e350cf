"""The main job end to end, on recorded answers of the embedded model: prompts, extraction, scoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spider_opt.cli import main
from spider_opt.models.adapters import SHIPPED
from spider_opt.steps import ALIASES
from spider_opt.steps import STEPS as STEP_TABLE

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "tests" / "fixtures" / "zero-shot-spider-mini-test.jsonl"
STEPS = ROOT / "tests" / "fixtures" / "steps.jsonl"
STEPS_ANSWERS = json.loads(STEPS.with_suffix(".json").read_text())
RUN = ROOT / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_the_recording_gives_the_committed_run(tmp_path: Path) -> None:
    arguments = ["eval", "--method", "zero-shot", "--replay", str(RECORDING), "--out", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    again, committed = (lines(folder / "predictions.jsonl") for folder in (tmp_path / "run", RUN))
    assert again == committed
    assert json.loads(result.stdout)["outcomes"]["correct"] == sum(v["correct"] for v in lines(RUN / "verdicts.jsonl"))


@pytest.mark.parametrize("method", STEPS_ANSWERS)
def test_each_step_answers_as_recorded(method: str, tmp_path: Path) -> None:
    """Also the steps that retrieve: prompts with other demos or values would have no recorded answer."""
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(STEPS_ANSWERS[method]))
    where = ["--ids", str(ids), "--out", str(tmp_path / "run"), "--replay", str(STEPS), "--embedder", "hashing"]
    result = CliRunner().invoke(main, ["eval", "--method", method, *where])
    assert result.exit_code == 0, result.output
    assert {answer["id"]: answer["sql"] for answer in lines(tmp_path / "run" / "predictions.jsonl")} == STEPS_ANSWERS[
        method
    ]


def test_every_step_is_recorded() -> None:
    used = {name for method in STEPS_ANSWERS for name, *_ in (step.partition(":") for step in method.split("+"))}
    without = {"zero-shot"} if (SHIPPED / "spider").is_dir() else {"zero-shot", "finetune"}  # no adapter, no answers
    assert used >= {*STEP_TABLE, *ALIASES} - without
