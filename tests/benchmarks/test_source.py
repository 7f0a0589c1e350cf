"""Layouts that are not Spider's, said as a ``Source``: none of them is in the table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import Fields, Source, Split, load, load_source, training_half
from spider_opt.benchmarks.leaks import training_for
from spider_opt.benchmarks.spider import SPIDER
from spider_opt.errors import DatasetError

from .conftest import tables_entry, write_database

BIRD = Source(
    title="Bird",
    about="Evidence, and a difficulty of its own.",
    licence="none",
    splits={
        "dev": Split(("dev.json",), "dev_tables.json", "dev_databases/{db_id}/{db_id}.sqlite"),
        "train": Split(("train.json",), "train_tables.json", "train_databases/{db_id}/{db_id}.sqlite"),
    },
    default="dev",
    training="train",
    fields=Fields(query="SQL", notes="evidence", metadata={"difficulty": "difficulty", "question_id": "question_id"}),
    page="https://bird.example",
)
SYN = Source(
    title="Synonyms",
    about="Spider's dev in other words.",
    licence="none",
    splits={"dev": Split(())},
    default="dev",
    fields=Fields(question="OtherQuestion", metadata={"original": "SpiderQuestion"}),
    training="spider:train",
    page="https://syn.example",
)


@pytest.fixture
def bird(tmp_path: Path) -> Path:
    root = tmp_path / "bird"
    for split, db_id in (("dev", "bank"), ("train", "school")):
        script = "CREATE TABLE account (id INTEGER, `opened on` TEXT); INSERT INTO account VALUES (7, '2001-02-03')"
        write_database(root / f"{split}_databases" / db_id / f"{db_id}.sqlite", script)
        entry = {"question_id": 1471, "db_id": db_id, "question": "Which accounts are old?", "difficulty": "moderate",
                 "evidence": "old means opened before 2005", "SQL": "SELECT id FROM account"}  # fmt: skip
        plain = {"question_id": 2, "db_id": db_id, "question": "How many?", "evidence": "", "SQL": "SELECT 1"}
        (root / f"{split}.json").write_text(json.dumps([entry, plain]))
        (root / f"{split}_tables.json").write_text(json.dumps([tables_entry(db_id, "account", ["id", "opened on"])]))
    return root


def test_evidence_is_a_note_and_difficulty_is_for_scoring(bird: Path) -> None:
    benchmark = load_source("bird", BIRD, data=bird)
    first, second = benchmark.examples
    assert (benchmark.name, benchmark.split, benchmark.root) == ("bird", "dev", bird)
    assert first.question.notes == "old means opened before 2005"
    assert first.metadata == {"difficulty": "moderate", "question_id": "1471"}
    assert (first.gold_sql, first.index) == ("SELECT id FROM account", 0)
    assert (second.question.notes, second.metadata) == ("", {"question_id": "2"})
    assert [column.name for column in first.question.schema.tables[0].columns] == ["id", "opened on"]
    assert benchmark.paths["bank"] == bird / "dev_databases" / "bank" / "bank.sqlite"
    assert hash(first) != hash(second)


def test_each_split_has_its_own_databases(bird: Path) -> None:
    assert set(load_source("bird", BIRD, "train", data=bird).paths) == {"school"}


def test_notes_are_in_the_fingerprint_and_metadata_is_not(bird: Path) -> None:
    before = load_source("bird", BIRD, data=bird).fingerprint
    entries = json.loads((bird / "dev.json").read_text())
    entries[0]["difficulty"] = "simple"
    (bird / "dev.json").write_text(json.dumps(entries))
    assert load_source("bird", BIRD, data=bird).fingerprint == before
    entries[1]["evidence"] = "many"
    (bird / "dev.json").write_text(json.dumps(entries))
    assert load_source("bird", BIRD, data=bird).fingerprint != before


def test_what_a_benchmark_always_tells_stands_before_a_questions_own_notes(bird: Path) -> None:
    told = replace(BIRD, notes="Dates are text.")
    notes = [example.question.notes for example in load_source("bird", told, data=bird).examples]
    assert notes == ["Dates are text.\nold means opened before 2005", "Dates are text."]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("evidence", ["a"], r'entry 0 .* has a list as its "evidence" where text is due'),
        ("difficulty", True, r'has true or false as its "difficulty"'),
        ("SQL", 3, 'has a number as its "SQL"'),
        ("evidence", "half \ud83d", 'has a broken character in its "evidence"'),
    ],
)
def test_broken_fields_are_named_as_the_file_names_them(bird: Path, field: str, value: Any, said: str) -> None:
    entries = json.loads((bird / "dev.json").read_text())
    entries[0][field] = value
    (bird / "dev.json").write_text(json.dumps(entries))
    with pytest.raises(DatasetError, match=said):
        load_source("bird", BIRD, data=bird)


def test_what_is_not_there_says_how_to_get_it(bird: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No folder .*\. Get Bird at https://bird\.example$"):
        load_source("bird", BIRD, data=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"holds no Bird \(no dev\.json\)\. Get it at https://bird\.example$"):
        load_source("bird", BIRD, data=tmp_path / "empty")
    with pytest.raises(
        DatasetError, match=r"^Where is Bird\? Name its folder: load\('bird', data=DIR\)\. Get it at https"
    ):
        load_source("bird", BIRD)


def test_databases_may_be_files_beside_the_questions(tmp_path: Path) -> None:
    flat = replace(BIRD, splits={"dev": Split(("q.json",), "", "{db_id}.db")}, training=None, fields=Fields())
    write_database(tmp_path / "shop.db", "CREATE TABLE item (name TEXT)")
    entry = {"db_id": "shop", "question": "Which?", "query": "SELECT name FROM item"}
    (tmp_path / "q.json").write_text(json.dumps([entry]))
    assert load_source("flat", flat, data=tmp_path).paths == {"shop": tmp_path / "shop.db"}
    (tmp_path / "q.json").write_text(json.dumps([entry, {**entry, "db_id": "shops"}]))
    with pytest.raises(DatasetError, match=r'unknown database "shops"; did you mean "shop"\?'):
        load_source("flat", flat, data=tmp_path)
    (tmp_path / "q.json").write_text(json.dumps([{**entry, "db_id": "zzz"}]))
    with pytest.raises(DatasetError, match=r'unknown database "zzz": it has no file\.$'):
        load_source("flat", flat, data=tmp_path)


# --- other questions over the same databases ---------------------------------------------------


def test_a_split_without_files_is_the_file_that_is_named(small: Any, tmp_path: Path) -> None:
    entries = [{"db_id": "shop", "SpiderQuestion": "How many?", "OtherQuestion": "What number?", "query": "SELECT 1"}]
    file = tmp_path / "dev.json"
    file.write_text(json.dumps(entries))
    benchmark = load_source("syn", SYN, data=small.root, questions=file)
    assert (benchmark.name, benchmark.split) == ("syn", "dev")
    [example] = benchmark.examples
    assert (example.question.text, example.metadata) == ("What number?", {"original": "How many?"})
    with pytest.raises(DatasetError) as caught:
        load_source("syn", SYN, data=small.root)
    assert str(caught.value) == (
        "The questions of syn:dev are a file of their own: questions=FILE (see https://syn.example)"
    )


def test_its_training_half_is_another_benchmarks(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spider_opt.benchmarks.loading.source_named", lambda name: SYN if name == "syn" else SPIDER)
    file = tmp_path / "dev.json"
    file.write_text(json.dumps([{"db_id": "shop", "OtherQuestion": "What number?", "query": "SELECT 1"}]))
    benchmark = load("syn", data=small.root, questions=file)
    assert training_half(benchmark) == load("spider:train", data=small.root)


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("realistic.json", "realistic"),
        ("my questions (2).json", "my-questions-2"),
        ("dev.json", "other-dev"),
        ("DEV.json", "other-DEV"),
        ("train_spider.json", "other-train_spider"),
        ("training.json", "other-training"),
        ("Trained.json", "other-Trained"),
    ],
)
def test_other_questions_never_pass_for_a_split(small: Any, tmp_path: Path, file: str, split: str) -> None:
    (tmp_path / file).write_text((small.root / "dev.json").read_text())
    benchmark = load("spider", data=small.root, questions=tmp_path / file)
    assert (benchmark.name, benchmark.split) == ("own-spider", split)
    assert benchmark.examples[0].question.id.startswith(f"{split}-")
    assert benchmark.fingerprint != load("spider:dev", data=small.root).fingerprint


def test_a_splits_own_file_is_that_split(small: Any) -> None:
    assert load("spider", data=small.root, questions=small.root / "dev.json") == load("spider:dev", data=small.root)


def test_the_split_says_where_the_databases_of_other_questions_are(small: Any) -> None:
    file = small.write("new.json", [small.entry("moon", 0)])
    assert set(load("spider:test", data=small.root, questions=file).paths) == {"moon"}
    with pytest.raises(DatasetError, match="unknown database"):
        load("spider:dev", data=small.root, questions=file)
    with pytest.raises(DatasetError, match=r'No split is called "tset"; there is: dev, train'):
        load("spider:tset", data=small.root, questions=file)


def test_other_questions_need_no_file_of_the_split(small: Any) -> None:
    file = small.write("new.json", [small.entry("shop", 0)])
    (small.root / "dev.json").unlink()
    assert load("spider", data=small.root, questions=file).split == "new"


def test_over_the_bundled_databases(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([{"db_id": "cycling_club", "question": "How many?", "query": "SELECT 1"}]))
    assert load(questions=file).split == "mine"


def test_of_databases_that_other_questions_are_about_nothing_is_shown(small: Any) -> None:
    """Also where these are training databases."""
    file = small.write("training.json", [small.entry("school", 0)])
    training, left_out = training_for(load("spider", data=small.root, questions=file))
    assert {example.question.db_id for example in training} == {"farm"}
    assert left_out == {"same database": 2}


# --- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"default": "test"}, "the default split 'test' is none of its splits"),
        ({"training": "learn"}, "the training split 'learn' is none of its splits"),
        ({"training": "dev"}, "the name of a training split begins with train, 'dev' does not"),
        ({"training": "spider:dev"}, "the name of a training split begins with train, 'spider:dev' does not"),
        ({"splits": {"dev": Split(("a",), databases="x.sqlite")}, "training": None}, "the databases of dev need"),
    ],
)  # fmt: skip
def test_a_source_that_contradicts_itself(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(BIRD, **changes)
