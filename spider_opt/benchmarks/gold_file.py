"""Gold queries in a text file of their own, which the benchmark's own script judges by: they count."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt.benchmarks.questions import Entry
from spider_opt.errors import DatasetError
from spider_opt.rows import read_text
from spider_opt.sql.spacing import same_query_key
from spider_opt.wording import counted

_LOG = logging.getLogger("spider_opt")


def with_golds(entries: Sequence[Entry], path: Path) -> list[Entry]:
    """Return questions with the golds of a file: a line each, in their order, with a tab and the db_id behind it.

    Where these differ from what stands beside the questions it is logged. A question whose line is empty keeps its own.

    Raises:
        DatasetError: the file cannot be read, has not a line for each question, or one about another database.
    """
    text = read_text(path, DatasetError)
    lines = text.removesuffix("\n").split("\n")
    while len(lines) > len(entries) and not lines[-1].strip():
        lines.pop()
    if len(lines) != len(entries) or not text.strip():
        has = f"has {counted(len(lines), 'line')}" if text.strip() else "is empty"
        due = "there is 1 question" if len(entries) == 1 else f"there are {len(entries):,} questions"
        raise DatasetError(
            f"{path} {has}, and {due}: it must hold the gold query of each, a line each; get both again, of one version"
        )
    found, other = [], []
    for number, (entry, line) in enumerate(zip(entries, lines, strict=True), 1):
        sql, tab, db_id = line.rstrip().rpartition("\t")
        if not line.strip():
            found.append(entry)
            continue
        if not tab:
            raise DatasetError(f"{path}: line {number} has no tab with a db_id behind its query.")
        if not sql.strip():
            raise DatasetError(
                f"{path}: line {number} has no query before its tab and {db_id.strip()}: write it there, or leave the "
                f"line empty for what {entry.place} has"
            )
        if db_id.strip() != entry.db_id:
            raise DatasetError(
                f"{path}: line {number} is about {db_id.strip()}, but {entry.place} about {entry.db_id}: they must be "
                "in one order"
            )
        if entry.query and same_query_key(sql) != same_query_key(entry.query):
            other.append(entry)
        found.append(replace(entry, query=sql.strip(), other_golds=()))
    if other:
        _LOG.warning(
            "%s has other gold queries than %d of the questions (the first: %s); those of the file count, as to the "
            "benchmark's own script", path, len(other), other[0].place,
        )  # fmt: skip
    return found
