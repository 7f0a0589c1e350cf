"""Loads Spider in its official layout: question files, ``tables.json``, ``database/<db_id>/<db_id>.sqlite``.

A question whose database is not there is left out and counted; everything that is broken is refused.
Not read: token lists, parses, ``*_gold.sql``, ``schema.sql``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spider_opt.benchmarks.questions import Entry, exact_duplicates, read_entries, read_tables
from spider_opt.databases import file_hash, read_schema
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark, Example, Question

_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a split lie, relative to the benchmark's folder."""

    questions: tuple[str, ...]
    tables: str = "tables.json"
    database: str = "database"


LAYOUTS: Mapping[str, Layout] = {
    "dev": Layout(("dev.json",)),
    "train": Layout(("train_spider.json", "train_others.json")),
    "train_spider": Layout(("train_spider.json",)),
    "train_others": Layout(("train_others.json",)),
    "test": Layout(("test.json",), "test_tables.json", "test_database"),
}


def load_spider(root: Path, split: str = "dev") -> Benchmark:
    """Load a split of Spider; ids are ``dev-0000`` and so on, counted over all questions of the split.

    Raises:
        DatasetError: the folder or the split is not there, a file is broken, or no question has its database.
    """
    layout = find_layout(root, split)
    return load_layout("spider", split, root, layout)


def find_layout(root: Path, split: str) -> Layout:
    """Return where a split's files lie.

    Raises:
        DatasetError: there is no such folder, or it does not hold that split.
    """
    if not root.is_dir():
        raise DatasetError(f"No folder {root}. Get Spider with: spider-opt data fetch {root}")
    there = present_splits(root)
    if split in there:
        return LAYOUTS[split]
    if not there:
        inside = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and present_splits(folder)]
        if inside:
            raise DatasetError(f"{root} holds no questions, but {inside[0]} does: name that folder.")
        raise DatasetError(f"{root} holds no Spider (no dev.json). Get it with: spider-opt data fetch")
    if split in LAYOUTS:
        lacking = next(name for name in LAYOUTS[split].questions if not (root / name).is_file())
        raise DatasetError(f"No {lacking} in {root}, so no split {split}; there is: {', '.join(there)}.")
    raise DatasetError(f'No split is called "{split}"; there is: {", ".join(there)}.')


def present_splits(root: Path) -> list[str]:
    """Return the splits whose question files are all there."""
    return [split for split, layout in LAYOUTS.items() if all((root / name).is_file() for name in layout.questions)]


def load_layout(name: str, split: str, root: Path, layout: Layout) -> Benchmark:
    """Load a split from its layout under ``root`` (see ``load_spider``).

    Raises:
        DatasetError: as for ``load_spider``.
    """
    entries = read_entries(root / file for file in layout.questions)
    tables = read_tables(root / layout.tables)
    paths, missing = _locate(entries, tables, (root / layout.database).absolute())
    if not paths:
        raise DatasetError(
            f"No database at {root / layout.database}: all {len(entries):,} questions of {split} lack theirs."
            " Get them with: spider-opt data fetch"
        )
    if doubles := exact_duplicates(entries):
        _LOG.warning("%s", _describe_duplicates(doubles, split))
    schemas = {db_id: read_schema(path, db_id, tables.get(db_id)) for db_id, path in paths.items()}
    examples = tuple(
        Example(entry.index, Question(f"{split}-{entry.index:04d}", entry.question, schemas[entry.db_id]), entry.query)
        for entry in entries
        if entry.db_id in paths
    )
    fingerprint = _fingerprint(split, examples, paths)
    return Benchmark(name, split, examples, paths, missing, len(entries), fingerprint)


def describe_missing(benchmark: Benchmark) -> str:
    """Return one sentence on the questions left out and the n that stays; empty where none is."""
    return missing_sentence(benchmark.missing, benchmark.n_total, len(benchmark.examples))


def missing_sentence(missing: Mapping[str, int], n_total: int, n: int) -> str:
    """Return one sentence on ``missing`` (questions by db_id) of ``n_total``, of which ``n`` stay; empty for none.

    >>> missing_sentence({"wta_1": 62}, 1034, 972)
    '62 of 1,034 questions left out: no database for wta_1 (62); n=972'
    """
    if not missing:
        return ""
    names = ", ".join(f"{db_id} ({count:,})" for db_id, count in missing.items())
    return f"{sum(missing.values()):,} of {n_total:,} questions left out: no database for {names}; n={n:,}"


def _locate(entries: Iterable[Entry], tables: Collection[str], folder: Path) -> tuple[dict[str, Path], dict[str, int]]:
    """Return the paths of the databases that are there, and how many questions each of the others costs."""
    on_disk = {item.name for item in folder.iterdir() if item.is_dir()} if folder.is_dir() else set()
    known = on_disk | set(tables)
    paths: dict[str, Path] = {}
    missing: Counter[str] = Counter()
    for entry in entries:
        db_id = entry.db_id
        if db_id in paths:
            continue
        if db_id not in known:
            raise DatasetError(f'{entry.place} names the unknown database "{db_id}"{_close(db_id, known)}')
        path = folder / db_id / f"{db_id}.sqlite"
        if db_id not in missing and path.is_file():
            paths[db_id] = path
        else:
            missing[db_id] += 1
    return paths, dict(missing.most_common())


def _fingerprint(split: str, examples: Iterable[Example], paths: Mapping[str, Path]) -> str:
    questions = [(item.index, item.question.db_id, item.question.text, item.gold_sql) for item in examples]
    databases = [(db_id, file_hash(path)) for db_id, path in sorted(paths.items())]
    return hashlib.sha256(json.dumps([split, questions, databases]).encode()).hexdigest()[:16]


def _close(db_id: str, known: Collection[str]) -> str:
    if near := difflib.get_close_matches(db_id, known, n=1):
        return f'; did you mean "{near[0]}"?'
    return ": it is in no tables.json and has no folder."


def _describe_duplicates(doubles: list[tuple[Entry, Entry]], split: str) -> str:
    entry, first = doubles[0]
    return (
        f"{len(doubles)} of the questions of {split} repeat an earlier one word for word"
        f" (the first: {entry.place} repeats {first.place}); they are kept"
    )
