"""Training examples with the skeleton of a question's gold: of other databases, and near nothing that is asked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from spider_opt.benchmarks.leaks import training_for
from spider_opt.errors import DatasetError
from spider_opt.progress import Progress
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.sql.skeleton import skeleton
from spider_opt.sql.spacing import tidy
from spider_opt.types import Benchmark, Demo, Example

_WORD = re.compile(r"\w+")


def demos(asked: Sequence[Example], benchmark: Benchmark, progress: Progress) -> Mapping[int, Demo]:
    """Return for the index of each question the example whose words are most like its own; none where none has it.

    What may be shown is what any method may show, see ``benchmarks.leaks``. Without a training half there are none.
    """
    notes = open_annotations(progress)
    try:
        training, _ = training_for(benchmark, notes.normals)
    except DatasetError:
        return {}
    skeletons = notes.skeletons(example.gold_sql for example in training)
    alike: dict[str, list[Example]] = defaultdict(list)
    for example in training:
        alike[skeletons[example.gold_sql]].append(example)
    found: dict[int, Demo] = {}
    for example in asked:
        words = _words(example)
        if several := alike.get(skeleton(example.gold_sql)):
            best = max(several, key=lambda other: (_likeness(words, _words(other)), -other.index, other.question.id))
            found[example.index] = Demo(best.question, tidy(best.gold_sql))
    return found


def _words(example: Example) -> frozenset[str]:
    return frozenset(_WORD.findall(example.question.text.lower()))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0
