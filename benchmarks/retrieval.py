"""How fast is retrieval, and how often does the graph find what looking at all vectors finds?

    python benchmarks/retrieval.py [--spider DIR] [--embedder NAME] [-k 10]

The training examples are those that may be shown for the split, the queries the split's questions: their words, their
masked words, and the skeletons of their golds (as if every draft were right). Times are processor time on one thread,
which other work on the machine changes little, the best of ``--repeats``; every ratio is to looking at all vectors,
timed in the same run. Without ``--spider`` and SPIDER_DIR it takes the bundled benchmark, which is too small for a
graph to help. Vectors are made first where they are not kept.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy is loaded

import numpy as np

from spider_opt.benchmarks.leaks import training_for
from spider_opt.cli.benchmark_options import Chosen
from spider_opt.linking.masking import masked
from spider_opt.progress import progress
from spider_opt.retrieval import TrainingLibrary, open_embedder
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.retrieval.index import VectorIndex
from spider_opt.sql.skeleton import skeleton
from spider_opt.types import Example, Likeness


def best(action: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    times = []
    for _ in range(repeats):
        start = clock()
        action()
        times.append(clock() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--embedder", default="all-minilm-l6-v2")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    spider = Path(options.spider) if options.spider else None

    split = Chosen(spider=spider, split=options.split).load()
    annotations = open_annotations(progress)
    training, left_out = training_for(split, annotations.normals)
    library = TrainingLibrary(training, split.examples, open_embedder(options.embedder, progress), annotations)
    print(f"{split.name} {split.split}: {len(split.examples):,} questions, {len(training):,} training examples")
    print(f"left out as too near: {left_out or 'none'}; embedder {library.embedder.name}\n")
    heads = (("", 10), ("vectors", 8), ("build s", 9), ("load s", 8), ("all us", 8), ("graph us", 9), ("ratio", 7))
    print("".join(f"{head:>{width}}" for head, width in (*heads, ("recall", 8), ("worst", 7))))
    for likeness in ("question", "masked", "skeleton"):
        measure(library, likeness, queries(library, likeness, split.examples), options.k, options.repeats)

    def again() -> None:
        fresh = TrainingLibrary(training, split.examples, open_embedder(options.embedder), annotations)
        for likeness in ("question", "masked", "skeleton"):
            fresh.space(likeness).index.near(np.zeros(library.embedder.dimensions, np.float32), 1)

    wall_s = best(again, options.repeats, time.perf_counter)
    print(
        f"\nthe whole library from disk: {best(again, options.repeats):.2f} s, by the clock on the wall {wall_s:.2f} s"
    )
    right = [library.level(e.question) == annotations.levels([e.gold_sql])[e.gold_sql] for e in split.examples]
    print(f"level guessed from the question: {100 * sum(right) / len(right):.1f} % right")


def queries(library: TrainingLibrary, likeness: Likeness, examples: Sequence[Example]) -> Any:
    texts: dict[str, Callable[[Example], str]] = {
        "question": lambda e: e.question.text,
        "masked": lambda e: masked(e.question),
        "skeleton": lambda e: skeleton(e.gold_sql),
    }
    return library.embedder([texts[likeness](example) for example in examples])


def measure(library: TrainingLibrary, likeness: Likeness, asked: np.ndarray, k: int, repeats: int) -> None:
    kept = library.space(likeness).index
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_s = best(lambda: VectorIndex(kept.rows, "benchmark", folder).graph, 1)
        load_s = best(lambda: VectorIndex(kept.rows, "benchmark", folder).graph, repeats)
        index = VectorIndex(kept.rows, "benchmark", folder)
        index.near(asked[0], k)
        exact_s = best(lambda: [index.exact(query, k) for query in asked], repeats) / len(asked)
        near_s = best(lambda: [index.near(query, k) for query in asked], repeats) / len(asked)
        recalls = [len(np.intersect1d(index.exact(q, k), index.near(q, k))) / k for q in asked]
    print(
        f"{likeness:10}{len(index.rows):8,}{build_s:9.2f}{load_s:8.2f}{1e6 * exact_s:8.0f}{1e6 * near_s:9.0f}"
        f"{exact_s / near_s:6.1f}x{np.mean(recalls):8.4f}{min(recalls):7.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
