"""Keeps apart what is shown to a model and what it is asked.

A training example must not come from an evaluation split, from the database of a question that is asked, or have
such a question's text or gold query. A query split (see ``query_split``) is asked about the databases of what is
learnt: there no example may have a question's query with other values either, or nearly its words. Where training
questions themselves are asked, to choose settings, they are
those of held-out databases, and nothing of any held-out database is shown, nor of one with its contents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

from spider_opt.benchmarks.equal_contents import equal_contents
from spider_opt.benchmarks.loading import NO_EVIDENCE, data_folder, load_source, source_of, training_half
from spider_opt.benchmarks.near import alike
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.spider_variants import ORIGINAL
from spider_opt.benchmarks.splits import present_splits
from spider_opt.benchmarks.table import benchmark_names
from spider_opt.benchmarks.validation import QUERY_SPLIT, is_held_out, is_query_split, is_training
from spider_opt.errors import DatasetError, LeakError
from spider_opt.sql.normal import normalized, without_values
from spider_opt.types import Benchmark, Example

Reason = Literal[
    "evaluation split", "same database", "held-out database", "same contents", "same question", "same query",
    "near question",
]  # fmt: skip
Normals = Callable[[Iterable[str]], Mapping[str, str]]
"""Maps queries to what is equal for spellings of one query."""


def normal_queries(queries: Iterable[str]) -> dict[str, str]:
    """Return each query with its normal form."""
    return {sql: normalized(sql) for sql in dict.fromkeys(queries)}


def check_leaks(training: Sequence[Example], asked: Sequence[Example], normals: Normals = normal_queries) -> None:
    """Make sure that nothing in ``training`` is too near to what is asked.

    Raises:
        LeakError: something is; the sentence names it, and the question.
    """
    for example, reason, other in _leaks(training, asked, normals):
        raise LeakError(f"Training example {example.question.id} must not be shown: {_said(example, reason, other)}")


def without_leaks(
    training: Sequence[Example], asked: Sequence[Example], normals: Normals = normal_queries
) -> tuple[list[Example], dict[Reason, int]]:
    """Return ``training`` without what is too near to what is asked, and how many were left out by reason."""
    found = {id(example): reason for example, reason, _ in _leaks(training, asked, normals)}
    return [example for example in training if id(example) not in found], dict(Counter(found.values()))


def without_copies(
    training: Sequence[Example], half: Benchmark, asked: Benchmark
) -> tuple[list[Example], dict[Reason, int]]:
    """Return ``training``, of ``half``, without questions about a copy of a database that is asked about.

    A copy holds the same, under whatever name. Databases that have rows in common are not looked for: the halves of
    Spider itself have some, and models are tuned on all of its training half. Of a query split both have the same.
    """
    known = set() if is_query_split(asked.split) else set(asked.hashes.values())
    kept = [example for example in training if half.hashes.get(example.question.db_id) not in known]
    n = len(training) - len(kept)
    return kept, {"same contents": n} if n else {}


def gold_of(asked: Sequence[Example], normals: Normals = normal_queries) -> Callable[[str], bool]:
    """Return what tells whether a query is a gold one of questions that are asked; of a query split with any values.

    It is for queries that come from elsewhere than from training examples: models' answers, people's corrections.
    """

    @cache
    def known() -> tuple[frozenset[str], _QuerySplit]:
        golds = normals(gold for example in asked for gold in example.golds)
        return frozenset(golds.values()), _QuerySplit([one for one in asked if is_query_split(one.question.id)])

    def is_gold(sql: str) -> bool:
        golds, apart = known()
        return normalized(sql) in golds or apart.with_any_query([sql]) is not None

    return is_gold


def training_for(
    split: Benchmark, normals: Normals = normal_queries, half: Benchmark | None = None
) -> tuple[list[Example], dict[Reason, int]]:
    """Return the training examples that may be shown to who is asked ``split``, and how many were left out by reason.

    ``split`` is the whole split, so that what may be shown is the same for each part of it. They are of its training
    half; ``half`` is that where it was loaded before. Of a training split only questions of held-out databases may
    be asked; ``check_leaks`` refuses others.

    Raises:
        DatasetError: there is no training half.
    """
    half = half or training_half(split)
    training, asked = half.examples, split.examples
    if is_training(split.split):
        asked = tuple(example for example in asked if is_held_out(example.question.db_id))
        apart = [example for example in training if not is_held_out(example.question.db_id)]
        alike = {db_id for group in equal_contents(half) if any(map(is_held_out, group)) for db_id in group}
        kept = [example for example in apart if example.question.db_id not in alike]
        rest, left_out = without_leaks(kept, asked, normals)
        counts: dict[Reason, int] = {
            "held-out database": len(training) - len(apart), "same contents": len(apart) - len(kept)
        }  # fmt: skip
        return rest, left_out | {reason: n for reason, n in counts.items() if n}
    apart, left_out = without_leaks(training, asked, normals)
    kept, copied = without_copies(apart, half, split)
    return kept, left_out | copied


def other_evaluations(split: Benchmark) -> list[Benchmark]:
    """Return the further splits of a benchmark's folder that may be scored.

    Raises:
        LeakError: one cannot be read, so that nothing can be compared with it.
    """
    own = split.root is not None and split.name not in benchmark_names()
    name, source = source_of("" if own else split.name, split.root)
    found = []
    for other in present_splits(source, data_folder(name, source, split.root)):
        if other != split.split.removesuffix(NO_EVIDENCE).removesuffix(QUERY_SPLIT) and not is_training(other):
            try:
                found.append(load_source(name, source, other, data=split.root))
            except DatasetError as error:
                raise LeakError(
                    f"What is learnt is compared with all that may be scored, and the split {other} cannot be read: "
                    f"{error} Mend it, or move its questions out of the folder"
                ) from error
    return found


def held_out_questions(half: Benchmark, normals: Normals = normal_queries) -> tuple[list[Example], dict[Reason, int]]:
    """Return the questions of a training half that settings may be chosen by, and how many held-out ones may not.

    They are of held-out databases (see ``validation``) without those that tell too well what was learnt by heart: whose
    database has the contents of one that is trained on, or whose text or query a question that is trained on has. What
    is held out of a group with equal contents is neither trained on nor chosen by, unless all of the group is held out.
    """
    held_out = [example for example in half.examples if is_held_out(example.question.db_id)]
    trained = [example for example in half.examples if not is_held_out(example.question.db_id)]
    alike = {db_id for group in equal_contents(half) if not all(map(is_held_out, group)) for db_id in group}
    apart = [example for example in held_out if example.question.db_id not in alike]
    kept, others = not_by_heart(apart, trained, normals)
    left_out: dict[Reason, int] = {"same contents": n} if (n := len(held_out) - len(apart)) else {}
    return kept, left_out | others


def not_by_heart(
    held_out: Sequence[Example], trained: Sequence[Example], normals: Normals = normal_queries
) -> tuple[list[Example], dict[Reason, int]]:
    """Return held-out questions whose text and query no question has that is trained on, and how many have one."""
    queries = normals(gold for examples in (held_out, trained) for example in examples for gold in example.golds)
    texts = {normal_text(example.question.text) for example in trained}
    golds = {queries[gold] for example in trained for gold in example.golds}
    kept, left_out = [], Counter[Reason]()
    for example in held_out:
        if normal_text(example.question.text) in texts:
            left_out["same question"] += 1
        elif any(queries[gold] in golds for gold in example.golds):
            left_out["same query"] += 1
        else:
            kept.append(example)
    return kept, dict(left_out)


def _leaks(
    training: Sequence[Example], asked: Sequence[Example], normals: Normals
) -> Iterable[tuple[Example, Reason, Example | None]]:
    """Yield each example that leaks, why, and the question that it is too near to."""
    queries = normals(gold for examples in (asked, training) for example in examples for gold in example.golds)
    databases = {example.question.db_id.lower(): example for example in reversed(asked)}
    texts = {normal_text(text): example for example in reversed(asked) for text in _texts(example)}
    golds = {queries[gold]: example for example in reversed(asked) for gold in example.golds}
    trains_asked = any(is_training(example.question.id) for example in asked)
    apart = _QuerySplit([example for example in asked if is_query_split(example.question.id)])

    def with_query_of(example: Example) -> Example | None:
        own = (golds[key] for gold in example.golds if (key := queries[gold]) in golds)
        return next(own, None) or apart.with_query_of(example)

    for example in training:
        question = example.question
        if not is_training(question.id):
            yield example, "evaluation split", None
        elif (other := databases.get(question.db_id.lower())) and not is_query_split(other.question.id):
            yield example, "same database", other
        elif trains_asked and is_held_out(question.db_id):
            yield example, "held-out database", None
        elif other := texts.get(normal_text(question.text)):
            yield example, "same question", other
        elif other := with_query_of(example):
            yield example, "same query", other
        elif other := apart.near(example):
            yield example, "near question", other


class _QuerySplit:
    """Questions that are asked about the databases of what is learnt: what is too near to one of them."""

    def __init__(self, asked: Sequence[Example]) -> None:
        self._asked = asked
        self._queries = {without_values(gold): example for example in reversed(asked) for gold in example.golds}
        self._words: dict[str, list[tuple[frozenset[str], Example]]] = {}
        for example in asked:
            words = [(frozenset(normal_text(text).split()), example) for text in _texts(example)]
            self._words.setdefault(example.question.db_id.lower(), []).extend(words)

    def with_query_of(self, example: Example) -> Example | None:
        """Return the question that has a query of the example's, whatever the values in it."""
        return self.with_any_query(example.golds)

    def with_any_query(self, queries: Iterable[str]) -> Example | None:
        """Return the question that has one of some queries, whatever the values in it."""
        keys = map(without_values, queries) if self._asked else ()
        return next((self._queries[key] for key in keys if key in self._queries), None)

    def near(self, example: Example) -> Example | None:
        """Return the question about the same database that is in nearly the same words."""
        words = frozenset(normal_text(example.question.text).split())
        there = self._words.get(example.question.db_id.lower(), ())
        return next((other for said, other in there if words == said or alike(words, said)), None)


def _texts(example: Example) -> Iterator[str]:
    """Yield a question's words, and those of the question that it is a paraphrase of."""
    yield example.question.text
    if original := example.metadata.get(ORIGINAL):
        yield original


def _said(example: Example, reason: Reason, other: Example | None) -> str:
    db_id = example.question.db_id
    if reason == "evaluation split":
        return "its id is that of an evaluation split"
    if reason == "held-out database" or other is None:
        return f"its database {db_id} is held out for choosing settings, as those of the questions asked are"
    asked = other.question.id
    if reason == "same database":
        more = "; of training questions ask only those of held-out databases" if is_training(asked) else ""
        return f"{asked} asks about its database {db_id}{more}"
    has = {"same question": "its text", "near question": "nearly its words"}.get(reason, "its query")
    return f"{asked} has {has}"
