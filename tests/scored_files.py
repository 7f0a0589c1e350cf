"""``spider-opt score`` on files and folders that are made up, and a run that is committed."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import Answer, to_line
from spider_opt.types import Prediction

RECORDED = Path(__file__).parents[1] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"
LOST = 1
"""The exit status where a question could not be judged, as one of the folder of ``spider`` cannot."""


def score(*arguments):
    return CliRunner().invoke(main, ["score", *map(str, arguments)])


def run_folder(tmp_path, n):
    """A run folder with answers to the first ``n`` questions of the bundled benchmark."""
    folder = tmp_path / "run"
    folder.mkdir()
    benchmark = load("spider-mini:test")
    answers = [Answer(e.index, e.question.id, e.question.db_id, Prediction(e.gold_sql)) for e in benchmark.examples[:n]]
    (folder / "predictions.jsonl").write_text("".join(map(to_line, answers)), encoding="utf-8")
    RunInfo("zero-shot", "zero-shot", "fake", "", "", "spider-mini", "test", "", "f", 0, n=n).write(folder)
    return folder
