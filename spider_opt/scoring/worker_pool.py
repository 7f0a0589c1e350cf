"""Many predictions at once: databases are judged in processes of their own, and none can hang the rest.

A query is stopped by its time limit inside the process. Where SQLite cannot be stopped from within (one
long call of a function), the parent ends the process, gives that one question its verdict, and goes on
with the others. A process that dies gets a second chance with the same question, since it may have been
killed for another's sake.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from spider_opt.errors import GoldError, SpiderOptError
from spider_opt.scoring.official import Rules
from spider_opt.scoring.worker_process import Job, work
from spider_opt.types import Example, Outcome, Verdict

CHUNK = 30
# A question may run its gold, its tie ranks, the prediction and the prediction's dry run.
QUERIES_PER_QUESTION = 4
GRACE_S = 5.0
MAX_VAIN_STARTS = 3


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

    Raises:
        SpiderOptError: no process can be started that works.
        DatasetError: a database cannot be read.
    """
    jobs = [Job(i, ex.question.db_id, ex.gold_sql, sql) for i, (ex, sql) in enumerate(pairs)]
    queue = deque(sorted(_chunks(jobs), key=len, reverse=True))
    found: dict[int, Verdict | GoldError] = {}
    settings = (dict(paths), rules, cache)
    n_workers = min(n_workers or processors(), len(queue))
    crew: list[_Worker] = []
    died_on: set[int] = set()
    n_vain_starts = 0

    def note(position: int, verdict: Verdict | GoldError) -> None:
        found[position] = verdict
        on_verdict()

    try:
        while len(found) < len(jobs):
            while queue and len(crew) < n_workers:
                crew.append(_Worker(settings, [worker.pipe for worker in crew]))
            for worker in crew:
                if queue and not worker.todo:
                    worker.give(queue.popleft())
            patience_s = max(0.0, min(w.deadline for w in crew if w.todo) - time.monotonic())
            ready = wait([worker.pipe for worker in crew if worker.todo], patience_s)
            for worker in list(crew):
                if worker.pipe in ready:
                    for position, verdict in worker.take():
                        note(position, verdict)
                overdue = bool(worker.todo) and time.monotonic() > worker.deadline
                if worker.alive and not overdue:
                    continue
                crew.remove(worker)
                culprit = worker.end()
                if culprit is None:
                    n_vain_starts += bool(worker.todo)
                    if n_vain_starts > MAX_VAIN_STARTS:
                        raise SpiderOptError("the processes that run queries end before they begin; is memory short?")
                elif overdue:
                    note(culprit.position, Verdict(Outcome.TIMEOUT, "no answer in time, ended from outside"))
                elif culprit.position in died_on:
                    note(culprit.position, Verdict(Outcome.LIMIT, "the process that ran the query died, twice"))
                else:
                    died_on.add(culprit.position)
                    queue.append([culprit])
                if worker.todo:
                    queue.append(list(worker.todo))
    finally:
        for worker in crew:
            worker.dismiss(now=len(found) < len(jobs))
        for worker in crew:
            worker.join()
    return [found[position] for position in range(len(jobs))]


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(sorted(jobs, key=lambda job: job.db_id), key=lambda job: job.db_id):
        same_database = list(group)
        for start in range(0, len(same_database), CHUNK):
            yield same_database[start : start + CHUNK]


class _Worker:
    """A process that judges chunks, seen from the parent. ``todo`` are the jobs without an answer yet.

    Answers come in batches, so a second pipe tells which job the process was at: it gets a byte as each
    job is begun, and is read only when a chunk is done or the process must be ended.
    """

    def __init__(self, settings: tuple[dict[str, Path], Rules, Path | None], siblings: list[Connection]) -> None:
        method = "spawn" if _has_threads() else "fork"
        context: Any = multiprocessing.get_context(method)
        self.pipe, far_end = context.Pipe()
        self._begun, far_begun = context.Pipe(duplex=False)
        os.set_blocking(self._begun.fileno(), False)
        self.todo: deque[Job] = deque()
        self.alive = True
        self.deadline = 0.0
        self._n_answered = 0
        self._patience_s = QUERIES_PER_QUESTION * settings[1].timeout_s + GRACE_S
        # A forked process also gets copies of the parent's ends; as long as it keeps them, no worker learns
        # that the parent is gone.
        inherited = [*siblings, self.pipe] if method == "fork" else []
        self._process = context.Process(target=work, args=(far_end, far_begun, inherited, *settings), daemon=True)
        self._process.start()
        far_end.close()
        far_begun.close()

    def give(self, jobs: list[Job]) -> None:
        self._read_begun()
        self._n_answered = 0
        self.todo.extend(jobs)
        self.deadline = time.monotonic() + self._patience_s
        try:
            self.pipe.send(jobs)
        except OSError:
            self.alive = False

    def take(self) -> Iterator[tuple[int, Verdict | GoldError]]:
        """Yield one batch of answers; note the process's death."""
        try:
            answers = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            return
        if isinstance(answers, BaseException):
            raise answers
        self.deadline = time.monotonic() + self._patience_s
        for answer in answers:
            self._n_answered += 1
            verdict = GoldError(answer) if isinstance(answer, str) else Verdict(Outcome(answer[0]), answer[1])
            yield self.todo.popleft().position, verdict

    def end(self) -> Job | None:
        """Kill the process; return the job it was at, if it was at one, and take it from ``todo``."""
        self._process.kill()
        self._process.join()
        at = self._read_begun() - self._n_answered - 1
        self.dismiss()
        if at < 0:
            return None
        culprit = self.todo[at]
        del self.todo[at]
        return culprit

    def dismiss(self, now: bool = False) -> None:
        """Let the process end itself, having kept what it learnt, or end it ``now``."""
        if now:
            self._process.kill()
        self.pipe.close()
        self._begun.close()

    def join(self) -> None:
        self._process.join()

    def _read_begun(self) -> int:
        try:
            return len(os.read(self._begun.fileno(), 2 * CHUNK))
        except BlockingIOError:
            return 0


def _has_threads() -> bool:
    """Tell whether forking would copy locks that other threads hold."""
    own_threads = {"xllamacpp", "torch"} & sys.modules.keys()
    return sys.platform != "linux" or threading.active_count() > 1 or bool(own_threads)
