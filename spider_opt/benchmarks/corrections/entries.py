"""What is said of a gold query by who looked at it again, and whether it is said of the gold that is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from spider_opt.errors import CorrectionsError
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Benchmark, Example
from spider_opt.wording import counted

Said = Literal["wrong", "several", "right"]
VERDICTS: tuple[Said, ...] = get_args(Said)


@dataclass(frozen=True, slots=True)
class Correction:
    """What is said of the gold of one question, by the question's position in the split's file.

    Where the gold is ``wrong``, an answer is right by one of ``golds`` in its place; where ``several`` are right, by
    the benchmark's own or one of these; where it was looked at and is ``right`` there are none. ``hash`` is the
    ``gold_hash`` of the question that was looked at.
    """

    index: int
    db_id: str
    hash: str
    said: Said
    reason: str
    golds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrections:
    """Corrections of one split's golds, in the order of questions; ``name`` is what their file is called."""

    name: str
    entries: tuple[Correction, ...]

    @property
    def fingerprint(self) -> str:
        """A hash of all that verdicts depend on, which is everything but the reasons."""
        told = [(e.index, e.db_id, e.hash, e.said, e.golds) for e in self.entries]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        """Return what they are called wherever their numbers stand."""
        return f"{self.name} {self.fingerprint}"

    def __iter__(self) -> Iterator[Correction]:
        return iter(self.entries)

    def check(self, benchmark: Benchmark) -> None:
        """Make sure that each correction is of the question and the gold query that a benchmark has at its position.

        Questions that are not among a benchmark's examples (no database, not chosen) are passed over.

        Raises:
            CorrectionsError: one is of another question, another database or another gold, or there is no such one.
        """
        examples = {example.index: example for example in benchmark.examples}
        asked, n = f"{benchmark.name} {benchmark.split}", benchmark.n_total
        for entry in self.entries:
            called = f"{self.name} corrects question {entry.index}"
            if entry.index >= n:
                raise CorrectionsError(
                    f"{called}, and {asked} has {counted(n, 'question')}, counted from 0: are these corrections of "
                    "another benchmark?"
                )
            example = examples.get(entry.index)
            if example is None:
                continue
            if entry.db_id != example.question.db_id:
                raise CorrectionsError(
                    f"{called} as one about {entry.db_id}, and in {asked} it is about {example.question.db_id}: are "
                    "these corrections of another benchmark?"
                )
            if entry.hash != (there := gold_hash(example)):
                raise CorrectionsError(
                    f"{called} as it was with the hash {entry.hash}, and in {asked} its words or its gold query are "
                    f"others: look at it again, then write {there}"
                )


def gold_hash(example: Example) -> str:
    """Return a hash of a question's database, words and gold query, by which a correction knows what it is of.

    Spaces, and case outside quotes, of the gold query do not count.
    """
    key = [example.question.db_id, " ".join(example.question.text.split()), same_query_key(example.gold_sql)]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
