"""An answer as a file has it, before it is known whose question it is for; what is known of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spider_opt.benchmarks.questions import normal_text
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Benchmark


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer, where it stands, and what the file tells of its question; '' or None for what it does not tell.

    ``cut`` is the query as the official evaluator reads it, which ends a line at its first tab; ``tail`` is what stands
    behind the last tab of a line and is no database's id.
    """

    place: str
    sql: str
    cut: str
    tail: str = ""
    db_id: str = ""
    index: int | None = None
    id: str = ""
    question: str = ""
    gold: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a benchmark's questions are told apart by: databases, words as ``normal_text`` has them, gold queries.

    ``n`` are the questions that have their database.
    """

    db_ids: frozenset[str]
    questions: frozenset[str]
    golds: frozenset[str]
    n: int

    @classmethod
    def of(cls, benchmark: Benchmark) -> Known:
        """Gather it."""
        examples = benchmark.examples
        return cls(
            frozenset(example.question.db_id for example in examples) | frozenset(benchmark.missing),
            frozenset(normal_text(example.question.text) for example in examples),
            frozenset(same_query_key(example.gold_sql) for example in examples),
            len(examples),
        )

    def all_golds(self, texts: Sequence[str]) -> bool:
        """Tell whether these are gold queries, all that can be known."""
        n = sum(same_query_key(text) in self.golds for text in texts)
        return n >= min(len(texts), self.n)
