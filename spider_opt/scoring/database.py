"""One database on which several scorers judge: what any of them asks runs once."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

from spider_opt.databases import Limits, Sandbox, database_hash
from spider_opt.databases.files import holds, open_read_only
from spider_opt.databases.limits import lifted
from spider_opt.errors import DatasetError, GoldError, GoldTimeout, QueryError, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.scoring.gold_cache import GoldCache, keep_result, kept_result, kept_seconds, results_of
from spider_opt.scoring.protocols import ScoredDatabase
from spider_opt.sql.varying import depends_on
from spider_opt.types import RESULT, Result

_VIEWS = "SELECT lower(name), lower(sql) FROM sqlite_master WHERE type = 'view'"
_Kind = Literal["rows", "distinct", "copy"]
"""What was run of a query: all of it, without repeats of rows, or as a statement of any kind on a copy."""
MAX_GOLDS = 200_000
MAX_RAN = 20_000
"""How many cells of results and characters of queries are kept in memory for one database: of golds, and of what was
run for the scorers of one pair, which is forgotten by and by."""


class OpenDatabase:
    """A ``ScoredDatabase`` over a SQLite file, for one process and one thread. Results of golds are kept on disk too.

    Every method that runs something raises DatasetError where the file is missing or not a database. ``timeout_s`` may
    be set anew between two scorers, to less than the limits give or as much: what is known of a query, in memory or on
    disk, answers only who has as many seconds as that run took. For others it runs again, as if nothing were known.

    ``instances``, the databases of its suite, may be set by who opens them.
    """

    def __init__(self, db_id: str, path: Path, limits: Limits, cache: GoldCache) -> None:
        self.db_id = db_id
        self.path = path
        self.instances: Sequence[ScoredDatabase] = (self,)
        self._sandbox = Sandbox(path, limits=limits)
        self._trusting = Sandbox(path, limits=lifted(limits))  # opened only for golds that break a cap
        self.timeout_s = limits.timeout_s
        self._cache = cache
        self._golds: dict[str, Result] = {}
        self._ran: dict[tuple[str, _Kind], _Ran] = {}
        self._bad: dict[str, _Ran] = {}
        self._n_golds = self._n_ran = 0

    def close(self) -> None:
        """Close the file; what comes after that opens it again."""
        self._sandbox.close()
        self._trusting.close()

    def gold(self, sql: str) -> Result:
        """Return all that a gold query gives, from disk where that is known. It is held to no cap but its time."""
        known = self._golds.get(sql)
        if known is None or known.seconds > self.timeout_s:
            known = self._gold(sql)
            self._n_golds += (size := len(known.rows) * len(known.columns) + len(sql))
            if self._n_golds > MAX_GOLDS:
                self._golds.clear()
                self._n_golds = size
            self._golds[sql] = known
        return known

    def check_gold(self, sql: str) -> None:
        """Make sure that a gold query runs in time, or has run."""
        if not any(self._is_kept(name, self.timeout_s) for name in (sql, _without_caps(sql))):
            self.gold(sql)

    def _gold(self, sql: str) -> Result:
        if sql.startswith(RESULT):
            raise GoldError(f"the gold of a question on {self.db_id} is a result and no query")
        ran, name = self._once(sql, "rows", sys.maxsize, self.timeout_s), sql
        if isinstance(ran.result, QueryLimit | QueryFailed):
            # Kept under another name: a prediction of these words is held to the caps, whatever was run before.
            name, bad, capped_s = _without_caps(sql), self._bad.get(sql), ran.seconds
            known = bad if bad and bad.answers(sys.maxsize, self.timeout_s) else self._from_disk(name, self.timeout_s)
            ran = known or _tried(partial(self._trusting.run, sql), sys.maxsize, self.timeout_s)
            ran = ran.taking(max(capped_s, ran.seconds))  # who has less time does not come to ask without caps
        if isinstance(ran.result, QueryError):
            self._bad[sql] = ran
            kind = GoldTimeout if isinstance(ran.result, QueryTimeout) else GoldError
            raise kind(f"gold query fails on {self.db_id}: {ran.result}") from ran.result
        if not ran.on_disk and self._section is not None and not self.varies(sql):
            keep_result(self._cache, self._section, name, ran.result)
        return ran.result

    def varies(self, sql: str) -> bool:
        """Tell whether a query may give something else tomorrow, or on another machine, from the same file."""
        depends = depends_on(sql)
        lowered = sql.lower()
        if depends == "else" or any(view in lowered for view in self._varying_views):
            return True
        return depends == "data" and self._may_say_now

    def run(
        self, sql: str, *, stop_after_rows: int | None = None, distinct: bool = False, within_s: float | None = None
    ) -> Result:
        """Run a predicted query, unless what comes of it is known."""
        within_s = self.timeout_s if within_s is None else min(within_s, self.timeout_s)
        return self._rows(sql, "distinct" if distinct else "rows", stop_after_rows, within_s)

    def run_on_copy(self, sql: str, *, stop_after_rows: int | None = None) -> Result:
        """Run a statement of any kind on a copy in memory, unless what comes of it is known."""
        return self._rows(sql, "copy", stop_after_rows, self.timeout_s)

    def run_in_order(self, statements: Sequence[str]) -> list[Result]:
        """Run statements of any kind one after the other on one copy in memory."""
        return self._sandbox.run_in_order(statements, within_s=self.timeout_s)

    def of_text(self, what: str, sql: str, make: Callable[[str], str]) -> str:
        """Return what ``make`` makes of a query's text, from disk where that is known."""
        known = self._cache.get(what, sql)
        if known is not None:
            return known.decode()
        made = make(sql)
        self._cache.put(what, sql, made)
        return made

    def _rows(self, sql: str, kind: _Kind, stop_after_rows: int | None, within_s: float) -> Result:
        n_asked = sys.maxsize if stop_after_rows is None else stop_after_rows
        ran = self._once(sql, kind, n_asked, within_s)
        if isinstance(ran.result, QueryError):
            raise ran.result.with_traceback(None)
        result = ran.result
        return result if len(result.rows) <= n_asked else replace(result, rows=result.rows[:n_asked])

    def _once(self, sql: str, kind: _Kind, n_asked: int, within_s: float) -> _Ran:
        ran = self._ran.get((sql, kind))
        if ran is None or not ran.answers(n_asked, within_s):
            ran = self._run(sql, kind, n_asked, within_s)
            self._n_ran += (size := ran.size + len(sql))
            if self._n_ran > MAX_RAN:
                self._ran.clear()
                self._n_ran = size
            self._ran[sql, kind] = ran
        if isinstance(ran.result, QueryTimeout) and within_s < ran.within_s:  # what asked before had more time
            return _Ran(QueryTimeout(f"no answer within {within_s:g} s"), n_asked, within_s=within_s)
        return ran

    def _run(self, sql: str, kind: _Kind, n_asked: int, within_s: float) -> _Ran:
        if kind == "copy":
            return _tried(partial(self._sandbox.run_on_copy, sql), n_asked, within_s)
        if known := self._from_disk(sql, within_s):
            return known.distinct() if kind == "distinct" else known
        if kind == "rows":
            return _tried(partial(self._sandbox.run, sql), n_asked, within_s)
        whole = self._once(sql, "rows", n_asked, within_s)  # which others may ask for, too
        if not isinstance(whole.result, QueryLimit):
            return whole.distinct()
        ran = _tried(partial(self._sandbox.run, sql, distinct=True), n_asked, within_s)
        return ran.taking(max(whole.seconds, ran.seconds))

    def _from_disk(self, sql: str, within_s: float) -> _Ran | None:
        known = kept_result(self._cache, self._section, sql) if self._section and self._is_kept(sql, within_s) else None
        return None if known is None else _Ran(known, sys.maxsize, known.seconds, on_disk=True)

    def _is_kept(self, sql: str, within_s: float) -> bool:
        took_s = None if self._section is None else kept_seconds(self._cache, self._section, sql)
        return took_s is not None and took_s <= within_s

    @cached_property
    def _varying_views(self) -> frozenset[str]:
        """The names, in small letters, of views that vary, also by others that they read."""
        try:
            with closing(open_read_only(self.path)) as connection:
                views = [(str(name), str(sql)) for name, sql in connection.execute(_VIEWS)]
        except (sqlite3.Error, DatasetError):  # who asks it something is told
            return frozenset()
        depends = {name: depends_on(sql) for name, sql in views}
        found = {name for name, told in depends.items() if told == "else" or (told == "data" and self._may_say_now)}
        while more := {name for name, sql in views if name not in found and any(other in sql for other in found)}:
            found |= more
        return frozenset(found)

    @cached_property
    def _may_say_now(self) -> bool:
        """Whether the letters stand in the file one after the other: a date in the data may be the clock's then."""
        return holds(self.path, "now")

    @cached_property
    def _section(self) -> str | None:
        return None if self._cache.path is None else results_of(database_hash(self.path))


def _without_caps(sql: str) -> str:
    return f"-- without caps\n{sql}"


def _tried(run: Callable[..., Result], n_asked: int, within_s: float) -> _Ran:
    start = monotonic()
    came: Result | QueryError
    try:
        came = run(stop_after_rows=n_asked if n_asked < sys.maxsize else None, within_s=within_s)
    except QueryError as error:
        came = type(error)(str(error))  # anew: a traceback keeps what was fetched
    took_s = min(monotonic() - start, within_s)  # it came in time: opening the file does not count
    return _Ran(came, n_asked, within_s=within_s).taking(took_s)


class _Ran(NamedTuple):
    """What came of a query of which ``n_asked`` rows were asked for, ``within_s``, and the ``seconds`` it took."""

    result: Result | QueryError
    n_asked: int
    seconds: float = 0.0
    within_s: float = math.inf
    on_disk: bool = False

    @property
    def size(self) -> int:
        return 0 if isinstance(self.result, QueryError) else len(self.result.rows) * len(self.result.columns)

    def distinct(self) -> _Ran:
        """Return the same without repeats of rows."""
        if isinstance(self.result, QueryError):
            return self
        return self._replace(result=replace(self.result, rows=list(dict.fromkeys(self.result.rows))))

    def taking(self, seconds: float) -> _Ran:
        """Return the same as if it had taken so many seconds."""
        result = self.result if isinstance(self.result, QueryError) else replace(self.result, seconds=seconds)
        return self._replace(result=result, seconds=seconds)

    def answers(self, n_asked: int, within_s: float) -> bool:
        """Tell whether asking for ``n_asked`` rows in that time would come to the same, as far as they go."""
        if isinstance(self.result, QueryTimeout):
            return within_s <= self.within_s and n_asked >= self.n_asked
        if self.seconds > within_s:
            return False  # the clock of who asks decides; fewer rows may come in time
        if isinstance(self.result, QueryError):
            return n_asked >= self.n_asked  # for fewer rows it may not fail
        return n_asked <= self.n_asked or len(self.result.rows) < self.n_asked
