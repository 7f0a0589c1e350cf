"""The suite of one database, from its file and its golds to its folder; a process of its own may make it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spider_opt.errors import SpiderOptError
from spider_opt.suites.bench import Bench
from spider_opt.suites.choosing import chosen
from spider_opt.suites.contents import read_contents
from spider_opt.suites.folder import keep
from spider_opt.suites.golds import pairs_of, read_golds
from spider_opt.suites.report import DatabaseReport
from spider_opt.suites.search import Search
from spider_opt.types import Schema


@dataclass(frozen=True, slots=True)
class Job:
    """One database to make a suite for: at most so many ``instances``, ``checks`` of them to tell what is the same.

    With ``own`` a copy of its own file is kept beside them.
    """

    out: Path
    path: Path
    schema: Schema
    golds: tuple[str, ...]
    seed: int
    instances: int
    checks: int
    own: bool = True


def build_one(job: Job) -> DatabaseReport:
    """Make the suite of one database and keep it.

    Raises:
        DatasetError: the database cannot be read.
        OSError: its folder cannot be written.
    """
    start = time.process_time()
    contents = read_contents(job.path, job.schema, job.seed)
    bench = Bench(contents)
    try:
        read = read_golds(job.golds, contents, bench)
        pairs, n_broken = pairs_of(read.golds, contents, bench, job.seed)
        search = Search.on(contents, bench, read, pairs)
        search.run(job.seed)
        taken = chosen(search.found, job.instances)
        killed = 0
        for instance in taken:
            killed |= instance.killed
        search.killed = killed
        differ = search.still_differ(job.seed + 1, job.checks)
        by_kind: dict[str, list[int]] = {}
        for at, pair in enumerate(pairs):
            counts = by_kind.setdefault(pair.kind, [0, 0, 0])
            for place, counted in enumerate((True, bool(killed >> at & 1), at in differ)):
                counts[place] += counted
        files = []
        for instance in taken:
            bench.load(instance.rows)
            files.append(bench.file())
    finally:
        bench.close()
    n_killed = killed.bit_count()
    report = DatabaseReport(
        db_id=job.schema.db_id,
        golds=len(read.golds),
        mutants=len(pairs),
        broken=n_broken,
        killed=n_killed,
        differ=len(differ),
        equivalent=len(pairs) - n_killed - len(differ),
        instances=len(taken),
        tried=search.tried,
        given_up=search.given_up,
        checked=job.checks,
        n_bytes=0,
        seconds=round(time.process_time() - start, 2),
        by_kind=dict(sorted(by_kind.items())),
        left=[[pairs[at].kind, pairs[at].gold_sql, pairs[at].sql] for at in sorted(differ)],
        left_out=read.left_out,
        left_empty=contents.left_empty,
    )
    return keep(job.out, job.path, files, report, copy=job.own)


class Building:
    """A process that makes the suite of one database; it ends with the one that started it.

    Raises:
        SpiderOptError: it cannot be started.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        where = [place for place in sys.path if isinstance(place, str)]
        code = f"import sys; sys.path[:] = {where!r}\nfrom spider_opt.suites.building import main\nmain()"
        if not sys.executable:
            raise SpiderOptError("no process can be started: sys.executable names no Python")
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is the parent's to deal with
            )  # fmt: skip
        except OSError as error:
            raise SpiderOptError(f"no process can be started: {error}") from error
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has died, which its end tells
            self.process.stdin.write(pickle.dumps(job))
            self.process.stdin.flush()

    def ended(self) -> bool:
        """Tell whether it is done.

        Raises:
            SpiderOptError: it failed, or died.
            OSError: its folder cannot be written.
        """
        code = self.process.poll()
        if code is None:
            return False
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        self.close()
        if code == 0:
            return True
        name = self.job.schema.db_id
        if said:
            why, of_system = json.loads(said)
            if of_system:
                raise OSError(*of_system)
            raise SpiderOptError(f"the suite of {name} cannot be made: {why}")
        raise SpiderOptError(
            f"the process that made the suite of {name} died (status {code}): is memory short? The same command "
            "goes on with what is kept"
        )

    def close(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()


def main(arguments: Sequence[str] = ()) -> None:
    """Be such a process: the job comes over stdin, which stays open as long as the parent lives."""
    job: Job = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told, code = b"", 0
    try:
        build_one(job)
    except OSError as error:
        told, code = json.dumps([str(error), [error.errno, error.strerror, error.filename]]).encode(), 1
    except SpiderOptError as error:
        told, code = json.dumps([str(error), None]).encode(), 1
    except BaseException as error:
        told, code = json.dumps([repr(error), None]).encode(), 1
    sys.stdout.buffer.write(told)
    sys.stdout.buffer.flush()
    os._exit(code)  # without waiting for the thread that reads


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
