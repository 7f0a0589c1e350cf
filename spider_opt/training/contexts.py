"""What retrieval brings for the questions that are trained on, drawn as it is when questions are answered."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from spider_opt.benchmarks import load
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.databases import DatabasePool
from spider_opt.errors import MethodError
from spider_opt.methods import parse_method
from spider_opt.progress import Progress, silent
from spider_opt.retrieval import DEFAULT_EMBEDDER, LazyLibrary, TrainingLibrary, open_embedder
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.sql.normal import normalized
from spider_opt.training.dataset import Item, check_training
from spider_opt.types import (
    Completion,
    Context,
    Database,
    Demo,
    Example,
    Generator,
    Hardness,
    Library,
    Likeness,
    ModelInfo,
    Prediction,
    Question,
    Stage,
    Task,
    Tools,
)


def drawn(
    items: Sequence[Item],
    method: str,
    databases: Mapping[str, Database],
    library: Library | None = None,
    *,
    share: float = 1.0,
    seed: int = 0,
    hold_out: bool = True,
    progress: Progress = silent,
) -> list[Item]:
    """Return ``items`` with what the context steps of ``method`` bring for each, in their order.

    An item gets it with probability ``share``, and no context else, so that one adapter learns to answer with and
    without. A demo is never of the item's database, nor has it the item's text or query. ``library`` holds the training
    examples, see ``training_library``; what it says of a question's level it has learnt from that question, too.
    Without ``hold_out`` the items may be of held-out databases.

    Raises:
        LeakError: an item or what was brought for it must not be trained on.
        MethodError: a context step asks a model, or needs a library and there is none.
        ValueError: ``share`` is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError("share must be between 0 and 1")
    check_training(items, hold_out=hold_out)
    steps = [step for step in parse_method(method).steps if step.stage is Stage.CONTEXT]
    tools = Tools(databases, None if library is None else _Apart(library, items))
    nobody = _NoModel(method)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        if steps and random.Random(f"{seed} {item.question.id}").random() < share:
            groups[item.question.db_id].append(i)
    found = [replace(item, context=Context()) for item in items]
    with progress("drawing contexts, a database at a time", len(groups)) as advance:
        for group in groups.values():
            generator: Generator = _caught
            for step in reversed(steps):  # anew for each database: an index of its values takes memory
                generator = step.wrap(generator, tools)
            for i in group:
                answered = generator(Task(items[i].question, nobody, seed=seed))
                found[i] = replace(items[i], context=answered.context)
            advance()
    check_training(found, hold_out=hold_out)
    return found


def with_examples(
    items: Sequence[Item],
    databases: Mapping[str, Database],
    library: Library,
    share: float,
    *,
    seed: int = 0,
    hold_out: bool = True,
    progress: Progress = silent,
) -> list[Item]:
    """Return ``items``, of which the share ``share`` is shown one to three training examples beside what it has.

    One half of these as ``fewshot`` finds them, the other as ``difficulty`` does by the classifier.

    Raises:
        LeakError: as for ``drawn``.
        ValueError: ``share`` is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError("share must be between 0 and 1")
    chances = [random.Random(f"{seed} examples {item.question.id}") for item in items]
    ways: tuple[list[int], list[int]] = ([], [])
    for i, chance in enumerate(chances):
        if chance.random() < share:
            ways[chance.random() < 0.5].append(i)
    found = list(items)
    for method, places in zip(("fewshot:k=3", "difficulty:by=classifier+fewshot:k=3"), ways, strict=True):
        shown = drawn(
            [items[i] for i in places], method, databases, library, seed=seed, hold_out=hold_out, progress=progress
        )
        for i, item in zip(places, shown, strict=True):
            demos = item.context.demos[: chances[i].randint(1, 3)]
            found[i] = replace(items[i], context=replace(items[i].context, demos=demos))
    check_training(found, hold_out=hold_out)
    return found


def check_context(method: str) -> None:
    """Make sure that ``method`` brings something, and asks no model for it, before much is computed.

    It is tried on a bundled question, with no training examples to find.

    Raises:
        MethodError: it does not, or there is no such method.
    """
    if not any(step.stage is Stage.CONTEXT for step in parse_method(method).steps):
        raise MethodError(f"method {method!r} has no step that retrieves: take rag, say, or none")
    bundled = load("spider-mini:train")
    first = bundled.examples[0]
    drawn([Item(first.question, first.gold_sql)], method, DatabasePool(bundled.paths), _NoLibrary())


def training_library(
    examples: Sequence[Example], embedder: str = DEFAULT_EMBEDDER, *, progress: Progress = silent
) -> LazyLibrary:
    """Return a library of ``examples`` for training questions: without held-out databases, opened when first used.

    Raises:
        UsageError: there is no such embedder.
    """
    embeds = open_embedder(embedder, progress)

    def make() -> Library:
        shown = [example for example in examples if not is_held_out(example.question.db_id)]
        return TrainingLibrary(shown, (), embeds, open_annotations(progress))

    return LazyLibrary(make)


def _caught(task: Task) -> Prediction:
    return Prediction("", context=task.context)


@dataclass(frozen=True, slots=True)
class _NoModel:
    """Refuses to be asked."""

    method: str

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("none")

    def complete(self, *_: object, **__: object) -> list[Completion]:
        raise MethodError(
            f"method {self.method!r} asks a model before it retrieves, which is not done for training: "
            "retrieve by the question (schema, fewshot, difficulty:by=classifier)"
        )


class _NoLibrary:
    """A library with nothing in it."""

    def nearest(self, *_: object, **__: object) -> list[Demo]:
        return []

    def drawn(self, *_: object, **__: object) -> list[Demo]:
        return []

    def level(self, question: Question) -> Hardness:
        return "easy"


class _Apart:
    """A library that shows an item nothing with its own text or query, as none is shown to who is asked."""

    def __init__(self, library: Library, items: Sequence[Item]) -> None:
        self._library = library
        self._sql: dict[str, list[str]] = defaultdict(list)  # behind the gold query what is learnt in other words, too
        for item in items:
            if item.sql not in self._sql[item.question.id]:
                self._sql[item.question.id].append(item.sql)

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        n = k + self._n_more(question)
        return self._apart(self._library.nearest(likeness, texts, n, question=question, level=level), question)[:k]

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        n = k + self._n_more(question)
        return self._apart(self._library.drawn(n, question=question, seed=seed, level=level), question)[:k]

    def level(self, question: Question) -> Hardness:
        return self._library.level(question)

    def _n_more(self, question: Question) -> int:
        """Return how many demos there are at most that may not be shown: the library has each query once."""
        return len(self._sql[question.id])

    def _apart(self, demos: Sequence[Demo], question: Question) -> list[Demo]:
        text, queries = normal_text(question.text), {self._normals[sql] for sql in self._sql[question.id]}
        return [demo for demo in demos if normal_text(demo.question.text) != text and self._normal(demo) not in queries]

    def _normal(self, demo: Demo) -> str:
        known = self._sql.get(demo.question.id)
        return self._normals[known[0]] if known else normalized(demo.sql)

    @cached_property
    def _normals(self) -> dict[str, str]:
        return open_annotations().normals(sql for several in self._sql.values() for sql in several)
