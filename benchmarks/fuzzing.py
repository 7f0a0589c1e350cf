"""Does the scorer differ from the official evaluator anywhere that the docs do not name?

    python benchmarks/fuzzing.py [--spider DIR] [--pairs 100000] [--notes FILE]

Golds of the bundled benchmark, of Spider where its folder is named, and over odd values are changed a little, as
predictions are, and judged with and without DISTINCT by the scorer and by a plain rewriting of the official evaluator
(``tests/scoring/reference.py``). Each difference is a line of JSON in ``--notes`` with its seed. What was tried stands
there too, so the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

from spider_opt.benchmarks import load

HERE = Path(__file__).parent.parent / "tests" / "scoring"
PAIRS_PER_SEED = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--notes", type=Path, default=Path("fuzzing.jsonl"))
    options = parser.parse_args()
    options.notes = options.notes.absolute()
    options.spider = options.spider and Path(options.spider).absolute()
    reference, mutations, fuzzing = (
        SimpleNamespace(**runpy.run_path(str(HERE / f"{name}.py"))) for name in ("reference", "mutations", "fuzzing")
    )
    lines = options.notes.read_text(encoding="utf-8").splitlines() if options.notes.exists() else []
    tried = {entry["seed"]: entry["differences"] for entry in map(json.loads, lines)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)  # the reference attaches what it is told to, and SQLite makes the files
        sources = sources_in(folder, options.spider, fuzzing)
        start, n_seeds, fresh = time.monotonic(), -(-options.pairs // PAIRS_PER_SEED), 0
        for seed in range(n_seeds):
            if seed not in tried:
                golds, paths = sources[seed % len(sources)]
                here = folder / "tried"
                here.mkdir(exist_ok=True)
                tried[seed] = fuzzing.disagreements(reference, mutations, seed, PAIRS_PER_SEED, golds, paths, here)
                with options.notes.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"seed": seed, "differences": tried[seed]}) + "\n")
                fresh += 1
            if fresh:
                pace = (time.monotonic() - start) / fresh
                left = f"{pace * (n_seeds - seed - 1) / 60:.0f} min left"
                print(f"\r{(seed + 1) * PAIRS_PER_SEED:,} pairs, {left} ", end="", file=sys.stderr, flush=True)
        os.chdir(HERE)
    differences = [difference for seed in range(n_seeds) for difference in tried[seed]]
    print(f"\n{n_seeds * PAIRS_PER_SEED:,} pairs, {len(differences)} differences")
    for db_id, keep_distinct, gold, sql, expected, found in differences:
        print(json.dumps([db_id, "kept" if keep_distinct else "dropped", gold, sql, expected, found]))


Source = tuple[dict[str, list[str]], dict[str, Path]]


def sources_in(folder: Path, spider: Path | None, fuzzing: SimpleNamespace) -> list[Source]:
    """Return (golds by database, paths) of each benchmark."""
    odd = folder / "odd.sqlite"
    with closing(sqlite3.connect(odd)) as connection:
        connection.executescript(fuzzing.ODD_ROWS)
    sources = [({"odd": fuzzing.ODD_GOLDS}, {"odd": odd})]
    splits = [load(f"spider-mini:{split}") for split in ("train", "test")]
    if spider is not None:
        splits += [load(f"spider:{split}", data=spider) for split in ("dev", "train_spider")]
    return sources + [(fuzzing.by_database(benchmark), dict(benchmark.paths)) for benchmark in splits]


if __name__ == "__main__":
    main()
