"""Suites of a whole benchmark: the folder, going on after a kill, and what ``score`` says on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from click.testing import CliRunner
from suites.rewritings import rewritings

import spider_opt as so
from spider_opt.cli import main
from spider_opt.errors import SpiderOptError, UsageError
from spider_opt.scoring import PairScorer, Rules
from spider_opt.scoring.suite_files import DESCRIPTION, suite_files
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.suites import build, building
from spider_opt.types import Benchmark

TWO = ("farm_market", "space_missions")


def few(n: int = 3) -> Benchmark:
    """Some questions of two databases."""
    whole = so.load("spider-mini")
    kept = [[e for e in whole.examples if e.question.db_id == db_id][:n] for db_id in TWO]
    return replace(whole, examples=tuple(chain.from_iterable(kept)), paths={db_id: whole.paths[db_id] for db_id in TWO})


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spider_opt.suites.search.N_AT_LARGE", 30)
    monkeypatch.setattr("spider_opt.suites.search.N_TRIES", 10)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.sqlite"))}


def test_golds_are_right_on_their_suite_and_numbers_say_whose_it_is(tmp_path):
    benchmark = few()
    made = so.build_suite(benchmark, tmp_path / "suites", checks=50, jobs=1)
    assert [one.db_id for one in made.databases] == list(TWO)
    assert made.kill_rate >= 0.9
    told = made.to_json()
    assert told["mutants"] == told["killed"] + told["differ"] + told["equivalent"]
    assert [sum(counts[i] for counts in told["by_kind"].values()) for i in (0, 1, 2)] == [
        told["mutants"], told["killed"], told["differ"]
    ]  # fmt: skip
    assert json.loads((tmp_path / "suites" / "report.json").read_text()) == told
    answers = tmp_path / "gold.txt"
    answers.write_text("".join(f"{example.gold_sql}\t{example.question.db_id}\n" for example in benchmark.examples))
    run = so.score(answers, benchmark, metrics=["suite"], suite=tmp_path / "suites")
    assert all(one.metrics["suite"] is True for one in run.verdicts)
    assert made.suite.startswith("own ")
    files = suite_files(benchmark.paths, tmp_path / "suites")
    with closing(PairScorer()) as scorer:
        for example in benchmark.examples:
            own = [str(file) for file in files[example.question.db_id][1:]]
            for kind, sql in rewritings(example.gold_sql):
                assert scorer("suite", own[0], example.gold_sql, sql, "x", own).correct, (kind, sql)
    assert run.info.scorer.suite == made.suite


def test_all_right_golds_of_a_question_have_one_answer_on_its_suite(tmp_path):
    """Else what means the second one could be wrong, where the first has one answer and the second has several."""
    benchmark = few(2)
    first, *others = benchmark.examples
    second = "SELECT count(*) FROM farm WHERE village <> 'Oakley'"
    both = replace(benchmark, examples=(replace(first, other_golds=(second,)), *others))
    made = [so.build_suite(b, tmp_path / name, checks=20, jobs=1) for name, b in (("one", benchmark), ("two", both))]
    assert made[1].databases[0].golds == made[0].databases[0].golds + 1
    assert made[1].databases[0].mutants > made[0].databases[0].mutants


def test_databases_side_by_side_give_the_same_files(tmp_path):
    benchmark = few(2)
    # The processes know nothing of what is changed here, so all of these do it in full.
    alone = so.build_suite(replace(benchmark), tmp_path / "a", checks=5, jobs=2, instances=4)
    again = so.build_suite(benchmark, tmp_path / "b", checks=5, jobs=2, instances=4)
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    assert alone.suite == again.suite
    assert (tmp_path / "a" / DESCRIPTION).read_bytes() == (tmp_path / "b" / DESCRIPTION).read_bytes()


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    benchmark = few(1)
    so.build_suite(benchmark, tmp_path / "s", checks=5, jobs=1)
    before = files_in(tmp_path / "s")
    for file in (tmp_path / "s" / TWO[0]).iterdir():
        file.unlink()
    (tmp_path / "s" / f".{TWO[1]}.part").mkdir()
    done = []
    real = building.build_one
    monkeypatch.setattr(build, "build_one", lambda job: done.append(job.schema.db_id) or real(job))
    so.build_suite(benchmark, tmp_path / "s", checks=5, jobs=1)
    assert done == [TWO[0]]
    assert files_in(tmp_path / "s") == before


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals")
def test_killed_at_any_point_nothing_is_half_there(tmp_path):
    out = tmp_path / "s"
    command = [sys.executable, "-m", "spider_opt", "suite", "build", "--benchmark", "spider-mini", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 100
    while not (out / DESCRIPTION).exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((out / DESCRIPTION).read_text())["benchmark"] == "spider-mini"
    for folder in out.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            assert (folder / "report.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"seed": 1}, "seed 0, not 1"), ({"instances": 5}, "instances 30, not 5"), ({"checks": 6}, "checks 5, not 6")],
)
def test_a_suite_of_other_settings_stays(tmp_path, change, said):
    benchmark = few(1)
    so.build_suite(benchmark, tmp_path / "s", checks=5, jobs=1)
    before = files_in(tmp_path / "s")
    with pytest.raises(UsageError, match=said):
        so.build_suite(benchmark, tmp_path / "s", **{"checks": 5, "jobs": 1} | change)
    assert files_in(tmp_path / "s") == before


def test_a_folder_of_something_else_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no suite"):
        so.build_suite(few(1), tmp_path, jobs=1)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_two_at_once_in_one_folder(tmp_path):
    from spider_opt.paths import locked

    (tmp_path / "s").mkdir()
    with locked(tmp_path / "s"), pytest.raises(UsageError, match="in use"):
        so.build_suite(few(1), tmp_path / "s", jobs=1)


def test_a_process_that_dies_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SpiderOptError, match="died"):
        so.build_suite(few(1), tmp_path / "s", jobs=2)
    assert not [folder for folder in (tmp_path / "s").iterdir() if folder.is_dir()]


def test_a_benchmark_without_golds(tmp_path):
    benchmark = few(1)
    bare = replace(benchmark, examples=tuple(replace(example, gold_sql="") for example in benchmark.examples))
    with pytest.raises(UsageError, match="no gold query"):
        so.build_suite(bare, tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"seed": "0"}, {"instances": 0}, {"instances": 100}, {"checks": -1}, {"jobs": 0}, {"out": ""}],
)
def test_wrong_arguments(tmp_path, wrong):
    with pytest.raises(UsageError):
        so.build_suite(**{"benchmark": few(1), "out": tmp_path / "s"} | wrong)
    assert not (tmp_path / "s").exists()


def test_the_command(tmp_path, monkeypatch):
    out = tmp_path / "s"
    monkeypatch.setattr("spider_opt.cli.benchmark_options.Chosen.load", lambda chosen: few(1))
    done = CliRunner().invoke(main, ["suite", "build", "--out", str(out), "--checks", "5", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    table = done.stdout.splitlines()
    assert table[0].split() == [
        "database",
        "golds",
        "mutants",
        "killed",
        "left",
        "the",
        "same",
        "files",
        "KB",
        "seconds",
    ]
    assert [line.split()[0] for line in table[1:4]] == [*TWO, "all"]
    assert "% of the mutants that differ are killed" in table[4]
    assert table[-1].startswith("suite: own ")
    again = CliRunner().invoke(main, ["suite", "build", "--out", str(out), "--checks", "5", "--json"])
    told = json.loads(again.stdout)
    assert table[-1] == f"suite: {told['suite']}"
    other = CliRunner().invoke(main, ["suite", "build", "--out", str(out), "--checks", "5", "--seed", "3"])
    assert (other.exit_code, "another suite (seed 0, not 3)" in other.output) == (2, True)


def test_other_rows_for_once_leave_the_own_file_where_it_is(tmp_path):
    benchmark = few()
    files = build.with_other_rows(benchmark.examples, benchmark.paths, tmp_path)
    assert list(files) == list(TWO)
    for db_id, (own, *made) in files.items():
        assert own == benchmark.paths[db_id]
        assert 1 <= len(made) <= build.BESIDE
        assert all(file.parent == tmp_path / db_id and file.read_bytes() != own.read_bytes() for file in made)
    verdicts = judge_all(
        [(example, example.gold_sql) for example in benchmark.examples], benchmark.paths, Rules("suite"), suites=files
    )
    assert [verdict["suite"].correct for verdict in verdicts] == [True] * len(benchmark.examples)
