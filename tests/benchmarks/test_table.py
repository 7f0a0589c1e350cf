"""Names to sources: what ``load`` finds by a name, and what it says where there is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.table import BENCHMARKS, benchmark_names, source_named
from spider_opt.errors import DatasetError


def test_alone_it_is_the_bundled_test_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", "/nowhere")
    benchmark = load()
    assert (benchmark.name, benchmark.split, benchmark.root) == ("spider-mini", "test", None)
    assert load("spider-mini") == load("spider-mini:test") == load("spider-mini:dev") == benchmark


def test_the_usual_split_is_meant_where_none_is_named(small: Any) -> None:
    benchmark = load("spider", data=small.root)
    assert (benchmark.name, benchmark.split, benchmark.root) == ("own-spider", "dev", small.root)
    assert benchmark == load("spider:dev", data=str(small.root))
    assert load("spider:train", data=small.root).split == "train"


def test_a_named_folder_wins_over_the_environment(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", "/nowhere/spider")
    assert len(load("spider", data=small.root).examples) == 3
    with pytest.raises(DatasetError, match="No folder /nowhere/spider"):
        load("spider")
    with pytest.raises(DatasetError, match="No folder /nowhere/else"):
        load("spider", data="/nowhere/else")


def test_the_environment_names_a_folder(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", str(small.root))
    assert load("spider").root == small.root
    monkeypatch.setenv("HOME", str(small.root.parent))
    monkeypatch.setenv("SPIDER_DIR", "~/spider")
    assert load("spider:test").root == small.root


def test_the_root_is_absolute(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.root.parent)
    assert load("spider", data="spider").root == small.root


@pytest.mark.parametrize("value", [None, "", "  "])
def test_no_folder_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("SPIDER_DIR", value)
    with pytest.raises(DatasetError) as caught:
        load("spider:train")
    assert str(caught.value) == (
        "Where is Spider? Name its folder: load('spider', data=DIR), or SPIDER_DIR=DIR. "
        "Get it with: spider-opt data fetch"
    )


def test_what_comes_with_a_package_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"spider-mini comes with its package: leave out its folder, /"):
        load("spider-mini", data=tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("spidr", "no benchmark 'spidr' (did you mean 'spider'?); see: spider-opt data list"),
        ("qqq:dev", "no benchmark 'qqq' (there are: "
        f"{', '.join(sorted(BENCHMARKS))}); see: spider-opt data list"),
        ("", "no benchmark '' (there are: "
        f"{', '.join(sorted(BENCHMARKS))}); see: spider-opt data list"),
        ("spider-mini:tets", 'No split is called "tets"; there is: train, test. Another benchmark is named by its '
                             "folder: load('NAME', data=DIR)"),
        ("spider-mini:", 'No split is called ""; there is: train, test. Another benchmark is named by its folder: '
                         "load('NAME', data=DIR)"),
    ],
)  # fmt: skip
def test_a_wrong_name_says_what_there_is(name: str, sentence: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load(name)
    assert str(caught.value) == sentence


def test_the_table_is_whole() -> None:
    assert set(benchmark_names()) >= set(BENCHMARKS)
    for name in BENCHMARKS:
        source = source_named(name)
        assert source.about.endswith(".")
        assert source.title
        assert source.licence


# --- the training half -------------------------------------------------------------------------


def test_the_training_half_is_of_the_same_folder(small: Any) -> None:
    half = training_half(load("spider:dev", data=small.root))
    assert half == load("spider:train", data=small.root)
    assert training_half(half) == half
    assert training_half(load()) == load("spider-mini:train")


def test_without_a_training_half(small: Any) -> None:
    dev = load("spider:dev", data=small.root)
    (small.root / "train_others.json").unlink()
    with pytest.raises(DatasetError, match=r"No train_others\.json in .*, so no split train"):
        training_half(dev)
