"""Spider 2.0 on SQLite: which questions are asked, what they are told, which results are golds, who cannot use them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import spider_opt as so
from spider_opt.analysis.doubt import doubt
from spider_opt.analysis.explaining import explain
from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.spider2 import _asked
from spider_opt.cli import main
from spider_opt.errors import DatasetError, PredictionsError, UsageError
from spider_opt.evaluation.answer_pairs import answer_pairs
from spider_opt.evaluation.exporting import export, write_export
from spider_opt.evaluation.scoring_files import score
from spider_opt.evaluation.verifying import verify
from spider_opt.runs.prediction_files import Predicted
from spider_opt.scoring import rules_for
from spider_opt.suites.build import build_suite
from spider_opt.types import Benchmark

from .conftest import write_database

SCRIPT = """
CREATE TABLE item (name TEXT, price REAL, pieces INTEGER);
INSERT INTO item VALUES ('pen', 1.5, 3), ('ink', NULL, 0), ('pad', 2.25, NULL);
"""
QUESTIONS = [
    ("bq011", "ga4", "How many in the cloud?", "ga4.md"),
    ("local001", "E_shop", "Which items are cheap?", "RFM.md"),
    ("sf_bq033", "PATENTS", "How many patents?", None),
    ("local002", "E_shop", "What does each item cost?", None),
    ("local003", "E_shop", "How many pieces are there?", None),
    ("local004", "E_shop", "What is not scored?", "gone.md"),
    ("local005", "Db-Gone", "What is not here?", None),
]
STANDARDS = [
    ("bq011", [], False, "10"),
    ("local001", [0], True, "79"),
    ("local002", [[0, 1], [1]], False, "80"),
    ("local003", [], True, "160"),
    ("local005", [], True, "9"),
]
GOLDS = {
    "local001.csv": "name,price\npen,1.5\n",
    "local001_a.csv": "name\nnever\n",
    "local002_a.csv": "n,p\nx,1\n",
    "local002_b.csv": "n,p\npen,1.5\nink,\npad,2.25\n",
    "local002_more.csv": "n\nno gold\n",
    "local003.csv": "n\n3\n",
}
ANSWERS = {
    "local001": "SELECT name FROM item WHERE price < 2",
    "local002": "SELECT price FROM item",
    "local003": "SELECT count(*), sum(pieces) FROM item",
    "local004": "SELECT 1",
}
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(standards: Any = STANDARDS, golds: Any = GOLDS, questions: Any = QUESTIONS, as_list: bool = False) -> Path:
        root = tmp_path / "spider2-lite"
        write_database(root / "resource/databases/spider2-localdb/E_shop.sqlite", SCRIPT)
        (root / "resource/databases/sqlite/Db-Gone").mkdir(parents=True)
        (root / "resource/documents").mkdir()
        (root / "resource/documents/RFM.md").write_text("\nCheap means below 2.\n", encoding="utf-8")
        results = root / "evaluation_suite/gold/exec_result"
        results.mkdir(parents=True)
        entries = [
            dict(zip(("instance_id", "db", "question", "external_knowledge"), q, strict=True)) for q in questions
        ]
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        (root / f"spider2-lite.json{'' if as_list else 'l'}").write_text(json.dumps(entries) if as_list else lines)
        if standards is not None:
            names = ("instance_id", "condition_cols", "ignore_order", "toks")
            told = "".join(json.dumps(dict(zip(names, one, strict=True))) + "\n" for one in standards)
            (root / "evaluation_suite/gold/spider2lite_eval.jsonl").write_text(told)
        for name, text in golds.items():
            (results / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return made


@pytest.fixture
def loaded(make: Make) -> Benchmark:
    return load("spider2-sqlite", data=make())


def test_questions_on_sqlite_are_asked_with_their_documents(loaded: Benchmark) -> None:
    assert [example.metadata["instance_id"] for example in loaded.examples] == [f"local00{i}" for i in range(1, 5)]
    assert [example.index for example in loaded.examples] == [0, 1, 2, 3]
    assert (loaded.n_total, dict(loaded.missing), loaded.scorer) == (5, {"Db-Gone": 1}, "columns")
    assert [example.question.notes for example in loaded.examples] == ["Cheap means below 2.", "", "", ""]
    assert [example.metadata.get("difficulty") for example in loaded.examples] == ["easy", "medium", "hard", None]


def test_golds_are_results_and_no_queries(loaded: Benchmark) -> None:
    assert not any(example.golds or example.gold_sql for example in loaded.examples)
    golds = [[(gold.csv[:5], gold.columns, gold.any_order) for gold in ex.gold_results] for ex in loaded.examples]
    assert golds == [
        [("name,", (0,), True)],
        [("n,p\nx", (0, 1), False), ("n,p\np", (1,), False)],
        [("n\n3\n", (), True)],
        [],
    ]


def test_a_list_is_read_too_and_a_folder_is_known_by_its_file(make: Make) -> None:
    root = make(as_list=True)
    assert len(load("spider2-sqlite", data=root).examples) == 4
    (root / "spider2-lite.jsonl").write_text(
        "\n".join(map(json.dumps, json.loads((root / "spider2-lite.json").read_text())))
    )
    assert load(data=root).name == "spider2-sqlite"


def test_without_evidence_no_document_is_told(make: Make) -> None:
    told = load("spider2-sqlite", data=make(), evidence=False)
    assert told.split == "lite-no-evidence"
    assert not any(example.question.notes for example in told.examples)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"golds": GOLDS | {"local003.csv": "n\n4\n"}}, True),
        ({"standards": [*STANDARDS[:3], ("local003", [0], True, "1")]}, True),
        ({"standards": [*STANDARDS[:3], ("local003", [], False, "1")]}, True),
        ({}, False),
    ],
)
def test_another_gold_is_another_fingerprint(make: Make, tmp_path: Path, change: dict[str, Any], said: bool) -> None:
    first = load("spider2-sqlite", data=make())
    (tmp_path / "spider2-lite").rename(tmp_path / "before")
    assert (load("spider2-sqlite", data=make(**change)).fingerprint != first.fingerprint) == said


@pytest.mark.parametrize(
    ("said", "n", "alone", "asked"),
    [
        ([1, 2], 1, True, [((1, 2), "")]),
        ([], 1, True, [((), "")]),
        (None, 1, True, [((), "")]),
        (2, 1, True, [((2,), "")]),
        ([[1], [2]], 1, True, [((), "positions")]),
        ([1, 2], 2, False, [((1, 2), "")] * 2),
        ([[]], 2, False, [((), "")] * 2),
        ([None], 2, False, [((), "")] * 2),
        ([[1], []], 2, False, [((1,), ""), ((), "")]),
        ([[1]], 2, False, [((1,), ""), ((), "and there are 2")]),
        ([3, 2], 1, False, [((3,), "")]),
        (["a"], 1, True, [((), "positions")]),
        ([True], 1, True, [((), "positions")]),
        ("all", 2, False, [((), "condition_cols is")] * 2),
    ],
)
def test_columns_asked_for_are_read_as_the_script_does(said: Any, n: int, alone: bool, asked: Any) -> None:
    found = _asked(said, n, alone)
    assert [columns for columns, _ in found] == [columns for columns, _ in asked]
    assert all(bool(fault) == bool(part) and part in fault for (_, fault), (_, part) in zip(found, asked, strict=True))


def test_what_nothing_can_be_right_by_is_told(make: Make) -> None:
    standards = [*STANDARDS[:2], ("local002", [[9], [1]], False, "x"), ("local003", [], True, "1")]
    found = check_benchmark("spider2-sqlite", make(standards, GOLDS | {"local003.csv": b"\xff\n"}))
    (split,) = found.splits
    assert not found.problems
    assert (split.n, split.n_total, split.results, split.without_gold) == (4, 5, 3, 1)
    told = [gold.error for gold in split.failing_golds]
    assert any("asks for column 9 of 2" in one for one in told)
    assert any("of an earlier gold" in one for one in told)
    assert any("local003.csv" in one for one in told)


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ([("local001", "E_shop", "One?", None), ("local001", "E_shop", "Two?", None)], 'two questions have the'),
        ([("../local001", "E_shop", "One?", None)], 'has no plain "instance_id"'),
        ([(None, "E_shop", "One?", None)], 'has no plain "instance_id"'),
        ([("bq001", "ga4", "One?", None)], "no question"),
    ],
)  # fmt: skip
def test_broken_questions_are_refused(make: Make, questions: Any, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        load("spider2-sqlite", data=make(questions=questions))


def test_a_document_outside_of_its_folder_is_not_read(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    told = load("spider2-sqlite", data=make(questions=[("local001", "E_shop", "One?", "../../../secret.md")]))
    assert told.examples[0].question.notes == ""


def test_without_golds_questions_are_asked_and_not_scored(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    told = load("spider2-sqlite", data=make(standards=None))
    assert not any(example.judged_by for example in told.examples)
    assert "asked, and not scored" in caplog.text


def folder_of(answers: dict[str, str], where: Path) -> Path:
    where.mkdir(exist_ok=True)
    for name, sql in answers.items():
        (where / f"{name}.sql").write_text(sql, encoding="utf-8")
    return where


def test_a_folder_of_sql_files_is_scored(loaded: Benchmark, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fenced = {"local003": "So:\n```sql\nSELECT sum(pieces) FROM item\n```\nthat is it"}
    folder = folder_of(ANSWERS | fenced | {"bq011": "SELECT 1"}, tmp_path / "answers")
    with caplog.at_level(logging.WARNING):
        run = score(folder, loaded)
    assert [(one.correct, one.metrics) for one in run.verdicts] == [(True, {"columns": True})] * 3
    assert [one.hardness for one in run.verdicts] == [None] * 3
    assert len({one.cluster for one in run.verdicts}) == 3
    assert "1 file that is of no question" in caplog.text
    assert run.by("difficulty").loc["hard", "ex"] == 100


@pytest.mark.parametrize(
    ("answers", "said"),
    [({"local001": "SELECT 1"}, "3 of the 4 questions"), ({"dev-1": "SELECT 1"}, "such as local001.sql")],
)
def test_a_folder_that_lacks_answers_is_refused(
    loaded: Benchmark, tmp_path: Path, answers: dict[str, str], said: str
) -> None:
    with pytest.raises(PredictionsError, match=said):
        score(folder_of(answers, tmp_path / "answers"), loaded)


def test_blank_answers_are_not_taken_for_golds(
    loaded: Benchmark, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    score(folder_of(dict.fromkeys(ANSWERS, ""), tmp_path / "answers"), loaded)
    assert "gold query itself" not in caplog.text


@pytest.mark.parametrize(
    "asked",
    [{"metrics": ["official"]}, {"metrics": ["columns", "match"]}, {"mode": "bird"}, {"suite": "somewhere"}],
)
def test_what_judges_by_queries_is_refused(loaded: Benchmark, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="has no gold queries but results that are right"):
        rules_for(**asked).on(loaded)
    assert rules_for(["columns-earlier"]).on(loaded).scorers == ("columns", "columns-earlier")


def test_what_reads_gold_queries_says_that_there_are_none(loaded: Benchmark, tmp_path: Path) -> None:
    answers = folder_of(ANSWERS, tmp_path / "answers")
    for ask in (
        lambda: export(answers, loaded, form="spider", out=tmp_path / "out"),
        lambda: verify(answers, loaded, official=tmp_path),
        lambda: explain(answers, loaded),
        lambda: doubt(loaded),
        lambda: build_suite(loaded, tmp_path / "suite"),
    ):
        with pytest.raises(UsageError, match="has no gold queries but results that are right"):
            ask()
    with pytest.raises(DatasetError, match="has no training questions"):
        training_half(loaded)
    assert not (tmp_path / "out").exists()


SAID = {
    "local001": "SELECT name FROM item -- café; a `fence`\nWHERE price < 2",
    "local002": "SELECT piece FROM item",
    "local003": "",
    "local004": "SELECT 1",
}


def test_an_export_is_the_folder_that_the_script_takes_and_scores_the_same(loaded: Benchmark, tmp_path: Path) -> None:
    before = tmp_path / "said.json"
    before.write_text(json.dumps([{"instance_id": id, "sql": sql} for id, sql in SAID.items()]))
    made = export(before, loaded, form="spider2", out=tmp_path / "out")
    assert {id: path.read_text(encoding="utf-8") for id, path in made.files.items()} == SAID
    # Source: spider2-lite/evaluation_suite/evaluate.py: what is asked is called by the name up to its first dot.
    names = [file.name for file in made.folder.iterdir() if file.name.endswith(".sql")]
    assert {name.split(".")[0] for name in names} == {*SAID}
    assert (made.changed, made.several) == ((), ())
    run, again = score(before, loaded), score(made.folder, loaded)
    assert [(one.index, one.correct, one.outcome, one.detail) for one in run.verdicts] == [
        (one.index, one.correct, one.outcome, one.detail) for one in again.verdicts
    ]
    assert [one.correct for one in again.verdicts] == [True, False, False]
    less = replace(loaded, examples=loaded.examples[:2])
    export(made.folder, less, form="spider2", out=made.folder)
    assert {file.name for file in made.folder.iterdir()} == {"local001.sql", "local002.sql", "export.json"}


def test_an_answer_that_the_script_reads_otherwise_is_told(loaded: Benchmark, tmp_path: Path) -> None:
    fenced = {"local001": "SELECT '\n```sql\nSELECT 2\n```\n'", "local002": "SELECT 'a\rb'"}
    (tmp_path / "said.json").write_text(json.dumps([{"instance_id": k, "sql": v} for k, v in (SAID | fenced).items()]))
    assert export(tmp_path / "said.json", loaded, form="spider2", out=tmp_path / "out").changed == (0, 1)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["../up"], "cannot be the name of a file"),
        ([".local"], "cannot be the name of a file"),
        (["local1.2"], "cannot be the name of a file"),
        (["x" * 300], "cannot be the name of a file"),
        (["a\0b"], "cannot be the name of a file"),
        (["local1", "Local1"], "their files would be one"),
    ],
)
def test_ids_that_are_no_names_of_files_are_refused(
    loaded: Benchmark, tmp_path: Path, ids: list[str], said: str
) -> None:
    answers = folder_of(SAID, tmp_path / "answers")
    pairs = [
        Predicted(replace(pair.example, metadata={"instance_id": id}), pair.sql, pair.cut)
        for id, pair in zip(ids, answer_pairs(answers, loaded), strict=False)
    ]
    with pytest.raises(UsageError, match=said):
        write_export(pairs, loaded, "spider2", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_files_and_names_their_folder(make: Make, tmp_path: Path) -> None:
    answers = folder_of(SAID, tmp_path / "answers")
    words = ["export", str(answers), "--as", "spider2", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*words, "--benchmark", "spider2-sqlite", "--data", str(make())])
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'out'}: 4 files ID.sql\n"), done.output
    assert (tmp_path / "out" / "local002.sql").read_text() == SAID["local002"]


def test_a_table_has_the_results(loaded: Benchmark, tmp_path: Path) -> None:
    table = score(folder_of(ANSWERS, tmp_path / "answers"), loaded).table()
    assert list(table["gold"][:1]) == ["name,price\npen,1.5\n"]
    assert table["gold"][3] == ""


def test_show_has_the_results_and_what_of_them_is_asked_for(loaded: Benchmark, tmp_path: Path) -> None:
    run = so.evaluate(lambda question, database: "SELECT name FROM item", loaded, out=tmp_path / "run")
    assert run.n == 3
    asked = ["show", str(tmp_path / "run"), "--benchmark", "spider2-sqlite", "--data", str(loaded.root)]
    shown = CliRunner().invoke(main, asked).output
    told = "gold        a result, {} asked for, rows in any order:\n    {}"
    assert told.format("columns 0 (counted from 0)", "name,price\n    pen,1.5") in shown
    assert told.format("all columns", "n\n    3") in shown
    assert "prediction gives 3 rows" in shown
