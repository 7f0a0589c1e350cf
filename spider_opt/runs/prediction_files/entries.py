"""An answer as a file has it, before it is known whose question it is for; what is known of the questions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.subsets import examples_of
from spider_opt.types import Benchmark

_NUMBER = re.compile(r"([0-9]{1,9})(?:\.0+)?")
_QUOTES = str.maketrans('"`', "''")
GOLDS = 0.8
"""From which share on queries are taken for the golds: another version of them differs in some, answers in most."""


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


class Known:
    """What a benchmark's questions are told apart by: databases, words, gold queries.

    ``n`` are the questions that have their database, ``n_total`` all.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self.n_total = benchmark.n_total
        self._examples = benchmark.examples
        self.n = len(self._examples)
        self.db_ids = frozenset(example.question.db_id for example in self._examples) | frozenset(benchmark.missing)

    @cached_property
    def questions(self) -> frozenset[str]:
        """As ``normal_text`` has them."""
        return frozenset(normal_text(example.question.text) for example in self._examples)

    @cached_property
    def golds(self) -> frozenset[str]:
        """As ``bare`` has them."""
        return frozenset(bare(gold) for example in self._examples for gold in example.golds)

    def has_ids(self, ids: Sequence[str]) -> bool:
        """Tell whether most of these are ids of questions."""
        return len(examples_of(self._benchmark, ids)) * 2 > len(set(ids))

    def are_golds(self, texts: Sequence[str], share: float = GOLDS) -> bool:
        """Tell whether these are gold queries, at least this share of what can be known; no text is none."""
        n = sum(bare(text) in self.golds for text in texts)
        return n > 0 and n >= share * min(len(texts), self.n)


def number_of(text: str) -> int | None:
    """Return a question's number, also as pandas writes it where a column has gaps; None of what is none.

    >>> [number_of(text) for text in ("12", " 3 ", "3.0", "3.5", "-1", "a", "", "12345678901")]
    [12, 3, 3, None, None, None, None, None]
    """
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None


def bare(sql: str) -> str:
    r"""Return what is equal for queries that look alike: blanks, case and the kind of quotes do not count.

    >>> bare("SELECT a FROM t WHERE b = 'X y' ;") == bare('select a\nfrom t where b="x Y"')
    True
    """
    return "".join(sql.split()).lower().rstrip(";").translate(_QUOTES)
