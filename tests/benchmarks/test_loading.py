from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import describe_missing, load
from spider_opt.benchmarks.loading import load_untold
from spider_opt.benchmarks.spider import SPIDER
from spider_opt.benchmarks.splits import present_splits
from spider_opt.errors import DatasetError

# --- loading -----------------------------------------------------------------------------------


def test_dev(small: Any) -> None:
    benchmark = load("spider:dev", data=small.root)
    assert (benchmark.name, benchmark.split, benchmark.n_total) == ("own-spider", "dev", 3)
    assert [(item.index, item.question.db_id) for item in benchmark.examples] == [(0, "shop"), (1, "zoo"), (2, "shop")]
    assert benchmark.examples[1].question.text == "Which names are there, number 1?"
    assert benchmark.examples[1].gold_sql == "SELECT name FROM item WHERE 1 = 1"
    assert benchmark.paths == {"shop": small.database("shop"), "zoo": small.database("zoo")}
    assert [table.name for table in benchmark.examples[0].question.schema.tables] == ["item"]
    assert (benchmark.missing, describe_missing(benchmark)) == ({}, "")


def test_questions_of_one_database_share_one_schema(small: Any) -> None:
    first, _, third = load("spider:dev", data=small.root).examples
    assert first.question.schema is third.question.schema


@pytest.mark.parametrize(("split", "n"), [("train_spider", 2), ("train_others", 1), ("train", 3), ("test", 1)])
def test_other_splits(small: Any, split: str, n: int) -> None:
    benchmark = load(f"spider:{split}", data=small.root)
    assert [item.question.id.rpartition("-")[0] for item in benchmark.examples] == [split] * n
    assert [item.index for item in benchmark.examples] == list(range(n))


def test_test_split_has_its_own_databases_and_tables(small: Any) -> None:
    benchmark = load("spider:test", data=small.root)
    assert benchmark.paths == {"moon": small.database("moon", "test_database")}


def test_paths_stay_good_when_the_working_directory_changes(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.root.parent)
    benchmark = load("spider:dev", data=Path("spider"))
    monkeypatch.chdir("/")
    assert all(path.is_file() for path in benchmark.paths.values())


def test_without_tables_json_schemas_come_from_the_files(small: Any) -> None:
    (small.root / "tables.json").unlink()
    columns = load("spider:dev", data=small.root).examples[0].question.schema.tables[0].columns
    assert [column.name for column in columns] == ["name", "price"]


def test_other_files_in_a_database_folder_are_no_matter(small: Any) -> None:
    folder = small.database("shop").parent
    (folder / "schema.sql").write_text("DROP TABLE item;")
    (folder / "shop_fuzzed.sqlite").write_bytes(b"junk")
    (small.root / "database" / ".DS_Store").write_bytes(b"junk")
    assert len(load("spider:dev", data=small.root).examples) == 3


# --- missing databases -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["no folder", "no file", "a folder in its place"])
def test_a_missing_database_leaves_its_questions_out_and_is_counted(
    small: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = small.database("shop")
    path.unlink()
    if how == "no folder":
        path.parent.rmdir()
    elif how == "a folder in its place":
        path.mkdir()
    benchmark = load("spider:dev", data=small.root)
    assert [(item.index, item.question.db_id) for item in benchmark.examples] == [(1, "zoo")]
    assert (benchmark.missing, benchmark.n_total) == ({"shop": 2}, 3)
    assert describe_missing(benchmark) == "2 of 3 questions left out: no database for shop (2); n=1"
    assert caplog.messages == [describe_missing(benchmark)]


def test_who_tells_of_missing_databases_itself_is_not_told_of_them(
    small: Any, caplog: pytest.LogCaptureFixture
) -> None:
    small.database("shop").unlink()
    with caplog.at_level(logging.WARNING):
        assert load_untold("spider:dev", data=small.root).missing == {"shop": 2}
    assert caplog.messages == []


def test_several_missing_are_named_the_most_costly_first(small: Any) -> None:
    small.write("dev.json", [small.entry(db_id, 0) for db_id in ("farm", "zoo", "shop", "shop", "zoo", "shop")])
    shutil.rmtree(small.root / "database" / "shop")
    shutil.rmtree(small.root / "database" / "zoo")
    said = describe_missing(load("spider:dev", data=small.root))
    assert said == "5 of 6 questions left out: no database for shop (3), zoo (2); n=1"


def test_no_database_at_all_is_refused(small: Any) -> None:
    shutil.rmtree(small.root / "database")
    with pytest.raises(DatasetError, match=r"No database at .*/database: all 3 questions of dev .*/DB_ID\.sqlite$"):
        load("spider:dev", data=small.root)


# --- fingerprint -------------------------------------------------------------------------------


def test_fingerprint_is_the_same_for_the_same_bytes_elsewhere(small: Any, tmp_path: Path) -> None:
    shutil.copytree(small.root, tmp_path / "copy")
    one, other = load("spider:dev", data=small.root).fingerprint, load("spider:dev", data=tmp_path / "copy").fingerprint
    assert one == other
    assert len(one) == 16
    assert int(one, 16)


def test_fingerprint_ignores_what_is_not_read(small: Any) -> None:
    before = load("spider:dev", data=small.root).fingerprint
    items = json.loads((small.root / "dev.json").read_text())
    small.write("dev.json", [{**item, "sql": {"from": 1}, "query_toks": ["SELECT"]} for item in items])
    assert load("spider:dev", data=small.root).fingerprint == before


def test_every_other_byte_changes_the_fingerprint(small: Any) -> None:
    seen = {"unchanged": load("spider:dev", data=small.root).fingerprint}
    items = json.loads((small.root / "dev.json").read_text())
    changes = {
        "question": [{**items[0], "question": items[0]["question"] + " "}, *items[1:]],
        "query": [{**items[0], "query": items[0]["query"] + " "}, *items[1:]],
        "order": [items[1], items[0], items[2]],
        "one more": [*items, items[0]],
        "one less": items[:2],
        "moved over": [
            {**items[0], "question": items[0]["question"] + items[0]["query"][0], "query": items[0]["query"][1:]},
            *items[1:],
        ],
    }
    for what, changed in changes.items():
        small.write("dev.json", changed)
        seen[what] = load("spider:dev", data=small.root).fingerprint
    small.write("dev.json", items)
    with closing(sqlite3.connect(small.database("zoo"))) as connection:
        connection.execute("UPDATE item SET price = 2")
        connection.commit()
    seen["a cell"] = load("spider:dev", data=small.root).fingerprint
    small.database("zoo").unlink()
    seen["a database less"] = load("spider:dev", data=small.root).fingerprint
    assert len(set(seen.values())) == len(seen)


def test_the_same_questions_as_another_split_have_another_fingerprint(small: Any) -> None:
    shutil.copy(small.root / "dev.json", small.root / "train_others.json")
    assert load("spider:dev", data=small.root).fingerprint != load("spider:train_others", data=small.root).fingerprint


# --- the real files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "n", "n_total", "missing", "databases"),
    [
        ("dev", 972, 1034, {"wta_1": 62}, 19),
        ("train_spider", 6904, 7000, {"baseball_1": 82, "soccer_1": 14}, 138),
        ("train_others", 1659, 1659, {}, 6),
        ("train", 8563, 8659, {"baseball_1": 82, "soccer_1": 14}, 144),
    ],
)
def test_real_counts(shared: Path, split: str, n: int, n_total: int, missing: dict[str, int], databases: int) -> None:
    benchmark = load(f"spider:{split}", data=shared / "spider")
    assert (len(benchmark.examples), benchmark.n_total) == (n, n_total)
    assert (benchmark.missing, len(benchmark.paths)) == (missing, databases)
    raw = json.loads((shared / "spider" / "train_others.json").read_text())
    if split == "train":
        assert benchmark.examples[-1].index == n_total - 1
        assert benchmark.examples[-1].gold_sql == raw[-1]["query"]


def test_real_dev_pairs_line_for_line_with_the_gold_file(shared: Path) -> None:
    lines = (shared / "spider" / "dev_gold.sql").read_text().splitlines()
    for item in load("spider:dev", data=shared / "spider").examples:
        gold, db_id = lines[item.index].rsplit("\t", 1)
        assert (gold.split(), db_id) == (item.gold_sql.split(), item.question.db_id)


def test_real_train_has_eight_duplicates_and_loads(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spider_opt"):
        load("spider:train_spider", data=shared / "spider")
    assert Counter(record.getMessage()[:21] for record in caplog.records) == {
        "8 of the questions of": 1,
        "96 of 7,000 questions": 1,
    }


def test_real_dev_loads_in_a_moment(shared: Path) -> None:
    seconds = []
    for _ in range(3):
        start = time.process_time()
        load("spider:dev", data=shared / "spider")
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.24  # three times the 80 ms it should take, for a busy machine


def test_present_splits(small: Any, shared: Path) -> None:
    assert present_splits(SPIDER, small.root) == ["dev", "train", "train_spider", "train_others", "test"]
    assert present_splits(SPIDER, shared / "spider") == ["dev", "train", "train_spider", "train_others"]
