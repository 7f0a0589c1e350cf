"""Exact set match on one database, whose columns and golds are read once."""

from __future__ import annotations

import os
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path

from spider_opt import arguments
from spider_opt.databases.snapshots import stamp
from spider_opt.errors import DatasetError, GoldError
from spider_opt.scoring import rewrite
from spider_opt.scoring.exact_match.comparable import Stops, comparable
from spider_opt.scoring.exact_match.names import read_names, tables_file
from spider_opt.scoring.exact_match.parser import parse
from spider_opt.scoring.exact_match.parts import Part, compare, same_tables
from spider_opt.scoring.exact_match.query import EMPTY, Column, Query, Unit
from spider_opt.scoring.exact_match.words import Unreadable
from spider_opt.scoring.verdicts import unfit
from spider_opt.types import Outcome, Verdict

MAX_KEPT = 1_000
"""Queries that are kept as they were read, for each database."""
MAX_DATABASES = 64
_IMPLIED = {"select(no AGG)", "where(no OP)", "group(no Having)"}
"""Where they differ, the parts differ whose names begin like theirs."""


class Matcher:
    """Compares queries on one database.

    Raises:
        DatasetError: it cannot be read, or its entry of ``tables.json`` is broken.
    """

    def __init__(self, path: Path, db_id: str) -> None:
        self._db_id = db_id
        self._names = read_names(path, db_id)
        self._read = lru_cache(MAX_KEPT)(self._read_anew)
        self._gold = lru_cache(MAX_KEPT)(self._gold_anew)

    def verdict(self, gold: str, prediction: str) -> Verdict:
        """Tell whether a prediction matches exactly, and else in what it differs.

        Raises:
            GoldError: the gold query cannot be read.
        """
        wanted = self._gold(gold)
        if verdict := unfit(prediction):
            return verdict
        query, trouble = self._predicted(prediction)
        try:
            # No query differs from itself, and comparing a gold with itself does not stop: see ``_gold_anew``.
            found = {} if query == wanted else compare(query, wanted)
            differ = [name for name, part in found.items() if not part.right and name not in _IMPLIED]
            if not differ and not same_tables(query, wanted):
                differ = ["tables"]
        except Stops as stops:
            return Verdict(Outcome.QUERY_ERROR, _stopped(stops))
        if trouble and differ:
            return Verdict(Outcome.QUERY_ERROR, trouble)
        if differ:
            return Verdict(Outcome.WRONG_ROWS, f"differs in {', '.join(differ)}")
        return Verdict(Outcome.CORRECT, "the same parts")

    def parts(self, gold: str, prediction: str) -> dict[str, Part]:
        """Compare two queries part by part.

        Raises:
            GoldError: the gold query cannot be read.
        """
        wanted = self._gold(gold)
        try:
            return compare(self._predicted(prediction)[0], wanted)
        except Stops:
            return compare(comparable(EMPTY, self._names), wanted)

    def selected(self, sql: str) -> list[Column | Unit] | None:
        """Return what a query selects, without the aggregates around it; None where the script cannot read it.

        The letters ``value`` stay, as in the first version of the script.
        """
        read = self._read(sql)
        if not isinstance(read, Query):
            return None
        return [unit if unit.right else unit.left for _, unit in read.select]

    def _gold_anew(self, sql: str) -> Query:
        query = self._read(sql)
        try:
            if isinstance(query, Query):
                compare(query, query)
                return query
        except Stops as stops:
            query = stops
        raise GoldError(f"gold query on {self._db_id} cannot be read by exact set match: {query}")

    def _predicted(self, sql: str) -> tuple[Query, str]:
        """Return a prediction, the empty query for one that cannot be read, and why not."""
        read = self._read(rewrite.value_to_one(sql))
        if isinstance(read, Query):
            return read, ""
        empty = comparable(EMPTY, self._names)
        if isinstance(read, Stops):
            return empty, _stopped(read)
        letters = "; the letters value are 1 to it" if "value" in sql else ""
        return empty, f"exact set match cannot read the query: {read}{letters}"

    def _read_anew(self, sql: str) -> Query | Unreadable | Stops:
        try:
            return comparable(parse(sql, self._names), self._names)
        except (Unreadable, Stops) as error:
            return error.with_traceback(None)


def matcher(path: str | os.PathLike[str], db_id: str = "") -> Matcher:
    """Return what compares queries on a SQLite file, which is read anew once it or its ``tables.json`` has changed.

    ``db_id`` is the database's name in ``tables.json``, by default that of the file.

    Raises:
        DatasetError: it cannot be read, or its entry of ``tables.json`` is broken.
    """
    file = Path(path)
    return _matcher(file, db_id or file.stem, _looks(file))


def exact_match_parts(gold: str, sql: str, database: str | Path) -> dict[str, Part]:
    """Compare a query with its gold on a SQLite file, part by part, as the official exact set match does.

    Returns what is right and how many there are, by the official names: ``partial_accuracies`` makes of many
    such answers what the official script prints. A query that the script cannot read is an empty one.

    Raises:
        GoldError: the gold query cannot be read.
        DatasetError: the database cannot be read.

    Example::

        parts = exact_match_parts("SELECT a FROM t", "SELECT a FROM t WHERE b = 1", "shop.sqlite")
        parts["where"].right  # False
    """
    return matcher(arguments.path(database, "database")).parts(arguments.text(gold, "gold"), arguments.text(sql, "sql"))


@lru_cache(MAX_DATABASES)
def _matcher(path: Path, db_id: str, looks: Hashable) -> Matcher:
    return Matcher(path, db_id)


def _looks(path: Path) -> Hashable:
    told = []
    for file in (path, tables_file(path)):
        try:
            stat = file.stat()
        except OSError as error:
            if file == path:
                raise DatasetError(f"Cannot read the database {path}: {error.strerror}.") from error
        else:
            told.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return *told, stamp(path)


def _stopped(stops: Stops) -> str:
    return f"the official script would stop with an error: {stops}"
