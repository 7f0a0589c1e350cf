"""Some of a benchmark's questions: drawn by chance, or picked by their ids."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark, Example


def draw(clusters: Sequence[tuple[str, Sequence[Example]]], n: int, seed: int = 0) -> list[Example]:
    """Draw about ``n`` examples, stratified: ``clusters`` are (stratum, examples that stay together).

    Each stratum gets its share of ``n`` in examples, in whole clusters. Returned in order of index.
    """
    total = sum(len(examples) for _, examples in clusters)
    chosen: list[Example] = []
    for stratum in sorted({name for name, _ in clusters}):
        own = [examples for name, examples in clusters if name == stratum]
        random.Random(f"{seed} {stratum}").shuffle(own)
        wanted = round(n * sum(map(len, own)) / total)
        count = 0
        for examples in own:
            if count >= wanted:
                break
            chosen.extend(examples)
            count += len(examples)
    return sorted(chosen, key=lambda example: example.index)


def only(benchmark: Benchmark, ids: Sequence[str], where: str) -> Benchmark:
    """Return the benchmark with just the questions of ``ids``; ``where`` says where the ids come from.

    Raises:
        DatasetError: an id is no question of the split, or one whose database is missing; or there are none.
    """
    wanted = set(ids)
    examples = tuple(example for example in benchmark.examples if example.question.id in wanted)
    unknown = sorted(wanted - {example.question.id for example in examples})
    split = f"{benchmark.name} {benchmark.split}"
    if unknown:
        named = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
        raise DatasetError(f"{where} names what is no question of {split} here: {named} ({len(unknown)} in all)")
    if not examples:
        raise DatasetError(f"{where} names no question of {split}")
    paths = {db_id: benchmark.paths[db_id] for db_id in sorted({example.question.db_id for example in examples})}
    return replace(benchmark, examples=examples, paths=paths, missing={}, n_total=len(examples))
