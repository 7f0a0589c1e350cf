from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_database import make

from spider_opt.databases import Sandbox


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return make(tmp_path / "small.sqlite")


@pytest.fixture
def sandbox(db: Path) -> Iterator[Sandbox]:
    with Sandbox(db) as sandbox:
        yield sandbox
