"""Verdicts and run.json change together, wherever a process ends."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.paths import write_whole
from spider_opt.runs import Run, RunInfo, verdict_files
from spider_opt.runs.verdict_files import VERDICTS, exchange, settle, verdicts_file

RECORDED = Path(__file__).resolve().parents[2] / "results" / "runs" / "zero-shot-qwen2.5-coder-0.5b-spider-mini-test"


class Killed(BaseException):
    pass


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(RECORDED, tmp_path / "run"))


def changed(folder):
    """Return what a run would be that was judged by a later scorer, which finds nothing right."""
    run = Run.read(folder)
    scored = [one if not one.correct else replace(one, correct=False, outcome=wrong(run)) for one in run.verdicts]
    return replace(run.info, scorer=replace(run.info.scorer, version="99")), scored


def wrong(run):
    return next(one.outcome for one in run.verdicts if not one.correct)


def state(folder):
    run = Run.read(folder)
    return run.info.scorer.version, run.ex > 0


@pytest.mark.parametrize("at", ["verdicts", "run.json", "renaming"])
def test_a_kill_leaves_the_old_pair_or_the_new_one(folder, monkeypatch, at):
    before = state(folder)
    info, scored = changed(folder)

    def killed(*given):
        raise Killed

    def half_written(verdicts, path):
        path.write_text("{")
        raise Killed

    where = {"verdicts": "write_verdicts", "run.json": "write_whole", "renaming": "settle"}[at]
    with monkeypatch.context() as patched:
        patched.setattr(verdict_files, where, half_written if at == "verdicts" else killed)
        with pytest.raises(Killed):
            exchange(folder, info, scored)
    assert state(folder) == (("99", False) if at == "renaming" else before)
    exchange(folder, info, scored)
    assert state(folder) == ("99", False)
    assert sorted(path.name for path in folder.glob("verdicts*")) == [VERDICTS]


def test_a_full_disk_changes_nothing(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(verdict_files, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        exchange(folder, *changed(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_verdicts_of_another_run_json_never_count(folder):
    (folder / "verdicts.0123456789abcdef.jsonl").write_text("no verdicts")
    assert verdicts_file(folder) == folder / VERDICTS
    assert state(folder)[1]
    settle(folder)
    assert [path.name for path in folder.glob("verdicts*")] == [VERDICTS]
    write_whole(folder / "run.json", RunInfo.read(folder).to_text())
    assert state(folder)[1]
