"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with Spider and the recorded answers, which not everyone has."""
    folder = (ROOT / os.environ.get("SPIDER_OPT_SHARED", "../shared")).resolve()
    if not (folder / "spider" / "dev.json").exists():
        pytest.skip(f"no Spider data at {folder}; set SPIDER_OPT_SHARED")
    return folder


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache and away from the user's keys."""
    folder = tmp_path_factory.mktemp("cache")
    kept = {name: os.environ.pop(name, None) for name in ("SPIDER_OPT_CACHE", "SPIDER_DIR", "OPENAI_API_KEY")}
    os.environ["SPIDER_OPT_CACHE"] = str(folder)
    yield folder
    os.environ.pop("SPIDER_OPT_CACHE")
    os.environ.update({name: value for name, value in kept.items() if value is not None})
