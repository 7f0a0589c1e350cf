"""What ``suite build`` does, and Python: the suites of all databases of a benchmark."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.errors import UsageError
from spider_opt.paths import locked
from spider_opt.processors import usable_processors
from spider_opt.progress import Progress, display, silent
from spider_opt.scoring.suite_files import suite_files, suite_name
from spider_opt.suites.building import Building, Job, build_one
from spider_opt.suites.folder import Settings, begin, end, known_report
from spider_opt.suites.report import SuiteReport
from spider_opt.types import Benchmark, Example

INSTANCES = 30
"""Beside a database's own file at most so many are made."""
BESIDE = 10
"""The same where they are made for once, to tell right answers from lucky ones."""
CHECKS = 2_000
LOOK_EVERY_S = 0.1


def build_suite(
    benchmark: Benchmark,
    out: str | Path,
    *,
    seed: int = 0,
    instances: int = INSTANCES,
    checks: int = CHECKS,
    jobs: int | None = None,
    progress: bool | Progress | None = False,
) -> SuiteReport:
    """Make test suites for a benchmark's databases in the folder ``out``: to be scored on as ``suite``.

    Each database gets a folder with a copy of its own file and at most so many ``instances`` with other rows. Only
    schemas, rows and gold queries are looked at. The same ``seed`` makes the same files. Databases that are done
    are not done again: what was killed goes on with the same call. Mutants that no instance separates from their
    gold are tried on so many more (``checks``). ``jobs`` databases are done side by side, by default one a processor.

    Raises:
        UsageError: an argument is of another kind than is due, or ``out`` holds something else.
        SpiderOptError: a database cannot be read, or a process dies.
    """
    benchmark, out = arguments.benchmark(benchmark), arguments.path(out, "out")
    check_has_queries(benchmark, "a suite is made of gold queries")
    seed = arguments.seed(seed)
    instances = arguments.whole(instances, "instances", least=1, most=99)
    checks = arguments.whole(checks, "checks", least=0)
    jobs = usable_processors() if jobs is None else arguments.whole(jobs, "jobs", least=1)
    shown = display(progress)
    asked = _jobs(benchmark.examples, benchmark.paths, out, seed, instances, checks)
    if not asked:
        raise UsageError(f"{benchmark.name} {benchmark.split} has no gold query, and a suite is made of these")
    settings = Settings(
        benchmark.name, benchmark.split, benchmark.fingerprint, seed, instances, checks, sqlite3.sqlite_version
    )
    start = time.monotonic()
    begin(out, settings)
    try:
        with locked(out), shown("suites", len(asked)) as advance:
            waiting = []
            for job in asked:
                if known_report(out, job.schema.db_id) is None:
                    waiting.append(job)
                else:
                    advance()
            _build_all(waiting, jobs, advance)
    except BlockingIOError:
        raise UsageError(f"{out} is in use: another process makes a suite there") from None
    reports = tuple(report for job in asked if (report := known_report(out, job.schema.db_id)) is not None)
    paths = {job.schema.db_id: job.path for job in asked}
    called = suite_name(suite_files(paths, out), out)
    made = SuiteReport(out, called, benchmark.name, benchmark.split, seed, reports, round(time.monotonic() - start, 1))
    end(out, made.to_json())
    return made


def with_other_rows(
    examples: Sequence[Example], paths: Mapping[str, Path], folder: Path, *, progress: Progress = silent
) -> dict[str, tuple[Path, ...]]:
    """Make databases for what ``examples`` ask about; return the files to judge answers to them on, by db_id.

    Each database's own file at ``paths`` comes first, and no copy of it is made. The others lie in ``folder``: at most
    ``BESIDE`` a database, which tell the gold queries from their mutants, as those of ``build_suite`` do.

    Raises:
        SpiderOptError: a database cannot be read, or a process dies.
        OSError: the folder cannot be written.
    """
    asked = _jobs(examples, paths, folder, 0, BESIDE, 0, own=False)
    with progress("databases with other rows", len(asked)) as advance:
        _build_all(asked, usable_processors(), advance)
    return {
        job.schema.db_id: (job.path, *sorted((folder / job.schema.db_id).glob("*.sqlite"))) for job in asked
    }  # fmt: skip


def _jobs(
    examples: Sequence[Example],
    paths: Mapping[str, Path],
    out: Path,
    seed: int,
    instances: int,
    checks: int,
    *,
    own: bool = True,
) -> list[Job]:
    golds: dict[str, list[str]] = {}
    schemas = {}
    for example in examples:
        schemas[example.question.db_id] = example.question.schema
        if example.golds:
            golds.setdefault(example.question.db_id, []).extend(example.golds)
    return [
        Job(out, paths[db_id], schemas[db_id], tuple(golds[db_id]), seed, instances, checks, own)
        for db_id in sorted(golds)
    ]


def _build_all(jobs: Sequence[Job], n_beside: int, advance: Callable[[], None]) -> None:
    """Make suites, those first that take longest; each process that is at work ends with this one."""
    waiting = sorted(jobs, key=lambda job: -len(job.golds))
    if n_beside == 1 or len(waiting) == 1:
        for job in waiting:
            build_one(job)
            advance()
        return
    running: list[Building] = []
    try:
        while waiting or running:
            while waiting and len(running) < n_beside:
                running.append(Building(waiting.pop(0)))
            for one in list(running):
                if one.ended():
                    running.remove(one)
                    advance()
            time.sleep(LOOK_EVERY_S)
    finally:
        for one in running:
            with suppress(OSError):
                one.close()
