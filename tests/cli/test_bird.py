"""BIRD from the command line: answers of another tool, BIRD's numbers, with evidence and without."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel
from fake_openai import FakeOpenAI

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate

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


@pytest.fixture
def both_ways(bird: Path) -> Path:
    """Two runs, ``yes`` with evidence and ``no`` without."""
    for name, evidence in (("yes", True), ("no", False)):
        asked = load("bird", data=bird, evidence=evidence)
        evaluate("zero-shot", asked, model=FakeModel("SELECT 1"), out=name, mode="bird")
    return bird


def test_a_run_is_judged_again_with_evidence_or_without_as_it_was_made(both_ways: Path) -> None:
    for name, split in (("yes", "mini-dev"), ("no", "mini-dev-no-evidence")):
        for typed in ([], ["--evidence", name]):
            for metric in ("strict", "official"):
                result = run("score", name, "--data", both_ways, *typed, "--metric", metric, "--update", "--json")
                assert (result.exit_code, result.stderr) == (0, ""), result.stderr
                assert json.loads(result.stdout)["split"] == split
            told = run("score", name, "--data", both_ways, *typed, "--json", "--out", f"{name}.jsonl")
            assert json.loads(told.stdout)["split"] == split
            assert "was made with other questions" not in told.stderr
    marks = [json.loads(Path(f"{name}.jsonl").read_text().splitlines()[0])["judged"] for name in ("yes", "no")]
    assert [mark["split"] for mark in marks] == ["mini-dev", "mini-dev-no-evidence"]
    told = run("score", "no/predictions.jsonl", "--data", both_ways, "--json")
    assert json.loads(told.stdout)["split"] == "mini-dev-no-evidence"


@pytest.mark.parametrize("command", ["score", "score --update", "show", "candidates", "explain", "export", "verify"])
def test_evidence_that_is_typed_otherwise_is_refused(both_ways: Path, command: str) -> None:
    (both_ways / "evaluation_ex.py").write_text("")
    name, *options = command.split()
    options += {"export": ["--as", "bird", "--out", "made"], "verify": ["--official", both_ways]}.get(name, [])
    for made, other, said in (
        ("no", "yes", "the run was asked mini-dev-no-evidence, with --evidence no: leave out --evidence yes"),
        ("yes", "no", "the run was asked mini-dev, with evidence: leave out --evidence no"),
    ):
        before = {path: path.read_bytes() for path in Path(made).iterdir()}
        result = run(name, made, "--data", both_ways, *options, "--evidence", other)
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {said}\n")
        assert {path: path.read_bytes() for path in Path(made).iterdir()} == before


def test_where_there_is_no_evidence_the_option_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evaluate("zero-shot", load("spider-mini"), model=FakeModel("SELECT 1"), out="run", limit=3)
    for evidence in ("yes", "no"):
        assert run("score", "run", "--benchmark", "spider-mini", "--evidence", evidence).exit_code == 0
