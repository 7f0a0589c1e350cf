"""How fast is ``judge``, one pair at a time, against what one would write oneself?

    python benchmarks/judging.py [--calls 1000] [--repeats 5]

Each line is the time of ``--calls`` separate calls on one database of the bundled benchmark, no two of them the same
pair, and its ratio to the first, all timed in the same run, the best of ``--repeats``:

- ``judge``: a warm process of its own, limits on time, memory and rows, the file looked at before each call.
- ``judge, the same pair``: as a test asks it again and again.
- a connection for each call: ``sqlite3.connect``, both queries, rows compared as sets. No limit of any kind.
- a process for each call: what one does for the limits. Forked, so as cheap as a process gets, and ended if it hangs.

Wall times; the processor times beside them are those of all processes, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from spider_opt.benchmarks import load
from spider_opt.scoring import judge
from spider_opt.scoring.single_pairs import _workers


def seconds() -> tuple[float, float]:
    """Return (wall, processor) seconds of this process, of those that ended and of those that ``judge`` keeps."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    for worker in _workers._all:
        stat = Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()  # type: ignore[attr-defined]
        cpu += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return time.perf_counter(), cpu


def best(action: Callable[[int], object], calls: int, repeats: int) -> tuple[float, float]:
    taken = []
    for repeat in range(repeats):
        wall, cpu = seconds()
        for call in range(calls):
            action(repeat * calls + call)
        wall_after, cpu_after = seconds()
        taken.append((wall_after - wall, cpu_after - cpu))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def by_hand(gold: str, sql: str, path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute(gold).fetchall()) == set(connection.execute(sql).fetchall())


def by_process(gold: str, sql: str, path: Path) -> bool:
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe(duplex=False)
    process = context.Process(target=lambda: far.send(by_hand(gold, sql, path)))
    process.start()
    told = near.poll(10) and near.recv()
    process.kill()
    process.join()
    near.close()
    far.close()
    return bool(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    benchmark = load("spider-mini:test")
    db_id = benchmark.examples[0].question.db_id
    golds = [example.gold_sql for example in benchmark.examples if example.question.db_id == db_id]
    path = benchmark.paths[db_id]

    def pair(i: int) -> tuple[str, str, Path]:
        gold = golds[i % len(golds)]
        return gold, f"SELECT * FROM ({gold.rstrip('; ')}) WHERE {i} >= 0", path

    start = time.perf_counter()
    judge(golds[0], golds[0], path)
    print(f"first call, with the start of its process: {time.perf_counter() - start:.2f} s")
    print(f"{options.calls:,} calls, {os.cpu_count()} processors\n\n{'':34}{'wall s':>8}{'cpu s':>8}{'ratio':>9}")
    whole: float | None = None
    for label, action in (
        ("judge", lambda i: judge(*pair(i))),
        ("judge, the same pair", lambda i: judge(*pair(0))),
        ("a connection for each call", lambda i: by_hand(*pair(i))),
        ("a process for each call", lambda i: by_process(*pair(i))),
    ):
        wall, cpu = best(action, options.calls, options.repeats)
        whole = whole or wall
        print(f"{label:34}{wall:8.2f}{cpu:8.2f}{wall / whole:8.1f}x", flush=True)


if __name__ == "__main__":
    main()
