"""What is not Spider is never called Spider; what is known is known wherever it lies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.naming import TAKEN, described, known_split, like_test, own_name, questions_hash
from spider_opt.benchmarks.questions import Entry, read_entries
from spider_opt.errors import DatasetError

KNOWN = "spider_opt.benchmarks.naming._KNOWN"


def hashes(small: Any, **splits: str) -> dict[int, dict[str, tuple[str, str]]]:
    """The table of known splits as it would be if the small Spider's files were these."""
    known: dict[int, dict[str, tuple[str, str]]] = {}
    for file, name in splits.items():
        entries = read_entries([small.root / f"{file}.json"])
        benchmark, _, split = name.partition(":")
        known.setdefault(len(entries), {})[questions_hash(entries)] = benchmark, split
    return known


@pytest.mark.parametrize("folder", ["spider", "Spider", "spider-syn", "spider-dk", "spider-mini"])
def test_a_folder_with_a_name_of_others_is_ones_own(small: Any, tmp_path: Path, folder: str) -> None:
    small.root.rename(tmp_path / folder)
    for name in ("spider", None):
        benchmark = load(name, data=tmp_path / folder)
        assert (benchmark.name, benchmark.split) == (f"own-{folder}", "dev")
    assert benchmark.name not in TAKEN


def test_a_folder_is_called_as_it_is_named_whatever_loads_it(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.root.rename(tmp_path / "shop")
    for data in (tmp_path / "shop", str(tmp_path / "shop") + "/", tmp_path / "shop" / "database" / ".."):
        assert load("spider:train", data=data).name == "shop"
    monkeypatch.chdir(tmp_path / "shop")
    assert load(data=".").name == "shop"
    monkeypatch.setenv("SPIDER_DIR", ".")
    assert load("spider").name == "shop"


def test_known_questions_are_called_what_they_are_in_any_folder(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paraphrases = small.write("paraphrases.json", [small.entry("zoo", 7)])
    monkeypatch.setattr(KNOWN, hashes(small, dev="spider:dev", paraphrases="spider-syn:dev"))
    benchmark = load("spider", data=small.root)
    assert (benchmark.name, benchmark.split) == ("spider", "dev")
    assert load("spider:train", data=small.root).name == "spider", "whatever is learnt from over Spider's own"
    for name in ("spider", "spider-syn"):
        benchmark = load(name, data=small.root, questions=paraphrases)
        assert (benchmark.name, benchmark.split) == ("spider-syn", "dev")
    other = tmp_path / "some.json"
    other.write_text((small.root / "dev.json").read_text())
    small.write("dev.json", [small.entry("shop", 9)])
    again = load("spider", data=small.root, questions=other)
    assert (again.name, again.split) == ("spider", "dev")
    assert load("spider", data=small.root).name == "own-spider"


def test_other_questions_over_spiders_databases_have_their_files_name(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KNOWN, hashes(small, dev="spider:dev"))
    small.write("more.json", [small.entry("shop", 9)])
    benchmark = load("spider", data=small.root, questions=small.root / "more.json")
    assert (benchmark.name, benchmark.split) == ("spider", "more")
    assert load("spider:test", data=small.root).name == "own-spider", "a test split that is not as large as Spider's"


@pytest.mark.parametrize("change", ["question", "query", "db_id", "one less", "one more"])
def test_a_changed_split_is_not_known(small: Any, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr(KNOWN, {n: hashes(small, dev="spider:dev")[3] for n in (2, 3, 4)})
    entries = json.loads((small.root / "dev.json").read_text())
    if change == "one less":
        entries.pop()
    elif change == "one more":
        entries.append(small.entry("zoo", 7))
    else:
        entries[0][change] = "zoo" if change == "db_id" else entries[0][change] + " 1"
    small.write("dev.json", entries)
    assert load("spider", data=small.root).name == "own-spider"


def test_order_and_blanks_do_not_count(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KNOWN, hashes(small, dev="spider:dev"))
    entries = json.loads((small.root / "dev.json").read_text())
    entries[0]["query"] = entries[0]["query"].replace(" ", "  ")
    entries[0]["question"] = entries[0]["question"].replace("?", " ?")
    small.write("dev.json", entries[::-1])
    assert load("spider", data=small.root).name == "spider"


def asked(n: int, *db_ids: str) -> list[Entry]:
    return [Entry(i, "", db_ids[i % len(db_ids)], str(i), "SELECT 1") for i in range(n)]


def test_dk_is_known_by_its_size_and_the_databases_that_it_changed() -> None:
    changed = ("new_concert_singer", "new_orchestra", "New_pets_1", "car_1")
    assert known_split(asked(535, *changed)) == ("spider-dk", "dev")
    assert known_split(asked(534, *changed)) is None
    assert known_split(asked(535, *changed[1:])) is None
    assert known_split(asked(535, "concert_singer", "orchestra", "pets_1")) is None


def test_test_is_known_by_its_size_and_databases_of_its_own() -> None:
    databases = [f"db_{i}" for i in range(40)]
    assert like_test(asked(2147, *databases))
    assert like_test(asked(2147, *databases), asked(9, "car_1", "pets_1"))
    assert not like_test(asked(2147, *databases), asked(9, "car_1", "DB_7"))
    assert not like_test(asked(2146, *databases))
    assert not like_test(asked(2147, *databases[:20]))


@pytest.mark.parametrize(("n", "name"), [(2147, "spider"), (2146, "own-spider")])
def test_a_folder_with_spiders_test_alone(small: Any, n: int, name: str) -> None:
    for file in ("dev", "train_spider", "train_others"):
        (small.root / f"{file}.json").unlink()
    (small.root / "test_database").mkdir(exist_ok=True)
    for i in range(40):
        for folder in ("test_database", "database"):
            there = small.root / folder / f"shop_{i}"
            there.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(small.root / "database/shop/shop.sqlite", there / f"shop_{i}.sqlite")
    entries = [small.entry("shop", i) | {"db_id": f"shop_{i % 40}", "question": f"What, {i}?"} for i in range(n)]
    small.write("test.json", entries)
    (small.root / "test_tables.json").write_text("[]")
    benchmark = load("spider:test", data=small.root)
    assert (benchmark.name, benchmark.split, len(benchmark.examples)) == (name, "test", n)


@pytest.mark.parametrize(
    ("file", "split", "name"),
    [
        ("spider/dev.json", "", ("spider", "dev")),
        ("spider/train_spider.json", "", ("spider", "train_spider")),
        ("spider/train_others.json", "", ("spider", "train_others")),
        ("benchmarks/spider-syn/dev.json", "", ("spider-syn", "dev")),
        ("benchmarks/spider-realistic/spider-realistic.json", "", ("spider-realistic", "dev")),
    ],
)
def test_what_others_measure_on(shared: Path, file: str, split: str, name: tuple[str, str]) -> None:
    benchmark = load("spider", data=shared / "spider", questions=shared / file)
    assert (benchmark.name, benchmark.split) == name


def test_all_of_spiders_training_questions(shared: Path) -> None:
    benchmark = real_spider("train", shared)
    assert (benchmark.name, benchmark.split) == ("spider", "train")


# --- benchmark.json ----------------------------------------------------------------------------


def describe(folder: Path, **told: object) -> None:
    (folder / "benchmark.json").write_text(json.dumps(told))


def test_a_folder_says_what_it_is_called_and_what_its_questions_have(small: Any) -> None:
    entries = [small.entry("shop", 0, hint="b is free", level="hard"), small.entry("zoo", 1)]
    small.write("dev.json", entries)
    describe(small.root, name="shop questions", notes="hint", metadata={"difficulty": "level"})
    for name in (None, "spider", "shop questions"):
        benchmark = load(name, data=small.root)
        assert (benchmark.name, benchmark.split) == ("shop questions", "dev")
        assert [example.question.notes for example in benchmark.examples] == ["b is free", ""]
        assert [dict(example.metadata) for example in benchmark.examples] == [{"difficulty": "hard"}, {}]
    assert training_half(benchmark).name == "shop questions"
    assert len(training_half(benchmark).examples) == 3


def test_spiders_own_questions_stay_spiders(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KNOWN, hashes(small, dev="spider:dev"))
    describe(small.root, name="mine")
    assert load(data=small.root).name == "spider"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, 'must be an object that says its "name"'),
        ({"name": " "}, 'must be an object that says its "name"'),
        ({"name": 3}, 'must be an object that says its "name"'),
        ({"name": "spider"}, 'calls it "spider", which is no name for a benchmark of your own'),
        ({"name": "a:b"}, "is no name for a benchmark"),
        ({"name": "a", "notes": 3}, "must be text"),
        ({"name": "a", "metadata": ["level"]}, '"metadata" names by names'),
        ({"name": "a", "metadata": {"level": 1}}, '"metadata" names by names'),
        ({"name": "a", "layout": "brid"}, "no benchmark 'brid'"),
    ],
)
def test_a_description_that_is_none_is_refused(small: Any, told: dict[str, object], said: str) -> None:
    describe(small.root, **told)
    with pytest.raises(DatasetError, match=said):
        load(data=small.root)
    (small.root / "benchmark.json").write_text("[1")
    with pytest.raises(DatasetError, match="cut off or no JSON"):
        described(small.root)


def test_the_name_of_a_root_folder() -> None:
    assert own_name(Path("/")) == "own"
