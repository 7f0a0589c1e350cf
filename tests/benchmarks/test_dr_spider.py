"""Dr.Spider in its layout, as it comes and as its own script prepares it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.dr_spider import SETS
from spider_opt.benchmarks.listing import markdown_table
from spider_opt.errors import DatasetError

from .conftest import SmallSpider, tables_entry, write_database

RENAMED = "CREATE TABLE thing (label TEXT); INSERT INTO thing VALUES ('lion')"


def made(root: Path, *, prepared: bool = False) -> Path:
    """The repository's data folder: a set of each kind, and Spider's dev beside."""
    write_database(root / "Spider-dev/databases/zoo/zoo.sqlite", "CREATE TABLE item (name TEXT, price REAL)")
    tables = [tables_entry("zoo", "item", ["name", "price"])]
    (root / "Spider-dev/tables.json").write_text(json.dumps(tables))
    before = SmallSpider.entry("zoo", 1)
    for name in ("DB_schema_synonym", "NLQ_keyword_synonym", "SQL_sort_order"):
        folder = root / name
        folder.mkdir()
        after = before | {"question": f"{name}?"}
        if name.startswith("DB_"):
            after |= {"db_id": "zoo_0", "query": "SELECT label FROM thing"}
            write_database(folder / "database_post_perturbation/zoo_0/zoo_0.sqlite", RENAMED)
            (folder / "tables_post_perturbation.json").write_text(
                json.dumps([tables_entry("zoo_0", "thing", ["label"])])
            )
        (folder / "questions_pre_perturbation.json").write_text(json.dumps([before]))
        (folder / "questions_post_perturbation.json").write_text(json.dumps([after]))
        if prepared:
            end = "_pre_perturbation" if name.startswith("DB_") else ""
            shutil.copytree(root / "Spider-dev/databases", folder / f"databases{end}")
            shutil.copy(root / "Spider-dev/tables.json", folder / f"tables{end}.json")
    return root


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("place", ["data", "", "diagnostic-robustness-text-to-sql/data"])
def test_each_kind_of_set_before_and_after(tmp_path: Path, place: str, prepared: bool) -> None:
    root = tmp_path / "DR"
    data = made(root / place, prepared=prepared)
    for name in ("DB_schema_synonym", "NLQ_keyword_synonym", "SQL_sort_order"):
        after, before = load(f"dr-spider:{name}", data=root), load(f"dr-spider:{name}-pre", data=root)
        assert (after.name, after.split, before.split) == ("dr-spider", name, f"{name}-pre")
        assert (after.examples[0].question.text, after.missing, before.missing) == (f"{name}?", {}, {})
        assert after == load(f"dr-spider:{name}-post", data=root)
        own = "databases_pre_perturbation" if name.startswith("DB_") else "databases"
        folder = data / name / own if prepared else data / "Spider-dev/databases"
        assert before.paths == {"zoo": folder / "zoo/zoo.sqlite"}
        if name.startswith("DB_"):
            assert after.paths == {"zoo_0": data / name / "database_post_perturbation/zoo_0/zoo_0.sqlite"}
            assert after.examples[0].question.schema.tables[0].name == "thing"
        else:
            assert after.paths == before.paths
    checked = check_benchmark("dr-spider", root)
    assert (len(checked.splits), checked.problems) == (6, ())
    assert [bad for split in checked.splits for bad in split.failing_golds] == []


def test_the_folder_says_that_it_is_dr_spiders(tmp_path: Path) -> None:
    made(tmp_path / "DR" / "data")
    for root in (tmp_path / "DR", tmp_path / "DR" / "data"):
        benchmark = load(data=root)
        assert (benchmark.name, benchmark.split) == ("dr-spider", "NLQ_keyword_synonym")


def test_in_spiders_folder_its_training_questions_are_learnt(small: Any) -> None:
    made(small.root / "diagnostic-robustness-text-to-sql/data")
    benchmark = load("dr-spider:DB_schema_synonym", data=small.root)
    assert len(training_half(benchmark).examples) == 3
    assert load(data=small.root).name == "own-spider"


def test_files_that_git_lfs_has_not_brought_are_refused(tmp_path: Path) -> None:
    data = made(tmp_path / "data")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1011\nsize 34\n"
    (data / "SQL_sort_order/questions_post_perturbation.json").write_text(pointer)
    with pytest.raises(DatasetError, match="is cut off or no JSON"):
        load("dr-spider:SQL_sort_order", data=tmp_path)


def test_its_sets_are_few_lines_of_the_docs() -> None:
    rows = [line for line in markdown_table().splitlines() if "`dr-spider`" in line]
    assert len(SETS) == 17
    assert 2 <= len(rows) <= 8
    assert all("NAME" in row for row in rows)
