"""A database in memory that is filled again and again, so that a query is compiled once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from spider_opt.errors import GoldError, NotAQuery, QueryError, QueryFailed, QueryTimeout
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.types import Result

N_COMPILED = 6_000
OPCODES = 20_000
"""So often a query that runs is looked at."""
MAX_LOOKS = 25
"""After so many looks it is stopped: what a query may take is counted in steps, for a clock would tell otherwise."""
MAX_ROWS = 20_000
MAX_BYTES = 1_000_000


class Connection:
    """A ``ScoredDatabase`` over one connection in memory; what golds give is kept until ``forget``."""

    instances: Sequence[ScoredDatabase] = ()
    timeout_s = 0.0

    def __init__(self, db_id: str, connection: sqlite3.Connection) -> None:
        self.db_id, self.path = db_id, Path(f"{db_id}.sqlite")
        self.connection = connection
        self._golds: dict[str, Result | QueryError] = {}
        self._looks = 0
        connection.set_progress_handler(self._look, OPCODES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)

    def forget(self) -> None:
        """Forget what golds gave: the rows are others now."""
        self._golds.clear()

    def gold(self, sql: str) -> Result:
        """Return what a gold gives.

        Raises:
            GoldError: it fails, or takes too many steps.
        """
        known = self._golds.get(sql)
        if known is None:
            try:
                known = self.run(sql)
            except QueryError as error:
                known = error
            self._golds[sql] = known
        if isinstance(known, QueryError):
            raise GoldError(f"gold query fails on {self.db_id}: {known}") from known
        return known

    def check_gold(self, sql: str) -> None:
        """Make sure that a gold runs."""
        self.gold(sql)

    def run(
        self, sql: str, *, stop_after_rows: int | None = None, distinct: bool = False, within_s: float | None = None
    ) -> Result:
        """Run a query.

        Raises:
            QueryFailed: it fails.
            QueryTimeout: it takes too many steps, or has too many rows.
            NotAQuery: it has no columns.
        """
        self._looks = 0
        try:
            cursor = self.connection.execute(sql)
            if cursor.description is None:
                raise NotAQuery("no query")
            rows = cursor.fetchmany(MAX_ROWS if stop_after_rows is None else min(stop_after_rows, MAX_ROWS))
            columns = tuple(column[0] for column in cursor.description)
            cursor.close()
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeDecodeError) as error:
            raise QueryTimeout("too many steps") if self._looks > MAX_LOOKS else QueryFailed(str(error)) from error
        if len(rows) == MAX_ROWS:
            raise QueryTimeout("too many rows")
        return Result(columns, list(dict.fromkeys(rows)) if distinct else rows)

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run nothing: mutants are queries."""
        raise NotAQuery("no query")

    def run_in_order(self, statements: Sequence[str]) -> list[Result]:
        """Run nothing: mutants are queries."""
        raise NotAQuery("no query")

    def of_text(self, what: str, sql: str, make: Callable[[str], str]) -> str:
        """Work it out: a suite's golds are seen once."""
        return make(sql)

    def _look(self) -> bool:
        self._looks += 1
        return self._looks > MAX_LOOKS


def empty_database(statements: Sequence[str], encoding: str, page_bytes: int = 4096) -> sqlite3.Connection:
    """Return a database in memory of a schema; what this SQLite cannot make, a virtual table say, is left out."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=N_COMPILED)
    connection.execute(f"PRAGMA page_size = {page_bytes}")
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA trusted_schema = OFF")
    for sql in statements:
        with suppress(sqlite3.Error):
            connection.execute(sql)
    return connection
