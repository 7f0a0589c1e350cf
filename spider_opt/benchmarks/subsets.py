"""Some of a benchmark's questions: drawn by chance, or picked by their ids."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt.benchmarks.ids import content_of, position_of
from spider_opt.errors import DatasetError, UsageError
from spider_opt.types import Benchmark, Example

_LOG = logging.getLogger("spider_opt")


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


def examples_of(benchmark: Benchmark, ids: Iterable[str]) -> dict[str, Example]:
    """Return the questions that ids name, by id; an unknown one is not among them.

    What counts is an id's hash of the question's content, not what the split was called. An id of earlier versions is
    a position in the split of that name. Where the benchmark itself gives ids, these will do, too.
    """
    theirs = {id: example for example in benchmark.examples if (id := example.metadata.get("instance_id"))}
    named = theirs | {example.question.id: example for example in benchmark.examples}
    contents = {content: example for id, example in named.items() if (content := content_of(id))}
    positions = {(benchmark.split, example.index): example for example in benchmark.examples}

    def example_of(id: str) -> Example | None:
        if id in named:
            return named[id]
        if content := content_of(id):
            return contents.get(content)
        position = position_of(id)
        return positions.get(position) if position else None

    return {id: example for id in ids if (example := example_of(id))}


def only(benchmark: Benchmark, ids: Sequence[str], where: str) -> Benchmark:
    """Return the benchmark with just the questions of ``ids``; ``where`` says where the ids come from.

    An id of earlier versions (``dev-0007``) is a position in the split, which holds only while its questions are the
    same: that is logged.

    Raises:
        DatasetError: an id is no question of the split, or one whose database is missing; or there are none.
    """
    wanted = list(dict.fromkeys(ids))
    found = examples_of(benchmark, wanted)
    unknown = sorted(set(wanted) - found.keys())
    indices = {example.index for example in found.values()}
    examples = tuple(example for example in benchmark.examples if example.index in indices)
    split = f"{benchmark.name} {benchmark.split}"
    if unknown:
        named = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
        raise DatasetError(f"{where} names what is no question of {split} here: {named} ({len(unknown)} in all)")
    if not examples:
        raise DatasetError(f"{where} names no question of {split}")
    by_position = [id for id in wanted if id != found[id].question.id and content_of(id) is None and position_of(id)]
    if by_position:
        _LOG.warning(
            "%s names questions by their positions (%s), as earlier versions did, which is right only while the "
            "questions of %s stay the same: write their ids as in predictions.jsonl (%s)",
            where, by_position[0], split, found[by_position[0]].question.id,
        )  # fmt: skip
    paths = {db_id: benchmark.paths[db_id] for db_id in sorted({example.question.db_id for example in examples})}
    return replace(benchmark, examples=examples, paths=paths, missing={}, n_total=len(examples))


def listed(benchmark: Benchmark, file: Path) -> Benchmark:
    """Return the benchmark with just the questions whose ids a file lists, separated by space.

    Raises:
        UsageError: the file cannot be read.
        DatasetError: an id is no question of the split.
    """
    try:
        ids = file.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no list of question ids: it is not text") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    return only(benchmark, ids, str(file))
