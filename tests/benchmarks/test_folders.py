"""Folders that are nearly a benchmark: other names, other forms of files; and what is said of those that are none."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load, training_half
from spider_opt.errors import DatasetError
from spider_opt.wording import in_shell


def test_a_question_a_line(small: Any) -> None:
    entries = json.loads((small.root / "dev.json").read_text())
    before = load("spider", data=small.root)
    (small.root / "dev.json").unlink()
    (small.root / "dev.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert load("spider", data=small.root) == before
    assert load("spider", data=small.root, questions=small.root / "dev.jsonl").examples == before.examples


@pytest.mark.parametrize(
    "place",
    ["shop/shop.db", "shop/shop.sqlite3", "shop/shop.db3", "shop.sqlite", "shop.db", "shop.sqlite3"],
)
@pytest.mark.parametrize("tables", [True, False])
def test_databases_with_other_suffixes_or_without_a_folder(small: Any, place: str, tables: bool) -> None:
    small.database("shop").rename(small.root / "moved")
    small.database("shop").parent.rmdir()
    path = small.root / "database" / place
    path.parent.mkdir(exist_ok=True)
    (small.root / "moved").rename(path)
    if not tables:
        (small.root / "tables.json").unlink()
    assert load("spider", data=small.root).paths["shop"] == path


def test_of_several_databases_in_a_folder_it_is_said_which_is_asked(
    small: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="spider_opt"):
        load("spider", data=small.root)
        assert not caplog.messages
        shutil.copyfile(small.database("shop"), small.database("shop").with_name("shop_v2.sqlite"))
        load("spider", data=small.root)
    [said] = caplog.messages
    assert (
        "database/shop has 2 databases: shop.sqlite is asked, shop_v2.sqlite not; the official evaluator runs" in said
    )
    assert "on all .sqlite files of the folder" in said


def test_one_training_file_may_be_empty(small: Any) -> None:
    small.write("train_others.json", [])
    assert len(load("spider:train", data=small.root).examples) == 2
    assert len(training_half(load("spider", data=small.root)).examples) == 2
    small.write("train_spider.json", [])
    with pytest.raises(DatasetError, match=r"train_spider.json and .*train_others.json hold no question\."):
        load("spider:train", data=small.root)


def test_where_one_training_file_is_lacking_it_is_said_what_to_write(small: Any) -> None:
    (small.root / "train_others.json").unlink()
    with pytest.raises(DatasetError, match=r"No train_others.json in .*write \[\] into .*train_others.json\.$"):
        training_half(load("spider", data=small.root))


def test_questions_without_gold_can_be_asked_and_are_not_learnt_from(small: Any) -> None:
    small.write("dev.json", [{"db_id": "shop", "question": "How?"}, small.entry("zoo", 1, query=None)])
    small.write("train_spider.json", [small.entry("school", 3), small.entry("school", 4, query="")])
    benchmark = load("spider", data=small.root)
    assert [example.gold_sql for example in benchmark.examples] == ["", ""]
    assert [example.question.text for example in training_half(benchmark).examples] == [
        "Which names are there, number 3?", "Which names are there, number 5?",
    ]  # fmt: skip


# --- what is no benchmark ----------------------------------------------------------------------


def test_a_file_that_only_needs_another_name_is_named(small: Any) -> None:
    for name in ("train_spider.json", "train_others.json", "test.json"):
        (small.root / name).unlink()
    (small.root / "dev.json").rename(small.root / "Spider-DK.json")
    with pytest.raises(DatasetError) as caught:
        load("spider", data=small.root)
    at = small.root
    assert str(caught.value) == (
        f"{at} has no dev.json, but Spider-DK.json holds 3 questions: rename it with mv {at}/Spider-DK.json "
        f"{at}/dev.json, or name it by questions={at}/Spider-DK.json"
    )
    assert len(load("spider", data=small.root, questions=at / "Spider-DK.json").examples) == 3


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["q.csv", "shop.db"],
            "has no dev.json; a benchmark is made of a table of questions with: spider-opt data import ",
        ),
        (["q.jsonl"], "--database .*/FILE.db --out DIR$"),
        (
            ["notes.txt"],
            "has no dev.json: it must hold the questions, a list of objects with db_id, question and query",
        ),
    ],
)
def test_advice_fits_ones_own_folder(tmp_path: Path, files: list[str], said: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for file in files:
        (folder / file).write_text("x")
    for name in (None, "spider"):
        with pytest.raises(DatasetError, match=said) as caught, in_shell():
            load(name, data=folder)
        assert "fetch" not in str(caught.value)


def test_advice_names_the_table_of_questions_and_the_folder_of_databases(tmp_path: Path) -> None:
    (tmp_path / "dbs" / "shop").mkdir(parents=True)
    (tmp_path / "dbs" / "shop" / "shop.sqlite").touch()
    (tmp_path / "a_tables.json").write_text('[{"db_id": "shop", "table_names": ["item"]}]')
    (tmp_path / "bird.json").write_text('[{"question_id": 1, "db_id": "shop", "question": "How?", "SQL": "SELECT 1"}]')
    with pytest.raises(DatasetError, match=r"data import \S+/bird.json --database \S+/dbs --out DIR$"), in_shell():
        load(data=tmp_path)


def test_spider_is_fetched_where_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        with pytest.raises(DatasetError, match="spider-opt data fetch"):
            load("spider", data=tmp_path / folder)


def test_a_folder_of_ones_own_that_is_not_there_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^No folder .*nowhere\.$"):
        load(data=tmp_path / "nowhere")
