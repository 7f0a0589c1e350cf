"""KaggleDBQA and Archer, on small databases laid out as theirs are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load, source_named, training_half
from spider_opt.benchmarks.archer import ARCHER, ARCHER_ZH
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.fetch import _unpack
from spider_opt.benchmarks.kaggle_dbqa import DATABASES
from spider_opt.benchmarks.leaks import training_for
from spider_opt.benchmarks.listing import listed
from spider_opt.databases import DatabasePool
from spider_opt.errors import DatasetError
from spider_opt.types import Task

from .conftest import write_database

SCRIPT = "CREATE TABLE FINREV (t_fed_rev INTEGER, c14 INTEGER); INSERT INTO FINREV VALUES (7, 1), (9, 2);"
TABLES = {
    "table_names_original": ["FINREV"],
    "table_names": ["finrev"],
    "column_names_original": [[-1, "*"], [0, "t_fed_rev"], [0, "c14"]],
    "column_names": [[-1, "*"], [0, "t fed rev"], [0, "c14"]],
    "column_names_manually_normalized_alternative": [[-1, "*"], [0, "total federal revenue"], [0, "child 14"]],
    "column_descriptions": ["*", "Total federal revenue through the state.", "Federal revenue, title 1."],
    "db_overview": "Money of schools.",
    "value_enums": {},
    "column_types": ["text", "number", "number"],
    "foreign_keys": [],
    "primary_keys": [],
}


def kaggle(root: Path, flat: bool = False, **changes: Any) -> Path:
    (root / "examples").mkdir(parents=True)
    for number, db_id in enumerate(DATABASES):
        write_database(root / "databases" / (f"{db_id}.sqlite" if flat else f"{db_id}/{db_id}.sqlite"), SCRIPT)
        for part in ("test", "fewshot"):
            sql = f"SELECT t_fed_rev FROM FINREV WHERE c14 = {number}"
            entry = {"db_id": db_id, "question": f"Which {part} of {db_id}?", "query": sql, "query_toks": ["SELECT"],
                     "question_toks": ["Which"], "sql": {"from": {}}}  # fmt: skip
            (root / "examples" / f"{db_id}_{part}.json").write_text(json.dumps([entry]))
        (root / "examples" / f"{db_id}.json").write_text("[]")
    tables = [TABLES | {"db_id": db_id} | changes for db_id in DATABASES]
    (root / "KaggleDBQA_tables.json").write_text(json.dumps(tables))
    return root


@pytest.mark.parametrize("flat", [False, True])
def test_kaggle_dbqa_asks_its_test_files(tmp_path: Path, flat: bool) -> None:
    asked = load("kaggle-dbqa", data=kaggle(tmp_path / "kaggle", flat))
    assert (asked.name, asked.split, len(asked.examples), asked.scorer) == ("kaggle-dbqa", "test", 8, "official")
    assert [example.question.text for example in asked.examples] == [f"Which test of {name}?" for name in DATABASES]
    assert len(load("kaggle-dbqa:train", data=tmp_path / "kaggle").examples) == 8
    with pytest.raises(DatasetError, match="no training questions"):
        training_half(asked)


@pytest.mark.parametrize(
    "descriptions",
    [
        TABLES["column_descriptions"],
        ["Total federal revenue through the state.", "Federal revenue, title 1."],
        [[-1, "*"], [0, "Total federal revenue through the state."], [0, "Federal revenue, title 1."]],
    ],
)
def test_kaggle_dbqa_tells_what_columns_hold(tmp_path: Path, descriptions: Any) -> None:
    asked = load("kaggle-dbqa", data=kaggle(tmp_path / "kaggle", column_descriptions=descriptions))
    columns = asked.examples[0].question.schema.tables[0].columns
    assert [(c.name, c.words, c.about) for c in columns] == [
        ("t_fed_rev", "t fed rev", "Total federal revenue through the state."),
        ("c14", "c14", "Federal revenue, title 1."),
    ]


def test_what_columns_hold_stands_in_the_prompt(tmp_path: Path) -> None:
    from fake_model import FakeModel

    from spider_opt.methods import parse_method
    from spider_opt.types import Tools

    asked = load("kaggle-dbqa", data=kaggle(tmp_path / "kaggle"))
    model = FakeModel("SELECT 1")
    generator = parse_method("zero-shot").build(Tools(DatabasePool(asked.paths)))
    generator(Task(asked.examples[0].question, model))
    assert "Total federal revenue through the state." in model.requests[0].text


def test_descriptions_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="its parts do not fit each other"):
        load("kaggle-dbqa", data=kaggle(tmp_path / "kaggle", column_descriptions=["one"]))


def test_kaggle_dbqa_is_checked_listed_and_unpacked(tmp_path: Path) -> None:
    root = kaggle(tmp_path / "kaggle")
    found = check_benchmark("kaggle-dbqa", root)
    assert [(split.split, split.n, split.failing_golds) for split in found.splits] == [
        ("test", 8, ()),
        ("train", 8, ()),
    ]
    assert found.shared_databases == tuple(sorted(DATABASES))
    assert load(data=root).name == "kaggle-dbqa"
    (one,) = [one for one in listed()[0] if one.name == "kaggle-dbqa"]
    assert (one.licence, one.splits) == ("CC BY-SA 4.0", ("test", "train"))
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in root.rglob("*"):
            archive.write(file, f"kaggle-dbqa/{file.relative_to(root)}")
    _unpack(source_named("kaggle-dbqa"), packed, tmp_path / "fetched", lambda *_: None)
    assert load("kaggle-dbqa", data=tmp_path / "fetched").fingerprint == load("kaggle-dbqa", data=root).fingerprint


def archer(root: Path, inside: str = "") -> Path:
    for db_id in ("singers", "cars"):
        write_database(
            root / "database" / db_id / f"{db_id}.sqlite", f"CREATE TABLE t (a); INSERT INTO t VALUES ('{db_id}')"
        )
    asked = {"en": "How many years ago?", "zh": "距今多少年"}
    for language, text in asked.items():
        for part, db_id in (("dev", "singers"), ("train", "cars")):
            query = f"SELECT a + 1 FROM t WHERE '{part}' = '{part}'"
            entry = {"db_id": db_id, "query": query, "question": f"{part} {text}", "reasoning_type": "- + C",
                     "commonsense_knowledge": "A year has 12 months."}  # fmt: skip
            file = root / inside / f"{language}_data" / f"{part}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps([entry], ensure_ascii=False), encoding="utf-8")
    return root


@pytest.mark.parametrize("inside", ["", "data"])
@pytest.mark.parametrize(("name", "text"), [("archer", "dev How many years ago?"), ("archer-zh", "dev 距今多少年")])
def test_archer_is_read_in_both_languages(tmp_path: Path, name: str, text: str, inside: str) -> None:
    asked = load(name, data=archer(tmp_path / "archer", inside))
    (example,) = asked.examples
    assert (asked.split, example.question.text, example.question.notes) == ("dev", text, "")
    assert dict(example.metadata) == {"reasoning": "- + C"}
    kept, left_out = training_for(asked)
    assert (len(kept), left_out) == (1, {})
    assert not check_benchmark(name, tmp_path / "archer").problems


def test_archer_is_two_benchmarks() -> None:
    assert (ARCHER.licence, ARCHER_ZH.licence, ARCHER.training) == ("MIT", "MIT", "train")
    assert ARCHER.title != ARCHER_ZH.title
