"""Four questions about boats, in Spider's layout, of which a model answers three."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fake_model import FakeModel

from spider_opt.types import ModelInfo, Request

Entries = list[dict[str, Any]]
ROWS = {
    "How many boats are there?": "count(*)",
    "Which boats are there?": "name",
    "How long are they all?": "sum(length)",
    "What is the longest?": "max(length)",
}
# What the model gets right are the first three.
RIGHT = 3


def entry(question: str, columns: str, db_id: str = "port") -> dict[str, Any]:
    return {"db_id": db_id, "question": question, "query": f"SELECT {columns} FROM boat"}


def asked() -> Entries:
    return [entry(question, columns) for question, columns in ROWS.items()]


def folder(entries: Entries, name: str = "own", file: str = "dev.json") -> Path:
    root = Path(name)
    for db_id in {item["db_id"] for item in entries}:
        path = root / "database" / db_id / f"{db_id}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with closing(sqlite3.connect(path)) as connection:
                name = "Elsa" if db_id == "port" else f"Elsa of {db_id}"
                connection.executescript(
                    f"CREATE TABLE boat (name TEXT, length INT); INSERT INTO boat VALUES ('{name}', 7)"
                )
    (root / file).write_text(json.dumps(entries))
    return root


def model() -> FakeModel:
    def answer(request: Request) -> str:
        columns = next((c for q, c in list(ROWS.items())[:RIGHT] if q in request.text), "17")
        return f"SELECT {columns} FROM boat"

    return FakeModel(answer, info=ModelInfo("fake", "ab" * 32))
