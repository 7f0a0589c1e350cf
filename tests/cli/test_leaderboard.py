from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spider_opt.cli import main

VERDICT = {
    "index": 0,
    "db_id": "d",
    "correct": True,
    "outcome": "correct",
    "detail": "",
    "hardness": "easy",
    "cluster": "c",
}
USAGE = {"calls": 1, "prompt_tokens": 9, "cached_tokens": 0, "completion_tokens": 3, "seconds": 0.5, "dollars": 0.0}
ANSWER = {"index": 0, "id": "dev-0000", "db_id": "d", "sql": "SELECT 1", "usage": USAGE, "trace": []}
RUN = {
    "method": "zero-shot", "steps": "zero-shot",
    "model": "fake", "model_sha256": "", "adapter_sha256": "", "benchmark": "spider",
    "split": "dev", "sample": "", "fingerprint": "f", "seed": 0, "version": "0.1.0", "commit": "", "n": 1,
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip


def fabricate(folder: Path, without: str = "", **changes: Any) -> Path:
    folder.mkdir(parents=True)
    run = {key: value for key, value in (RUN | changes).items() if key != without}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "predictions.jsonl").write_text(json.dumps(ANSWER) + "\n")
    (folder / "verdicts.jsonl").write_text(json.dumps(VERDICT) + "\n")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["leaderboard", *arguments])


def test_it_gathers_results_runs(here: Path) -> None:
    fabricate(here / "results" / "runs" / "one")
    fabricate(here / "results" / "runs" / "two", method="zero-shot:rows=3")
    result = run()
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 6
    assert result.stdout == (here / "results" / "leaderboard.md").read_text()
    lines = (here / "results" / "leaderboard.csv").read_text().splitlines()
    assert lines[0].startswith("rank,method,model,")
    assert [line["run"] for line in csv.DictReader(lines)] == ["one", "two"]
    assert result.stderr == "written: results/leaderboard.csv and leaderboard.md\n"
    before = (here / "results" / "leaderboard.csv").read_bytes()
    assert run().exit_code == 0
    assert (here / "results" / "leaderboard.csv").read_bytes() == before


def test_unfinished_runs_are_named_and_left_out(here: Path) -> None:
    fabricate(here / "runs" / "good")
    fabricate(here / "runs" / "half", without="scorer")
    broken = fabricate(here / "runs" / "torn")
    (broken / "verdicts.jsonl").write_text('{"index": 0')
    result = run("runs", "--out", "new/results")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == ("left out: the run in runs/half is unfinished: run its eval command again")
    assert result.stderr.splitlines()[1].startswith("left out: the run in runs/torn is broken")
    assert "half" not in (here / "new" / "results" / "leaderboard.csv").read_text()
    assert result.stdout.count("fake") == 1


def test_folders_given_twice_count_once(here: Path) -> None:
    one = fabricate(here / "runs" / "one")
    result = run(str(one), "runs", "runs/one/", "--out", str(here))
    assert result.stdout.count("fake") == 1


def test_json(here: Path) -> None:
    fabricate(here / "results" / "runs" / "one")
    result = run("--json")
    [row] = json.loads(result.stdout)
    assert (row["method"], row["ex"], row["ex_se"], row["n"], row["commit"]) == ("zero-shot", 100.0, None, 1, "")
    assert list(row) == (here / "results" / "leaderboard.csv").read_text().splitlines()[0].split(",")


def test_nothing_to_show(here: Path) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: no finished run in results/runs; make one with: spider-opt eval\n"
    assert not (here / "results").exists()
    fabricate(here / "results" / "runs" / "half", without="scorer")
    result = run()
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["left out", "Error"]
    assert not (here / "results" / "leaderboard.csv").exists()


def test_a_folder_that_is_not_there(here: Path) -> None:
    result = run("nowhere")
    assert result.exit_code == 2
    assert "Directory 'nowhere' does not exist" in result.stderr


def test_where_nothing_can_be_written(here: Path) -> None:
    fabricate(here / "results" / "runs" / "one")
    (here / "file").write_text("")
    result = run("--out", "file/deeper")
    assert result.exit_code == 2
    assert result.stderr.endswith("'--out': file/deeper cannot be written (file is no folder): name another folder\n")
    assert result.exception is None or isinstance(result.exception, SystemExit)
