from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture(autouse=True)
def no_spider_dir(monkeypatch):
    monkeypatch.delenv("SPIDER_DIR", raising=False)


@pytest.fixture
def spider(tmp_path):
    """A folder in Spider's layout: 5 questions, one without database, one whose gold fails."""
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('a')")
    (root / "tables.json").write_text('[{"db_id": "gone"}]')
    golds = ("SELECT name FROM item", "SELECT count(*) FROM item", "SELECT price FROM item", "SELECT 1 WHERE 0")
    questions = [{"db_id": "shop", "question": f"Which {i}?", "query": query} for i, query in enumerate(golds)]
    questions.insert(1, {"db_id": "gone", "question": "What?", "query": "SELECT 1"})
    (root / "dev.json").write_text(json.dumps(questions))
    return root


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.txt"
    lines = ["SELECT DISTINCT name FROM item", "x", "SELECT 4\tshop", "SELECT 1", "DROP TABLE item"]
    path.write_text("\n".join(lines) + "\n")
    return path
