"""What ``--spider``, ``SPIDER_DIR`` and ``--split`` resolve to."""

from __future__ import annotations

import os
from pathlib import Path

from spider_opt.benchmarks.loading import load_spider
from spider_opt.benchmarks.spider_mini import load_bundled
from spider_opt.types import Benchmark


def spider_dir(named: Path | None) -> Path | None:
    """Return Spider's folder: the named one, else ``SPIDER_DIR``, else None for the bundled benchmark."""
    if named is None:
        variable = os.environ.get("SPIDER_DIR", "").strip()
        if not variable:
            return None
        named = Path(variable)
    return named.expanduser()


def load_benchmark(spider: Path | None = None, split: str | None = None) -> Benchmark:
    """Load Spider (split ``dev`` unless named) where it is pointed at, else the bundled benchmark (``test``).

    Raises:
        DatasetError: what is pointed at cannot be loaded.
    """
    root = spider_dir(spider)
    return load_bundled(split or "test") if root is None else load_spider(root, split or "dev")
