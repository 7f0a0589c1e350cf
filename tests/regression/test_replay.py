"""The main job end to end, on recorded answers of the embedded model: prompts, extraction, scoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from spider_opt.cli import main

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "tests" / "fixtures" / "zero-shot-spider-mini-test.jsonl"
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
