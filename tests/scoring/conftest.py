"""The reference evaluator and what tries it, which live beside the tests and are no tests themselves; a small shop."""

from __future__ import annotations

import runpy
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from spider_opt import plugins
from spider_opt.scoring import table
from spider_opt.scoring.table import ENTRY_POINTS

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def official():
    return SimpleNamespace(**runpy.run_path(str(HERE / "reference.py")))


@pytest.fixture(scope="session")
def mutations():
    return SimpleNamespace(**runpy.run_path(str(HERE / "mutations.py")))


@pytest.fixture(scope="session")
def fuzzing():
    return SimpleNamespace(**runpy.run_path(str(HERE / "fuzzing.py")))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database of one table: items a, a, b at 1, 2, 3."""
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (name TEXT, price INTEGER); INSERT INTO item VALUES ('a', 1), ('a', 2), ('b', 3)"
        )
    return path


@pytest.fixture
def install_scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a package of one module with scorers, as pip would leave it; they are looked for anew."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    caches = (plugins.installed, table.find_scorer, table.scorer_version)
    for cached in caches:
        cached.cache_clear()

    def install(package: str, source: str, **scorers: str) -> None:
        (folder / f"{package}.py").write_text(f"from spider_opt.types import *\n{source}")
        info = folder / f"{package}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")
        lines = "".join(f"{name} = {package}:{attribute}\n" for name, attribute in scorers.items())
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{lines}")

    yield install
    for cached in caches:
        cached.cache_clear()
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)
