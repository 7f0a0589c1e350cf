"""Whose layout a folder has, and what is said where another benchmark's folder was named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.dr_spider import SETS
from spider_opt.benchmarks.kaggle_dbqa import DATABASES
from spider_opt.benchmarks.loading import missing_sentence
from spider_opt.benchmarks.recognising import layout_of
from spider_opt.benchmarks.table import BENCHMARKS
from spider_opt.errors import DatasetError
from spider_opt.wording import in_shell

from .conftest import write_database

SCRIPT = "CREATE TABLE item (name TEXT)"
ENTRY = {"db_id": "shop", "question": "Which?", "query": "SELECT name FROM item"}
TITLES = {
    "spider": "Spider", "bird": "BIRD", "kaggle-dbqa": "KaggleDBQA", "archer": "Archer", "dr-spider": "Dr.Spider",
    "spider2-sqlite": "Spider 2.0 on SQLite", "archer-zh": "Archer in Chinese",
}  # fmt: skip
FILES: dict[str, dict[str, object]] = {
    "spider": {"dev.json": [ENTRY], "tables.json": []},
    "bird": {"dev.json": [ENTRY | {"SQL": "SELECT 1"}], "dev_tables.json": []},
    "archer": {"en_data/dev.json": [ENTRY]},
    "archer-zh": {"zh_data/dev.json": [ENTRY]},
    "dr-spider": {f"data/{SETS[3]}/questions_post_perturbation.json": [ENTRY]},
    "kaggle-dbqa": {"KaggleDBQA_tables.json": [], **{f"examples/{name}_test.json": [ENTRY] for name in DATABASES}},
    "spider2-sqlite": {"spider2-lite.jsonl": {"instance_id": "local1", "db": "shop", "question": "Which?"}},
}
AT = {
    "spider": "database/shop/shop.sqlite", "bird": "dev_databases/shop/shop.sqlite",
    "archer": "database/shop/shop.sqlite", "archer-zh": "database/shop/shop.sqlite",
    "dr-spider": "data/Spider-dev/databases/shop/shop.sqlite", "kaggle-dbqa": "databases/shop/shop.sqlite",
    "spider2-sqlite": "resource/databases/spider2-localdb/shop.sqlite",
}  # fmt: skip


def made(root: Path, name: str) -> Path:
    for file, content in FILES[name].items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(json.dumps(content))
    write_database(root / AT[name], SCRIPT)
    return root


@pytest.mark.parametrize("other", FILES)
def test_each_layout_is_known_and_refused_for_all_others(tmp_path: Path, other: str) -> None:
    root = made(tmp_path / "folder", other)
    assert layout_of(root) == other
    for name in (*FILES, "spider-syn", "spider-realistic", "spider-dk"):
        if name == other or (other == "spider" and name.startswith("spider-")):
            continue
        for how in (lambda name: load(name, data=root), lambda name: check_benchmark(name, root)):
            with pytest.raises(DatasetError) as caught, in_shell():
                how(name)
            said = str(caught.value)
            assert said.startswith(f"{root} looks like {TITLES[other]}'s folder, not "), (name, said)
            assert f": --benchmark {other} --data {root}" in said
            assert len(said.replace(str(root), "")) < 250


def test_to_python_it_is_said_in_python(tmp_path: Path) -> None:
    root = made(tmp_path / "folder", "bird")
    with pytest.raises(DatasetError) as caught:
        load("spider", data=root)
    assert str(caught.value) == f"{root} looks like BIRD's folder, not Spider's: load('bird', data='{root}')"


def test_questions_over_spiders_databases_alone(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text(json.dumps([{"SpiderSynQuestion": "What?"} | ENTRY]))
    for name in ("spider", None, "bird"):
        with pytest.raises(DatasetError) as caught, in_shell():
            load(name, data=tmp_path)
        assert str(caught.value) == (
            f"{tmp_path} has Spider-Syn's questions, whose databases are Spider's: "
            f"--benchmark spider-syn --data SPIDER --questions {tmp_path / 'dev.json'}"
        )


def test_a_benchmark_of_ones_own_is_named(small: Any) -> None:
    small.write("benchmark.json", {"name": "mine"})
    with pytest.raises(DatasetError) as caught, in_shell():
        load("bird", data=small.root)
    assert str(caught.value) == f'{small.root} is the benchmark "mine", not BIRD: --data {small.root}'


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["Spider-DK.json", "dev.json"], ["spider"]),  # further files beside
        (["en_data/dev.json", "dev.json"], ["spider", "archer"]),
    ],
)
def test_a_folder_of_several_is_each_of_them(small: Any, files: list[str], names: list[str]) -> None:
    for file in files:
        (small.root / file).parent.mkdir(exist_ok=True)
        (small.root / file).write_text(json.dumps([small.entry("shop", 1)]))
    for name in names:
        assert len(load(name, data=small.root).examples) == 1


def test_what_only_lacks_something_is_told_as_ever(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text(json.dumps([ENTRY]))
    (tmp_path / "tables.json").write_text("[]")
    with pytest.raises(DatasetError, match="unknown database"):
        load("spider", data=tmp_path)
    (tmp_path / "parent").mkdir()
    inner = made(tmp_path / "parent" / "bird", "bird")
    with pytest.raises(DatasetError, match=f"holds no questions, but {inner} does"):
        load("bird", data=tmp_path / "parent")


@pytest.mark.parametrize(("folder", "name"), [("spider", "bird"), ("benchmarks/bird", "spider")])
def test_the_real_ones(shared: Path, folder: str, name: str) -> None:
    with pytest.raises(DatasetError, match=f"{folder} looks like .*'s folder, not .*: load"):
        load(name, data=shared / folder)


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "spider-mini"])
def test_what_is_said_of_a_folder_is_short(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SPIDER_DIR", "BIRD_DIR", "ARCHER_DIR", "KAGGLE_DBQA_DIR", "DR_SPIDER_DIR", "SPIDER2_DIR"):
        monkeypatch.delenv(variable, raising=False)
    for folder in ("full", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    for data in (tmp_path / "full", tmp_path / "empty", tmp_path / "none", None):
        with pytest.raises(DatasetError) as caught, in_shell():
            load(name, data=data)
        assert len(str(caught.value).replace(str(data), "")) < 250


def test_many_names_are_cut(tmp_path: Path) -> None:
    root = made(tmp_path / "folder", "dr-spider")
    for name in SETS:
        file = root / f"data/{name}/questions_post_perturbation.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps([ENTRY]))
    with pytest.raises(DatasetError, match=r'"SQL_sort" \(did you mean "SQL_sort_order"\?\); there is: .* and 11 more'):
        load("dr-spider:SQL_sort", data=root)
    missing = {f"db_{i}": i for i in range(30)}
    assert missing_sentence(missing, 500, 65).endswith("db_9 (9) and 20 more; n=65")
