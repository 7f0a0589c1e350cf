"""Many predictions at once: databases are judged in processes of their own, and none can hang the rest.

A query is stopped by its time limit inside the process. Where SQLite cannot be stopped from within (one
long call of a function), or the process dies, the parent ends it, gives that one question its verdict,
and goes on with the next.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from spider_opt.errors import GoldError
from spider_opt.scoring.cache import ScoringCache
from spider_opt.scoring.execution import ExecutionScorer, Rules
from spider_opt.types import Example, Outcome, Prediction, Question, Schema, Verdict

CHUNK = 30
# A question may run its gold, its tie ranks, the prediction and the prediction's dry run.
QUERIES_PER_QUESTION = 4
GRACE_S = 5.0


class Job(NamedTuple):
    """One pair to judge; ``position`` is where its verdict goes in the answer."""

    position: int
    db_id: str
    gold_sql: str
    sql: str


def judge_all(
    pairs: Sequence[tuple[Example, str]],
    paths: Mapping[str, Path],
    rules: Rules,
    *,
    cache: Path | None = None,
    n_workers: int | None = None,
    on_verdict: Callable[[], None] = lambda: None,
) -> list[Verdict | GoldError]:
    """Judge (example, predicted SQL) pairs; a GoldError stands where the gold query fails.

    ``cache`` is the file of gold results, ``n_workers`` the number of processes (default: the
    processors this process may use). ``on_verdict`` is called in this process after each verdict.
    """
    jobs = [Job(i, ex.question.db_id, ex.gold_sql, sql) for i, (ex, sql) in enumerate(pairs)]
    chunks = deque(sorted(_chunks(jobs), key=len, reverse=True))
    found: list[Verdict | GoldError | None] = [None] * len(jobs)
    settings = (dict(paths), rules, cache)
    n_workers = min(n_workers or processors(), len(chunks))
    workers: dict[Connection, _Worker] = {}
    try:
        while chunks or workers:
            while chunks and len(workers) < n_workers:
                worker = _Worker(settings, list(workers))
                workers[worker.pipe] = worker
                worker.give(chunks.popleft())
            soonest = min(w.deadline for w in workers.values())
            for pipe in wait(list(workers), timeout=max(0.0, soonest - time.monotonic())):
                assert isinstance(pipe, Connection)
                worker = workers[pipe]
                for position, verdict in worker.take():
                    found[position] = verdict
                    on_verdict()
                if not worker.todo and chunks and worker.alive:
                    worker.give(chunks.popleft())
            for pipe, worker in list(workers.items()):
                if worker.alive and worker.todo and worker.deadline > time.monotonic():
                    continue
                if worker.todo:
                    job = worker.todo.popleft()
                    found[job.position] = worker.end_early()
                    on_verdict()
                    if worker.todo:
                        chunks.append(list(worker.todo))
                worker.stop()
                del workers[pipe]
    finally:
        for worker in workers.values():
            worker.stop(now=True)
    assert None not in found
    return [verdict for verdict in found if verdict is not None]


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(sorted(jobs, key=lambda job: job.db_id), key=lambda job: job.db_id):
        same_database = list(group)
        for start in range(0, len(same_database), CHUNK):
            yield same_database[start : start + CHUNK]


class _Worker:
    """A process that judges chunks, seen from the parent."""

    def __init__(self, settings: tuple[dict[str, Path], Rules, Path | None], siblings: list[Connection]) -> None:
        method = "spawn" if _has_threads() else "fork"
        context: Any = multiprocessing.get_context(method)
        self.pipe, far_end = context.Pipe()
        self.todo: deque[Job] = deque()
        self.alive = True
        self._patience_s = QUERIES_PER_QUESTION * settings[1].timeout_s + GRACE_S
        self.deadline = 0.0
        # A forked process also gets copies of the parent's ends; as long as it keeps them, no worker learns
        # that the parent is gone.
        inherited = [*siblings, self.pipe] if method == "fork" else []
        self._process = context.Process(target=_work, args=(far_end, inherited, *settings), daemon=True)
        self._process.start()
        far_end.close()

    def give(self, jobs: list[Job]) -> None:
        self.todo.extend(jobs)
        self.deadline = time.monotonic() + self._patience_s
        try:
            self.pipe.send(jobs)
        except OSError:
            self.alive = False

    def take(self) -> Iterator[tuple[int, Verdict | GoldError]]:
        """Yield what has arrived; note the worker's death."""
        try:
            while self.alive and self.pipe.poll():
                answer = self.pipe.recv()
                self.deadline = time.monotonic() + self._patience_s
                yield self.todo.popleft().position, answer
        except (EOFError, OSError):
            self.alive = False

    def end_early(self) -> Verdict:
        if self.alive:
            self._process.kill()
            return Verdict(Outcome.TIMEOUT, f"no answer within {self._patience_s:.0f} s, ended from outside")
        return Verdict(Outcome.LIMIT, "the process that ran the query died")

    def stop(self, now: bool = False) -> None:
        if now:
            self._process.kill()
        self.pipe.close()
        self._process.join()


def _has_threads() -> bool:
    """Tell whether forking would copy locks that other threads hold."""
    return sys.platform != "linux" or threading.active_count() > 1 or "xllamacpp" in sys.modules


def _work(
    pipe: Connection, inherited: list[Connection], paths: dict[str, Path], rules: Rules, cache: Path | None
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for copy in inherited:
        copy.close()
    scorer = ExecutionScorer(paths, rules, ScoringCache(cache))
    try:
        while True:
            for job in pipe.recv():
                example = Example(job.position, Question("", "", Schema(job.db_id, ())), job.gold_sql)
                answer: Verdict | GoldError
                try:
                    answer = scorer(example, Prediction(job.sql))
                except GoldError as error:
                    answer = error
                pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        scorer.close()
