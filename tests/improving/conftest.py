"""Loops over the bundled benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from improving.pretended import BENCHMARK, SPEC, Pretended

from spider_opt.databases import DatabasePool
from spider_opt.improving.loop import Loop
from spider_opt.improving.plan import Plan, Questions
from spider_opt.training.dataset import Item


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other_rows: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def questions() -> Questions:
    items = [Item(example.question, example.gold_sql) for example in BENCHMARK.examples]
    about = {"source": "spider-mini train"}
    return Questions(items, [], BENCHMARK, DatabasePool(BENCHMARK.paths), about, is_asked=lambda sql: False)


@pytest.fixture
def loop(questions: Questions) -> Callable[..., Loop]:
    def make(pretended: Pretended, **changes: Any) -> Loop:
        plan = Plan("better", Path("loop"), SPEC, context="none", samples=4)
        return Loop(questions, replace(plan, **changes), tune=pretended.tune, ask=pretended.ask)

    return make
