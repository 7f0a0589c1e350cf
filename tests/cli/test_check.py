from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spider_opt.analysis.regression import check
from spider_opt.cli import main

RESULTS = Path(__file__).resolve().parents[2] / "results"
Make = Callable[..., Path]
BASE = "+" * 30 + "-" * 10
WORSE = "-" * 10 + "+" * 21 + "-" * 9


@pytest.fixture
def here(make_run: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Makes runs where the command is typed; there is one, base."""
    monkeypatch.chdir(tmp_path)
    make_run("base", BASE)
    return make_run


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_worse_run_is_1_with_the_lost_questions(here: Make) -> None:
    here("new", WORSE)
    result = run("new", "--against", "base")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"lost  dev-{i:04d}  db{i % 3}  wrong_rows: 1 row" for i in range(10)]
    assert result.stderr.startswith("Error: new fails against base: all of the interval lies below 0; EX changed by -")
    assert result.stderr.count("\n") == 1


def test_one_that_is_not_is_0(here: Make) -> None:
    here("new", "-" + BASE[1:])
    result = run("new", "--against", "base")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "lost  dev-0000  db0  wrong_rows: 1 row",
        "new passes against base: EX changed by -2.5 points (95 % interval -7.7 to +2.7) on 40 questions, "
        "0 won and 1 lost: dev-0000",
    ]


@pytest.mark.parametrize(
    ("marks", "arguments", "code"),
    [
        (WORSE, ["--margin", "40"], 0),
        ("-" + BASE[1:], ["--every"], 1),
        ("-" + BASE[1:], ["--non-inferior"], 1),
        ("-" + BASE[1:], ["--non-inferior", "--margin", "20"], 0),
        ("-++" * 10 + "-" * 10, [], 1),
        ("-++" * 10 + "-" * 10, ["--by", "database"], 0),
    ],
)
def test_the_options(here: Make, marks: str, arguments: list[str], code: int) -> None:
    here("new", marks)
    assert run("new", "--against", "base", *arguments).exit_code == code


@pytest.mark.parametrize(("marks", "code"), [(WORSE, 1), (BASE, 0)])
def test_as_json(here: Make, marks: str, code: int) -> None:
    here("new", marks)
    result = run("new", "--against", "base", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["passed"], found["n"]) == (code, not code, 40)
    assert found["lost"] == len(found["questions_lost"]) == 10 * code
    assert found["low"] <= found["change"] <= found["high"]
    if code:
        about = {"id": "dev-0000", "db_id": "db0", "outcome": "wrong_rows", "detail": "1 row"}
        assert found["questions_lost"][0] == about


def test_of_one_question_json_knows_no_interval(here: Make) -> None:
    here("one", "+")
    here("new", "+")
    found = json.loads(run("new", "--against", "one", "--every", "--json").stdout)
    assert (found["passed"], found["low"], found["high"]) == (True, None, None)


def test_a_small_p_is_not_0_in_json(here: Make) -> None:
    here("all", "+" * 40)
    here("none", "-" * 40)
    found = json.loads(run("none", "--against", "all", "--json").stdout)
    assert found["p"] == pytest.approx(2 / 2**40, rel=0.01)
    compared = CliRunner().invoke(main, ["compare", "all", "none", "--json"])
    assert json.loads(compared.stdout)[1]["p_holm"] == found["p"]


@pytest.mark.parametrize(
    ("marks", "changes", "arguments", "said"),
    [
        (BASE, {"split": "train"}, [], "new was asked spider train, but base was asked spider dev"),
        (BASE, {"without": "scorer"}, [], "the run in new is unfinished: run its eval command again"),
        (BASE[:20], {}, [], "new lacks 20 of the 40 questions of base"),
        (BASE, {}, ["--margin", "-1"], "-1"),
    ],
)
def test_asked_wrongly_is_2(here: Make, marks: str, changes: dict[str, Any], arguments: list[str], said: str) -> None:
    here("new", marks, **changes)
    result = run("new", "--against", "base", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_folders_that_are_no_runs_are_2(here: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (("base", "--against", "empty"), ("empty", "--against", "base"),
                      ("nowhere", "--against", "base"), ("base", "--against", "nowhere"), ("base",)):  # fmt: skip
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments


def test_what_a_model_wrote_moves_no_cursor(here: Make, tmp_path: Path) -> None:
    path = here("new", WORSE) / "verdicts.jsonl"
    path.write_text(path.read_text().replace("1 row", "no such column: \\u001b[2J\\n"))
    assert "wrong_rows: no such column: \\x1b[2J\\n\n" in run("new", "--against", "base").stdout


@pytest.mark.parametrize(
    ("worse", "better", "marks"),
    [("zero-shot", "repair", {"won": 1, "lost": 19}), ("vote_n=8+repair", "repair", None)],
)
def test_the_committed_trials(worse: str, better: str, marks: dict[str, int] | None) -> None:
    result = run(str(RESULTS / "trials" / worse), "--against", str(RESULTS / "trials" / better), "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == (1 if marks else 0)
    assert found.items() >= (marks or {}).items()
    assert check(RESULTS / "trials" / better, RESULTS / "trials" / worse).change == pytest.approx(
        -found["change"], abs=1e-4
    )
