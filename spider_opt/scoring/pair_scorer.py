"""One pair of queries, any number of scorers, on databases that are kept open."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spider_opt.databases import Limits
from spider_opt.databases.files import check_database
from spider_opt.databases.snapshots import stamp
from spider_opt.errors import DatasetError, GoldError, QueryError, SpiderOptError
from spider_opt.scoring.database import OpenDatabase
from spider_opt.scoring.gold_cache import GoldCache
from spider_opt.scoring.table import SCORERS, SUITES, TIMEOUT_S, TIMEOUTS_S, find_scorer, timeout_for
from spider_opt.types import Outcome, Verdict

MAX_OPEN = 256
MAX_CHARACTERS = 2_000_000
"""Of the pairs whose verdicts are kept for one database."""
HEADER_BYTES = 100
"""Of a SQLite file; a counter in it goes up with each change."""
_PASSING = (Outcome.TIMEOUT, Outcome.LIMIT)


class PairScorer:
    """Asks scorers about pairs, each once; for one process and one thread.

    ``timeout_s`` is the time one query may take, None for each scorer's own (``table.timeout_for``). A benchmark's
    databases never change; with ``watch`` each file is looked at before it is asked, and what is known of it forgotten
    once it has changed, or once a pair was judged that may be judged otherwise the next time: by the clock, by chance,
    or for want of time or memory.
    """

    def __init__(self, timeout_s: float | None = None, cache: GoldCache | None = None, *, watch: bool = False) -> None:
        self._timeout_s = timeout_s
        self._limits = Limits(timeout_s=max(TIMEOUT_S, *TIMEOUTS_S.values()) if timeout_s is None else timeout_s)
        self._cache = cache or GoldCache(None)
        self._watch = watch
        self._open: dict[str, _Known] = {}

    def __call__(
        self, scorer: str, path: str | Path, gold: str, sql: str, db_id: str = "", suite: Sequence[str] = ()
    ) -> Verdict:
        """Return the verdict of the scorer of that name; ``db_id`` is what messages call the database.

        ``suite`` are the files of its test suite, for scorers that judge on all of them; none is the database alone.

        Raises:
            GoldError: the gold query itself fails.
            DatasetError: the database cannot be read.
            ScorerError: there is no such scorer.
            SpiderOptError: the scorer of another package fails.
        """
        path, files = os.fspath(path), tuple(suite) if scorer in SUITES else ()
        known = self._known(path, db_id)
        instances = [self._known(file, os.path.basename(file)).database for file in files]
        known.database.instances = instances or [known.database]
        key = (scorer, gold, sql, *files)
        verdict = known.verdicts.get(key)
        if verdict is None:
            try:
                for database in (known.database, *instances):
                    database.timeout_s = timeout_for(scorer, self._timeout_s)
                verdict = _ask(scorer, gold, sql, known.database)
            except GoldError:
                if self._watch:
                    self._forget(path, *files)
                raise
            if self._watch and (verdict.outcome in _PASSING or any(map(known.database.varies, (gold, sql)))):
                self._forget(path, *files)
            elif not (self._watch and files):  # of which another file may have changed the next time
                known.keep(key, verdict)
        return verdict

    def close(self) -> None:
        """Keep what was learnt about golds and close the databases."""
        self._cache.flush()
        for known in self._open.values():
            known.database.close()
        self._open.clear()

    def _known(self, path: str, db_id: str) -> _Known:
        known = self._open.get(path)
        looks = _looks(Path(path)) if self._watch else None
        if known is not None and known.looks != looks:
            self._forget(path)
            known = None
        if known is None:
            if len(self._open) >= MAX_OPEN:
                self._forget(next(iter(self._open)))
            known = _Known(OpenDatabase(db_id or Path(path).stem, Path(path), self._limits, self._cache), looks)
            self._open[path] = known
        return known

    def _forget(self, *paths: str) -> None:
        for path in paths:
            if known := self._open.pop(path, None):
                known.database.close()


@dataclass(slots=True)
class _Known:
    """A database that is kept open, how its file looked, and what was said of pairs on it."""

    database: OpenDatabase
    looks: Hashable
    verdicts: dict[tuple[str, ...], Verdict] = field(default_factory=dict)
    n_characters: int = 0

    def keep(self, key: tuple[str, ...], verdict: Verdict) -> None:
        self.n_characters += (size := sum(map(len, key)))
        if self.n_characters > MAX_CHARACTERS:
            self.verdicts.clear()
            self.n_characters = size
        self.verdicts[key] = verdict


def _looks(path: Path) -> Hashable:
    check_database(path)
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            beside = stamp(path)
            return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, file.read(HEADER_BYTES), beside
    except OSError as error:
        raise DatasetError(f"Cannot read the database {path}: {error.strerror}.") from error


def _ask(name: str, gold: str, sql: str, database: OpenDatabase) -> Verdict:
    try:
        verdict: object = find_scorer(name)(gold, sql, database)
    except QueryError as error:
        return Verdict(error.outcome, str(error))
    except (SpiderOptError, MemoryError):
        raise
    except Exception as error:
        if name in SCORERS:
            raise
        raise SpiderOptError(f"scorer {name!r} fails on a question of {database.db_id}: {error!r}") from error
    if not isinstance(verdict, Verdict) or verdict.metric != verdict.metric:
        raise SpiderOptError(f"scorer {name!r} says {verdict!r}, and a Verdict that is a number or none is wanted")
    return verdict
