"""Whose answer is it? Answers of a file to questions of a benchmark, by what the file tells of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from spider_opt.benchmarks.questions import normal_text
from spider_opt.errors import PredictionsError
from spider_opt.runs.prediction_files.entries import Entry
from spider_opt.runs.prediction_files.fields import shortened
from spider_opt.runs.prediction_files.text_lines import begin_no_query
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Benchmark, Example

_LOG = logging.getLogger("spider_opt")
Pairs = list[tuple[Example, Entry]]


def pair(benchmark: Benchmark, path: Path, entries: Sequence[Entry], *, by_line: bool) -> Pairs:
    """Pair answers with the questions that have their database, in the order of questions.

    The first that every entry tells and that is of this benchmark counts: id, number, question, gold query; where none
    is, the order. ``by_line`` says that they are the lines of a text file.

    Raises:
        PredictionsError: an answer is for no question or for another one than it says, a question has two, or none.
    """
    pairing = _Pairing(benchmark, path)
    for key in (pairing.by_id, pairing.by_number, pairing.by_question, pairing.by_gold):
        if (pairs := key(entries)) is not None:
            break
    else:
        pairs = pairing.by_order(entries, by_line)
    pairing.check(pairs)
    return sorted(pairs, key=lambda pair: pair[0].index)


class _Pairing:
    def __init__(self, benchmark: Benchmark, path: Path) -> None:
        self._examples = benchmark.examples
        self._benchmark = benchmark
        self._path = path
        self._split = f"{benchmark.name} {benchmark.split}"
        self._n_missing = sum(benchmark.missing.values())

    def by_id(self, entries: Sequence[Entry]) -> Pairs | None:
        ids = {example.question.id: example for example in self._examples}
        if not entries or not all(entry.id for entry in entries) or not any(entry.id in ids for entry in entries):
            return None
        return self._one_each(entries, lambda entry: ids.get(entry.id), lambda entry: f'"{entry.id}"')

    def by_number(self, entries: Sequence[Entry]) -> Pairs | None:
        numbers = {entry.index for entry in entries if entry.index is not None}
        if not entries or any(entry.index is None for entry in entries):
            return None
        n, n_total = len(self._examples), self._benchmark.n_total
        if max(numbers) > n_total or (entries[0].id and len(numbers) < len(entries)):
            if not entries[0].id:
                entry = max(entries, key=lambda entry: entry.index or 0)
                raise self._refused(f"{entry.place} is for question {entry.index}, but {self._split} has {n_total}")
            self._tell("has ids that are not those of", "they are not looked at")
            return None
        first = 1 if max(numbers) == n_total else 0
        places = {example.index + first: example for example in self._examples}
        if n < n_total and numbers == set(range(first, n + first)):  # counted over those whose databases are there
            here = {i + first: example for i, example in enumerate(self._examples)}
            if not entries[0].db_id or self._n_fitting(entries, here) > self._n_fitting(entries, places):
                places = here
        return self._one_each(
            entries, lambda entry: places.get(entry.index or 0), lambda entry: f"number {entry.index}"
        )

    def _n_fitting(self, entries: Sequence[Entry], places: dict[int, Example]) -> int:
        found = ((places.get(entry.index or 0), entry) for entry in entries)
        return sum(example is not None and example.question.db_id == entry.db_id for example, entry in found)

    def by_question(self, entries: Sequence[Entry]) -> Pairs | None:
        return self._by_text(
            entries,
            lambda entry: entry.question and normal_text(entry.question),
            lambda example: normal_text(example.question.text),
            "question",
        )

    def by_gold(self, entries: Sequence[Entry]) -> Pairs | None:
        return self._by_text(
            entries,
            lambda entry: entry.gold and same_query_key(entry.gold),
            lambda example: same_query_key(example.gold_sql),
            "gold query",
        )

    def by_order(self, entries: Sequence[Entry], by_line: bool) -> Pairs:
        n, n_total = len(self._examples), self._benchmark.n_total
        entries = list(entries)
        while by_line and len(entries) > n_total and not entries[-1].sql:
            entries.pop()
        if len(entries) == n_total:
            return [(example, entries[example.index]) for example in self._examples]
        if len(entries) == n:
            self._tell("has an answer for each question whose database is here of", "they are read in that order")
            return list(zip(self._examples, entries, strict=True))
        there = "is 1 answer" if len(entries) == 1 else f"are {len(entries)} answers"
        why = f"there {there} for the {n_total} questions of {self._split}"
        if self._n_missing:
            why += f" ({n} of them with a database)"
        if by_line and (part := next(begin_no_query(entries), None)):
            why += f"; {part.place} begins no query ({shortened(part.sql)}): each must stand on one line"
        raise self._refused(f"{why}; one is due for each, in their order (an empty one where there is none)")

    def check(self, pairs: Pairs) -> None:
        for example, entry in sorted(pairs, key=lambda pair: pair[0].index):
            question = example.question
            if entry.db_id not in ("", question.db_id):
                raise self._refused(
                    f"{entry.place} is about {entry.db_id}, but that question is about {question.db_id}: are the "
                    "answers in the split's order?"
                )
        other = [
            (example, entry)
            for example, entry in pairs
            if entry.question and normal_text(entry.question) != normal_text(example.question.text)
        ]
        if other and len(other) < len(pairs):
            example, entry = other[0]
            raise self._refused(
                f"{entry.place} has the question {shortened(entry.question)}, but there {self._split} asks "
                f"{shortened(example.question.text)}: are the answers in the split's order?"
            )
        if other:
            self._tell("has other questions beside its answers than", "only their order is looked at")
        golds = [e for x, e in pairs if e.gold and x.gold_sql and same_query_key(e.gold) != same_query_key(x.gold_sql)]
        if golds:
            self._tell(
                f"has other gold queries beside {len(golds)} of its answers (the first: {golds[0].place}) than",
                "those of the benchmark count",
            )

    def _by_text(
        self,
        entries: Sequence[Entry],
        told: Callable[[Entry], str],
        of: Callable[[Example], str],
        what: str,
    ) -> Pairs | None:
        """Pair by a text that several questions may share: these get their answers in order."""
        if not entries or not all(told(entry) for entry in entries):
            return None
        with_db = all(entry.db_id for entry in entries)
        waiting: dict[Hashable, list[Example]] = {}
        for example in self._examples:
            waiting.setdefault((example.question.db_id if with_db else "", of(example)), []).append(example)
        keys = [(entry.db_id if with_db else "", told(entry)) for entry in entries]
        n_known = sum(key in waiting for key in keys)
        if n_known * 2 <= len(entries):
            return None
        n_left_over = self._n_missing
        counts: Counter[Hashable] = Counter()
        pairs = []
        for entry, key in zip(entries, keys, strict=True):
            counts[key] += 1
            if key not in waiting:
                n_left_over -= 1
                if n_left_over < 0:
                    raise self._refused(f"{entry.place} has a {what} that is none of {self._split}'s")
            elif counts[key] > len(waiting[key]):
                raise self._refused(f"{entry.place} has a {what} that was answered before")
            else:
                pairs.append((waiting[key][counts[key] - 1], entry))
        return self._complete(pairs)

    def _one_each(
        self,
        entries: Sequence[Entry],
        example_of: Callable[[Entry], Example | None],
        called: Callable[[Entry], str],
    ) -> Pairs:
        pairs: dict[int, tuple[Example, Entry]] = {}
        n_unknown = 0
        for entry in entries:
            example = example_of(entry)
            if example is None:
                n_unknown += 1
                if n_unknown > self._n_missing:
                    raise self._refused(f"{entry.place} answers {called(entry)}, which is no question of {self._split}")
            elif example.index in pairs:
                raise self._refused(
                    f"{entry.place} answers {called(entry)}, and so does {pairs[example.index][1].place}"
                )
            else:
                pairs[example.index] = (example, entry)
        return self._complete(list(pairs.values()))

    def _complete(self, pairs: Pairs) -> Pairs:
        if lacking := [e for e in self._examples if e.index not in {example.index for example, _ in pairs}]:
            first = lacking[0].question
            raise self._refused(
                f"{len(lacking)} of the {len(self._examples)} questions of {self._split} have no answer (the first: "
                f"{first.id}, {shortened(first.text)}); give an empty one where there is none"
            )
        return pairs

    def _refused(self, reason: str) -> PredictionsError:
        return PredictionsError(f"{self._path}: {reason}")

    def _tell(self, what: str, so: str) -> None:
        _LOG.warning("%s %s %s; %s", self._path, what, self._split, so)
