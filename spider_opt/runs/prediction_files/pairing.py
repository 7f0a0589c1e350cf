"""Whose answer is it? Answers of a file to questions of a benchmark, by what the file tells of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from spider_opt.benchmarks.ids import content_of, position_of
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.subsets import examples_of
from spider_opt.errors import PredictionsError
from spider_opt.runs.prediction_files.agreement import are_confusable, contradiction, differences
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
    is, the order. Numbers that are not those of the questions or golds beside them do not count: files in another
    order are numbered anew. ``by_line`` says that they are the lines of a text file.

    Raises:
        PredictionsError: an answer is for no question or for another one than it says, a question has two, or none.
    """
    pairing = _Pairing(benchmark, path)
    refused: PredictionsError | None = None
    ways: Sequence[tuple[str, Callable[[Sequence[Entry]], Pairs | None]]] = (
        ("id", pairing.by_id),
        ("number", pairing.by_number),
        ("question", pairing.by_question),
        ("gold query", pairing.by_gold),
        ("order", partial(pairing.by_order, by_line=by_line)),
    )
    for by, paired in ways:
        if by == "order" and refused is not None:
            break
        try:
            if (pairs := paired(entries)) is None:
                continue
            pairs = sorted(pairs, key=lambda pair: pair[0].index)
            pairing.check(pairs)
        except PredictionsError as error:
            if by == "id":
                raise
            refused = refused or error
            continue
        pairing.tell(pairs, by, renumbered=refused is not None)
        return pairs
    raise refused or AssertionError("there is always an order")


class _Pairing:
    def __init__(self, benchmark: Benchmark, path: Path) -> None:
        self._examples = benchmark.examples
        self._benchmark = benchmark
        self._path = path
        self._split = f"{benchmark.name} {benchmark.split}"
        self._n_missing = sum(benchmark.missing.values())
        # of a split: its questions keep their places there
        self._is_part = len(self._examples) == benchmark.n_total and any(
            example.index >= benchmark.n_total for example in self._examples
        )

    def by_id(self, entries: Sequence[Entry]) -> Pairs | None:
        if not entries or not all(entry.id for entry in entries):
            return None
        ids = examples_of(self._benchmark, (entry.id for entry in entries))
        if not ids:
            if any(entry.index is None for entry in entries):  # else they are looked at as numbers
                self._tell("has ids that are not those of", "they are not looked at")
            return None
        if any(id != ex.question.id and content_of(id) is None and position_of(id) for id, ex in ids.items()):
            self._tell("names questions by their places in", "which is right while its questions are the same")
        return self._one_each(entries, lambda entry: ids.get(entry.id), lambda entry: f'"{entry.id}"')

    def by_number(self, entries: Sequence[Entry]) -> Pairs | None:
        numbers = {entry.index for entry in entries if entry.index is not None}
        if not entries or any(entry.index is None for entry in entries):
            return None
        places = self._numbered_part(numbers)
        if places is None:
            n_total, from_0 = self._benchmark.n_total, 0 in numbers
            if max(numbers) > n_total - from_0 or (entries[0].id and len(numbers) < len(entries)):
                if not entries[0].id:
                    entry = max(entries, key=lambda entry: entry.index or 0)
                    counting = ", counted from 0" if from_0 else ""
                    raise self._refused(
                        f"{entry.place} is for question {entry.index}, but {self._split} has {n_total}{counting}"
                    )
                self._tell("has ids that are not those of", "they are not looked at")
                return None
            places = self._numbered(numbers, entries)
        return self._one_each(
            entries, lambda entry: places.get(entry.index or 0), lambda entry: f"number {entry.index}"
        )

    def _numbered(self, numbers: set[int], entries: Sequence[Entry]) -> dict[int, Example]:
        n, n_total = len(self._examples), self._benchmark.n_total
        first = 1 if max(numbers) == n_total else 0
        places = {example.index + first: example for example in self._examples}
        if n < n_total and numbers == set(range(first, n + first)):  # counted over those whose databases are there
            here = {i + first: example for i, example in enumerate(self._examples)}
            if not entries[0].db_id or self._n_fitting(entries, here) > self._n_fitting(entries, places):
                return here
        return places

    def _numbered_part(self, numbers: set[int]) -> dict[int, Example] | None:
        """Return the questions of a part of a split by number: its own, or their places in the split; None for others.

        Both may be counted from 0 or 1, and one may be too many.
        """
        if not self._is_part:
            return None
        ways = [
            places
            for first in (0, 1)
            for places in (
                {example.index + first: example for example in self._examples},
                {i + first: example for i, example in enumerate(self._examples)},
            )
        ]
        fitting = [places for places in ways if places.keys() <= numbers and len(numbers) <= len(places) + 1]
        return max(fitting, key=lambda places: places.keys() == numbers, default=None)

    def _n_fitting(self, entries: Sequence[Entry], places: dict[int, Example]) -> int:
        found = ((places.get(entry.index or 0), entry) for entry in entries)
        return sum(example is not None and example.question.db_id == entry.db_id for example, entry in found)

    def by_question(self, entries: Sequence[Entry]) -> Pairs | None:
        return self._by_text(
            entries,
            lambda entry: entry.question and normal_text(entry.question),
            lambda example: [normal_text(example.question.text)],
            "question",
        )

    def by_gold(self, entries: Sequence[Entry]) -> Pairs | None:
        return self._by_text(
            entries,
            lambda entry: entry.gold and same_query_key(entry.gold),
            lambda example: [same_query_key(gold) for gold in example.golds or (example.gold_sql,)],
            "gold query",
        )

    def by_order(self, entries: Sequence[Entry], by_line: bool) -> Pairs:
        n, n_total = len(self._examples), self._benchmark.n_total
        entries = list(entries)
        while by_line and len(entries) > n_total and not entries[-1].sql:
            entries.pop()
        if len(entries) == n_total and not self._is_part:
            return [(example, entries[example.index]) for example in self._examples]
        if len(entries) == n:
            if n < n_total:
                whose = "each question whose database is here" if n + self._n_missing == n_total else f"{n} questions"
                self._tell(f"has an answer for {whose} of", "they are read in that order")
            return list(zip(self._examples, entries, strict=True))
        there = "is 1 answer" if len(entries) == 1 else f"are {len(entries)} answers"
        if not any(entry.sql for entry in entries):
            there = "is no answer"
        why = f"there {there} for the {n_total} questions of {self._split}"
        if self._n_missing:
            why += f" ({n} of them with a database)"
        if by_line and (part := next(begin_no_query(entries), None)):
            why += f"; {part.place} begins no query ({shortened(part.sql)}): each must stand on one line"
        none = "an empty one where there is none"
        if by_line and len(entries) + 1 in (n, n_total):  # "\n".join(answers) leaves out what ends an empty last one
            none += "; a last one that is empty needs a line end, too"
        raise self._refused(f"{why}; one is due for each, in their order ({none})")

    def check(self, pairs: Pairs) -> None:
        """Refuse pairs that cannot be meant.

        Raises:
            PredictionsError: with the first answer that belongs elsewhere.
        """
        if reason := contradiction(self._benchmark, pairs):
            raise self._refused(reason)

    def tell(self, pairs: Pairs, by: str, *, renumbered: bool) -> None:
        """Tell what the file says otherwise than the benchmark, and yet does not count."""
        if renumbered:
            self._tell("has numbers that are not those of", f"the {by} beside each answer is looked at")
        for what, so in differences(pairs, by):
            self._tell(what, so)

    def _by_text(
        self,
        entries: Sequence[Entry],
        told: Callable[[Entry], str],
        of: Callable[[Example], Sequence[str]],
        what: str,
    ) -> Pairs | None:
        """Pair by a text that several questions may share: these get their answers in the order of the file.

        A question that has several (gold queries) is known by each of them that no other question has.
        """
        if not entries or not all(told(entry) for entry in entries):
            return None
        with_db = all(entry.db_id for entry in entries)
        waiting: dict[Hashable, list[Example]] = {}
        firsts: dict[Hashable, set[Hashable]] = {}
        for example in self._examples:
            db_id, (first, *others) = example.question.db_id if with_db else "", of(example)
            waiting.setdefault((db_id, first), []).append(example)
            for other in others:
                firsts.setdefault((db_id, other), set()).add((db_id, first))
        keys: list[Hashable] = [(entry.db_id if with_db else "", told(entry)) for entry in entries]
        known_as = {key: next(iter(of)) for key, of in firsts.items() if len(of) == 1 and key not in waiting}
        keys = [known_as.get(key, key) for key in keys]
        n_known = sum(key in waiting for key in keys)
        if n_known * 2 <= len(entries):
            return None
        n_left_over = self._n_missing
        answers: dict[Hashable, list[Entry]] = {}
        pairs = []
        for entry, key in zip(entries, keys, strict=True):
            if key not in waiting:
                n_left_over -= 1
                if n_left_over < 0:
                    raise self._refused(f"{entry.place} has a {what} that is none of {self._split}'s")
                continue
            group = answers.setdefault(key, [])
            group.append(entry)
            if len(group) > len(waiting[key]):
                raise self._refused(f"{entry.place} has a {what} that was answered before")
            pairs.append((waiting[key][len(group) - 1], entry))
        if any(one.index > other.index for (one, _), (other, _) in pairwise(pairs)):
            for shared, group in answers.items():
                if are_confusable(waiting[shared], group):
                    raise self._refused(
                        f"{group[0].place} has a {what} that {self._split} has {len(waiting[shared])} times, and the "
                        f"file is in another order: put the {'number' if with_db else 'database'} beside each"
                    )
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
        answered = {example.index for example, _ in pairs}
        if lacking := [example for example in self._examples if example.index not in answered]:
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
