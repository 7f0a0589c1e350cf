from __future__ import annotations

import csv
import json
import sqlite3
import statistics
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

from spider_opt.analysis.paired import holm
from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import find_runs
from spider_opt.types import ModelInfo

RESULTS = Path(__file__).resolve().parents[2] / "results"
RUN = {
    "method": "zero-shot", "steps": "zero-shot",
    "model": "fake", "model_sha256": "", "adapter_sha256": "", "benchmark": "spider",
    "split": "dev", "sample": "", "fingerprint": "f", "seed": 0, "version": "0.1.0", "commit": "c", "n": 1,
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip


def lines(entries: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def fabricate(folder: Path, marks: str, start: int = 0, without: str = "", **changes: Any) -> Path:
    """Write a run with a right (+) or wrong (-) answer to each question from ``start`` on, two to a gold query."""
    folder.mkdir(parents=True)
    run = {key: value for key, value in (RUN | {"n": len(marks)} | changes).items() if key != without}
    (folder / "run.json").write_text(json.dumps(run))
    answers, verdicts = [], []
    for index, mark in enumerate(marks, start):
        tokens = {"prompt_tokens": 1000 + index, "cached_tokens": 900, "completion_tokens": 30}
        usage = {"calls": 2, **tokens, "seconds": 0.5, "dollars": 0.0}
        db_id = f"db{index % 3}"
        answers.append({"index": index, "id": f"dev-{index:04d}", "db_id": db_id, "sql": "SELECT 1", "usage": usage})
        told = {"outcome": "correct" if mark == "+" else "wrong_rows", "detail": "", "hardness": "easy"}
        verdicts.append({"index": index, "db_id": db_id, "correct": mark == "+", **told, "cluster": f"c{index // 2}"})
    (folder / "predictions.jsonl").write_text(lines(answers))
    (folder / "verdicts.jsonl").write_text(lines(verdicts))
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fabricate(tmp_path / "runs" / "base", "++--" * 5)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments])


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


# --- the table ---------------------------------------------------------------------------------


def test_base_first_then_the_best(here: Path) -> None:
    fabricate(here / "runs" / "a", "+---" * 5, method="retry")
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    fabricate(here / "runs" / "c", "++--" * 5, method="cot")
    found = rows("runs/base", "runs")
    assert [row["method"] for row in found] == ["zero-shot", "vote", "cot", "retry"]
    assert [row["change"] for row in found] == [None, 25, 0, -25]
    base, vote, cot, retry = found
    assert (base["p"], base["p_holm"], base["won"], base["n"], base["ex"]) == (None, None, None, 20, 50)
    assert (vote["won"], vote["lost"], vote["p"], vote["p_holm"]) == (5, 0, 0.0625, 0.1875)
    assert (retry["won"], retry["lost"], retry["p"], retry["p_holm"]) == (0, 5, 0.0625, 0.1875)
    assert vote["change_low"] < 25 < vote["change_high"]
    assert (cot["change_low"], cot["change_high"], cot["p_holm"]) == (0, 0, 1)
    costs = {key: value for key, value in base.items() if key.endswith("_per_question")}
    assert costs == {
        "calls_per_question": 2, "prompt_tokens_per_question": 1009.5, "cached_tokens_per_question": 900,
        "completion_tokens_per_question": 30, "s_per_question": 0.5,
    }  # fmt: skip


def test_the_markdown(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    result = run("runs/base", "runs/b")
    assert (result.exit_code, result.stderr) == (0, "")
    table, _, below = result.stdout.partition("\n\n")
    legend, _, power = below.partition("\n\n")
    head, rule, base, vote = table.splitlines()
    assert head == (
        "| method | n | EX | change (95 %) | p | won/lost | calls | prompt tokens (cached) | answer tokens | seconds |"
    )
    assert rule == "| --- |" + " ---: |" * 9
    assert base == "| zero-shot | 20 | 50.0 ± 16.7 | - | - | - | 2.0 | 1,010 (900) | 30 | 0.5 |"
    assert vote.startswith("| vote | 20 | 75.0 ± ")
    assert " | +25.0 (+6.1 to +43.9) | 0.062 | 5/0 | " in vote
    assert "on the same 20 questions" in legend
    assert legend.count("\n") == 0
    assert power.startswith("Could be shown: a change of ")
    assert power.count("\n") == 1


def test_a_run_of_more_questions_is_compared_on_those_of_the_base(here: Path) -> None:
    fabricate(here / "runs" / "whole", "+++-" * 10, method="vote")
    fabricate(here / "sample", "--" * 5, start=8, method="zero-shot:values=0")
    base, *others = rows("sample", "runs/base", "runs/whole")
    assert [base["ex"], base["n"], base["prompt_tokens_per_question"]] == [0, 10, 1012.5]
    assert [(row["ex"], row["n"], row["won"], row["lost"]) for row in others] == [(80, 10, 8, 0), (60, 10, 6, 0)]
    assert {row["prompt_tokens_per_question"] for row in others} == {1012.5}


def test_a_shorter_run_counts_only_if_it_was_named(here: Path) -> None:
    fabricate(here / "runs" / "short", "++++", method="vote")
    fabricate(here / "runs" / "whole", "+" * 20, method="retry")
    found = run("runs/base", "runs", "--json")
    assert [row["method"] for row in json.loads(found.stdout)] == ["zero-shot", "retry"]
    assert found.stderr == (
        "left out: runs/short has 4 of the 20 questions of runs/base; name it to compare on these\n"
    )
    named = run("runs/base", "runs", "runs/short", "--json")
    assert [(row["method"], row["n"]) for row in json.loads(named.stdout)] == [
        ("zero-shot", 4), ("retry", 4), ("vote", 4),
    ]  # fmt: skip
    assert named.stderr == ("16 of the 20 questions of runs/base left out: not all runs have them; see runs/short\n")


def _judged(folder: Path, metric: str, values: list[float | bool | None], **scorer: Any) -> None:
    """Say of each question what a metric gave it, None for nothing."""
    run = json.loads((folder / "run.json").read_text())
    run["scorer"] |= {"metrics": ["official", metric]} | scorer
    (folder / "run.json").write_text(json.dumps(run))
    verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    for verdict, value in zip(verdicts, values, strict=True):
        verdict["metrics"] = {"official": verdict["correct"]} | ({} if value is None else {metric: value})
    (folder / "verdicts.jsonl").write_text(lines(verdicts))


def test_by_another_metric_on_the_questions_that_have_it(here: Path) -> None:
    _judged(fabricate(here / "m" / "one", "++--"), "suite", [True, False, False, None], suite="given 1")
    _judged(fabricate(here / "m" / "two", "++--"), "suite", [True, True, True, True], suite="given 1")
    told = json.loads(run("m/one", "m/two", "--metric", "suite", "--json").stdout)
    assert [(line["metric"], line["n"], round(line["ex"], 1)) for line in told] == [
        ("suite", 3, 33.3),
        ("suite", 3, 100.0),
    ]
    assert (told[1]["won"], told[1]["lost"], told[1]["change"]) == (2, 0, 66.6667)
    shown = run("m/one", "m/two", "--metric", "suite").stdout
    assert "| method | run | n | suite | change (95 %) |" in shown
    assert "Judged by suite on the databases given 1." in shown
    assert told[0]["judged_by"] == "suite on the databases given 1"
    by_ex = json.loads(run("m/one", "m/two", "--json").stdout)
    assert (by_ex[1]["n"], by_ex[1]["won"], "metric" in by_ex[1]) == (4, 0, False)


def test_by_a_metric_that_is_a_number(here: Path) -> None:
    _judged(fabricate(here / "m" / "one", "++"), "bird-f1", [0.5, 0.25])
    _judged(fabricate(here / "m" / "two", "++"), "bird-f1", [0.75, 0.0])
    line = json.loads(run("m/one", "m/two", "--metric", "bird-f1", "--json").stdout)[1]
    assert (line["ex"], line["won"], line["lost"], line["change"]) == (37.5, 1, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "match"], "m/one was not judged by match, but by official, suite"),
        (["--metric", "suite"], "m/two was scored by suite on the databases given 2, but m/one by "),
        (["--metric", "suite,strict"], "runs are compared by one metric: name one of suite,strict"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_compared(here: Path, arguments: list[str], said: str) -> None:
    _judged(fabricate(here / "m" / "one", "+"), "suite", [True], suite="given 1")
    _judged(fabricate(here / "m" / "two", "+"), "suite", [True], suite="given 2")
    result = run("m/one", "m/two", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_by_database(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    by_query, by_database = rows("runs/base", "runs/b"), rows("runs/base", "runs/b", "--by", "database")
    for one, other in zip(by_query, by_database, strict=True):
        differing = {key for key in one if one[key] != other[key]}
        assert {"ex_se"} <= differing <= {"ex_se", "change_low", "change_high", "p_clustered", "smallest"}
    assert "questions of one database" in run("runs/base", "runs/b", "--by", "database").stdout


def test_the_same_run_twice_is_one_row(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    (here / "link").symlink_to(here / "runs" / "b")
    assert len(rows("runs/base", "runs/b", "runs", "link", "runs/b/", "./runs/base")) == 2


def test_methods_that_are_called_the_same_are_told_apart(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, model="larger")
    assert run("runs/base", "runs").stdout.startswith("| method | model | n |")
    fabricate(here / "runs" / "c", "+++-" * 5, model="larger", seed=1)
    assert run("runs/base", "runs").stdout.startswith("| method | model | run | n |")
    (here / "runs" / "b" / "verdicts.jsonl").unlink()
    (here / "runs" / "c" / "run.json").write_text(json.dumps(RUN | {"n": 20}))
    assert run("runs/base", "runs").stdout.startswith("| method | run | n |")


def test_one_question_has_no_interval(here: Path) -> None:
    fabricate(here / "one", "-")
    fabricate(here / "other", "+", method="vote")
    found = rows("one", "other")[1]
    assert (found["change"], found["change_low"], found["ex_se"], found["p_holm"]) == (100, None, None, 1)
    assert "| 100.0 ± - | +100.0 (-) | 1.000 | 1/0 |" in run("one", "other").stdout


def test_no_minus_before_nothing(here: Path) -> None:
    fabricate(here / "a", "+" * 3000)
    fabricate(here / "b", "+" * 2999 + "-", method="vote")
    assert "| +0.0 (-0.1 to +0.0) | 1.000 | 0/1 |" in run("a", "b").stdout


# --- files of others ---------------------------------------------------------------------------


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


# --- --out -------------------------------------------------------------------------------------


def test_out_says_which_command_made_it(here: Path) -> None:
    fabricate(here / "runs" / "b's", "+++-" * 5, method="vote")
    result = run("runs/base", "runs", "runs/b's", "--by", "database", "--out", "new/results/table.md")
    assert result.exit_code == 0
    assert result.stderr == "written: new/results/table.md\n"
    first, empty, *rest = (here / "new" / "results" / "table.md").read_text().splitlines(keepends=True)
    assert first == (
        "Made by `spider-opt compare runs/base runs 'runs/b'\"'\"'s' --by database --out new/results/table.md`.\n"
    )
    assert empty == "\n"
    assert "".join(rest) == result.stdout
    before = (here / "new" / "results" / "table.md").read_bytes()
    run("runs/base", "runs", "runs/b's", "--by", "database", "--json", "--out", "new/results/table.md")
    assert (here / "new" / "results" / "table.md").read_bytes() == before
    assert [path.name for path in (here / "new" / "results").iterdir()] == ["table.md"]


@pytest.mark.parametrize(
    ("out", "said"),
    [("file/table.md", "file/table.md cannot be written (file is no folder)"), ("runs", "'runs' is a directory"),
     ("file/deeper/table.md", "file/deeper/table.md cannot be written (file is no folder)")],
)  # fmt: skip
def test_where_nothing_can_be_written(here: Path, out: str, said: str) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5)
    (here / "file").write_text("")
    result = run("runs/base", "runs/b", "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert isinstance(result.exception, SystemExit)
    assert said in result.stderr.splitlines()[-1]


def test_a_refusal_leaves_the_file_as_it_was(here: Path) -> None:
    fabricate(here / "b", "++", fingerprint="g")
    (here / "table.md").write_text("old")
    assert run("runs/base", "b", "--out", "table.md").exit_code == 2
    assert (here / "table.md").read_text() == "old"


# --- what cannot be compared -------------------------------------------------------------------

STRICT = {"scorer": RUN["scorer"] | {"mode": "strict"}}  # type: ignore[operator]
OTHER = [
    ({"split": "train"}, 2, "RUN was asked spider train, but runs/base was asked spider dev"),
    ({"benchmark": "spider-mini"}, 2, "RUN was asked spider-mini dev, but runs/base was asked spider dev"),
    ({"fingerprint": "g"}, 2, "RUN and runs/base were asked spider dev with other questions or databases"),
    (
        STRICT,
        2,
        "RUN was scored by strict v1, but runs/base by official v1: "
        "spider-opt score RUN --spider DIR --mode official --update judges it again",
    ),
    ({"start": 20}, 2, "RUN and runs/base have no question in common"),
    ({"without": "scorer"}, 1, "the run in RUN is unfinished: run its eval command again"),
]


@pytest.mark.parametrize(("changes", "code", "sentence"), OTHER, ids=lambda value: str(value)[:30])
def test_a_run_that_was_named_is_refused(here: Path, changes: dict[str, Any], code: int, sentence: str) -> None:
    fabricate(here / "b", "+++-" * 5, **changes)
    result = run("runs/base", "b")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {sentence.replace('RUN', 'b')}\n")


@pytest.mark.parametrize(("changes", "code", "sentence"), OTHER, ids=lambda value: str(value)[:30])
def test_a_run_that_was_found_is_left_out(here: Path, changes: dict[str, Any], code: int, sentence: str) -> None:
    fabricate(here / "more" / "a", "+++-" * 5)
    fabricate(here / "more" / "b", "+++-" * 5, **changes)
    result = run("runs/base", "more")
    assert result.exit_code == 0
    assert result.stderr == f"left out: {sentence.replace('RUN', 'more/b')}\n"
    assert result.stdout.count("zero-shot") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "run in b is unfinished"), ("", "b has no verdicts"), ('{"index": 0', "run in b is broken")],
)
def test_verdicts_that_are_missing_or_broken(here: Path, text: str | None, said: str) -> None:
    verdicts = fabricate(here / "b", "+++-" * 5) / "verdicts.jsonl"
    verdicts.unlink() if text is None else verdicts.write_text(text)
    for arguments in (("runs/base", "b"), ("b", "runs/base")):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr


def test_runs_that_have_nothing_in_common_with_each_other(here: Path) -> None:
    fabricate(here / "a", "++++")
    fabricate(here / "b", "++++", start=4)
    result = run("runs/base", "a", "b")
    assert (result.exit_code, result.stderr) == (2, "Error: no question was answered by all of runs/base, a, b\n")


def test_nothing_to_compare(here: Path) -> None:
    assert run("runs/base").exit_code == 2
    for again in ("runs/base", "runs"):
        result = run("runs/base", again)
        assert result.exit_code == 2
        assert result.stderr == "Error: there is no run to compare with runs/base: name another one\n"
    (here / "empty").mkdir()
    result = run("runs/base", "runs", "empty")
    assert (result.exit_code, result.stderr) == (1, "Error: no run in empty\n")
    result = run("runs", "runs/base")
    assert (result.exit_code, result.stderr) == (1, "Error: no run in runs: it has no run.json\n")
    assert "'nowhere' does not exist" in run("runs/base", "nowhere").stderr


# --- what is committed -------------------------------------------------------------------------


def test_the_committed_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    base, trials = Path("results/trials/zero-shot"), Path("results/trials")
    if not base.exists():
        pytest.skip("no trials here")
    right = {
        folder.name: {v["index"] for v in map(json.loads, path.read_text().splitlines()) if v["correct"]}
        for folder in find_runs(trials)
        if (path := folder / "verdicts.jsonl").exists()
    }
    first, *others = rows(str(base), str(trials))
    assert first["run"] == "zero-shot"
    assert len(others) >= 5
    assert [row["ex"] for row in others] == sorted((row["ex"] for row in others), reverse=True)
    for row in others:
        assert row["n"] == first["n"]
        assert row["won"] == len(right[row["run"]] - right["zero-shot"])
        assert row["lost"] == len(right["zero-shot"] - right[row["run"]])
        assert row["change"] == pytest.approx(row["ex"] - first["ex"], abs=2e-4)
        assert row["change_low"] <= row["change"] <= row["change_high"]
        assert row["p"] <= row["p_holm"] <= 1


def test_the_committed_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    dev, mini = (f"results/runs/zero-shot-qwen2.5-coder-0.5b-spider-{name}" for name in ("dev", "mini-test"))
    if not (Path(dev).exists() and Path(mini).exists()):
        pytest.skip("no runs here")
    result = run(dev, mini)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {mini} was asked spider-mini test, but {dev} was asked spider dev\n"


def test_out_writes_over_nothing_but_its_own_tables(here: Path) -> None:
    fabricate(here / "b", "+++-" * 5)
    (here / "answers.txt").write_text("SELECT 1\n")
    result = run("runs/base", "b", "--out", "answers.txt")
    assert result.exit_code == 2
    assert "answers.txt is there and holds no table of spider-opt compare: name another file" in result.stderr
    assert (here / "answers.txt").read_text() == "SELECT 1\n"
    for _ in range(2):
        assert run("runs/base", "b", "--out", "table.md").exit_code == 0


def test_a_sample_was_not_asked_other_questions(here: Path) -> None:
    fabricate(here / "whole", "+" * 20, questions="a" * 16, schemas="a" * 16)
    fabricate(here / "part", "+" * 10, questions="b" * 16, schemas="b" * 16, sample="some")
    assert "beside" not in run("whole", "part").stdout


# --- questions that a program has changed, so that the fingerprint of the files does not tell --------


def test_other_golds_are_refused(here: Path) -> None:
    verdicts = fabricate(here / "other", "+" * 20) / "verdicts.jsonl"
    verdicts.write_text(verdicts.read_text().replace('"c3"', '"changed"'))
    result = run("runs/base", "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "other and runs/base were asked other questions: 2 of the 20 that both number alike" in result.stderr


@pytest.mark.parametrize(("marks", "said"), [("+" * 20, True), ("+" * 19, False)])
def test_other_words_are_told(here: Path, marks: str, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    fabricate(here / "before", "+" * 20, questions="a" * 16)
    fabricate(here / "after", marks, questions="b" * 16)  # of fewer questions there is another hash in any case
    assert run("before", "after").exit_code == 0
    assert ("not all of the same words" in caplog.text) is said


# --- only some questions -----------------------------------------------------------------------


def test_only_the_questions_that_a_file_lists(here: Path) -> None:
    bench = load("spider-mini:test")
    same = {"benchmark": "spider-mini", "split": "test", "fingerprint": bench.fingerprint}
    fabricate(here / "runs" / "one", "+-" * 10, **same)
    fabricate(here / "runs" / "two", "++" * 5 + "--" * 5, **same)
    (here / "ids.txt").write_text("\n".join(bench.examples[index].question.id for index in (0, 1, 3, 12)))
    base, two = rows("runs/one", "runs/two", "--ids", "ids.txt")
    assert (base["n"], base["ex"], two["ex"], two["won"], two["lost"]) == (4, 50, 75, 2, 1)
    result = run("runs/one", "runs/two", "--ids", "ids.txt", "--out", "table.md")
    assert "--ids ids.txt --out table.md" in Path("table.md").read_text()
    assert result.exit_code == 0


def test_only_some_questions_of_a_run_on_others(here: Path) -> None:
    bench = load("spider-mini:test")
    fabricate(here / "runs" / "one", "+-" * 10)
    (here / "ids.txt").write_text(bench.examples[0].question.id)
    result = run("runs/base", "runs/one", "--ids", "ids.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("Error: runs/base is not known to have been asked spider-mini test as it is here\n")


# --- what could be shown, parts, and questions that turned -------------------------------------


def test_which_change_could_have_been_shown(here: Path) -> None:
    """Of 10 gold queries half changed by half: t of 97.5 % and of 80 % with 9 degrees of freedom, times the error."""
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    [base, row] = rows("runs/base", "runs/b")
    error = 100 * statistics.stdev([0, 0.5] * 5) / 10**0.5
    assert row["smallest"] == pytest.approx((2.2622 + 0.8834) * error, abs=0.01)
    assert (base["smallest"], row["p_clustered"]) == (None, 0.0625)
    fabricate(here / "runs" / "same", "++--" * 5, method="cot")
    text = run("runs/base", "runs/b", "runs/same").stdout
    assert f"Could be shown: a change of {row['smallest']:.1f} points, with 80 % power at 5 %" in text
    assert "not known, since no verdict differs" in run("runs/base", "runs/same").stdout
    for name, verdicts in (("none", "----" * 5), ("all", "++++" * 5)):
        fabricate(here / "ends" / name, verdicts, method=name)
    text = run("ends/none", "ends/all").stdout
    assert " 20/0 " in text
    assert "not known, since all verdicts that differ do so alike" in text


def test_the_questions_that_turned(here: Path) -> None:
    fabricate(here / "runs" / "b", "-++-" + "++--" * 4, method="vote")
    shown = run("runs/base", "runs/b", "--flips").stdout.splitlines()
    assert shown[-3:] == [
        "runs/b against runs/base: 1 won, 1 lost",
        "won   dev-0002  db2  easy  wrong_rows",
        "lost  dev-0000  db0  easy  wrong_rows",
    ]
    row = rows("runs/base", "runs/b", "--flips")[1]
    assert (row["questions_won"], row["questions_lost"]) == (["dev-0002"], ["dev-0000"])


def test_by_hardness_and_by_database(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    text = run("runs/base", "runs/b", "--slices", "hardness,database").stdout
    assert "| easy | b | 20 | 75.0 | +25.0 (" in text
    table = [line for line in text.splitlines() if line.startswith("| db")]
    assert [line.split(" | ")[:2] for line in table] == [[f"| db{i}", name] for i in range(3) for name in ("base", "b")]
    assert "| 10 gold queries | b | 50.0 % | 50.0 % | 0.0 % |" in text
    row = rows("runs/base", "runs/b", "--slices", "database")[1]
    assert row["phrasings"] == {"n": 10, "always": 5, "sometimes": 5, "never": 0}
    assert sum(part["won"] for part in row["slices"]) == row["won"] == 5
    assert sum(part["n"] for part in row["slices"]) == 20
    by_hand = holm([part["p"] for part in row["slices"]])
    assert [part["p_holm"] for part in row["slices"]] == pytest.approx(by_hand)


def test_runs_of_one_name_are_not_mixed_up(here: Path) -> None:
    for place, marks in {"x": "+++-" * 5, "y": "+---" * 5}.items():
        fabricate(here / place / "same", marks)
    found = rows("runs/base", "x/same", "y/same", "--flips", "--slices", "hardness")[1:]
    assert [(row["run"], len(row["questions_won"]), len(row["questions_lost"])) for row in found] == [
        ("same", 5, 0), ("same", 0, 5),
    ]  # fmt: skip
    assert [row["slices"][0]["change"] for row in found] == [25, -25]


def test_a_csv_has_a_row_for_each_run_and_part(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    assert run("runs/base", "runs/b", "--out", "parts.csv").exit_code == 0
    with (here / "parts.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(row["by"], row["part"], row["run"]) for row in found] == [
        (by, part, name)
        for by, parts in {"all": ["all"], "hardness": ["easy"], "database": ["db0", "db1", "db2"]}.items()
        for part in parts
        for name in ("base", "b")
    ]
    base, vote = found[:2]
    assert (base["change"], base["p"], base["always"]) == ("", "", "5")
    assert (vote["ex"], vote["change"], vote["won"], vote["lost"], vote["asked_again"]) == (
        "75.0",
        "25.0",
        "5",
        "0",
        "10",
    )
    assert run("runs/base", "runs/b", "--out", "parts.csv").exit_code == 0  # its own is written anew
    (here / "mine.csv").write_text("a,b\n1,2\n")
    refused = run("runs/base", "runs/b", "--out", "mine.csv")
    assert (refused.exit_code, "holds no table of spider-opt compare" in refused.stderr) == (2, True)
    assert (here / "mine.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("mood", "there are no parts by 'mood', but by hardness, database"),
        ("joins", "was not asked spider-mini test as"),
    ],
)
def test_parts_that_cannot_be_told_are_refused(here: Path, names: str, said: str) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    result = run("runs/base", "runs/b", "--slices", names)
    assert result.exit_code == 2
    assert said in result.stderr


def test_by_what_the_gold_queries_are_made_of() -> None:
    folders = [
        RESULTS / "runs" / f"{name}-qwen2.5-coder-0.5b-spider-mini-test" for name in ("zero-shot", "rag+finetune")
    ]
    row = rows(*map(str, folders), "--slices", "joins, order-by")[1]
    golds = {example.index: example.gold_sql.upper() for example in load("spider-mini").examples}
    counted = Counter("ORDER BY" in sql for sql in golds.values())
    parts = {part["part"]: part["n"] for part in row["slices"] if part["by"] == "order_by"}
    assert parts == {"0": counted[False], "1": counted[True]}
    assert sum(part["n"] for part in row["slices"] if part["by"] == "joins") == 125
    everything = run(*map(str, folders), "--slices", "all").stdout
    assert "| set operations | run |" in everything
