from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from few_questions import asked, folder, model

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import Run


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    benchmark = load("spider:dev", data=folder(asked()))
    return evaluate("zero-shot", benchmark, model=model(), out="runs/one", progress=False)


def report(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments])


def test_a_page_of_a_run() -> None:
    result = report("runs/one", "--spider", "own", "--out", "page", "--table", "answers.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == "page/index.html\n"
    assert "What is the longest?" in Path("page/data/numbers.js").read_text()
    assert "SELECT max(length) FROM boat" in Path("page/data/questions-000.js").read_text()
    assert Path("answers.csv").read_text().count("SELECT") >= 8


def test_without_the_benchmark_it_says_so() -> None:
    Path("own").rename("elsewhere")
    result = report("runs/one", "--out", "page")
    assert result.exit_code == 0, result.output
    assert "without questions, gold queries and results, for the benchmark is not at hand: " in result.stderr
    assert "What is the longest?" not in Path("page/data/numbers.js").read_text()


def test_another_benchmark_than_the_runs_is_refused() -> None:
    folder([{**one, "query": "SELECT 1"} for one in asked()], "other")
    result = report("runs/one", "--spider", "other", "--out", "page")
    assert result.exit_code == 2
    assert "runs/one was made with other questions or databases" in result.stderr
    assert not Path("page").exists()


def test_what_is_there_is_not_lost() -> None:
    Path("page").mkdir()
    Path("page/thesis.tex").write_text("all of it")
    result = report("runs/one", "--spider", "own", "--out", "page")
    assert result.exit_code == 2
    assert "page holds something else than a page of spider-opt: name another folder" in result.stderr
    result = report("runs/one", "--spider", "own", "--out", "p2", "--table", "runs/one/run.json")
    assert result.exit_code == 2
    assert "belongs to the run in runs/one" in result.stderr


def test_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
    assert report("runs", "--spider", "own", "--open").exit_code == 0
    assert opened == ["report/index.html"]
    monkeypatch.setattr(click, "launch", lambda url: 1)
    assert "no browser could be started: open /" in report("runs", "--spider", "own", "--open").stderr


def test_no_run() -> None:
    Path("empty").mkdir()
    result = report("empty")
    assert result.exit_code == 1
    assert result.stderr == "Error: no run in empty\n"
