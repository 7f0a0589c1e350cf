"""Runs that are made up, and ``spider-opt compare`` on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from spider_opt.cli import main

RUN = {
    "method": "zero-shot", "steps": "zero-shot",
    "model": "fake", "model_sha256": "", "adapter_sha256": "", "benchmark": "spider",
    "split": "dev", "sample": "", "fingerprint": "f", "seed": 0, "version": "0.1.0", "commit": "c", "n": 1,
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip


def lines(entries: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def fabricate(folder: Path, marks: str, start: int = 0, without: str = "", **changes: Any) -> Path:
    """Write a run with a right (+) or wrong (-) answer to each question from ``start`` on, two to a gold query."""
    folder.mkdir(parents=True)
    run = {key: value for key, value in (RUN | {"n": len(marks)} | changes).items() if key != without}
    (folder / "run.json").write_text(json.dumps(run))
    answers, verdicts = [], []
    for index, mark in enumerate(marks, start):
        tokens = {"prompt_tokens": 1000 + index, "cached_tokens": 900, "completion_tokens": 30}
        usage = {"calls": 2, **tokens, "seconds": 0.5, "dollars": 0.0}
        db_id = f"db{index % 3}"
        answers.append({"index": index, "id": f"dev-{index:04d}", "db_id": db_id, "sql": "SELECT 1", "usage": usage})
        told = {"outcome": "correct" if mark == "+" else "wrong_rows", "detail": "", "hardness": "easy"}
        verdicts.append({"index": index, "db_id": db_id, "correct": mark == "+", **told, "cluster": f"c{index // 2}"})
    (folder / "predictions.jsonl").write_text(lines(answers))
    (folder / "verdicts.jsonl").write_text(lines(verdicts))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments])


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found
