"""Where the databases of questions lie, and what to say of questions whose database is unknown or that come twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from spider_opt.benchmarks.questions import Entry
from spider_opt.benchmarks.source import Split
from spider_opt.benchmarks.splits import database_file, databases_on_disk
from spider_opt.errors import DatasetError


def located(
    entries: Iterable[Entry], tables: Collection[str], layout: Split, folders: Sequence[Path]
) -> tuple[dict[str, Path], dict[str, int]]:
    """Return the paths of the databases that are there, and how many questions each of the others costs.

    They are looked for in each folder in turn.

    Raises:
        DatasetError: a question is about a database that nothing knows of.
    """
    known = set(tables).union(*(databases_on_disk(layout, folder) for folder in folders))
    paths: dict[str, Path] = {}
    missing: Counter[str] = Counter()
    for entry in entries:
        db_id = entry.db_id
        if db_id in paths:
            continue
        if db_id not in known:
            said = _close(db_id, known, layout)
            raise DatasetError(f'{entry.place} names the unknown database "{db_id}"{said}')
        there = (database_file(layout, folder, db_id) for folder in folders if db_id not in missing)
        path = next(filter(None, there), None)
        if path is not None:
            paths[db_id] = path
        else:
            missing[db_id] += 1
    return paths, dict(missing.most_common())


def describe_duplicates(doubles: list[tuple[Entry, Entry]], split: str) -> str:
    """Return a sentence on questions that repeat an earlier one."""
    entry, first = doubles[0]
    return (
        f"{len(doubles)} of the questions of {split} repeat an earlier one word for word"
        f" (the first: {entry.place} repeats {first.place}); they are kept"
    )


def _close(db_id: str, known: Collection[str], layout: Split) -> str:
    from difflib import get_close_matches

    if near := get_close_matches(db_id, known, n=1):
        return f'; did you mean "{near[0]}"?'
    return f": it is in no {layout.tables} and has no folder." if layout.tables else ": it has no file."
