"""How fast is ``spider-opt score``, against what the official evaluator does question by question?

    python benchmarks/scoring.py [--spider DIR] [--split dev] [--predictions FILE]

Every line is a ratio to the peer timed in the same run: a plain rewriting of the official evaluator
(``tests/scoring/reference.py``: one process, a connection and an event loop for each query, its tokenizer,
no cache). Without ``--spider`` and SPIDER_DIR it takes the bundled benchmark, without ``--predictions`` it
makes answers up: half of them the gold in other words, half of them another question's gold. Wall times are
the best of ``--repeats``; where other work runs beside it, the processor times are the better measure.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spider_opt.cli.benchmark_options import Chosen
from spider_opt.runs.prediction_files import read_predictions
from spider_opt.scoring import Rules, score
from spider_opt.types import Benchmark, Example

REFERENCE = Path(__file__).parent.parent / "tests" / "scoring" / "reference.py"
Pairs = Sequence[tuple[Example, str]]


class Taken(NamedTuple):
    """Wall and processor seconds, children included."""

    wall_s: float
    cpu_s: float


def best(action: Callable[[], object], repeats: int) -> Taken:
    times = []
    for _ in range(repeats):
        cpu, start = cpu_seconds(), time.perf_counter()
        action()
        times.append(Taken(time.perf_counter() - start, cpu_seconds() - cpu))
    return Taken(min(t.wall_s for t in times), min(t.cpu_s for t in times))


def cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def made_up(benchmark: Benchmark) -> list[str]:
    """Return a line for each question of the split's file."""
    rng = random.Random(1)
    by_database: dict[str, list[str]] = {}
    for example in benchmark.examples:
        by_database.setdefault(example.question.db_id, []).append(example.gold_sql)
    lines = [""] * benchmark.n_total
    for example in benchmark.examples:
        others = by_database[example.question.db_id]
        same = f"SELECT * FROM ({example.gold_sql.rstrip('; ')})"
        lines[example.index] = " ".join((same if rng.random() < 0.5 else rng.choice(others)).split())
    return lines


def official_like(pairs: Pairs, paths: dict[str, Path]) -> int:
    reference = runpy.run_path(str(REFERENCE))
    right = 0
    for example, sql in pairs:
        try:
            right += reference["judge"](str(paths[example.question.db_id]), example.gold_sql, sql or "x")
        except (reference["GoldFails"], reference["NoVerdict"]):
            pass
    return right


def whole_process(file: Path, spider: Path | None, split: str | None, cache: Path) -> None:
    command = [sys.executable, "-c", "from spider_opt.cli import main; main()", "score", str(file), "--json"]
    command += ["--spider", str(spider)] * (spider is not None) + ["--split", split or ""] * (split is not None)
    env = os.environ | {"SPIDER_OPT_CACHE": str(cache)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--predictions", type=Path, help="a text file with one query a line")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--growth", type=int, nargs="*", default=[1, 10, 100], help="times the answers")
    options = parser.parse_args()
    spider = Path(options.spider) if options.spider else None
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), spider, options)


def run(folder: Path, spider: Path | None, options: argparse.Namespace) -> None:
    os.environ["SPIDER_OPT_CACHE"] = str(folder / "warm")
    benchmark = Chosen(spider=spider, split=options.split).load()
    file = options.predictions or folder / "answers.txt"
    if options.predictions is None:
        file.write_text("\n".join(made_up(benchmark)) + "\n", encoding="utf-8")
    pairs = [(pair.example, pair.cut) for pair in read_predictions(benchmark, file)]
    n = len(pairs)
    print(f"{benchmark.name} {benchmark.split}: {n:,} answers, {os.cpu_count()} processors\n")
    print(f"{'':44}{'wall s':>8}{'cpu s':>8}{'ratio':>8}")

    copies = {db_id: folder / f"{db_id}.sqlite" for db_id in benchmark.paths}
    for db_id, path in benchmark.paths.items():
        shutil.copyfile(path, copies[db_id])
    peer = best(lambda: official_like(pairs, copies), min(2, options.repeats))

    def tell(label: str, taken: Taken, against: Taken = peer) -> None:
        ratio = against.wall_s / taken.wall_s
        print(f"{label:44}{taken.wall_s:8.2f}{taken.cpu_s:8.2f}{ratio:7.1f}x", flush=True)

    tell("as the official evaluator does it", peer)
    fresh = (folder / f"cold-{i}" for i in range(1000))
    tell(
        "whole process, no cache",
        best(lambda: whole_process(file, spider, options.split, next(fresh)), options.repeats),
    )
    whole_process(file, spider, options.split, folder / "warm")
    warm = best(lambda: whole_process(file, spider, options.split, folder / "warm"), options.repeats)
    tell("whole process, gold cache", warm)
    tell(
        "inside the process, no cache", best(lambda: score(benchmark, pairs, Rules(), use_cache=False), options.repeats)
    )
    tell("inside the process, gold cache", best(lambda: score(benchmark, pairs, Rules()), options.repeats))

    print(f"\n{'answers':44}{'wall s':>8}{'cpu s':>8}  wall microseconds per answer")
    for times in options.growth:
        # No answer is the text of another, so that each of them is run.
        many = [(example, " " * k + sql) for k in range(times) for example, sql in pairs]
        taken = best(partial(score, benchmark, many, Rules()), 1 if times > 10 else options.repeats)
        print(
            f"{len(many):<44,}{taken.wall_s:8.2f}{taken.cpu_s:8.2f}{1e6 * taken.wall_s / max(1, len(many)):10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
