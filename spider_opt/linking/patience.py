"""A bound on the time that one question may take a database, over all its queries."""

from __future__ import annotations

import time

from spider_opt.types import Database, Result


class OutOfTime(Exception):
    """What a question may take a database is used up; not a fault of the query that was not run."""


class Patience:
    """A database that answers for ``seconds`` from now on; a query that has begun may end.

    So all queries together take no longer than that and what the database allows one of them.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._until = time.monotonic() + seconds

    def lasts(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._until

    def run(self, sql: str) -> Result:
        """Run one read-only statement.

        Raises:
            OutOfTime: the time is up.
            QueryError: the statement failed, was stopped, or was not a query.
        """
        if not self.lasts():
            raise OutOfTime
        return self._database.run(sql)
