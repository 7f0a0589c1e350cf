"""What a loop is asked for, of which questions, and by what it tunes and asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spider_opt.improving.review import Label
from spider_opt.models.adapters import Adapter
from spider_opt.models.opening import Engine
from spider_opt.runs import Run
from spider_opt.training.dataset import Item
from spider_opt.training.spec import TuneSpec
from spider_opt.types import Benchmark, Database


class Tune(Protocol):
    """Tunes a model on items and writes the adapter into a folder, as ``training.tune.tune`` does."""

    def __call__(
        self,
        training: Sequence[Item],
        validation: Sequence[Item],
        databases: Mapping[str, Database],
        folder: Path,
        spec: TuneSpec,
        *,
        resume: bool,
        about: Mapping[str, Any],
    ) -> object:
        """Return what is not looked at."""


class Ask(Protocol):
    """Asks a method some questions of a benchmark, and scores, as ``evaluate`` does."""

    def __call__(
        self, method: str, benchmark: Benchmark, *, model: str, ids: Sequence[str], out: Path, seed: int, engine: Engine
    ) -> Run:
        """Return the finished run, which ``out`` keeps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    The adapters are called ``name`` and what they are for. Each round asks ``examples`` of the training questions, or
    all, ``samples`` times at ``temperature``; ``context`` is what retrieval brings ("none" for nothing). Without
    ``start`` the first adapter is tuned on all training questions. Those that answer are of ``folds``. The best adapter
    is tuned on at the rate ``rate_on``, all others from nothing at that of ``spec``.
    """

    name: str
    folder: Path
    spec: TuneSpec
    rounds: int = 2
    folds: int = 2
    examples: int | None = None
    samples: int = 4
    temperature: float = 1.0
    context: str = "rag"
    rate_on: float = 1e-4
    start: Adapter | None = None
    labels: Mapping[str, Label] | None = None
    engine: Engine = "llama.cpp"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Questions:
    """What may be learnt, with what retrieval brought; held-out questions; the training split that they are of.

    ``is_asked`` tells whether a query is the gold one of a question that is kept for scoring (``leaks.gold_of``).
    """

    training: Sequence[Item]
    held_out: Sequence[Item]
    source: Benchmark
    databases: Mapping[str, Database]
    about: Mapping[str, Any]
    is_asked: Callable[[str], bool]
