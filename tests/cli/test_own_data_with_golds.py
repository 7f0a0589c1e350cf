"""A table of twelve questions, one of them with two right golds, from `data import` to `show` under every metric."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import spider_opt as so
from spider_opt.cli import main
from spider_opt.scoring.table import SCORERS

SECOND = "SELECT name, price FROM item ORDER BY price LIMIT 1"
QUESTIONS = [(f"How many cost more than {n}?", f"SELECT count(*) FROM item WHERE price > {n}") for n in range(11)]
LAST = "What is the cheapest item?"
METRICS = list(SCORERS)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as shop:
        shop.executescript(
            "CREATE TABLE item (name TEXT, price REAL);"
            "INSERT INTO item VALUES ('pen', 1.5), ('ink', 4.0), ('pad', 9.5), ('bag', 30);"
        )
    rows = [*QUESTIONS, (LAST, "SELECT name FROM item ORDER BY price LIMIT 1")]
    text = "".join(f'"{question}","{sql}","{SECOND if question == LAST else ""}"\n' for question, sql in rows)
    Path("questions.csv").write_text("question,query,query_2\n" + text)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def test_from_the_table_to_every_number(here: Path) -> None:
    said = run("data", "import", "questions.csv", "--database", "shop.db", "--out", "own").output
    assert "own: 12 questions over 1 database" in said
    assert "1 question with several right queries: line 13" in said
    golds = dict(QUESTIONS)

    def answer(question: str, database: str) -> str:
        return SECOND if question == LAST else golds[question] if "than 0" not in question else "SELECT 1"

    done = so.evaluate(answer, so.load(data="own"), metrics=METRICS, out="runs/own", progress=False)
    right = {name: said["value"] for name, said in done.report.metrics().items()}
    assert {name: round(value * 12 / 100) for name, value in right.items() if name != "r-ves"} == {
        name: 11 for name in METRICS if name != "r-ves"
    }
    shown = run("show", "runs/own", "--data", "own", "--wrong").output
    assert "How many cost more than 0?" in shown
    assert LAST not in shown
    whole = run("show", "runs/own", "--data", "own").output
    assert "(by gold 2 of 2)" in whole
    assert whole.count("  gold        ") == 11
    lines = whole[whole.index(LAST) :].splitlines()
    assert lines[1:4] == [
        "  gold 1 of 2 SELECT name FROM item ORDER BY price LIMIT 1",
        f"  gold 2 of 2 {SECOND}",
        f"  prediction  {SECOND}",
    ]
    assert lines[4].startswith("  gold 2 of 2 and prediction give 1 row:")
    printed = json.loads(run("score", "runs/own", "--data", "own", "--metric", ",".join(METRICS), "--json").stdout)
    assert set(printed["metrics"]) == set(METRICS)
    assert {said["n"] for said in printed["metrics"].values()} == {12}
