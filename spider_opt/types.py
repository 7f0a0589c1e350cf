"""The nouns and protocols of the project; imports nothing of ours.

A ``Generator`` sees a ``Task``, a ``Question`` and what outer steps decided, and answers with a ``Prediction``; a
scorer (see ``scoring.protocols``) turns gold and prediction into a ``Verdict``. ``Question`` has no gold, so that no
generator can read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

Hardness = Literal["easy", "medium", "hard", "extra"]
HARDNESS_LEVELS: tuple[Hardness, ...] = ("easy", "medium", "hard", "extra")
BIRDS_LEVELS = ("simple", "moderate", "challenging")
Value = None | int | float | str | bytes
JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


# --- databases ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the database, its declared type, its name in plain words, and what it is said to hold."""

    name: str
    type: str
    words: str = ""
    primary_key: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in declared order."""

    name: str
    columns: tuple[Column, ...]
    words: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``table.column`` refers to ``ref_table.ref_column``."""

    table: str
    column: str
    ref_table: str
    ref_column: str


@dataclass(frozen=True, slots=True)
class Schema:
    """What one database looks like, without its rows."""

    db_id: str
    tables: tuple[Table, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a query returned: column names (their number is the width) and rows in order.

    ``lossy`` where a text in them is not UTF-8, and lost its broken bytes; ``seconds`` it took, if that is known.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    lossy: bool = False
    seconds: float = field(default=0.0, compare=False)


class Database(Protocol):
    """One database that only answers queries."""

    def run(self, sql: str) -> Result:
        """Run one read-only statement.

        Raises:
            QueryError: the statement failed, was stopped, or was not a query.
        """


# --- questions ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Question:
    """All that a generator may know. ``notes`` is what a benchmark tells beyond the question: BIRD's evidence, say."""

    id: str
    text: str
    schema: Schema
    notes: str = ""

    @property
    def db_id(self) -> str:
        """The id of the database that the question is about."""
        return self.schema.db_id


RESULT = "-- a result, not a query: "
"""With this begins what scorers are given in place of a gold query where the gold is a result."""


@dataclass(frozen=True, slots=True)
class GoldResult:
    """A result that is right, as Spider 2.0 has it where there is no gold query: a table as the text of a CSV file.

    ``columns`` are the positions of those that an answer must have, all where none is named. In ``any_order`` the order
    of rows does not count. ``fault`` says why no answer can be right by it.
    """

    csv: str
    columns: tuple[int, ...] = ()
    any_order: bool = False
    fault: str = ""

    @property
    def text(self) -> str:
        """What scorers are given in place of a gold query: ``RESULT`` and all of it as JSON."""
        return RESULT + json.dumps([self.csv, self.columns, self.any_order, self.fault])


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its gold query; only scorers and training see it.

    ``index`` is the position in the split's file, counted over all its questions, also those whose database is missing.
    ``metadata`` is what only scoring sees of what the file says, such as how hard the benchmark calls the question.
    ``other_golds`` are further queries that are as right: an answer is right if it is right by any gold. Where a
    benchmark has results for golds, ``gold_sql`` is '' and they are ``gold_results``.
    """

    index: int
    question: Question
    gold_sql: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    other_golds: tuple[str, ...] = ()
    gold_results: tuple[GoldResult, ...] = ()

    @property
    def gold_text(self) -> str:
        """The gold query, else the gold results as CSV, one below the other; '' where there is neither."""
        return self.gold_sql or "\n".join(result.csv for result in self.gold_results)

    @property
    def judged_by(self) -> tuple[str, ...]:
        """What scorers are given as golds, in their order: all gold queries, else all gold results."""
        return self.golds or tuple(result.text for result in self.gold_results)

    @property
    def golds(self) -> tuple[str, ...]:
        """All gold queries, the one that hardness and the like are told of first; none where there is none."""
        return tuple(gold for gold in (self.gold_sql, *self.other_golds) if gold.strip())


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A split that can be answered and scored.

    ``n_total`` counts all questions of the split's file, ``missing`` those without their database; ``damaged`` says why
    one cannot be read. ``paths`` maps db_ids to SQLite files, ``hashes`` to what they held; a package has no ``root``.
    ``scorer`` is the benchmark's own rule of what is right: the name of the scorer whose verdict is EX.
    """

    name: str
    split: str
    examples: tuple[Example, ...]
    paths: Mapping[str, Path]
    missing: Mapping[str, int]
    n_total: int
    fingerprint: str
    root: Path | None = None
    damaged: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    scorer: str = "official"

    def __repr__(self) -> str:
        asked = f"{len(self.examples)} questions on {len(self.paths)} databases"
        return f"<Benchmark {self.name} {self.split}: {asked}, {sum(self.missing.values())} left out>"


# --- asking a model ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. Usages add up, through every layer of a method.

    ``prompt_tokens`` include the ``cached_tokens``, of the prefix cache. ``seconds`` are those waited for the model
    when it first answered, without what failed before. ``untold`` calls told no tokens: the sums of them are too small.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    dollars: float = 0.0
    untold: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def to_json(self) -> dict[str, float]:
        """Return it as it is written down: ``untold`` only where there are such calls."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "untold" or self.untold}


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked: a chat or a plain prompt, how many samples, and how they are drawn.

    ``temperature`` 0 wants the likeliest answer; sample i is drawn with ``seed + i``. An answer ends before any text
    in ``stop`` and after ``max_tokens`` tokens, and follows the GBNF ``grammar``. ``extra`` are further parameters,
    handed on to what computes the answer as they are; they are not to be changed afterwards.
    """

    messages: tuple[Message, ...] | str
    n: int = 1
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    max_tokens: int = 512
    extra: Mapping[str, JSON] = field(default_factory=dict)

    def __hash__(self) -> int:
        """Hash all fields, of ``extra`` the names only: its values may be lists."""
        how = (self.n, self.temperature, self.seed, self.stop, self.grammar, self.max_tokens)
        return hash((self.messages, how, frozenset(self.extra)))

    @property
    def text(self) -> str:
        """The prompt, or what the messages say, in lines."""
        return self.messages if isinstance(self.messages, str) else "\n".join(m.content for m in self.messages)


@dataclass(frozen=True, slots=True)
class Completion:
    """Raw text a model gave for one sample.

    The usage of a call stands on its first completion, the others have none. ``finish_reason`` is ``stop``, ``length``
    for one that was cut at the token limit, which is an answer too, or another word of the server's. ``logprob`` is the
    mean log probability of the sample's tokens where the server gives it. ``served`` is what the server calls the model
    that answered, where that is not what was asked for, and its version of it.
    """

    text: str
    usage: Usage = Usage()
    finish_reason: str = "stop"
    logprob: float | None = None
    served: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who answers. ``sha256`` is the hash of the weights where they are known, ``adapter`` that of a LoRA.

    ``engine`` is what computes the answers and how ("torch int8"), '' for an endpoint, or llama.cpp with the weights as
    they are. ``manner`` is how the model is asked otherwise than methods ask ("max_tokens=4000; without seed").
    ``endpoint`` is the URL where it is asked, '' for one that is computed here.
    """

    name: str
    sha256: str = ""
    adapter: str = ""
    engine: str = ""
    manner: str = ""
    endpoint: str = ""


class ChatModel(Protocol):
    """A model that completes a chat (a sequence of messages) or a plain prompt (a string)."""

    @property
    def info(self) -> ModelInfo:
        """Name and hashes, for the record."""

    def complete(self, request: Request) -> list[Completion]:
        """Return ``request.n`` samples.

        Raises:
            UsageError: the model cannot do what the request wants.
            ModelError: no answer could be had; the question is then unanswered, never wrong.
        """


# --- answering ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Demo:
    """A few-shot example from training data; with ``own_schema`` it is shown with its database's schema."""

    question: Question
    sql: str
    own_schema: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What retrieval brought, each in rank order.

    ``tables`` are (table, columns) to show, empty for the whole schema; ``values`` are (table, column, value) that the
    question mentions. ``level`` is the predicted hardness, the only one that demos are taken from.
    """

    demos: tuple[Demo, ...] = ()
    tables: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[tuple[str, str, Value], ...] = ()
    level: Hardness | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A question plus what outer steps decided about how to answer it.

    ``feedback`` are (query, message) of attempts that failed, in order. ``draft`` is a query that an outer step
    has had already from the direct prompt. ``grammar`` is the GBNF grammar that the query must follow.
    """

    question: Question
    model: ChatModel
    context: Context = Context()
    feedback: tuple[tuple[str, str], ...] = ()
    draft: str | None = None
    grammar: str | None = None
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What ``step`` had, ``n`` times, for a ``sample`` ('2.0': the first in an outer step's third), and how it ended.

    The outcome is ``rows``, ``empty``, ``not_run`` or a failure. Equal contents share the ``digest``, orders ``order``.
    """

    step: str
    sql: str
    text: str
    outcome: str
    digest: str = ""
    order: str = ""
    n: int = 1
    logprob: float | None = None
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer: the SQL, what it cost, and what each step did (JSON-able, innermost first).

    ``context`` stood in the prompt, and is not kept on disk; ``logprob`` is the mean of the answer's tokens where the
    server gives it. ``text`` is what the model said, ``candidates`` what steps chose from, innermost first. Where a
    question was given up, ``refused`` says why (an ``errors.NoAnswer``), and there is no SQL.
    """

    sql: str
    usage: Usage = Usage()
    trace: tuple[Mapping[str, Any], ...] = ()
    context: Context = Context()
    logprob: float | None = None
    text: str = ""
    candidates: tuple[Candidate, ...] = ()
    refused: str = ""

    @property
    def cut(self) -> bool:
        """Whether the answer was cut at the token limit: it may have been right with more."""
        return any(step.get("finish") == "length" for step in self.trace)


class Generator(Protocol):
    """Answers a task."""

    def __call__(self, task: Task) -> Prediction:
        """Answer one task.

        Raises:
            ModelError: the model did not answer.
        """


Likeness = Literal["question", "masked", "skeleton"]


class Library(Protocol):
    """Training examples to show, none of which may be near the questions that are asked (see ``benchmarks.leaks``)."""

    def nearest(
        self, likeness: Likeness, texts: Sequence[str], k: int, *, question: Question, level: Hardness | None = None
    ) -> list[Demo]:
        """Return the ``k`` examples nearest to the mean of the texts' vectors, nearest first.

        They are compared by their question, their question with schema words and values masked, or the skeleton
        of their query; ``texts`` are of the same kind. With ``level`` only examples of that hardness count.
        ``question`` is the one asked: no example of its database or with its text comes back.
        """

    def drawn(self, k: int, *, question: Question, seed: int, level: Hardness | None = None) -> list[Demo]:
        """Return ``k`` examples at random, the same ones for the same question and seed."""

    def level(self, question: Question) -> Hardness:
        """Predict a question's hardness by a classifier trained on these examples."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a step may reach for (tests hand in fakes): the databases by db_id, and training examples if there are."""

    databases: Mapping[str, Database] = field(default_factory=dict)
    library: Library | None = None


class Stage(IntEnum):
    """Where a step stands in a method, outermost first."""

    MODEL = 1
    CONTEXT = 2
    REFINE = 3
    DRAFT = 4


class Step(Protocol):
    """One part of a method; wraps the generator inside it. Its options are its dataclass fields.

    A class may also have ``rank``, a whole number: among steps of one stage the smaller one stands further out (0 if it
    says nothing; by name where ranks are equal); ``needs``, names of steps of which one must stand in the method too,
    the first where none does; and ``adapter``, the LoRA adapter of an embedded model (by default ``auto``: its own).
    """

    stage: ClassVar[Stage]

    def wrap(self, inner: Generator, tools: Tools) -> Generator:
        """Return a generator that uses ``inner``; a DRAFT step, the innermost, asks the model instead."""


# --- scoring -----------------------------------------------------------------------------------
class Outcome(StrEnum):
    """How a prediction ended. Only CORRECT counts as right; REFUSED is a question that a server refused for good."""

    CORRECT = "correct"
    WRONG_ROWS = "wrong_rows"
    QUERY_ERROR = "query_error"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    NOT_A_QUERY = "not_a_query"
    NO_SQL = "no_sql"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and one sentence that says why.

    ``value`` is what a scorer says that gives a number, as a rule from 0 to 1; None where an answer is right or wrong.
    """

    outcome: Outcome
    detail: str
    value: float | None = None

    @property
    def correct(self) -> bool:
        """Whether the answer counts as right."""
        return self.outcome is Outcome.CORRECT

    @property
    def metric(self) -> bool | float:
        """The number, else whether the answer counts as right."""
        return self.correct if self.value is None else self.value
