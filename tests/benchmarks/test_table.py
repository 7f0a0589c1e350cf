from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load_benchmark
from spider_opt.benchmarks import table as catalog
from spider_opt.errors import DatasetError


def test_a_named_folder_wins_over_the_environment(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", "/nowhere")
    benchmark = load_benchmark(small.root)
    assert (benchmark.name, benchmark.split) == ("spider", "dev")
    assert load_benchmark(small.root, "train").split == "train"


def test_the_environment_names_a_folder(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", str(small.root))
    assert load_benchmark().name == "spider"
    monkeypatch.setenv("HOME", str(small.root.parent))
    monkeypatch.setenv("SPIDER_DIR", "~/spider")
    assert load_benchmark(split="test").split == "test"


def test_a_wrong_folder_is_never_replaced_by_the_bundled_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_DIR", "/nowhere/spider")
    with pytest.raises(DatasetError, match="No folder /nowhere/spider"):
        load_benchmark()
    with pytest.raises(DatasetError, match="No folder /nowhere/else"):
        load_benchmark(Path("/nowhere/else"))


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_folder_it_is_the_bundled_one(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("SPIDER_DIR", value)
    asked: list[str] = []
    monkeypatch.setattr(catalog, "load_bundled", asked.append)
    load_benchmark()
    load_benchmark(None, "train")
    assert asked == ["test", "train"]
