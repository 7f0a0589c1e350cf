"""Questions whose gold query fails make n smaller, and every function that gives a number says so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

import spider_opt as so
from spider_opt.cli import main

SQL = "SELECT count(*) FROM boat"
FAILS = "SELECT nothing FROM boat"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "own" / "database" / "harbour" / "harbour.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE boat (name TEXT); INSERT INTO boat VALUES ('Alba')")
    return tmp_path / "own"


def asking(*golds: str | None) -> so.Benchmark:
    entries = [{"db_id": "harbour", "question": f"Boats, {i}?", "query": gold} for i, gold in enumerate(golds)]
    Path("own/dev.json").write_text(json.dumps(entries))
    Path("answers.txt").write_text(f"{SQL}\n" * len(golds))
    return so.load(data="own")


def answers(question: str, database: Path) -> str:
    return SQL


def evaluated(benchmark: so.Benchmark) -> so.Run:
    return so.evaluate(answers, benchmark, out="run", progress=False)


def scored(benchmark: so.Benchmark) -> so.Run:
    return so.score("answers.txt", benchmark)


def read(benchmark: so.Benchmark) -> so.Run:
    evaluated(benchmark)
    return so.Run.read("run")


@pytest.mark.parametrize(
    ("golds", "shown", "said"),
    [
        ((SQL, SQL), "n=2", []),
        (
            (SQL, FAILS),
            "n=1 (1 left out, whose gold query fails)",
            [": question 1 left out: gold query fails on harbour"],
        ),
        (
            (FAILS, SQL, FAILS),
            "n=1 (2 left out, whose gold queries fail)",
            [": questions 0, 2 left out: gold query fails on harbour"],
        ),
        (
            (SQL, None, FAILS),
            "n=1 (1 left out, whose gold query fails; 1 without a gold query not scored)",
            [": 1 question has no gold query: asked, not scored; n=1", ": question 2 left out: gold query fails"],
        ),
        ((FAILS,), "n=0 (1 left out, whose gold query fails)", [": question 0 left out: gold query fails on harbour"]),
    ],
)
@pytest.mark.parametrize("function", [evaluated, scored], ids=["evaluate", "score"])
def test_they_are_said_and_shown(
    function: Callable[[so.Benchmark], so.Run],
    golds: tuple[str | None, ...],
    shown: str,
    said: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = function(asking(*golds))
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == len(said)
    assert all(any(one in sentence for sentence in warned) for one in said)
    assert all(sentence.startswith(run.where) and sentence.endswith(f"; n={run.n}") for sentence in warned)
    assert str(run).endswith(shown)
    assert shown in repr(run)


def test_a_run_that_was_read_shows_them() -> None:
    assert repr(read(asking(SQL, FAILS))).endswith("n=1 (1 left out, whose gold query fails)>")


def test_one_that_ends_never_is_one(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from spider_opt.scoring import Rules

    run = so.score("answers.txt", asking(SQL, ENDLESS), mode=Rules(timeout_s=0.2))
    assert "question 1 left out: " in caplog.text
    assert "whose gold query fails" in str(run)


@pytest.mark.parametrize("function", [so.check, so.compare])
def test_whoever_compares_says_by_id_what_counts_nowhere(
    function: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    run = evaluated(asking(SQL, "SELECT 7", *[FAILS] * 7, None))
    ids = [answer.id for answer in run.answers]
    caplog.clear()
    function(run, "run")
    named = f"{', '.join(ids[2:7])} and 2 more"
    said = f"run (the run): 7 questions count nowhere, since their gold queries fail ({named}); n=2"
    assert said in caplog.text
    caplog.clear()
    whole = evaluated_elsewhere(asking(SQL, "SELECT 7"))
    caplog.clear()
    function(whole, whole)
    assert "count nowhere" not in caplog.text


def evaluated_elsewhere(benchmark: so.Benchmark) -> so.Run:
    return so.evaluate(answers, benchmark, out="whole", progress=False)


def test_a_command_says_it_once() -> None:
    asking(SQL, FAILS)
    scores = CliRunner().invoke(main, ["score", "answers.txt", "--data", "own"])
    assert scores.exit_code == 1
    assert scores.stderr.count("left out") == 1


def test_commands_that_compare_say_it() -> None:
    run = evaluated(asking(SQL, "SELECT 7", FAILS))
    so.evaluate(answers, asking(SQL, "SELECT 7", FAILS), out="two", progress=False)
    compared = CliRunner().invoke(main, ["compare", "run", "two"])
    assert compared.exit_code == 0, compared.output
    for name in ("run", "two"):
        assert f"{name}: 1 question counts nowhere, since its gold query fails ({run.answers[2].id}); n=2" in (
            compared.stderr
        )
