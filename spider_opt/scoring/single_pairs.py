"""One pair, no benchmark: a warm process of our own judges it, and is kept for the next call.

What hangs in it is ended with it, what kills it kills nothing else, and another is started when it is needed. There
are as many as calls at the same time (from threads), and they end with this process. A fork of this process starts
its own.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path

from spider_opt import arguments
from spider_opt.databases.snapshots import held
from spider_opt.errors import SpiderOptError
from spider_opt.processors import usable_processors
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.worker import DIED, MAX_VAIN_STARTS, OVERDUE, VAIN, Worker
from spider_opt.scoring.worker_process import Answer, Job
from spider_opt.types import Verdict


def judge(
    gold: str,
    sql: str,
    database: str | Path,
    *,
    mode: str = "official",
    keep_distinct: bool = False,
    timeout_s: float | None = None,
) -> Verdict:
    """Judge one query against its gold on a SQLite file, as ``score`` would; ``.correct`` tells whether it is right.

    The file is looked at anew at each call, so a change to it counts from then on. ``mode`` is a scorer's name
    ("official", "strict", or one of another package; "suite" takes the SQLite files that lie beside this one, too).
    ``keep_distinct`` lets DISTINCT count in the modes official and suite. ``timeout_s`` is the time one query may take:
    by default 10 s, for BIRD's scorers 30 s for both queries together. Works from any thread, script or notebook; the
    first call takes as long as Python takes to start.

    Raises:
        UsageError: an argument is of another kind than is due.
        GoldError: the gold query itself fails.
        DatasetError: the file is missing or not a database.
        ScorerError: there is no such scorer.
        SpiderOptError: the scorer of another package fails, or no process can be started.
    """
    gold, sql = arguments.text(gold, "gold"), arguments.text(sql, "sql", blank=True)
    timeout_s = None if timeout_s is None else arguments.number(timeout_s, "timeout_s", above=True)
    rules = Rules(arguments.text(mode, "mode"), arguments.yes_or_no(keep_distinct, "keep_distinct"), timeout_s)
    path = os.path.abspath(arguments.path(database, "database"))
    # Where something writes to it, its snapshot is this process's, which removes it: the others may be killed.
    with held(Path(path)) as file, _workers.turns:
        job = Job(
            0, Path(path).stem, os.fspath(file), gold, sql, tuple(rules.asked.values()), _suite(rules, Path(path))
        )
        answer = _workers.ask(timeout_s, job)
    if not isinstance(answer, Verdict):
        raise answer
    return answer


def _suite(rules: Rules, path: Path) -> tuple[str, ...]:
    if not rules.on_suites:
        return ()
    from spider_opt.scoring.suite_files import suite_files

    return tuple(map(os.fspath, suite_files({path.stem: path}, None)[path.stem]))


class _Workers:
    """The processes kept for single pairs; ``turns`` are how many may be at work at the same time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Know of no process."""
        self.turns = threading.BoundedSemaphore(max(2, usable_processors()))
        self._idle: deque[Worker] = deque()
        self._all: set[Worker] = set()

    def ask(self, timeout_s: float | None, job: Job) -> Answer:
        """Return a worker's answer; one that dies gets a second chance elsewhere."""
        n_died = n_vain = 0
        while True:
            worker, fit = self._take(), False
            try:
                worker.give(timeout_s, [job])
                while worker.alive:
                    if not worker.pipe.poll(max(0.0, worker.deadline - time.monotonic())):
                        return OVERDUE
                    for _, [answer] in worker.take():
                        fit = True
                        return answer
            except SpiderOptError:
                worker.todo.clear()
                fit = True
                raise
            finally:
                if fit:
                    self._idle.append(worker)
                else:
                    self._all.discard(worker)
                    culprit = worker.end()
            if culprit is None:
                n_vain += 1
                if n_vain > MAX_VAIN_STARTS:
                    raise SpiderOptError(VAIN)
            else:
                n_died += 1
                if n_died == 2:
                    return DIED

    def _take(self) -> Worker:
        while self._idle:
            try:
                worker = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if worker.finds == sys.path:
                return worker
            self._all.discard(worker)
            worker.end()
        worker = Worker(watch=True, fork=False)
        self._all.add(worker)
        return worker

    def end(self) -> None:
        """End all processes; what threads are still waiting for finds its own end."""
        for worker in list(self._all):
            worker.kill()
        while self._idle:
            self._all.discard(worker := self._idle.pop())
            worker.end()

    def abandon(self) -> None:
        """Leave all processes to the one that this one is a fork of."""
        for worker in list(self._all):
            worker.abandon()
        self.reset()


_workers = _Workers()
atexit.register(_workers.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.abandon)
