"""Whatever stands in a run's files: they are read, or refused in a sentence; no number of a damaged run is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import RunError
from spider_opt.leaderboard import to_row
from spider_opt.runs import Run

VALUES: tuple[Any, ...] = (None, True, "x", "", 1.5, -1, 10**30, [], ["x"], {}, {"x": "y"}, {"x": None})


def places(entry: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value, inside of others too."""
    if at:
        yield at
    items = entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def changed(entry: Any, at: tuple[Any, ...], value: Any) -> Any:
    other = copy.deepcopy(entry)
    inner = other
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return other


def told(folder: Path) -> None:
    run = Run.read(folder)
    run.summary()
    to_row(run).cells()
    run.table()
    run.by("hardness")
    str(run)


@pytest.mark.parametrize("name", ["run.json", "predictions.jsonl", "verdicts.jsonl"])
def test_a_value_of_any_kind_anywhere_is_no_traceback(fabricate: Any, name: str) -> None:
    folder = fabricate()
    path = folder / name
    before = path.read_text()
    entry = json.loads(before if name == "run.json" else before.splitlines()[1])
    if name == "run.json":
        entry |= {"versions": {"sqlite": "3"}, "resumed": ["x"], "side_by_side": 1, "engine": "torch", "training": "ab"}
    if name == "predictions.jsonl":
        entry |= {"trace": [{"step": "x", "finish": "stop"}], "answer": "x",
                  "candidates": [{"step": "vote", "sql": "x", "outcome": "rows", "n": 2, "logprob": -0.5}]}  # fmt: skip
    for at in places(entry):
        for value in VALUES:
            text = json.dumps(changed(entry, at, value))
            lines = before.splitlines()
            path.write_text(text if name == "run.json" else "\n".join([lines[0], text, *lines[2:]]) + "\n")
            try:
                told(folder)
            except RunError:
                continue
            except Exception as error:
                pytest.fail(f"{at} = {value!r}: {error!r}")
