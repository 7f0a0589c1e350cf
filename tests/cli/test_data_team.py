"""The path of a data team, word by word as the documents have it: a CSV file and a database, to what failed and why."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model import FakeModel

from spider_opt import models
from spider_opt.cli import main
from spider_opt.types import Request

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-data.md"
WRONG = {
    "Which customers bought pens?": "SELECT customer FROM sale",
    "How many pieces of each item were sold?": "SELECT name, pieces FROM sale JOIN item ON item.id = sale.item_id",
    "Who spent most?": "SELECT buyer FROM sale",
}


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """The blocks of the page's first section, as (language, text)."""
    section = PAGE.read_text(encoding="utf-8").partition("## From a CSV file to a number")[2].partition("\n## ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def model(blocks: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """A model that answers with the golds, but for three questions."""
    rows = [line.partition(",") for line in blocks[1][1].splitlines()[1:]]
    answers = {question: WRONG.get(question, gold.strip('"')) for question, _, gold in rows}

    def say(request: Request) -> str:
        return next(sql for question, sql in answers.items() if question in request.text)

    fake = FakeModel(say)
    monkeypatch.setattr(models, "open", lambda *arguments, **options: fake)
    return fake


def test_a_table_and_a_database_to_the_three_questions_that_failed(
    blocks: list[tuple[str, str]], model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    said = []
    names: dict[str, object] = {}
    for language, text in blocks:
        if language == "text" and text.startswith("question,query\n"):
            Path("questions.csv").write_text(text, encoding="utf-8")
        elif language == "python":
            exec(text, names)  # the page's own
            said.append(capsys.readouterr().out)
        elif language == "sh":
            for line in text.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "spider-opt"
                result = CliRunner().invoke(main, arguments)
                assert (result.exit_code, "not at hand" in result.stderr) == (0, False), result.output
                said.append(result.stdout)
    assert time.monotonic() - start < 300
    _, imported, evaluated, why, parted, on_half = said
    assert imported.endswith(
        "own: 12 questions over 1 database, in own\n1 question with several right queries: line 13 and line 14\n"
    )
    assert evaluated.startswith("own dev  EX 75.0 ± 13.1  n=12\n")
    assert "halves: 6 questions over 1 database, in halves\n" in parted
    assert on_half.startswith("halves dev-query-split  EX ")
    assert len(model.requests) == 12 + 6
    failed = [part for part in why.split("\n\n") if part.strip()]
    shown = [
        dict(re.findall("^  (question|gold|prediction)(?: 1 of 2)? +((?!gives|\\d of ).*)$", part, re.MULTILINE))
        for part in failed
    ]
    assert {told["question"]: told["prediction"] for told in shown} == WRONG
    assert all(told["gold"].startswith("SELECT ") for told in shown)
    heads = " ".join(part.partition("\n")[0] for part in failed)
    assert "no such column: buyer" in heads
    assert "more rows than the 2 of gold" in heads
    assert "\n  gold 1 of 2 gives 1 row:\n" in failed[-1]


@pytest.fixture
def run_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == 0, result.output
        return result.stdout + result.stderr

    return run


def test_what_is_doubtful_is_said_and_nothing_stops(blocks: list[tuple[str, str]], run_in: Callable[..., str]) -> None:
    exec(blocks[0][1], {})
    rows = ["question,query", "How many items are there?,SELECT count(*) FROM item", "How many items are there,"
            "SELECT count(*) FROM item", "What is free?,SELECT name FROM item WHERE price = 0", "Which?,SELECT nam",
            "And what else?,"]  # fmt: skip
    Path("q.csv").write_text("\n".join(rows))
    said = run_in("data", "import", "q.csv", "--database", "shop.db", "--out", "own")
    for line in (
        "4/5  fails: no such column: nam  Which?",
        "5/5  no query  And what else?",
        "own: 5 questions over 1 database, in own",
        "line 2 and line 3 have nearly the same words",
        "1 gold query fails: line 5",
        "1 gold query is lacking: line 6",
        "1 gold query gives no row: line 4",
        "these questions count nowhere until their query runs: mend q.csv and import it again with --replace",
        "ask them with: spider-opt eval --data own",
    ):
        assert line in said
    rows[4] = "Which?,SELECT name FROM item"
    Path("q.csv").write_text("\n".join(rows))
    assert "fails" not in run_in("data", "import", "q.csv", "--database", "shop.db", "--out", "own", "--replace")
    assert "questions without a gold query, which are asked but not scored: 1" in run_in("data", "check", "own")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["q.csv", "--out", "own"], "Missing option '--database'"),
        (["q.csv", "--database", "shop.db"], "Missing option '--out'"),
        (["q.csv", "--database", "q.csv", "--out", "own"], "q.csv is not a SQLite database"),
        (["q.csv", "--database", "shop.db", "--out", "spider-mini", "--name", "spider"], "choose another by --name"),
    ],
)
def test_what_is_lacking_is_said(
    blocks: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(blocks[0][1], {})
    Path("q.csv").write_text(blocks[1][1])
    result = CliRunner().invoke(main, ["data", "import", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.csv", "shop.db"]
