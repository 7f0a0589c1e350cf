"""Does judging stay the same, and within bounds, with a thousand databases on one core?

    python benchmarks/many_databases.py [--databases 1000] [--questions 12] [--large 800] [--folder DIR]

Databases are made, each with the same rows and as many questions, so that every one must get the verdicts of the
first ten: right answers, wrong ones, statements that write, queries that break a cap. Four among them are not like the
others: one is damaged (it loses its own questions, by name), one is locked by a program amid a large change, one is
written to (a log beside it), and one is ``--large`` MB (a DELETE predicted on it is refused before it is copied).
Everything is judged by one process. Printed are seconds and the most memory that it took; any verdict that differs
ends it with status 1.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from spider_opt.databases.snapshots import settled
from spider_opt.errors import GoldError
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Example, Question, Schema, Verdict

ROWS = """
CREATE TABLE t(n INTEGER PRIMARY KEY, name TEXT, x TEXT);
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 300)
INSERT INTO t SELECT n, 'name ' || n % 7, hex(randomblob(4000)) FROM r;
"""
GOLDS = [f"SELECT name, count(*), sum(length(x)) FROM t WHERE n > {i} GROUP BY name" for i in range(1000)]
ANSWERS: list[Callable[[str], str]] = [
    lambda gold: gold,
    lambda gold: f"SELECT * FROM ({gold}) ORDER BY 2 DESC",
    lambda gold: f"SELECT name, count(*) FROM ({gold}) GROUP BY name",
    lambda gold: gold.replace("n >", "n > 5 AND n >"),
    lambda gold: "DELETE FROM t",
]
BOMB = "SELECT a.x || b.x FROM t AS a, t AS b, t AS c ORDER BY 1"
"""Takes all the memory that it may have; every twentieth database is asked it."""
EVERY = 20
DAMAGED, LOCKED, WRITTEN, LARGE = "damaged", "locked", "written", "large"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--questions", type=int, default=12, help="of each database")
    parser.add_argument("--large", type=int, default=800, metavar="MB")
    parser.add_argument("--folder", type=Path, help="where the databases are made (default: the system's)")
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        sys.exit(run(Path(name), options))


def run(folder: Path, options: argparse.Namespace) -> int:
    paths = made(folder, options.databases, options.large)
    pairs = [
        (example(db_id, gold), ANSWERS[i % len(ANSWERS)](gold) if i or number % EVERY else BOMB)
        for number, db_id in enumerate(paths)
        for i, gold in enumerate(GOLDS[: options.questions])
    ]
    with (
        closing(sqlite3.connect(paths[LOCKED], isolation_level=None)) as lock,
        closing(sqlite3.connect(paths[WRITTEN], isolation_level=None)) as writer,
    ):
        lock.executescript("PRAGMA cache_size = 5; BEGIN EXCLUSIVE; UPDATE t SET x = 'none'")
        writer.executescript("PRAGMA journal_mode = WAL; UPDATE t SET n = n")
        opened = {db_id: settled(path) for db_id, path in paths.items()}
        ten = judged(pairs[: 10 * options.questions], opened)
        start = time.perf_counter()
        found = judged(pairs, opened)
        wall_s = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{len(paths):,} databases, {len(pairs):,} answers, one process: {wall_s:.1f} s, at most {peak:,.0f} MB")
    with_bomb, expected_of_most = ten[: options.questions], ten[options.questions :][: options.questions]
    print(f"verdicts: {dict(Counter(v.outcome.value for v in found if isinstance(v, Verdict)))}")
    wrong = 0
    for number, db_id in enumerate(paths):
        here = found[number * options.questions :][: options.questions]
        expected = expected_of_most if number % EVERY else with_bomb
        if db_id == DAMAGED:
            lost = [verdict for verdict in here if isinstance(verdict, GoldError) and "damaged.sqlite" in str(verdict)]
            wrong += len(here) - len(lost)
            print(f"{db_id}: {len(lost)} of {len(here)} questions lost: {here[0]}")
        else:
            differ = [(a, b) for a, b in zip(here, expected, strict=True) if a != b]
            wrong += len(differ)
            for is_now, was in differ[:3]:
                print(f"{db_id}: {is_now}, and not {was}")
    print(f"{wrong} verdicts differ")
    return 1 if wrong else 0


def made(folder: Path, n: int, large_mb: int) -> dict[str, Path]:
    """Make databases of the same rows; every hundredth is a file of its own, the others are links to it."""
    first = folder / "first.sqlite"
    with closing(sqlite3.connect(first)) as connection:
        connection.executescript(ROWS)
    paths: dict[str, Path] = {}
    names = [str(i) for i in range(n - 4)]
    names[n // 3 : n // 3] = [DAMAGED, LOCKED, WRITTEN, LARGE]
    for i, db_id in enumerate(names):
        paths[db_id] = folder / f"{db_id}.sqlite"
        if db_id.isdigit() and i % 100:
            os.link(first, paths[db_id])
        else:
            shutil.copyfile(first, paths[db_id])
    whole = paths[DAMAGED].read_bytes()
    paths[DAMAGED].write_bytes(whole[:4096] + b"\x99" * (len(whole) - 4096))
    with closing(sqlite3.connect(paths[LARGE])) as connection:
        connection.executescript(f"CREATE TABLE filling AS SELECT zeroblob({large_mb // 4} * 1000000) AS x")
        for _ in range(3):
            connection.execute("INSERT INTO filling SELECT x FROM filling LIMIT 1")
        connection.commit()
    return paths


def example(db_id: str, gold: str) -> Example:
    return Example(0, Question(db_id, "?", Schema(db_id, (), ())), gold)


def judged(pairs: list[tuple[Example, str]], paths: dict[str, Path]) -> list[Verdict | GoldError]:
    found = judge_all(pairs, paths, Rules(timeout_s=60), n_workers=1)
    return [verdicts["official"] for verdicts in found]


if __name__ == "__main__":
    main()
