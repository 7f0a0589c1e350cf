"""Files of questions and databases that are broken: told in a sentence, and never half-read."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No folder .*/nowhere\. Get Spider with: spider-opt data fetch"):
        load("spider:dev", data=tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder(small: Any) -> None:
    with pytest.raises(DatasetError, match=r"No folder .*dev\.json"):
        load("spider:dev", data=small.root / "dev.json")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no Spider \(no dev\.json\)"):
        load("spider:dev", data=tmp_path)


def test_the_folder_above_points_below(small: Any) -> None:
    with pytest.raises(DatasetError, match=r"but .*/spider does: name that folder"):
        load("spider:dev", data=small.root.parent)


def test_a_split_that_is_not_there_says_which_are(small: Any) -> None:
    (small.root / "dev.json").unlink()
    (small.root / "train_others.json").unlink()
    with pytest.raises(DatasetError, match=r"No dev\.json in .*, so no split dev; there is: train_spider, test\."):
        load("spider:dev", data=small.root)
    with pytest.raises(DatasetError, match=r"No train_others\.json in .*, so no split train;"):
        load("spider:train", data=small.root)


@pytest.mark.parametrize("split", ["develop", "dev.json", "../dev", "DEV"])
def test_a_split_that_does_not_exist_lists_those_that_do(small: Any, split: str) -> None:
    with pytest.raises(DatasetError, match=f'No split is called "{split}"; there is: dev, train, train_spider'):
        load(f"spider:{split}", data=small.root)


def test_an_unknown_db_id_is_told_with_what_was_meant(small: Any) -> None:
    small.write("dev.json", [small.entry("shop", 0), small.entry("shopp", 1)])
    with pytest.raises(DatasetError, match=r'entry 1 of dev\.json names the unknown .*"shopp"; did you mean "shop"\?$'):
        load("spider:dev", data=small.root)


def test_an_unknown_db_id_like_no_other(small: Any) -> None:
    small.write("dev.json", [small.entry("qqqqqqq", 0)])
    with pytest.raises(DatasetError, match=r'"qqqqqqq": it is in no tables\.json and has no folder\.'):
        load("spider:dev", data=small.root)


def test_a_db_id_of_another_case_is_unknown(small: Any) -> None:
    small.write("dev.json", [small.entry("Shop", 0)])
    with pytest.raises(DatasetError, match=r'unknown database "Shop"; did you mean "shop"'):
        load("spider:dev", data=small.root)


def test_a_second_schema_is_refused(small: Any) -> None:
    tables = json.loads((small.root / "tables.json").read_text())
    small.write("tables.json", [*tables, tables[0]])
    with pytest.raises(DatasetError, match=r'tables\.json: entry 4 .* second schema for "shop"'):
        load("spider:dev", data=small.root)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"column_names": [[9, "name"]], "column_names_original": [[9, "name"]]},
        {"column_names": None},
        {"foreign_keys": [[1, 999]]},
        {"foreign_keys": "none"},
        {"primary_keys": [None]},
        {"table_names_original": 3},
    ],
)
def test_a_broken_schema_gives_a_sentence_or_is_not_needed(small: Any, broken: dict[str, Any]) -> None:
    tables = json.loads((small.root / "tables.json").read_text())
    tables[0] = {**tables[0], **broken} if broken else {"db_id": "shop"}
    small.write("tables.json", tables)
    said = ""
    try:
        assert load("spider:dev", data=small.root).examples[0].question.schema.tables[0].columns[0].name == "name"
    except DatasetError as error:
        said = str(error)
    assert not said or ("tables.json" in said and "shop" in said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"shop\.sqlite is not a SQLite database"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"shop\.sqlite is not a SQLite database"),
        (b"PK\x03\x04" + bytes(100), r"shop\.sqlite is not a SQLite database"),
        (b"SQLite format 3", r"shop\.sqlite is not a SQLite database"),
        (b"SQLite format 3\x00" + bytes(200), r"shop\.sqlite"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, r"shop\.sqlite"),
    ],
)
def test_a_database_that_is_none_costs_its_questions(
    small: Any, caplog: pytest.LogCaptureFixture, content: bytes, said: str
) -> None:
    small.database("shop").write_bytes(content)
    benchmark = load("spider:dev", data=small.root)
    assert [example.question.db_id for example in benchmark.examples] == ["zoo"]
    assert (dict(benchmark.missing), list(benchmark.damaged), benchmark.n_total) == ({"shop": 2}, ["shop"], 3)
    assert re.search(said, benchmark.damaged["shop"])
    assert re.search(f"{said}.*: 2 questions are lost to it", caplog.text)
    small.database("zoo").write_bytes(content)
    with pytest.raises(DatasetError, match=said):
        load("spider:dev", data=small.root)


def test_a_database_that_something_writes_to_is_loaded(small: Any) -> None:
    small.database("shop").with_name("shop.sqlite-wal").write_bytes(b"changes")
    assert len(load("spider:dev", data=small.root).examples) == 3


def test_a_database_that_is_written_to_is_read_as_it_is_now(small: Any) -> None:
    path = small.database("shop")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE later (a); INSERT INTO later VALUES (1)")
        benchmark = load("spider:dev", data=small.root)
        assert [table.name for table in benchmark.examples[0].question.schema.tables] == ["item", "later"]
        assert benchmark.damaged == {}
        connection.execute("DROP TABLE later")
        connection.commit()
    with closing(sqlite3.connect(benchmark.paths["shop"])) as snapshot:  # all that is asked of it sees the same
        assert snapshot.execute("SELECT a FROM later").fetchall() == [(1,)]
    assert load("spider:dev", data=small.root).fingerprint != benchmark.fingerprint


def test_a_database_cut_off_in_its_schema_costs_its_questions(small: Any) -> None:
    path = small.database("shop")
    path.write_bytes(path.read_bytes()[:700])
    assert "shop.sqlite" in load("spider:dev", data=small.root).damaged["shop"]


def test_duplicates_are_kept_with_a_warning(small: Any, caplog: pytest.LogCaptureFixture) -> None:
    small.write("dev.json", [small.entry("shop", 0), small.entry("zoo", 1), small.entry("shop", 0)])
    with caplog.at_level(logging.WARNING, "spider_opt"):
        assert len(load("spider:dev", data=small.root).examples) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "1 of the questions of dev repeat an earlier one word for word"
        " (the first: entry 2 of dev.json repeats entry 0 of dev.json); they are kept"
    ]
