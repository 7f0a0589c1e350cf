"""BIRD's layouts: which split a folder has, which golds count, what is told beside questions and of columns."""

from __future__ import annotations

import csv
import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_opt.answering.drafts import MOST_CHARACTERS, Drafter, Look
from spider_opt.benchmarks import load, source_named, training_half
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.descriptions import described
from spider_opt.benchmarks.fetch import _unpack
from spider_opt.databases import DatabasePool
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark, Column, Context, Schema, Table, Task

from .conftest import tables_entry, write_database

SCRIPT = """
CREATE TABLE account (id INTEGER, `opened on` TEXT, `Percent (%) Free` REAL, A2 TEXT);
INSERT INTO account VALUES (7, '2001-02-03', 0.5, 'Prague');
"""
GOLDS = ["SELECT id FROM account", "SELECT `opened on` FROM account"]
HEADER = ["original_column_name", "column_name", "column_description", "data_format", "value_description"]
LAYOUTS = {
    "dev": ("dev.json", "dev_tables.json", "dev.sql", "dev_databases"),
    "mini-dev": ("mini_dev_sqlite.json", "mini_dev_sqlite_tables.json", "mini_dev_sqlite_gold.sql", "dev_databases"),
    "train": ("train.json", "train_tables.json", "train_gold.sql", "train_databases"),
}
Make = Callable[..., Path]


def table(*rows: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, *rows])
    return out.getvalue()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(*splits: str, golds: bool = True, described: bytes | str = "", **changes: Any) -> Path:
        root = tmp_path / "BIRD"
        for split in splits:
            questions, tables, gold, databases = LAYOUTS[split]
            db_id = "school" if split == "train" else "bank"
            if not (root / databases / db_id).exists():
                write_database(root / databases / db_id / f"{db_id}.sqlite", SCRIPT)
            entries = [
                {"question_id": 1471, "db_id": db_id, "question": f"{'Which? ' if i else ''}{split}?", "SQL": sql,
                 "evidence": "" if i else "old means before 2005", "difficulty": "simple"} | changes
                for i, sql in enumerate(GOLDS)
            ]  # fmt: skip
            (root / questions).write_text(json.dumps(entries))
            names = ["id", "opened on", "Percent (%) Free", "A2"]
            (root / tables).write_text(json.dumps([tables_entry(db_id, "account", names)]))
            if golds:
                (root / gold).write_text("".join(f"{sql}\t{db_id}\n" for sql in GOLDS))
            if described:
                folder = root / databases / db_id / "database_description"
                folder.mkdir()
                data = described if isinstance(described, bytes) else described.encode()
                (folder / "Account.csv").write_bytes(data)
        return root

    return made


def shown(benchmark: Benchmark, **look: Any) -> str:
    drafter = Drafter(Look(**look), DatabasePool(benchmark.paths))
    return drafter.shown(benchmark.examples[0].question.schema, Context())


@pytest.mark.parametrize("split", LAYOUTS)
def test_each_split_is_read_whole(make: Make, split: str) -> None:
    benchmark = load(f"bird:{split}", data=make(split))
    assert (benchmark.name, benchmark.split, benchmark.scorer, benchmark.n_total) == ("bird", split, "bird", 2)
    first, second = benchmark.examples
    assert [example.gold_sql for example in (first, second)] == GOLDS
    assert [example.index for example in (first, second)] == [0, 1]  # their own numbers are one
    assert (first.question.notes, second.question.notes) == ("old means before 2005", "")
    assert first.metadata == {"difficulty": "simple"}
    assert [c.name for c in first.question.schema.tables[0].columns][1:3] == ["opened on", "Percent (%) Free"]


@pytest.mark.parametrize(
    ("there", "usual"),
    [(["dev"], "dev"), (["mini-dev"], "mini-dev"), (["dev", "mini-dev"], "dev"), (["mini-dev", "train"], "mini-dev")],
)
def test_the_files_say_which_split_is_meant(make: Make, there: list[str], usual: str) -> None:
    root = make(*there)
    assert load("bird", data=root).split == usual
    assert load(data=root).split == usual  # its folders tell that it is BIRD's
    assert load(data=root).scorer == "bird"
    assert [split.split for split in check_benchmark("bird", root).splits] == [s for s in LAYOUTS if s in there]
    assert check_benchmark("bird", root).problems == ()
    assert check_benchmark("bird", root).lacking_tables == ()


def test_what_may_be_learnt_is_train(make: Make) -> None:
    root = make("mini-dev", "train")
    half = training_half(load("bird", data=root))
    assert (half.split, half.examples[0].question.notes) == ("train", "old means before 2005")
    half = training_half(load("bird", data=root, evidence=False))
    assert (half.split, half.examples[0].question.notes) == ("train-no-evidence", "")


def test_a_folder_of_nothing_says_what_is_wanted(tmp_path: Path, make: Make) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DatasetError, match=r"holds no BIRD \(no dev\.json or mini_dev_sqlite\.json\)\. Get it with: "
                                           "spider-opt data fetch --benchmark bird"):  # fmt: skip
        load("bird", data=tmp_path / "other")
    with pytest.raises(DatasetError, match=r"No train\.json in .*, so no split train; there is: mini-dev"):
        load("bird:train", data=make("mini-dev"))


def test_databases_that_are_still_packed(make: Make) -> None:
    root = make("dev")
    (root / "dev_databases").rename(root / "elsewhere")
    (root / "dev_databases.zip").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"unpack them, with: unzip \S+dev_databases\.zip -d \S+BIRD"):
        load("bird", data=root)


def test_the_zip_of_mini_dev_is_known_by_its_questions(make: Make, tmp_path: Path) -> None:
    root = make("mini-dev")
    packed = tmp_path / "minidev.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in root.rglob("*"):
            if file.is_file():
                archive.write(file, f"minidev/MINIDEV/{file.relative_to(root)}")
    _unpack(source_named("bird"), packed, tmp_path / "got", lambda *_: None)
    assert load("bird", data=tmp_path / "got").fingerprint == load("bird", data=root).fingerprint


# --- golds -------------------------------------------------------------------------------------


def test_golds_of_the_file_count(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    root = make("mini-dev")
    (root / "mini_dev_sqlite_gold.sql").write_text("SELECT  id FROM account\tbank\nSELECT 2\tbank\n")
    with caplog.at_level(logging.WARNING):
        benchmark = load("bird", data=root)
    assert [example.gold_sql for example in benchmark.examples] == ["SELECT  id FROM account", "SELECT 2"]
    assert "has other gold queries than 1 of the questions (the first: entry 1 of mini_dev_sqlite.json)" in caplog.text


def test_golds_may_stand_in_their_file_only(make: Make) -> None:
    benchmark = load("bird", data=make("dev", SQL=""))
    assert [example.gold_sql for example in benchmark.examples] == GOLDS
    (benchmark.root / "dev.sql").unlink()  # type: ignore[operator]
    assert {example.gold_sql for example in load("bird", data=benchmark.root).examples} == {""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1\tbank\n", "has 1 line, and there are 2 questions: it must hold the gold query of each"),
        ("SELECT 1\tbank\n\nSELECT 1\tbank\n", "has 3 lines, and there are 2 questions"),
        ("", "is empty, and there are 2 questions"),
        ("\n\n", "is empty, and there are 2 questions"),
        ("SELECT 1\tbank\n\tbank\n", "line 2 has no query before its tab and bank: write it there, or leave the line"),
        (" \tbank\nSELECT 1\tbank\n", "line 1 has no query before its tab and bank"),
        ("SELECT 1\tbank\nSELECT 1\t\n", "line 2 has no tab with a db_id behind its query"),
        ("SELECT 1\tbank\nSELECT 1\tschool\n", "line 2 is about school, but entry 1 of dev.json about bank"),
        ("SELECT 1\tbank\nSELECT 1\n", "line 2 has no tab with a db_id behind its query"),
    ],
)
def test_a_file_of_other_golds_is_refused(make: Make, text: str, said: str) -> None:
    root = make("dev")
    (root / "dev.sql").write_text(text)
    with pytest.raises(DatasetError, match=said):
        load("bird", data=root)


def test_other_questions_have_their_own_golds(make: Make, tmp_path: Path) -> None:
    root = make("dev")
    asked = [{"db_id": "bank", "question": "How many?", "SQL": "SELECT count(*) FROM account", "evidence": ""}]
    (tmp_path / "more.json").write_text(json.dumps(asked))
    benchmark = load("bird", data=root, questions=tmp_path / "more.json")
    assert [example.gold_sql for example in benchmark.examples] == ["SELECT count(*) FROM account"]
    assert benchmark.scorer == "bird"


# --- evidence ----------------------------------------------------------------------------------


def test_without_evidence_it_is_another_split(make: Make) -> None:
    root = make("mini-dev")
    told, untold = load("bird", data=root), load("bird", data=root, evidence=False)
    assert [example.question.notes for example in untold.examples] == ["", ""]
    assert (untold.split, untold.fingerprint != told.fingerprint) == ("mini-dev-no-evidence", True)
    assert load("bird:mini-dev-no-evidence", data=root).fingerprint == untold.fingerprint
    assert next(e.question.id for e in untold.examples).startswith("mini-dev-no-evidence-")


def test_where_there_is_no_evidence_none_is_left_out(make: Make) -> None:
    root = make("dev", evidence="")
    assert load("bird", data=root, evidence=False).split == "dev"
    assert load("bird:dev-no-evidence", data=root).fingerprint == load("bird", data=root).fingerprint
    assert load("spider-mini", evidence=False).fingerprint == load("spider-mini").fingerprint


# --- what columns hold -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("cp1252"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode() + b"\x81\x8d,broken",
    ],
    ids=["utf-8", "mark", "utf-16", "windows", "line ends", "bytes of no encoding"],
)
def test_descriptions_in_any_encoding(make: Make, encode: Callable[[str], bytes]) -> None:
    text = table(
        [" Opened_On ", "opened", "day of the café's opening.", "text", "commonsense evidence:\n\nYYYY-MM-DD"],
        ["percent (%) free", "", "", "real", ""],
        ["A2", "district name", "district name", "text", ""],
        ["id", "ID", "id", "integer", ""],
        ["gone", "", "no such column", "", ""],
    )
    benchmark = load("bird", data=make("dev", described=encode(text)))
    about = [column.about for column in benchmark.examples[0].question.schema.tables[0].columns]
    assert about == ["", "opened; day of the café's opening; YYYY-MM-DD", "", "district name"]
    for schema in ("ddl", "compact"):
        text = shown(benchmark, schema=schema)
        assert "district name: 'Prague'" in text
        assert "day of the café's opening; YYYY-MM-DD: '2001-02-03'" in text


def test_a_broken_description_costs_only_itself(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    field = "x" * (csv.field_size_limit() + 1)
    with caplog.at_level(logging.WARNING):
        benchmark = load("bird", data=make("dev", described=table(["id", "", field, "", ""])))
    assert "is not shown" in caplog.text
    assert benchmark.examples[0].question.schema.tables[0].columns[0].about == ""


@pytest.mark.parametrize("described", ["", "original_column_name\nid\n", "a,b,c\n1,2,3\n", "\n\n"])
def test_descriptions_that_say_nothing_change_nothing(make: Make, described: str) -> None:
    there = load("bird", data=make("dev", described=described))
    assert not any(column.about for column in there.examples[0].question.schema.tables[0].columns)


def test_a_description_that_shows_a_gold_is_refused(make: Make) -> None:
    with pytest.raises(DatasetError, match=r"bank/database_description has the gold query of entry 0 of dev\.json"):
        load("bird", data=make("dev", described=table(["id", "", f"use {GOLDS[0]}", "", ""])))


def test_no_more_is_shown_of_columns_than_there_is_room_for() -> None:
    def schema(n: int) -> Schema:
        columns = tuple(Column(f"c{i}", "TEXT", about=f"column {i}: " + "word " * 50) for i in range(n))
        return Schema("d", (Table("t", columns),))

    def text(n: int) -> str:
        return Drafter(Look(values=0), {}).shown(schema(n), Context())

    assert text(5).count("word ") > 150  # 200 characters of each
    lengths = [len(text(n)) for n in (5, 40, 80, 150, 300)]
    assert max(lengths) <= MOST_CHARACTERS
    assert text(80).count("…") == 80
    assert "word" not in text(3000)
    assert text(3000).count("TEXT") == 3000


def test_tables_are_found_whatever_their_files_letters(tmp_path: Path) -> None:
    (tmp_path / "SET_translations .CSV").write_text(table(["Id", "", "number of the row", "", ""]))
    schema = Schema("d", (Table("set_translations", (Column("id", "INTEGER"),)), Table("other", ())))
    assert described(schema, tmp_path).tables[0].columns[0].about == "number of the row"
    assert described(schema, tmp_path / "nowhere") == schema


# --- mini-dev as it is -------------------------------------------------------------------------


def test_mini_dev_as_published(shared: Path) -> None:
    folder = shared / "benchmarks" / "bird"
    if not folder.is_dir():
        pytest.skip(f"no BIRD at {folder}")
    benchmark = load("bird", data=folder)
    assert (benchmark.split, len(benchmark.examples), len(benchmark.paths)) == ("mini-dev", 500, 11)
    assert sum(bool(example.question.notes) for example in benchmark.examples) == 498
    columns = {
        (q.db_id, t.name, c.name): c for q in {e.question.db_id: e.question for e in benchmark.examples}.values()
        for t in q.schema.tables for c in t.columns
    }  # fmt: skip
    assert sum(bool(column.about) for column in columns.values()) > 600
    assert "district" in columns["financial", "district", "A2"].about
    drafter = Drafter(Look(), DatabasePool(benchmark.paths))
    longest = 0
    for example in benchmark.examples:
        prompt = drafter.messages(Task(example.question, None))  # type: ignore[arg-type]
        assert " ".join(example.question.notes.split()) in prompt[-1].content  # type: ignore[union-attr]
        longest = max(longest, sum(len(message.content) for message in prompt))  # type: ignore[union-attr]
    assert longest < MOST_CHARACTERS + 2000


def test_an_empty_line_leaves_a_question_its_own_gold_at_the_end_too(make: Make) -> None:
    root = make("dev")
    for text, golds in (("\nSELECT 2\tbank\n", [GOLDS[0], "SELECT 2"]), ("SELECT 2\tbank\n\n", ["SELECT 2", GOLDS[1]])):
        (root / "dev.sql").write_text(text)
        assert [example.gold_sql for example in load("bird", data=root).examples] == golds


def test_a_gold_file_may_end_with_empty_lines(make: Make) -> None:
    root = make("dev")
    (root / "dev.sql").write_text("".join(f"{sql} \tbank \n" for sql in GOLDS) + "\n\n")
    assert [example.gold_sql for example in load("bird", data=root).examples] == GOLDS
