from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.errors import DatasetError


def test_all_that_is_there(small: Any) -> None:
    seen: list[str] = []

    @contextmanager
    def show(label: str, total: int) -> Iterator[Callable[[], None]]:
        yield lambda: seen.append(f"{label} {total}")

    found = check_benchmark("spider", small.root, show)
    assert (found.name, found.root, found.has_tables) == ("own-spider", str(small.root), True)
    assert (found.problems, found.shared_databases) == ((), ())
    assert [(split.split, split.n, split.n_total, split.databases) for split in found.splits] == [
        ("dev", 3, 3, 2),
        ("train_spider", 2, 2, 1),
        ("train_others", 1, 1, 1),
        ("test", 1, 1, 1),
    ]
    assert all(not split.failing_golds and not split.empty_golds and not split.duplicates for split in found.splits)
    assert Counter(seen)["golds of dev 3"] == 3
    assert len(seen) == 7


def test_failing_empty_and_repeated_golds_are_counted(small: Any) -> None:
    entries = [
        small.entry("shop", 0, query="SELECT nothing FROM item"),
        small.entry("zoo", 1, query="SELECT name FROM item WHERE 0"),
        small.entry("shop", 2),
        small.entry("shop", 2),
        small.entry("shop", 4, query="SELECT nothing FROM item"),
        small.entry("shop", 5, query="DROP TABLE item"),
        small.entry("shop", 6, query="SELECT NULL WHERE 0 UNION SELECT count(*) FROM item WHERE 0"),
    ]
    small.write("dev.json", entries)
    before = small.database("shop").read_bytes()
    dev = check_benchmark("spider", small.root).splits[0]
    ids = [example.question.id for example in load("spider:dev", data=small.root).examples]
    assert [gold.id for gold in dev.failing_golds] == sorted(ids[i] for i in (0, 4, 5))
    assert {gold.db_id for gold in dev.failing_golds} == {"shop"}
    assert "nothing" in dev.failing_golds[0].error
    assert dev.failing_golds[0].error == dev.failing_golds[1].error
    assert (dev.empty_golds, dev.duplicates) == (1, 1)
    assert small.database("shop").read_bytes() == before


def test_a_training_file_without_questions_is_no_fault_and_one_to_be_asked_is(small: Any) -> None:
    small.write("train_others.json", [])  # as data import writes it
    found = check_benchmark("spider", small.root)
    assert [(split.split, split.n) for split in found.splits if "train" in split.split] == [
        ("train_spider", 2), ("train_others", 0)
    ]  # fmt: skip
    assert found.problems == ()
    small.write("dev.json", [])
    [problem] = check_benchmark("spider", small.root).problems
    assert problem.endswith("dev.json holds no question.")


def test_missing_databases_are_told_and_counted(small: Any) -> None:
    shutil.rmtree(small.root / "database" / "shop")
    found = check_benchmark("spider", small.root)
    assert (found.splits[0].missing, found.splits[0].n, found.splits[0].n_total) == ({"shop": 2}, 1, 3)
    assert found.problems == ()


def test_a_broken_split_does_not_hide_the_others(small: Any) -> None:
    (small.root / "train_spider.json").write_text('[{"db_id": "scho')
    small.database("moon", "test_database").write_bytes(b"junk")
    found = check_benchmark("spider", small.root)
    assert [split.split for split in found.splits] == ["dev", "train_others"]
    assert len(found.problems) == 2
    assert "train_spider.json is cut off" in found.problems[0]
    assert "moon.sqlite is not a SQLite database" in found.problems[1]


def test_what_breaks_all_splits_is_told_once(small: Any) -> None:
    (small.root / "tables.json").write_text("{}")
    found = check_benchmark("spider", small.root)
    assert [split.split for split in found.splits] == ["test"]
    assert len(found.problems) == 1


def test_databases_in_training_and_evaluation_are_told(small: Any) -> None:
    small.write("train_others.json", [small.entry("farm", 0), small.entry("zoo", 1)])
    assert check_benchmark("spider", small.root).shared_databases == ("zoo",)


def test_a_shared_database_is_told_even_where_its_file_is_missing(small: Any) -> None:
    small.write("train_others.json", [small.entry("farm", 0), small.entry("zoo", 1)])
    shutil.rmtree(small.root / "database" / "zoo")
    assert check_benchmark("spider", small.root).shared_databases == ("zoo",)


def test_without_tables_json(small: Any) -> None:
    (small.root / "tables.json").unlink()
    found = check_benchmark("spider", small.root)
    assert (found.has_tables, found.lacking_tables) == (False, ("tables.json",))


def test_a_folder_with_the_test_split_alone_has_the_tables_of_that(small: Any) -> None:
    for name in ("dev.json", "train_spider.json", "train_others.json", "tables.json"):
        (small.root / name).unlink()
    found = check_benchmark("spider", small.root)
    assert [split.split for split in found.splits] == ["test"]
    assert (found.has_tables, found.lacking_tables) == (True, ())


def test_questions_without_gold_are_counted(small: Any) -> None:
    small.write(
        "dev.json", [small.entry("shop", 0), {"db_id": "zoo", "question": "How?"}, small.entry("zoo", 1, query="")]
    )
    [dev, *_] = check_benchmark("spider", small.root).splits
    assert (dev.n, dev.without_gold, dev.failing_golds, dev.empty_golds) == (3, 2, (), 0)


def test_questions_in_other_files_are_named(small: Any) -> None:
    small.write("more.json", [small.entry("shop", 0), small.entry("shop", 1)])
    small.write("notes.json", {"a": 1})
    assert check_benchmark("spider", small.root).unread == (f"{small.root / 'more.json'} (2 questions)",)


def test_dev_alone_is_enough(small: Any) -> None:
    for name in ("train_spider.json", "train_others.json", "test.json"):
        (small.root / name).unlink()
    assert [split.split for split in check_benchmark("spider", small.root).splits] == ["dev"]


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_no_benchmark_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="spider-opt data fetch"):
        check_benchmark("spider", tmp_path / name)


def test_a_damaged_database_costs_its_own_golds_only(small: Any) -> None:
    path = small.database("shop")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("INSERT INTO item SELECT hex(randomblob(900)), 1 FROM item, item AS b, item AS c")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x99" * (len(whole) - 4096))
    [dev, *_] = check_benchmark("spider", small.root).splits
    assert (dev.n, len(dev.failing_golds)) == (3, 2)
    assert all("shop.sqlite is damaged" in gold.error for gold in dev.failing_golds)


# --- real data ---------------------------------------------------------------------------------


def test_the_bundled_benchmark_has_no_flaw() -> None:
    found = check_benchmark("spider-mini", None)
    assert (found.name, found.problems, found.shared_databases) == ("spider-mini", (), ())
    assert [split.split for split in found.splits] == ["train", "test"]
    for split in found.splits:
        assert (split.failing_golds, split.missing, split.duplicates) == ((), {}, 0)
        assert split.n == split.n_total >= 80


def test_the_real_dev_golds_all_run(shared: Path, tmp_path: Path) -> None:
    for name in ("dev.json", "tables.json", "database"):
        (tmp_path / name).symlink_to(shared / "spider" / name)
    (dev,) = check_benchmark("spider", tmp_path).splits
    assert (dev.n, dev.n_total, dev.missing) == (972, 1034, {"wta_1": 62})
    assert (dev.failing_golds, dev.empty_golds, dev.duplicates) == ((), 49, 0)


def test_the_three_real_train_golds_that_fail_are_found(shared: Path, tmp_path: Path) -> None:
    # Only these databases: all of train takes seconds, and their golds are all that SOURCES.md speaks of.
    for name in ("tables.json", "database"):
        (tmp_path / name).symlink_to(shared / "spider" / name)
    entries = json.loads((shared / "spider" / "train_spider.json").read_text())
    kept = [entry for entry in entries if entry["db_id"] in ("assets_maintenance", "document_management")]
    (tmp_path / "train_spider.json").write_text(json.dumps(kept))
    (train,) = check_benchmark("spider", tmp_path).splits
    assert Counter(gold.db_id for gold in train.failing_golds) == {"assets_maintenance": 1, "document_management": 2}
