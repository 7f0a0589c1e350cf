"""What a scoring process does: jobs in, batches of answers out."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from spider_opt.databases.snapshots import remove_snapshots
from spider_opt.errors import DatasetError, GoldError, GoldTimeout, SpiderOptError
from spider_opt.scoring.gold_cache import GoldCache
from spider_opt.scoring.pair_scorer import PairScorer
from spider_opt.types import Outcome, Verdict

# Each message wakes the parent, which takes the processor from a worker.
MESSAGE_EVERY_S = 0.05
MAX_LIMITS = 4
LINGER_S = 2.0  # to keep what was learnt, once the parent wants no more
Failure = GoldError | DatasetError
Answer = Verdict | Failure
"""A verdict, or why there can be none: the gold query fails, the database cannot be read."""
Told = tuple[str, str, float | None] | tuple[str, str]
"""An answer on its way: pickling it as it is would take longer. A failure is (its kind, what it says)."""
_FAILURES: tuple[type[Failure], ...] = (GoldTimeout, GoldError, DatasetError)


class Job(NamedTuple):
    """One pair to judge by each of ``scorers``; ``position`` is where its verdicts go in the answer.

    ``suite`` are the files of the database's test suite, none where it has none.
    """

    position: int
    db_id: str
    path: str
    gold_sql: str
    sql: str
    scorers: tuple[str, ...]
    suite: tuple[str, ...] = ()


def judge_jobs(
    pipe: Connection, begun: Connection, inherited: Sequence[Connection], cache: Path | None, watch: bool
) -> None:
    """Judge what comes over ``pipe``, (seconds a query may take, jobs), until it closes.

    A byte is written to ``begun`` as each scorer begins with a job. ``inherited`` are the parent's ends of pipes,
    which a forked process has copies of. ``cache`` and ``watch`` are the scorer's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # collecting what came from the parent would copy its pages
    sys.stdout = sys.stderr  # the parent's is for results
    for copy in inherited:
        copy.close()
    threading.Thread(target=_end_with_parent, args=(begun.fileno(),), daemon=True).start()
    kept = GoldCache(cache)
    scorers: dict[float | None, PairScorer] = {}
    try:
        while True:
            timeout_s, jobs = pipe.recv()
            if timeout_s not in scorers:
                if len(scorers) == MAX_LIMITS:
                    scorers.pop(next(iter(scorers))).close()
                scorers[timeout_s] = PairScorer(timeout_s, kept, watch=watch)
            try:
                _judge(jobs, scorers[timeout_s], pipe, begun.fileno())
            except SpiderOptError as error:  # the parent's business, and no end
                pipe.send(error)
    except (EOFError, ConnectionError):
        pass  # the parent is done, or gone
    except Exception as error:  # no fault of a query: the parent must not score it
        error.add_note(traceback.format_exc())
        pipe.send(error)
    finally:
        for scorer in scorers.values():
            scorer.close()
        kept.close()
        remove_snapshots()


def _end_with_parent(begun: int) -> None:
    """End this process soon after nobody reads what it has begun, also in the midst of a long query."""
    poll = select.poll()
    poll.register(begun, 0)
    poll.poll()
    time.sleep(LINGER_S)
    remove_snapshots()
    os._exit(1)


def main(pipe: int, begun: int) -> None:
    """Be a scoring process of one's own: settings come over ``pipe`` before the first jobs; both are descriptors."""
    with Connection(pipe) as jobs, Connection(begun, readable=False) as told:
        try:
            cache, watch = jobs.recv()
        except EOFError:
            return
        judge_jobs(jobs, told, (), cache, watch)


def heard(told: Told) -> Answer:
    """Return an answer from what was sent of it."""
    if len(told) == 3:
        return Verdict(Outcome(told[0]), told[1], told[2])
    name, said = told
    return next(kind for kind in _FAILURES if kind.__name__ == name)(said)


def _judge(jobs: list[Job], scorer: PairScorer, pipe: Connection, begun: int) -> None:
    answers: list[list[Told]] = []
    last_message = time.monotonic()
    for job in jobs:
        if answers and time.monotonic() - last_message > MESSAGE_EVERY_S:
            pipe.send(answers)
            answers, last_message = [], time.monotonic()
        answers.append([])
        for name in job.scorers:
            os.write(begun, b".")
            try:
                verdict = scorer(name, job.path, job.gold_sql, job.sql, job.db_id, job.suite)
                answers[-1].append((verdict.outcome.value, verdict.detail, verdict.value))
            except (GoldError, DatasetError) as error:
                kind = next(kind for kind in _FAILURES if isinstance(error, kind))
                answers[-1].append((kind.__name__, str(error)))
            except MemoryError:
                answers[-1].append((Outcome.LIMIT.value, "comparing the results needs more memory than there is", None))
    pipe.send(answers)
