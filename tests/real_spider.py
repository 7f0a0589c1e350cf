"""Splits of the real Spider, read once for all tests that only read them."""

from __future__ import annotations

import functools
from pathlib import Path

from spider_opt.benchmarks import load
from spider_opt.types import Benchmark


@functools.cache
def real_spider(split: str, shared: Path) -> Benchmark:
    return load(f"spider:{split}", data=shared / "spider")


@functools.cache
def real_golds(shared: Path) -> tuple[str, ...]:
    """The gold queries of dev and of both training splits as they stand there, each once, in order."""
    import json

    files = (shared / "spider" / f"{name}.json" for name in ("dev", "train_spider", "train_others"))
    return tuple(sorted({entry["query"] for file in files for entry in json.loads(file.read_text(encoding="utf-8"))}))
