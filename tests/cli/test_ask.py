from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel
from fake_openai import FakeOpenAI

from spider_opt import models
from spider_opt.cli import main
from spider_opt.cli.terminal import table
from spider_opt.errors import ModelError

NAMES = "SELECT name, length FROM boat ORDER BY id"


@pytest.fixture(autouse=True)
def here(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands are typed beside shop.sqlite, and nothing was answered yet."""
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """Stands for the embedded model."""
    fake = FakeModel(NAMES)
    monkeypatch.setattr(models, "open", lambda *_, **__: fake)
    return fake


def ask(question: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["ask", question, "--database", "shop.sqlite", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    result = ask("Which boats?", "--json", *arguments)
    found: dict[str, Any] = json.loads(result.stdout)
    return found | {"code": result.exit_code, "stderr": result.stderr}


# --- what is printed ---------------------------------------------------------------------------


def test_the_query_and_its_rows(model: FakeModel) -> None:
    result = ask("Which boats?")
    assert result.exit_code == 0
    assert result.stdout == (
        f"{NAMES}\n\nname  length\n----  ------\nAda      7.5\nBea      9.0\nCleo    NULL\n(3 rows)\n"
    )
    assert result.stderr == "rag+finetune, fake: 1 model call, 50 tokens read, 9 written, 0.5 s\n"
    assert model.closed == 1


def test_as_json(model: FakeModel) -> None:
    found = told()
    rows = [["Ada", 7.5], ["Bea", 9.0], ["Cleo", None]]
    expected = {"question": "Which boats?", "database": "shop.sqlite", "sql": NAMES, "columns": ["name", "length"],
                "rows": rows, "more_rows": False, "error": None, "method": "rag+finetune", "model": "fake",
                "code": 0, "stderr": ""}  # fmt: skip
    assert found.items() >= expected.items()
    assert found["usage"]["prompt_tokens"] == 50
    assert [step["step"] for step in found["trace"]] == ["finetune", "repair", "schema"]


@pytest.mark.parametrize(
    ("rows", "last"),
    [("3", "(3 rows)"), ("2", "… and 1 more (--rows N shows N)"), ("0", "… and 3 more (--rows N shows N)")],
)
def test_rows_are_capped(model: FakeModel, rows: str, last: str) -> None:
    lines = ask("Which boats?", "--rows", rows).stdout.splitlines()
    assert lines[-1] == last
    assert ("Ada" in "".join(lines)) == (rows != "0")
    found = told("--rows", rows)
    assert (len(found["rows"]), found["more_rows"]) == (int(rows), rows != "3")


@pytest.mark.parametrize(
    ("limit", "last"),
    [
        (0, "(0 rows)"),
        (1, "(1 row)"),
        (10_000, "… and 9,980 more (--rows N shows N)"),
        (10_001, "… and more than 9,980 more rows (--rows N shows N)"),
    ],
)
def test_rows_are_counted(model: FakeModel, limit: int, last: str) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i FROM n"
    model.says = (f"{numbers} LIMIT {limit}",)
    lines = ask("Numbers?").stdout.splitlines()
    assert lines[-1] == last
    assert lines[2] == ("i" if limit < 10 else " i")


def test_what_stands_in_a_database_moves_no_cursor(model: FakeModel) -> None:
    with closing(sqlite3.connect("shop.sqlite")) as db, db:
        db.execute("UPDATE boat SET name = ? WHERE id = 1", ("\x1b]0;owned\x07\x1b[2J\nx\u202e",))
        db.execute("UPDATE boat SET name = ? WHERE id = 2", (b"\x00\xff" * 40,))
        db.execute("UPDATE boat SET name = ? WHERE id = 3", ("ä" * 500,))
    model.says = ("SELECT name, 1e999 AS `a\x1bb` FROM boat ORDER BY id",)
    result = ask("Which boats?")
    assert result.exit_code == 0
    assert not set("\x1b\x07\x00\u202e") & set(result.stdout)
    assert r"\x1b]0;owned\x07\x1b[2J\nx\u202e" in result.stdout
    assert "x'00ff00ff00ff00ff00ff00ff…' (80 bytes)" in result.stdout
    assert "ä" * 59 + "…" in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 80
    rows = told()["rows"]
    assert rows[0] == ["\x1b]0;owned\x07\x1b[2J\nx\u202e", "inf"]
    assert rows[1] == [f"x'{'00ff' * 40}'", "inf"]


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_query_that_does_not_run_is_shown_and_is_1(model: FakeModel, arguments: list[str]) -> None:
    model.says = ("SELECT price FROM pier",)
    result = ask("What does it cost?", "--method", "zero-shot", *arguments)
    assert result.exit_code == 1
    assert "SELECT price FROM pier" in result.stdout
    last = result.stderr.splitlines()[-1]
    assert last == (
        "Error: the query does not run: no such table: pier; ask in other words, or try another --method or --model"
    )
    if arguments:
        found = json.loads(result.stdout)
        assert (found["error"], found["rows"], found["columns"]) == ("no such table: pier", None, None)


def test_an_answer_without_a_query_is_1(model: FakeModel) -> None:
    model.says = ("",)
    result = ask("What?", "--method", "zero-shot")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: there is no query in what the model answered; ask in other words" in result.stderr


def test_a_model_that_does_not_answer_is_1(model: FakeModel) -> None:
    model.says = (ModelError("the server is on fire"),)
    result = ask("What?")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: the server is on fire\n")
    assert model.closed == 1


@pytest.mark.parametrize(
    ("question", "arguments", "said"),
    [
        ("", [], "the question is empty"),
        ("What?", ["--database", "none.sqlite"], "No database at none.sqlite"),
        ("What?", ["--database", "."], "Is a directory"),
        ("What?", ["--database", "mine.json"], "mine.json is not a SQLite database"),
        (
            "What?",
            ["--method", "fewshot+rag"],
            "step 'fewshot' needs examples: give some (--examples FILE)",
        ),
        ("What?", ["--method", "ragg"], "no method step 'ragg' (did you mean 'rag'?)"),
        ("What?", ["--examples", "none.json", "--method", "fewshot"], "Cannot read none.json"),
        ("What?", ["--examples", "mine.json"], "no step of 'rag+finetune' shows examples"),
        ("What?", ["--rows", "-1"], "-1"),
        ("What?", ["--timeout", "0"], "0"),
    ],
)
def test_asked_wrongly_is_2(model: FakeModel, here: Path, question: str, arguments: list[str], said: str) -> None:
    (here / "mine.json").write_text('[{"question": "a", "query": "SELECT 1"}]')
    result = ask(question, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert model.requests == []


def test_without_a_question_or_a_database(model: FakeModel) -> None:
    for arguments in ([], ["What?"], ["--database", "shop.sqlite"]):
        assert CliRunner().invoke(main, ["ask", *arguments]).exit_code == 2


# --- what is asked -----------------------------------------------------------------------------


def test_the_options_reach_the_model(model: FakeModel, here: Path) -> None:
    (here / "mine.json").write_text('[{"question": "Oldest boat?", "query": "SELECT min(id) FROM boat"}]')
    more = ["--examples", "mine.json", "--embedder", "hashing", "--method", "fewshot+vote:n=2", "--seed", "5"]
    assert ask("Which rouge?", *more, "--notes", "rouge is red").exit_code == 0
    assert [request.seed for request in model.requests] == [5, 6]
    for text in ("Oldest boat?\nSQL: SELECT min(id) FROM boat", "Note: rouge is red\nQuestion: Which rouge?"):
        assert text in model.prompts[0]


def test_the_same_question_is_asked_once_unless_it_must_be(model: FakeModel) -> None:
    for _ in range(2):
        ask("Which boats?")
    assert len(model.requests) == 1
    ask("Which boats?", "--no-cache")
    assert len(model.requests) == 2


def test_an_endpoint(endpoint: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    endpoint.script = [FakeOpenAI.said("SELECT count(*) FROM boats")]
    result = ask("How many boats?", "--base-url", endpoint.url, "--model", "m")
    assert result.exit_code == 0, result.output
    assert result.stdout == "SELECT COUNT(*) FROM boat\n\nCOUNT(*)\n--------\n       3\n(1 row)\n"
    assert result.stderr.startswith("rag, m: 1 model call, 7 tokens read, 3 written, ")
    [request] = endpoint.requests
    assert request["model"] == "m"
    assert "CREATE TABLE boat" in request["messages"][-1]["content"]
    assert endpoint.keys == ["Bearer sk-secret"]
    assert "sk-secret" not in result.output


def test_an_endpoint_that_refuses(endpoint: FakeOpenAI) -> None:
    endpoint.script = [FakeOpenAI.refused(401, "wrong key")]
    result = ask("How many boats?", "--base-url", endpoint.url, "--model", "m")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


# --- tables ------------------------------------------------------------------------------------


def test_a_table_is_cut_to_the_terminal() -> None:
    rows = [["word " * 30, "x" * 50, 1], ["short", "", 22]]
    for width in (140, 100, 60, 40):
        shown = table(["a", "b", "n"], rows, width).splitlines()
        assert max(map(len, shown)) <= width
        assert "…  x" in shown[2]
        assert shown[2].endswith("   1")
        assert shown[3].endswith(" 22")
    assert max(map(len, table(["a", "b", "n"], rows, 10).splitlines())) == 8 + 2 + 8 + 2 + 2  # not narrower
    assert max(map(len, table(["a", "b", "n"], rows).splitlines())) == 60 + 2 + 50 + 2 + 2


def test_wide_characters_take_two_places() -> None:
    assert table(["名", "n"], [["船", 1], ["ab", 2]]) == "名  n\n--  -\n船  1\nab  2"
    assert table(["a"], [["船" * 40]]).splitlines()[-1] == "船" * 29 + "…"


def test_numbers_stand_to_the_right_and_mixed_columns_do_not() -> None:
    assert table(["n", "m"], [[1, 1], [100, "x"], [None, None]]) == "   n  m\n----  ----\n   1  1\n 100  x\nNULL  NULL"
    assert table(["only"], []) == "only\n----"
