"""Other questions over Spider's databases: never called Spider's, found where they may lie, else refused."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.fetch import _unpack, official_download
from spider_opt.benchmarks.leaks import without_leaks
from spider_opt.benchmarks.listing import listed
from spider_opt.benchmarks.naming import questions_hash
from spider_opt.benchmarks.questions import read_entries
from spider_opt.benchmarks.table import source_named
from spider_opt.errors import DatasetError
from spider_opt.types import Example, Question, Schema

from .conftest import tables_entry, write_database
from .test_fetch import pack

VARIANTS = ("spider-syn", "spider-realistic", "spider-dk")
PLACES = {
    "spider-syn": ["Spider-Syn/dev.json", "spider-syn/dev.json", "Spider-Syn/Spider-Syn/dev.json", "dev.json"],
    "spider-realistic": ["spider-realistic.json", "spider-realistic/spider-realistic.json", "spider-realistic.jsonl"],
    "spider-dk": ["Spider-DK.json", "Spider-DK/Spider-DK.json", "spider-dk/Spider-DK.json"],
}


def questions(small: Any, name: str, db_id: str = "zoo") -> list[dict[str, Any]]:
    """Two questions as a variant's file has them."""
    more = 10 * (name == "spider-realistic")
    entries = [small.entry(db_id, n + more) | {"question": f"Who is there, {n}?"} for n in (11, 12)]
    if name == "spider-syn":
        return [
            {"db_id": e["db_id"], "SpiderQuestion": f"old {i}", "SpiderSynQuestion": e["question"], "query": e["query"]}
            for i, e in enumerate(entries)
        ]
    return [entry | {"type": 34} for entry in entries] if name == "spider-dk" else entries


def put(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    path.write_text("\n".join(map(json.dumps, entries)) if lines else json.dumps(entries))
    return path


@pytest.fixture
def known(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small Spider's dev and the small variants are those that were published."""
    table: dict[int, dict[str, tuple[str, str]]] = {}
    for name, entries in [("spider", None), *((name, questions(small, name)) for name in VARIANTS[:2])]:
        file = small.root / "dev.json" if entries is None else put(tmp_path / f"{name}.json", entries)
        read = read_entries([file])
        table.setdefault(len(read), {})[questions_hash(read)] = name, "dev"
    monkeypatch.setattr("spider_opt.benchmarks.naming._KNOWN", table)


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in VARIANTS[:2] for place in PLACES[name]])
def test_it_is_found_in_spiders_folder(small: Any, name: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(small.root / place, questions(small, name))
    entries = read_entries([file])
    monkeypatch.setattr("spider_opt.benchmarks.naming._KNOWN", {2: {questions_hash(entries): (name, "dev")}})
    benchmark = load(name, data=small.root)
    assert (benchmark.name, benchmark.split, len(benchmark.examples)) == (name, "dev", 2)
    assert [example.question.text for example in benchmark.examples] == ["Who is there, 11?", "Who is there, 12?"]
    assert [split.n for split in check_benchmark(name, small.root).splits] == [2]
    assert check_benchmark(name, small.root).problems == ()


@pytest.mark.parametrize("name", VARIANTS[:2])
def test_whoever_loads_them_and_wherever_they_lie_they_are_what_they_are(
    small: Any, known: None, tmp_path: Path, name: str
) -> None:
    apart = put(tmp_path / "some.json", questions(small, name))
    found = [load(asked, data=small.root, questions=apart) for asked in (name, "spider")]
    put(small.root / "dev.json", questions(small, name))
    found += [load("spider", data=small.root), load(data=small.root)]
    for benchmark in found:
        assert (benchmark.name, benchmark.split, benchmark.fingerprint) == (name, "dev", found[0].fingerprint)
        assert benchmark.examples == found[0].examples
        half = training_half(benchmark)
        assert {example.question.db_id for example in half.examples} == {"school", "farm"}


def test_a_part_of_syn_is_known_by_its_field(small: Any, known: None, tmp_path: Path) -> None:
    part = put(tmp_path / "first.json", questions(small, "spider-syn")[:1])
    for asked in ("spider", "spider-syn"):
        benchmark = load(asked, data=small.root, questions=part)
        assert (benchmark.name, benchmark.split) == ("spider-syn", "first")


@pytest.mark.parametrize("name", VARIANTS[:2])
def test_other_questions_in_its_place_are_not_called_as_published(
    small: Any, known: None, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    entries = questions(small, name)
    put(small.root / PLACES[name][0], entries + entries)
    with caplog.at_level(logging.WARNING):
        benchmark = load(name, data=small.root)
    assert (benchmark.name, benchmark.split) == (name, "other-dev")
    assert "as it was published; they are called other-dev" in caplog.text


@pytest.mark.parametrize(
    ("asked", "holds", "said"),
    [
        ("spider-syn", "spider", "has Spider's questions, not Spider-Syn's: ask them with"),
        ("spider-realistic", "spider", "has Spider's questions, not Spider-Realistic's"),
        ("spider-syn", "spider-realistic", "has Spider-Realistic's questions, not Spider-Syn's"),
        ("spider-realistic", "spider-syn", "has Spider-Syn's questions, not Spider-Realistic's"),
        ("spider-dk", "spider-syn", "has Spider-Syn's questions, not Spider-DK's"),
    ],
)
def test_one_for_another_is_refused(small: Any, known: None, tmp_path: Path, asked: str, holds: str, said: str) -> None:
    file = small.root / "dev.json" if holds == "spider" else tmp_path / f"{holds}.json"
    with pytest.raises(DatasetError, match=said):
        load(asked, data=small.root, questions=file)


def test_others_own_questions_are_not_syns(small: Any, known: None, tmp_path: Path) -> None:
    file = put(tmp_path / "mine.json", [small.entry("zoo", 5)])
    with pytest.raises(DatasetError, match=r'entry 0 of mine\.json has no "SpiderSynQuestion", so it is not of'):
        load("spider-syn", data=small.root, questions=file)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_lies_where_is_said(small: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    file = PLACES[name][0]
    with pytest.raises(DatasetError, match=rf"holds no Spider-\w+ \({file}\): put it there, or name the file of its"):
        load(name, data=small.root)
    with pytest.raises(DatasetError, match=rf"Name its folder: load\('{name}', data=SPIDER, questions=FILE\)"):
        load(name)
    alone = put(tmp_path / "alone" / file, questions(small, name))
    with pytest.raises(DatasetError, match=f"No database at .*: those of {name} are Spider's, so name its folder"):
        load(name, data=tmp_path / "alone", questions=alone)


def test_the_original_question_is_as_near_as_its_paraphrase(small: Any, known: None, tmp_path: Path) -> None:
    asked = load("spider-syn", data=small.root, questions=tmp_path / "spider-syn.json").examples
    learnt = [
        Example(i, Question(f"train-{i:010x}", text, Schema("farm", ())), f"SELECT {i} FROM farm")
        for i, text in enumerate(["OLD 1", "Who is there, 11?", "Who else?"])
    ]
    rest, left_out = without_leaks(learnt, asked)
    assert [example.question.text for example in rest] == ["Who else?"]
    assert left_out == {"same question": 2}
    assert [example.metadata for example in asked] == [{"original": "old 0"}, {"original": "old 1"}]


# --- Spider-DK, which has databases of its own -------------------------------------------------


def dk(small: Any, folder: Path) -> Path:
    write_database(
        folder / "database/new_zoo/new_zoo.sqlite", "CREATE TABLE item (name TEXT, born TEXT); "
        "INSERT INTO item VALUES ('lion', '2001')",
    )  # fmt: skip
    entry = tables_entry("new_zoo", "item", ["name", "born"])
    entry["column_names"] = [[-1, "*"], [0, "name"], [0, "born on"]]
    (folder / "tables.json").write_text(json.dumps([entry]))
    return put(folder / "Spider-DK.json", questions(small, "spider-dk", "new_zoo") + questions(small, "spider-dk"))


@pytest.mark.parametrize("how", ["inside", "named inside", "apart", "merged"])
def test_dk_is_put_together_of_both_folders(small: Any, tmp_path: Path, how: str) -> None:
    folder = {"apart": tmp_path / "DK", "merged": small.root}.get(how, small.root / "Spider-DK")
    spiders = (small.root / "tables.json").read_text()
    file = dk(small, folder)
    if how == "merged":
        (small.root / "tables.json").write_text(
            json.dumps([*json.loads(spiders), *json.loads((folder / "tables.json").read_text())])
        )
    data = folder if how == "named inside" else small.root
    benchmark = load("spider-dk", data=data, questions=file if how == "apart" else None)
    assert (benchmark.name, len(benchmark.examples), dict(benchmark.missing)) == ("spider-dk", 4, {})
    assert {db_id: Path(path).resolve() for db_id, path in benchmark.paths.items()} == {
        "new_zoo": (folder / "database/new_zoo/new_zoo.sqlite").resolve(),
        "zoo": small.database("zoo").resolve(),
    }
    words = {e.question.db_id: [c.words for c in e.question.schema.tables[0].columns] for e in benchmark.examples}
    assert words == {"new_zoo": ["name", "born on"], "zoo": ["name", "price"]}
    assert benchmark.examples[0].metadata == {"type": "34"}


def test_dk_alone_leaves_out_what_is_on_spiders_databases(small: Any, tmp_path: Path) -> None:
    file = dk(small, tmp_path / "DK")
    shutil.copyfile(small.root / "tables.json", small.root / "copy.json")
    both = json.loads((small.root / "copy.json").read_text()) + json.loads((tmp_path / "DK/tables.json").read_text())
    (tmp_path / "DK/tables.json").write_text(json.dumps(both))
    assert load(data=tmp_path / "DK").name == "spider-dk"
    benchmark = load("spider-dk", data=tmp_path / "DK")
    assert (len(benchmark.examples), dict(benchmark.missing)) == (2, {"zoo": 2})
    assert load("spider-dk", data=small.root, questions=file).missing == {}


# --- what is listed and fetched ----------------------------------------------------------------


def test_they_are_listed() -> None:
    there = {one.name: one for one in listed()[0]}
    for name in VARIANTS:
        assert there[name].training == "spider:train"
        assert "load(" in there[name].where
    assert {name: there[name].licence for name in VARIANTS} == {
        "spider-syn": "MIT", "spider-realistic": "CC BY-SA 4.0", "spider-dk": "MIT"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["spider-syn", "spider-dk"])
def test_what_is_fetched_into_spiders_folder_is_found(small: Any, tmp_path: Path, name: str) -> None:
    source = source_named(name)
    assert official_download(name).url.startswith(f"{source.page}/archive/")
    inside = source.splits["dev"].questions[0]
    zipped = tmp_path / "it.zip"
    zipped.write_bytes(pack({f"repository-1/{inside}": json.dumps(questions(small, name)).encode(),
                             "repository-1/README.md": b"x"}))  # fmt: skip
    _unpack(source, zipped, small.root / source.title, lambda *_: None)
    benchmark = load(name, data=small.root)
    assert (benchmark.name, len(benchmark.examples)) == (name, 2)


@pytest.mark.parametrize(
    ("name", "file", "n"),
    [("spider-syn", "spider-syn/dev.json", 972), ("spider-realistic", "spider-realistic/spider-realistic.json", 476)],
)
def test_the_published_ones(shared: Path, name: str, file: str, n: int) -> None:
    benchmark = load(name, data=shared / "spider", questions=shared / "benchmarks" / file)
    assert (benchmark.name, benchmark.split, len(benchmark.examples)) == (name, "dev", n)
    assert benchmark == load("spider", data=shared / "spider", questions=shared / "benchmarks" / file)
