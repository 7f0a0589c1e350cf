"""What a scoring process does: jobs in, batches of answers out."""

from __future__ import annotations

import gc
import os
import signal
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from spider_opt.errors import GoldError
from spider_opt.scoring.cache import ScoringCache
from spider_opt.scoring.official import ExecutionScorer, Rules
from spider_opt.types import Example, Outcome, Prediction, Question, Schema

# Each message wakes the parent, which takes the processor from a worker.
MESSAGE_EVERY_S = 0.05


class Job(NamedTuple):
    """One pair to judge; ``position`` is where its verdict goes in the answer."""

    position: int
    db_id: str
    gold_sql: str
    sql: str


def work(
    pipe: Connection,
    begun: Connection,
    inherited: list[Connection],
    paths: dict[str, Path],
    rules: Rules,
    cache: Path | None,
) -> None:
    """Judge what comes over ``pipe`` until it closes; write a byte to ``begun`` as each job is begun.

    ``inherited`` are the parent's ends of pipes, which a forked process has copies of.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # collecting what came from the parent would copy its pages
    for copy in inherited:
        copy.close()
    kept = ScoringCache(cache)
    scorer = ExecutionScorer(paths, rules, kept)
    try:
        while True:
            _judge(pipe.recv(), scorer, pipe, begun.fileno())
    except (EOFError, ConnectionError):
        pass  # the parent is done, or gone
    except Exception as error:  # no fault of a query: the parent must not score it
        error.add_note(traceback.format_exc())
        pipe.send(error)
    finally:
        scorer.close()
        kept.close()


def _judge(jobs: list[Job], scorer: ExecutionScorer, pipe: Connection, begun: int) -> None:
    answers: list[str | tuple[str, str]] = []
    last_message = time.monotonic()
    for job in jobs:
        if answers and time.monotonic() - last_message > MESSAGE_EVERY_S:
            pipe.send(answers)
            answers, last_message = [], time.monotonic()
        os.write(begun, b".")
        try:
            example = Example(job.position, Question("", "", Schema(job.db_id, ())), job.gold_sql)
            verdict = scorer(example, Prediction(job.sql))
            answers.append((verdict.outcome.value, verdict.detail))
        except GoldError as error:
            answers.append(str(error))
        except MemoryError:
            answers.append((Outcome.LIMIT.value, "comparing the results needs more memory than there is"))
    pipe.send(answers)
