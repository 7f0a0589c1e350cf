"""A shop whose columns are named alike, and what the official script says of queries on it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

TOLD = json.loads((Path(__file__).parents[2] / "fixtures" / "exact_match.json").read_text(encoding="utf-8"))


@pytest.fixture
def trade(tmp_path: Path) -> Path:
    """The SQLite file of the recorded cases; it has no rows."""
    path = tmp_path / "trade.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TOLD["schema"])
    return path


@pytest.fixture
def cases() -> list[dict[str, str]]:
    """Pairs with what the official script says: right, unread, stops, or the parts in which they differ."""
    return list(TOLD["cases"])
