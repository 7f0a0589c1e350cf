"""``spider-opt compare`` on predictions and verdicts of others."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from compared_runs import fabricate, lines, rows, run
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate
from spider_opt.types import ModelInfo


@pytest.fixture
def others(here: Path) -> Path:
    """A shop with four questions, and what two systems answered, in two forms."""
    database = here / "own" / "database" / "shop" / "shop.sqlite"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('a')")
    golds = [
        "SELECT count(*) FROM item",
        "SELECT name FROM item",
        "SELECT DISTINCT name FROM item",
        "SELECT max(name) FROM item",
    ]
    asked = [{"db_id": "shop", "question": f"Number {i}?", "query": gold} for i, gold in enumerate(golds)]
    (here / "own" / "dev.json").write_text(json.dumps(asked))
    (here / "good.txt").write_text(
        "".join(f"{gold}\tshop\n" for gold in [*golds[:2], "SELECT name FROM item", golds[3]])
    )
    (here / "weak.json").write_text(json.dumps([golds[0], "SELECT 1", "SELECT 2", "SELECT 3"]))
    return here


def test_two_published_systems_in_one_command(others: Path) -> None:
    result = run("weak.json", "good.txt", "--data", "own")
    assert (result.exit_code, result.stderr) == (0, "")
    _, _, weak, good = result.stdout.splitlines()[:4]
    assert weak.startswith("| weak | 4 | 25.0 ± 25.0 | - | - | - | - | - | - | - |")
    assert good.startswith("| good | 4 | 100.0 ± 0.0 | +75.0 (")
    assert good.endswith("| 3/0 | - | - | - | - |")
    strict = rows("weak.json", "good.txt", "--data", "own", "--mode", "strict")
    assert [(row["ex"], row["calls_per_question"]) for row in strict] == [(25, None), (75, None)]


def test_a_folder_with_a_file_for_each_question_is_one_of_predictions(others: Path) -> None:
    told = CliRunner().invoke(main, ["export", "good.txt", "--data", "own", "--as", "spider2", "--out", "folder"])
    assert told.exit_code == 0, told.output
    by_file = rows("weak.json", "good.txt", "--data", "own")
    assert [row["ex"] for row in rows("weak.json", "folder", "--data", "own")] == [row["ex"] for row in by_file]
    assert [row["ex"] for row in rows("folder", "weak.json", "--data", "own")] == [100, 25]
    assert run("folder", "weak.json", "--data", "own", "--field", "sql").stderr.startswith('Error: no field "sql" in')
    (others / "empty").mkdir()
    assert run("weak.json", "empty", "--data", "own").stderr == "Error: no run in empty\n"


def test_files_of_verdicts_need_no_benchmark(others: Path) -> None:
    for name in ("weak.json", "good.txt"):
        arguments = ["score", name, "--data", "own", "--out", f"{Path(name).stem}.jsonl"]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    from_predictions = rows("weak.json", "good.txt", "--data", "own")
    result = run("weak.jsonl", "good.jsonl", "--json")
    ignored = ("run",)
    assert [{k: v for k, v in row.items() if k not in ignored} for row in json.loads(result.stdout)] == [
        {k: v for k, v in row.items() if k not in ignored} for row in from_predictions
    ]
    assert result.stderr == "", "the files say how they were judged"
    assert [row["ex"] for row in rows("weak.json", "good.jsonl", "--data", "own")] == [25, 100]


def test_files_are_read_as_score_reads_them(others: Path) -> None:
    queries = [json.loads((others / "weak.json").read_text()), (others / "good.txt").read_text().splitlines()]
    weak, good = queries[0], [line.partition("\t")[0] for line in queries[1]]
    with Path("weak.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", "guess"], *enumerate(f"Sure:\n```sql\n{sql}\n```" for sql in weak)])
    said = [{"first": "SELECT 0", "second": f"It is {sql}"} for sql in good]
    Path("good.jsonl").write_text(lines(said))
    Path("plain.json").write_text(json.dumps([{"sql": f"<sql>{sql}</sql>"} for sql in good]))
    typed = ("--extract", "--field", "guess", "--field", "second")
    result = run("weak.csv", "good.jsonl", "plain.json", "good.txt", "--data", "own", *typed, "--out", "t.md", "--json")
    assert (result.exit_code, result.stderr) == (0, "written: t.md\n"), result.stderr
    assert [(row["method"], row["ex"]) for row in json.loads(result.stdout)] == [
        ("weak", 25), ("good", 100), ("good", 100), ("plain", 100)
    ]  # fmt: skip
    assert f"good.txt --data own {' '.join(typed)} --out t.md`" in Path("t.md").read_text()
    refused = run("weak.csv", "good.jsonl", "--data", "own", "--field", "gues")
    assert (refused.exit_code, refused.stderr) == (2, 'Error: no field "gues" in weak.csv, good.jsonl\n')
    fabricate(others / "c", "++++")
    for option in (["--extract"], ["--field", "guess"]):
        refused = run("runs/base", "c", *option)
        assert (refused.exit_code, "--extract and --field say how files of predictions" in refused.stderr) == (2, True)
        assert run("runs/base", "weak.csv", "--data", "own", *option).exit_code != 0, "another benchmark"


def test_a_run_beside_a_file_is_judged_as_the_run_was(others: Path) -> None:
    fake = FakeModel("SELECT count(*) FROM item")
    evaluate("zero-shot", load(data="own"), model=fake, out="run", mode="strict")
    found = rows("good.txt", "run", "--data", "own")
    assert [(row["method"], row["ex"]) for row in found] == [("good", 75), ("zero-shot", 25)]
    assert found[1]["calls_per_question"] == 1
    for file in ("run/verdicts.jsonl", "run/predictions.jsonl"):
        assert rows("good.txt", file, "--data", "own") == found
    refused = run("good.txt", "run", "--data", "own", "--mode", "official")
    assert (refused.exit_code, "run was scored by strict" in refused.stderr) == (2, True)


def test_files_of_one_name_are_told_apart(others: Path) -> None:
    for folder, name in (("a", "weak.json"), ("b", "good.txt")):
        (others / folder).mkdir()
        (others / folder / f"answers{Path(name).suffix}").write_text((others / name).read_text())
    told = run("a/answers.json", "b/answers.txt", "--data", "own").stdout
    assert told.startswith("| method | run |")
    assert "| answers | a/answers.json |" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["weak.json", "few.txt", "--data", "own"], "few.txt: there is 1 answer for the 4 questions of own dev"),
        (
            ["good.txt", "other.jsonl", "--data", "own"],
            "other.jsonl and good.txt were asked other questions: 1 of the 1",
        ),
        (["good.txt", "far.jsonl", "--data", "own"], "far.jsonl and good.txt have no question in common"),
        (
            ["good.txt", "twice.jsonl", "--data", "own"],
            "twice.jsonl holds no verdicts that can be read: a question has two",
        ),
        (["good.txt", "broken.jsonl", "--data", "own"], "broken.jsonl holds no verdicts that can be read"),
        (["good.txt", "good.txt", "--data", "own"], "there is no run to compare with good.txt"),
    ],
)
def test_files_that_cannot_be_compared(others: Path, arguments: list[str], said: str) -> None:
    verdict = {"index": 0, "db_id": "shop", "correct": True, "outcome": "correct", "detail": "", "hardness": None,
               "cluster": "x"}  # fmt: skip
    (others / "few.txt").write_text("SELECT 1\n")
    (others / "other.jsonl").write_text(lines([verdict]))
    (others / "far.jsonl").write_text(lines([verdict | {"index": 77}]))
    (others / "twice.jsonl").write_text(lines([verdict, verdict]))
    (others / "broken.jsonl").write_text(lines([verdict, {"index": 1}]))
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert said in result.stderr


def test_by_corrected_golds(others: Path) -> None:
    """Of the third question the weak system's answer is right, and the good one's is not."""
    example = load(data="own").examples[2]
    entry = {"index": 2, "db_id": "shop", "hash": gold_hash(example), "verdict": "wrong", "golds": ["SELECT 2"]}
    (others / "mine.json").write_text(json.dumps([entry]))
    typed = ("--data", "own", "--metric", "corrected", "--corrections", "mine.json")
    assert [row["ex"] for row in rows("weak.json", "good.txt", *typed)] == [50, 75]
    assert [row["ex"] for row in rows("weak.json", "good.txt", "--data", "own")] == [25, 100]
    fake = FakeModel("SELECT 2")
    evaluate("zero-shot", load(data="own"), model=fake, out="run", corrections="mine.json")
    assert [row["ex"] for row in rows("good.txt", "run", *typed)] == [75, 25]
    other = FakeModel("SELECT 9", info=ModelInfo("other"))
    evaluate("zero-shot", load(data="own"), model=other, out="two", corrections="mine.json")
    assert [row["ex"] for row in rows("run", "two", "--metric", "corrected")] == [25, 0]
    evaluate("zero-shot", load(data="own"), model=fake, out="plain")
    refused = run("run", "plain", "--metric", "corrected")
    assert (refused.exit_code, "plain was not judged by corrected" in refused.stderr) == (2, True)
    refused = run("weak.json", "good.txt", "--data", "own", "--corrections", "mine.json")
    assert (refused.exit_code, "--metric corrected" in refused.stderr) == (2, True)


def test_the_table_of_files_says_how_it_is_made_again(others: Path) -> None:
    assert run("weak.json", "good.txt", "--data", "own", "--mode", "strict", "--out", "t.md").exit_code == 0
    first = (others / "t.md").read_text().splitlines()[0]
    assert first == "Made by `spider-opt compare weak.json good.txt --data own --mode strict --out t.md`."
