"""What tests of the page share: a browser, three runs of the bundled benchmark, their data and their page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_browser import browser

from spider_opt.benchmarks import load
from spider_opt.report.page import ReportData, report_data, write_report
from spider_opt.runs import Run
from spider_opt.types import Benchmark

RUNS = Path(__file__).resolve().parents[3] / "results" / "runs"
NAMES = (
    "zero-shot-qwen2.5-coder-0.5b-spider-mini-test",
    "finetune_adapter=mine-qwen2.5-coder-0.5b-spider-mini-test-torch",
    "rag+finetune_adapter=mine-qwen2.5-coder-0.5b-spider-mini-test-torch",
)


@pytest.fixture(scope="session")
def mini() -> Benchmark:
    return load("spider-mini")


@pytest.fixture(scope="session")
def runs(mini: Benchmark) -> list[Run]:
    return [Run.read(RUNS / name, mini) for name in NAMES]


@pytest.fixture(scope="session")
def data(runs: list[Run], mini: Benchmark) -> ReportData:
    return report_data(runs, mini)


@pytest.fixture(scope="session")
def summary(data: ReportData) -> dict[str, Any]:
    return data.summary()


@pytest.fixture(scope="module")  # Playwright keeps an event loop running in this thread, where asyncio.run then fails
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def index(runs: list[Run], mini: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(runs, tmp_path_factory.mktemp("mini") / "page", benchmark=mini)
