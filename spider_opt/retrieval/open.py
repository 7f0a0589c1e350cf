"""Opens the training examples that go with a benchmark, when they are first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from spider_opt.benchmarks.leaks import Reason, training_for
from spider_opt.progress import Progress, silent
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.retrieval.embed import DEFAULT_EMBEDDER, open_embedder
from spider_opt.retrieval.library import TrainingLibrary
from spider_opt.types import Benchmark, Demo, Example, Hardness, Library, Likeness, Question

Opened = Callable[[int, Mapping[Reason, int]], None]
"""Told how many examples may be shown, and how many were left out by reason."""


class LazyLibrary:
    """A library that is made by ``make`` when it is first used; threads may share it."""

    def __init__(self, make: Callable[[], Library]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Library | None = None

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        """As the library inside."""
        return self._library().nearest(likeness, texts, k, question=question, level=level)

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        """As the library inside."""
        return self._library().drawn(k, question=question, seed=seed, level=level)

    def level(self, question: Question) -> Hardness:
        """As the library inside."""
        return self._library().level(question)

    def _library(self) -> Library:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def open_library(
    split: Benchmark,
    asked: Sequence[Example],
    embedder: str = DEFAULT_EMBEDDER,
    *,
    half: Benchmark | None = None,
    opened: Opened = lambda n, left_out: None,
    progress: Progress = silent,
) -> LazyLibrary:
    """Return the training examples for those who are ``asked`` questions of ``split``.

    They are of its training half (see ``benchmarks.training_half``), which is ``half`` where it was loaded before. An
    unknown embedder is refused at once, all else waits for the first use.

    Raises:
        UsageError: there is no such embedder.
    """
    embeds = open_embedder(embedder, progress)

    def make() -> Library:
        annotations = open_annotations(progress)
        training, left_out = training_for(split, annotations.normals, half)
        library = TrainingLibrary(training, asked, embeds, annotations)
        opened(len(training), left_out)
        return library

    return LazyLibrary(make)
