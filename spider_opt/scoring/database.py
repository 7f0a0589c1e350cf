"""One database on which several scorers judge: what any of them asks runs once."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from spider_opt.databases import Limits, Sandbox, database_hash
from spider_opt.errors import GoldError, QueryError
from spider_opt.scoring.gold_cache import GoldCache, keep_result, kept_result, results_of
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Result

MAX_GOLDS = 200_000
MAX_RAN = 20_000
"""How many cells of results and characters of queries are kept in memory for one database: of golds, and of what was
run for the scorers of one pair, which is forgotten by and by."""


class OpenDatabase:
    """A ``ScoredDatabase`` over a SQLite file, for one process and one thread. Results of golds are kept on disk too.

    Every method that runs something raises DatasetError where the file is missing or not a database.
    """

    def __init__(self, db_id: str, path: Path, limits: Limits, cache: GoldCache) -> None:
        self.db_id = db_id
        self.path = path
        self._sandbox = Sandbox(path, limits=limits)
        self._cache = cache
        self._golds: dict[str, Result] = {}
        self._ran: dict[tuple[str, bool], _Ran] = {}
        self._n_golds = self._n_ran = 0

    def close(self) -> None:
        """Close the file; what comes after that opens it again."""
        self._sandbox.close()

    def gold(self, sql: str) -> Result:
        """Return all that a gold query gives, from disk where that is known."""
        known = self._golds.get(sql)
        if known is not None:
            return known
        ran = self._once(sql, False, sys.maxsize)
        if isinstance(ran.result, QueryError):
            raise GoldError(f"gold query fails on {self.db_id}: {ran.result}") from ran.result
        if not ran.on_disk and self._section is not None:
            keep_result(self._cache, self._section, sql, ran.result)
        self._n_golds += (size := ran.size + len(sql))
        if self._n_golds > MAX_GOLDS:
            self._golds.clear()
            self._n_golds = size
        self._golds[sql] = ran.result
        return ran.result

    def check_gold(self, sql: str) -> None:
        """Make sure that a gold query runs, or has run."""
        if self._section is None or self._cache.get(self._section, same_query_key(sql)) is None:
            self.gold(sql)

    def run(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run a predicted query, unless what comes of it is known."""
        return self._rows(sql, False, stop_after_rows)

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run a statement of any kind on a copy in memory, unless what comes of it is known."""
        return self._rows(sql, True, stop_after_rows)

    def _rows(self, sql: str, on_copy: bool, stop_after_rows: int | None) -> Result:
        n_asked = sys.maxsize if stop_after_rows is None else stop_after_rows
        result = self._once(sql, on_copy, n_asked).result
        if isinstance(result, QueryError):
            raise result.with_traceback(None)
        return result if len(result.rows) <= n_asked else Result(result.columns, result.rows[:n_asked])

    def _once(self, sql: str, on_copy: bool, n_asked: int) -> _Ran:
        ran = self._ran.get((sql, on_copy))
        if ran is None or not ran.answers(n_asked):
            ran = self._run(sql, on_copy, n_asked)
            self._n_ran += (size := ran.size + len(sql))
            if self._n_ran > MAX_RAN:
                self._ran.clear()
                self._n_ran = size
            self._ran[sql, on_copy] = ran
        return ran

    def _run(self, sql: str, on_copy: bool, n_asked: int) -> _Ran:
        known = None if on_copy or self._section is None else kept_result(self._cache, self._section, sql)
        if known is not None:
            return _Ran(known, sys.maxsize, on_disk=True)
        run = self._sandbox.run_on_copy if on_copy else self._sandbox.run
        try:
            return _Ran(run(sql, stop_after_rows=n_asked if n_asked < sys.maxsize else None), n_asked)
        except QueryError as error:
            return _Ran(type(error)(str(error)), n_asked)  # anew, or its traceback would keep what was fetched

    @cached_property
    def _section(self) -> str | None:
        return None if self._cache.path is None else results_of(database_hash(self.path))


class _Ran(NamedTuple):
    """What came of a query of which ``n_asked`` rows were asked for."""

    result: Result | QueryError
    n_asked: int
    on_disk: bool = False

    @property
    def size(self) -> int:
        return 0 if isinstance(self.result, QueryError) else len(self.result.rows) * len(self.result.columns)

    def answers(self, n_asked: int) -> bool:
        """Tell whether asking for ``n_asked`` rows would come to the same, as far as they go."""
        if isinstance(self.result, QueryError):
            return n_asked >= self.n_asked  # for fewer rows it may not fail
        return n_asked <= self.n_asked or len(self.result.rows) < self.n_asked
