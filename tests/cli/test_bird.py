"""BIRD from the command line: answers of another tool, BIRD's numbers, with evidence and without."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_openai import FakeOpenAI

from spider_opt.cli import main

QUESTIONS = [
    ("Which shops are open?", "open means status = 'o'", "SELECT `Shop Name` FROM shop WHERE status = 'o'", "simple"),
    ("How many are closed?", "", "SELECT count(*) FROM shop WHERE status = 'c'", "challenging"),
    ("Which shops are nowhere?", "", "SELECT `Shop Name` FROM shop WHERE town = 'x'", "moderate"),
    ("What is missing?", "", "SELECT nope FROM shop", "moderate"),
]
ANSWERS = ["SELECT DISTINCT `Shop Name` FROM shop WHERE status = 'o' ORDER BY 1 DESC", "SELECT 7", 0, "SELECT 1"]


@pytest.fixture
def bird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    root = tmp_path / "MINIDEV"
    place = root / "dev_databases" / "shop"
    (place / "database_description").mkdir(parents=True)
    with closing(sqlite3.connect(place / "shop.sqlite")) as connection:
        connection.executescript(
            "CREATE TABLE shop (`Shop Name` TEXT, status TEXT, town TEXT);"
            "INSERT INTO shop VALUES ('A', 'o', 'p'), ('B', 'o', 'q'), ('C', 'c', 'p'), ('A', 'o', 'q')"
        )
    (place / "database_description" / "shop.csv").write_text(
        "original_column_name,column_name,column_description,data_format,value_description\n"
        'status,,whether it sells,text,"o: open\nc: closed"\n',
        encoding="utf-8-sig",
    )
    entries = [
        {"question_id": 3, "db_id": "shop", "question": q, "evidence": e, "SQL": sql, "difficulty": level}
        for q, e, sql, level in QUESTIONS
    ]
    (root / "mini_dev_sqlite.json").write_text(json.dumps(entries))
    marked = [f"{sql}\t----- bird -----\tshop" if sql else 0 for sql in ANSWERS]
    (tmp_path / "answers.json").write_text(json.dumps({str(i): sql for i, sql in enumerate(marked)}))
    return root


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_ex_is_birds_own(bird: Path) -> None:
    for named in (["--benchmark", "bird", "--data", bird], ["--data", bird]):
        result = run("score", "answers.json", *named, "--json")
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert (told["n"], told["ex"], told["mode"], told["timeout_s"]) == (4, 50.0, "bird", 30.0)
        assert told["failed_golds"] == []
        assert told["by_difficulty"] == {
            "simple": {"n": 1, "ex": 100.0}, "moderate": {"n": 2, "ex": 50.0}, "challenging": {"n": 1, "ex": 0.0}
        }  # fmt: skip


def test_its_metrics_stand_beside_each_other(bird: Path) -> None:
    result = run("score", "answers.json", "--benchmark", "bird", "--data", bird, "--metric", "bird,bird-f1", "--out",
                 "verdicts.jsonl", "--json")  # fmt: skip
    told = json.loads(result.stdout)
    assert {name: (said["n"], said["value"]) for name, said in told["metrics"].items()} == {
        "bird": (4, 50.0), "bird-f1": (4, 25.0)
    }  # fmt: skip
    lines = [json.loads(line) for line in Path("verdicts.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2, 3]
    assert [line["metrics"] for line in lines] == [
        {"bird": True, "bird-f1": 0.0}, {"bird": False, "bird-f1": 0.0}, {"bird": True, "bird-f1": 1.0},
        {"bird": False, "bird-f1": 0.0},
    ]  # fmt: skip
    assert [line["correct"] for line in lines] == [True, False, True, False]


def test_others_may_be_asked_and_ex_stays_birds(bird: Path) -> None:
    told = json.loads(run("score", "answers.json", "--data", bird, "--metric", "official,bird-f1", "--json").stdout)
    assert (told["ex"], told["mode"]) == (50.0, "bird")
    assert told["metrics"]["official"]["n"] == 3


def test_numbers_for_people_are_by_its_own_difficulty(bird: Path) -> None:
    lines = run("score", "answers.json", "--data", bird).stdout.splitlines()
    assert lines[0].startswith("bird mini-dev  EX 50.0 ±")
    assert [line.split() for line in lines[2:5]] == [
        ["simple", "100.0", "n=1"], ["moderate", "50.0", "n=2"], ["challenging", "0.0", "n=1"]
    ]  # fmt: skip
    assert any("scorer bird 1" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--split", "dev"], "No dev.json in"),
        (["--split", "train"], "so no split train; there is: mini-dev"),
        (["--metric", "brid"], "no scorer 'brid' (did you mean 'bird'?)"),
        (["--evidence", "maybe"], "'maybe' is not one of 'yes', 'no'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(bird: Path, arguments: list[str], sentence: str) -> None:
    result = run("score", "answers.json", "--benchmark", "bird", "--data", bird, *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr.replace("\n", " ")


def test_evaluated_with_evidence_and_without(bird: Path, endpoint: FakeOpenAI) -> None:
    told: dict[str, str] = {}
    endpoint.script = [endpoint.said("SELECT 1")]
    for evidence in ("yes", "no"):
        endpoint.requests.clear()
        result = run("eval", "--benchmark", "bird", "--data", bird, "--evidence", evidence, "--out", evidence,
                     "--model", "m", "--base-url", endpoint.url, "--json", "--no-cache")  # fmt: skip
        assert result.exit_code == 0, result.output
        told[evidence] = next(
            body["messages"][-1]["content"] for body in endpoint.requests if "open?" in str(body["messages"])
        )
        info = json.loads((Path(evidence) / "run.json").read_text())
        assert (info["benchmark"], info["split"]) == (
            "bird",
            "mini-dev" if evidence == "yes" else "mini-dev-no-evidence",
        )
        assert info["scorer"]["mode"] == "bird"
    note = "Note: open means status = 'o'\n"
    assert note in told["yes"]
    assert told["no"] == told["yes"].replace(note, "")
    assert "status TEXT, -- whether it sells; o: open c: closed: 'o', 'c'" in told["no"]
    shown = run("show", "no", "--data", bird)
    assert shown.exit_code == 0, shown.output
    assert "not a benchmark" not in shown.stderr
    compared = run("compare", "yes", "no", "--data", bird)
    assert compared.exit_code == 0, compared.output
    assert [row.split("|")[2].strip() for row in compared.stdout.splitlines()[2:4]] == ["yes", "no"]
