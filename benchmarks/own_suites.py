"""Is a suite that ``suite build`` made for Spider dev as good as one should be?

    spider-opt suite build --spider DIR --split dev --out SUITE
    python benchmarks/own_suites.py SUITE [--shared DIR]

Says for how many gold queries, and how many queries that mean the same (``tests/suites/rewritings.py``), all made
databases agree, and what the test-suite accuracy of the recorded systems is on it and on the five databases each that
came with their verdicts. ``--shared`` has ``spider/``, ``predictions/`` and ``conformance/``, and is by default what
SPIDER_OPT_SHARED names.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import spider_opt as so
from spider_opt.scoring import PairScorer
from spider_opt.scoring.suite_files import suite_files

REWRITINGS = Path(__file__).parent.parent / "tests" / "suites" / "rewritings.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--shared", type=Path, default=os.environ.get("SPIDER_OPT_SHARED", "../shared"))
    options = parser.parse_args()
    benchmark = so.load("spider:dev", data=options.shared / "spider")
    files = suite_files(benchmark.paths, options.suite)
    asked, wrong = same_meaning(benchmark, files)
    for kind, n in asked.items():
        print(f"{kind:18} {n - wrong[kind]:>4} of {n:>4} right on all databases that were made")
    for path in sorted((options.shared / "predictions").glob("*.txt")):
        start = time.monotonic()
        run = so.score(path, benchmark, metrics=["suite"], suite=options.suite)
        own = {one.index: bool(one.metrics["suite"]) for one in run.verdicts}
        told = options.shared / "conformance" / "suite" / "verdicts" / f"{path.stem}.jsonl"
        given = {one["dev_index"]: bool(one["suite"]) for one in map(json.loads, told.read_text().splitlines())}
        both = sorted(own.keys() & given.keys())
        right = [sum(own[i] for i in both), sum(given[i] for i in both)]
        only = [sum(own[i] > given[i] for i in both), sum(own[i] < given[i] for i in both)]
        percent = [f"{100 * count / len(both):.1f}" for count in right]
        print(
            f"{path.stem:18} own {percent[0]}, the five {percent[1]}, n={len(both)}; right only on own {only[0]}, "
            f"only on the five {only[1]}; {time.monotonic() - start:.1f} s"
        )


def same_meaning(benchmark: so.Benchmark, files: dict[str, tuple[Path, ...]]) -> tuple[Counter[str], Counter[str]]:
    """Return how many queries that mean the same there are, and how many of them are wrong, by kind."""
    rewritings = runpy.run_path(str(REWRITINGS))["rewritings"]
    asked: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with closing(PairScorer()) as scorer:
        for db_id, gold in dict.fromkeys((one.question.db_id, one.gold_sql) for one in benchmark.examples):
            made = [str(file) for file in files[db_id][1:]]  # on the benchmark's own rows ties are as they are
            for kind, sql in [("gold itself", gold), *rewritings(gold)]:
                asked[kind] += 1
                wrong[kind] += not scorer("suite", made[0], gold, sql, db_id, made).correct
    return asked, wrong


if __name__ == "__main__":
    main()
