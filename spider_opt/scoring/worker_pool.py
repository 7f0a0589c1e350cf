"""Many predictions at once: databases are judged in processes of their own, and none can hang the rest.

A query is stopped by its time limit inside the process. Where it cannot be stopped from within (one long call of a
function of SQLite's, a scorer that does not return), the parent ends the process, gives that one question its
verdict by the scorer that was at it, and goes on with the others. A process that dies gets a second chance with the
same question, since it may have been killed for another's sake.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from multiprocessing.connection import wait
from pathlib import Path

from spider_opt.errors import DatasetError, GoldError, GoldTimeout, SpiderOptError
from spider_opt.processors import usable_processors
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.several_golds import best_of
from spider_opt.scoring.table import find_scorer
from spider_opt.scoring.worker import DIED, MAX_VAIN_STARTS, OVERDUE, VAIN, Worker
from spider_opt.scoring.worker_process import Answer, Job
from spider_opt.types import Example, Verdict

CHUNK = 30
_LOG = logging.getLogger("spider_opt")


def judge_all(
    pairs: Sequence[tuple[Example, str]],
    paths: Mapping[str, Path],
    rules: Rules,
    *,
    read_otherwise: Mapping[str, Sequence[str]] = {},
    suites: Mapping[str, Sequence[Path]] = {},
    cache: Path | None = None,
    n_workers: int | None = None,
    on_verdict: Callable[[], None] = lambda: None,
) -> list[dict[str, Verdict | GoldError]]:
    """Judge (example, predicted SQL) pairs by each scorer of the rules; ``suites`` are the files of each database's.

    A GoldError stands where the gold query fails, and at all questions of a database that cannot be read. A gold that
    runs out of time is tried again when nothing of ours is at work beside it. Where a question has several golds, its
    answer is judged by each, see ``several_golds``. ``read_otherwise`` are all predictions as a scorer reads them, by
    its name among the rules' scorers, where that is not as they stand in ``pairs``.

    ``cache`` is the file of gold results, ``n_workers`` the number of processes (default: the
    processors this process may use). ``on_verdict`` is called in this process after each pair.

    Raises:
        ScorerError: there is no such scorer, or it is broken.
        SpiderOptError: no process can be started that works, or the scorer of another package fails.
        DatasetError: no database can be read.
    """
    scorers = tuple(dict.fromkeys(rules.asked.values()))
    for name in scorers:
        find_scorer(name)  # what is asked wrongly is told before a process is started
    db_ids = [example.question.db_id for example, _ in pairs]
    files = {db_id: tuple(map(os.fspath, suites.get(db_id, ()))) for db_id in db_ids}
    otherwise = {rules.asked[name]: texts for name, texts in read_otherwise.items()}
    jobs: list[Job] = []
    of_pair: list[list[Job]] = [[] for _ in pairs]
    for i, (example, sql) in enumerate(pairs):
        reading: dict[str, list[str]] = {}
        for name in scorers:
            reading.setdefault(otherwise[name][i] if name in otherwise else sql, []).append(name)
        for gold in example.judged_by or (example.gold_sql,):
            for text, names in reading.items():
                path, suite = os.fspath(paths[db_ids[i]]), files[db_ids[i]]
                jobs.append(Job(len(jobs), db_ids[i], path, gold, text, tuple(names), suite))
                of_pair[i].append(jobs[-1])
    found: list[dict[str, Answer]] = [{} for _ in jobs]
    firsts = {of[0].position for of in of_pair}
    _ask_crew(
        jobs, found, rules.timeout_s, cache, n_workers or usable_processors(),
        lambda job: on_verdict() if job.position in firsts else None,
    )  # fmt: skip
    late = [job for job in jobs if any(isinstance(v, GoldTimeout) for v in found[job.position].values())]
    if late:
        _ask_crew(late, found, rules.timeout_s, cache, 1, lambda job: None)
    lost = {
        job.db_id: answer
        for job, said in zip(jobs, found, strict=True)
        for answer in said.values()
        if isinstance(answer, DatasetError)
    }
    if lost and lost.keys() == set(db_ids):
        raise next(iter(lost.values()))
    _warn_of_failing(pairs, of_pair, found, lost)
    return [
        {
            name: best_of(
                [_known_of(found[job.position][scorer], lost.get(job.db_id)) for job in of if scorer in job.scorers]
            )
            for name, scorer in rules.asked.items()
        }
        for of in of_pair
    ]


def _warn_of_failing(
    pairs: Sequence[tuple[Example, str]],
    of_pair: Sequence[Sequence[Job]],
    found: Sequence[Mapping[str, Answer]],
    lost: Mapping[str, DatasetError],
) -> None:
    """Tell of golds that fail where another gold of their question runs, by which alone it is judged then."""
    for (example, _), of in zip(pairs, of_pair, strict=True):
        golds = example.judged_by or (example.gold_sql,)
        said = [[a for job in of if job.gold_sql == gold for a in found[job.position].values()] for gold in golds]
        fail = [next((answer for answer in answers if isinstance(answer, GoldError)), None) for answers in said]
        if len(golds) > 1 and not all(fail) and of[0].db_id not in lost:
            for number, error in enumerate(fail, 1):
                if error is not None:
                    _LOG.warning("question %d: its gold %d does not count: %s", example.index, number, error)


def _known_of(answer: Answer, lost: DatasetError | None) -> Verdict | GoldError:
    """Return an answer, or that its database is lost: what else was read of that is not to be trusted."""
    if lost is not None or isinstance(answer, DatasetError):
        return GoldError(str(lost or answer))
    return answer


def _ask_crew(
    jobs: Sequence[Job],
    found: Sequence[dict[str, Answer]],
    timeout_s: float | None,
    cache: Path | None,
    n_workers: int,
    on_verdict: Callable[[Job], None],
) -> None:
    """Let new processes judge, and put what they say into ``found``, by the jobs' positions."""
    queue = deque(sorted(_chunks(jobs), key=len, reverse=True))
    last_at: dict[Worker, str] = {}  # the database, of which it has read what the next questions need, too
    n_workers = min(n_workers, len(queue))
    crew: list[Worker] = []
    died_on: set[tuple[int, str]] = set()
    n_vain_starts = n_done = 0

    def note(job: Job, answers: Mapping[str, Answer]) -> None:
        """Keep answers; what other scorers have not said yet is asked again."""
        nonlocal n_done
        found[job.position] |= answers
        if left := tuple(name for name in job.scorers if name not in answers):
            queue.append([job._replace(scorers=left)])
            return
        n_done += 1
        on_verdict(job)

    try:
        while n_done < len(jobs):
            while queue and len(crew) < n_workers:
                crew.append(Worker(cache, siblings=crew))
            for worker in crew:
                if queue and not worker.todo:
                    chunk = next((chunk for chunk in queue if chunk[0].db_id == last_at.get(worker)), queue[0])
                    queue.remove(chunk)
                    last_at[worker] = chunk[0].db_id
                    worker.give(timeout_s, chunk)
            patience_s = max(0.0, min(w.deadline for w in crew if w.todo) - time.monotonic())
            ready = wait([worker.pipe for worker in crew if worker.todo], patience_s)
            for worker in list(crew):
                if worker.pipe in ready:
                    for job, answers in worker.take():
                        n_vain_starts = 0
                        note(job, dict(zip(job.scorers, answers, strict=True)))
                overdue = bool(worker.todo) and time.monotonic() > worker.deadline
                if worker.alive and not overdue:
                    continue
                crew.remove(worker)
                culprit = worker.end()
                if culprit is None:
                    n_vain_starts += bool(worker.todo)
                    if n_vain_starts > MAX_VAIN_STARTS:
                        raise SpiderOptError(VAIN)
                else:
                    job, name = culprit
                    if overdue or (job.position, name) in died_on:
                        note(job, {name: OVERDUE if overdue else DIED})
                    else:
                        died_on.add((job.position, name))
                        queue.append([job])
                if worker.todo:
                    queue.append(list(worker.todo))
    finally:
        for worker in crew:
            worker.dismiss(now=n_done < len(jobs))
        for worker in crew:
            worker.join()


def _chunks(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(sorted(jobs, key=lambda job: job.db_id), key=lambda job: job.db_id):
        same_database = list(group)
        for start in range(0, len(same_database), CHUNK):
            yield same_database[start : start + CHUNK]
