"""A process that judges, seen from outside: it is given jobs, asked for answers, and ended where it hangs.

It is forked where that is safe, which is quick. Where it is not, a new interpreter is started, by a command of its own
and not by ``multiprocessing``, whose new processes begin by importing the user's ``__main__``: a script without a
guard, or a notebook, would run itself again.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from spider_opt.errors import SpiderOptError
from spider_opt.scoring.table import SUITES, timeout_for
from spider_opt.scoring.worker_process import Answer, Job, heard, judge_jobs
from spider_opt.types import Outcome, Verdict

# A scorer may run gold (without caps, if it breaks one), its tie ranks, the prediction (alone, if memory is short) and
# the prediction's dry run.
QUERIES_PER_SCORER = 6
QUERIES_OF = {"r-ves": 100}
"""How many times that of one query further queries of a scorer may take."""
GRACE_S = 5.0
MAX_PATIENCE_S = 1e6
N_THREADS = 1
"""That a process has which may be forked: the one that forks it."""
MAX_VAIN_STARTS = 3
VAIN = "the processes that run queries end before they begin; is memory short?"
OVERDUE = Verdict(Outcome.TIMEOUT, "no answer in time, ended from outside")
DIED = Verdict(Outcome.LIMIT, "the process that ran the query died, twice")


class Process(Protocol):
    """What is needed of a process that was started."""

    def kill(self) -> None:
        """End it at once."""

    def wait(self) -> object:
        """Wait for its end."""


class Worker:
    """A process that judges. ``todo`` are the jobs without an answer yet.

    Answers come in batches, so a second pipe tells what the process was at: it gets a byte as each scorer begins with
    a job, and is read only when all is done or the process must be ended.

    ``siblings`` are the other workers, ``cache`` and ``watch`` the scorer's. With ``fork`` None it is forked
    where that is safe. ``finds`` is where it looks for modules.

    Raises:
        SpiderOptError: no process can be started.
    """

    def __init__(
        self,
        cache: Path | None = None,
        *,
        watch: bool = False,
        siblings: Sequence[Worker] = (),
        fork: bool | None = None,
    ) -> None:
        self.pipe, far_end = multiprocessing.Pipe()
        self._begun, far_begun = multiprocessing.Pipe(duplex=False)
        os.set_blocking(self._begun.fileno(), False)
        self.todo: deque[Job] = deque()
        self.alive = True
        self.deadline = 0.0
        self._patience_s = 0.0
        self._n_begun_answered = 0
        self.finds = list(sys.path)
        self._process: Process
        with far_end, far_begun:
            if can_fork() if fork is None else fork:
                # A forked process also gets copies of the parent's ends; as long as it keeps them, no worker learns
                # that the parent is gone.
                inherited = [end for worker in (*siblings, self) for end in (worker.pipe, worker._begun)]
                self._process = _Forked(far_end, far_begun, inherited, cache, watch)
            else:
                self._process = _started(far_end, far_begun)
                with suppress(OSError):  # it has died already, which the first jobs will tell
                    self.pipe.send((cache, watch))

    def give(self, timeout_s: float | None, jobs: Sequence[Job]) -> None:
        """Send jobs, none of whose queries may take longer than ``timeout_s``, None for each scorer's own time."""
        self._read_begun()
        self._n_begun_answered = 0
        self.todo.extend(jobs)
        longest_s = max(sum(_longest_s(name, job, timeout_s) for name in job.scorers) for job in jobs)
        self._patience_s = min(longest_s, MAX_PATIENCE_S) + GRACE_S
        self.deadline = time.monotonic() + self._patience_s
        try:
            self.pipe.send((timeout_s, list(jobs)))
        except OSError:
            self.alive = False

    def take(self) -> Iterator[tuple[Job, list[Answer]]]:
        """Yield one batch of answers; note the process's death.

        Raises:
            BaseException: what went wrong in the process that is no query's fault.
        """
        try:
            answers = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            return
        if isinstance(answers, BaseException):
            raise answers
        self.deadline = time.monotonic() + self._patience_s
        for told in answers:
            job = self.todo.popleft()
            self._n_begun_answered += len(job.scorers)
            yield job, [heard(answer) for answer in told]

    def end(self) -> tuple[Job, str] | None:
        """Kill the process; return the job and the scorer it was at, if it was at one; the job leaves ``todo``."""
        self.kill()
        at = self._read_begun() - self._n_begun_answered - 1
        self.dismiss()
        if at < 0:
            return None
        for job in self.todo:
            if at < len(job.scorers):
                self.todo.remove(job)
                return job, job.scorers[at]
            at -= len(job.scorers)
        return None

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()

    def abandon(self) -> None:
        """Leave the process to its parent, which this one is a fork of."""
        self.pipe.close()
        self._begun.close()
        if isinstance(self._process, subprocess.Popen):
            self._process.returncode = 0  # it is not this one's to wait for

    def dismiss(self, now: bool = False) -> None:
        """Let the process end itself, having kept what it learnt, or end it ``now``."""
        if now:
            self._process.kill()
        self.pipe.close()
        self._begun.close()

    def join(self) -> None:
        """Wait for the process's end."""
        self._process.wait()

    def _read_begun(self) -> int:
        n = 0
        with suppress(BlockingIOError):
            while got := len(os.read(self._begun.fileno(), 4096)):
                n += got
        return n


def _longest_s(scorer: str, job: Job, timeout_s: float | None) -> float:
    """Return how long a scorer may be at a job before something is wrong."""
    n_databases = max(1, len(job.suite)) if scorer in SUITES else 1
    return (QUERIES_PER_SCORER * n_databases + QUERIES_OF.get(scorer, 0)) * timeout_for(scorer, timeout_s)


class _Forked:
    def __init__(self, *arguments: object) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=judge_jobs, args=arguments, daemon=True)
        self._process.start()
        self.kill, self.wait = self._process.kill, self._process.join


def _started(pipe: Connection, begun: Connection) -> subprocess.Popen[bytes]:
    """Start an interpreter that finds the same modules as this one."""
    if not sys.executable:
        raise SpiderOptError("no process can be started to run queries in: sys.executable names no Python")
    where = [place for place in sys.path if isinstance(place, str)]
    code = (
        f"import sys; sys.path[:] = {where!r}\n"
        "from spider_opt.scoring.worker_process import main\n"
        f"main({pipe.fileno()}, {begun.fileno()})"
    )
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=(pipe.fileno(), begun.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is the parent's to deal with
        )
    except OSError as error:
        raise SpiderOptError(f"no process can be started to run queries in: {error}") from error


def can_fork() -> bool:
    """Tell whether forking is safe here, where no thread can hold a lock that is copied with it."""
    if sys.platform != "linux" or multiprocessing.current_process().daemon:
        return False
    own_threads = {"xllamacpp", "torch"} & sys.modules.keys()
    try:
        n_threads = len(os.listdir("/proc/self/task"))  # those of libraries too
    except OSError:
        n_threads = threading.active_count()
    return n_threads == N_THREADS and not own_threads
