"""A method with its model: answers questions about any SQLite database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from spider_opt import arguments, models
from spider_opt.cache_use import cache_in_use
from spider_opt.databases import Limits, Sandbox, read_schema
from spider_opt.databases.files import check_database
from spider_opt.databases.limits import DEFAULT_LIMITS
from spider_opt.databases.opened import Opened
from spider_opt.errors import DatasetError, MethodError, NotAQuery, UsageError
from spider_opt.evaluation.plan import OPEN, Asking, check_unasked
from spider_opt.methods import Method, parse_method
from spider_opt.models import CachedModel, Engine
from spider_opt.models.catalog import CATALOG
from spider_opt.models.lent import Lent, checked_model, tag_of
from spider_opt.models.openai.chat import REQUEST_TIMEOUT_S
from spider_opt.paths import cache_dir
from spider_opt.retrieval import DEFAULT_EMBEDDER, open_embedder
from spider_opt.retrieval.annotations import open_annotations
from spider_opt.retrieval.library import OwnExamples
from spider_opt.retrieval.own import GivenExamples, about, read_own
from spider_opt.types import (
    JSON,
    ChatModel,
    Generator,
    ModelInfo,
    Question,
    Result,
    Schema,
    Task,
    Tools,
    Usage,
    Value,
)

_MADE_BY = {
    ".sql": 'sqlite3 "{stem}.sqlite" < "{path}"',
    ".csv": 'sqlite3 "{stem}.sqlite" ".import --csv {path} {stem}"',
}
BEST, BEST_EMBEDDED = "rag", "finetune+rag"
"""What is asked where no method is named, by what was measured: of a model as it is, of one with an adapter here."""


def method(
    text: str | None = None,
    *,
    model: ChatModel | str | None = None,
    base_url: str | None = None,
    engine: Engine = "llama.cpp",
    examples: GivenExamples | None = None,
    embedder: str = DEFAULT_EMBEDDER,
    seed: int = 0,
    timeout_s: float = DEFAULT_LIMITS.timeout_s,
    max_tokens: int | None = None,
    system: bool = True,
    extra: Mapping[str, JSON] | None = None,
    request_timeout_s: float | None = None,
    cache: bool = True,
) -> BoundMethod:
    """Return a method that answers questions about any SQLite database, by default what was measured to be best.

    ``model`` is a model, which is not closed here, or the name of one, opened at the first question. ``examples`` (a
    file, or pairs of a question and its query) are for steps that show some. No query runs longer than ``timeout_s``.
    With ``cache`` what a model answered is kept on disk, but for one without a ``cache_tag``, which so does not say
    what its answers depend on. How one that is opened by its name is asked say ``max_tokens``, ``system``, ``extra``
    and ``request_timeout_s``, see ``model``.

    Raises:
        UsageError: an argument is of another kind than is due.
        MethodError: the text names no step or option, or a step needs examples and there are none.
        UsageError, DatasetError, WeightsError: see ``BoundMethod``.

    >>> with method("rag", model=model) as asking:  # doctest: +SKIP
    ...     asking.answer("How many boats are there?", database="shop.sqlite").rows()
    """
    model = model if model is None or isinstance(model, str) else checked_model(model)
    base_url = None if base_url is None else arguments.text(base_url, "base_url")
    if request_timeout_s is not None:
        request_timeout_s = arguments.number(request_timeout_s, "request_timeout_s", above=True)
    asking = Asking(base_url, engine, max_tokens, system, extra or {}, request_timeout_s)
    if model is not None and not isinstance(model, str):
        check_unasked(asking, OPEN)
    embedder, cache = arguments.text(embedder, "embedder"), arguments.yes_or_no(cache, "cache")
    timeout_s, seed = arguments.number(timeout_s, "timeout_s", above=True), arguments.seed(seed)
    arguments.one_of(engine, "engine", get_args(Engine))
    if text is None:
        text = BEST if base_url or not _has_adapter(model) else BEST_EMBEDDED
    parsed = parse_method(arguments.text(text, "method")).for_model(model, base_url)
    if model is not None and not isinstance(model, str):
        parsed.check_model(model.info)

    def opened() -> ChatModel:
        if model is None or isinstance(model, str):
            found = models.open(
                model, base_url=base_url, engine=engine, adapters=parsed.adapters, max_tokens=max_tokens,
                system=system, extra=extra,
                timeout_s=REQUEST_TIMEOUT_S if request_timeout_s is None else request_timeout_s,
            )  # fmt: skip
        else:
            found = Lent(model)
            if tag_of(model) is None:
                return found
        return CachedModel(found, cache_dir() / "responses.sqlite") if cache else found

    limits = Limits(timeout_s=timeout_s)
    return BoundMethod(parsed, opened, examples=examples, embedder=embedder, seed=seed, limits=limits)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question about a database with the query that answers it.

    ``usage`` is what it cost, ``trace`` what each step of the method did, innermost first; ``model`` who was asked.
    """

    question: str
    database: Path
    sql: str
    usage: Usage
    trace: tuple[Mapping[str, Any], ...]
    model: ModelInfo
    limits: Limits = DEFAULT_LIMITS

    def result(self, max_rows: int | None = None) -> Result:
        """Run the query in a sandbox that only reads; fetch no more than ``max_rows`` rows.

        Raises:
            UsageError: ``max_rows`` is no whole number from 0 on.
            QueryError: the query fails, was stopped at a limit, or there is none.
            DatasetError: the database cannot be read any more.
        """
        max_rows = None if max_rows is None else arguments.whole(max_rows, "max_rows", least=0)
        if not self.sql:
            raise NotAQuery("there is no query in what the model answered")
        with Sandbox(self.database, limits=self.limits) as sandbox:
            return sandbox.run(self.sql, stop_after_rows=max_rows)

    def rows(self, max_rows: int | None = None) -> list[tuple[Value, ...]]:
        """Run the query as ``result`` does, and return the rows alone."""
        return self.result(max_rows).rows


@dataclass(frozen=True, slots=True)
class _Ready:
    """A database, and the method made ready for it."""

    schema: Schema
    sandbox: Sandbox
    generator: Generator

    def close(self) -> None:
        self.sandbox.close()


class BoundMethod:
    """A method with the model that it asks. Threads may share it.

    ``open_model`` is called at the first question. ``examples`` (a file, or pairs of a question and its query) are
    shown by the steps that show any; they may be of the very database that is asked about, for nothing is measured
    here. ``limits`` hold for each query that is run.

    The databases that were asked last stay open, and are closed as the model is, where it has a ``close``, by
    ``close()`` or at the end of a ``with`` block; a question after that opens them again.

    Raises:
        MethodError: a step needs examples, and there are none.
        UsageError: there are examples, and no step shows any; or there is no such embedder.
        DatasetError: the file of examples cannot be read.
    """

    def __init__(
        self,
        method: Method,
        open_model: Callable[[], ChatModel],
        *,
        examples: GivenExamples | None = None,
        embedder: str = DEFAULT_EMBEDDER,
        seed: int = 0,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.method = method
        self.seed = seed
        self.limits = limits
        self._examples = None if examples is None else read_own(examples)
        self._embedder = open_embedder(embedder)
        self._annotations = open_annotations()
        self._open_model = open_model
        self._opening = threading.Lock()
        self._model: ChatModel | None = None
        self._ready = Opened(self._made_ready)
        self._check_examples()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def answer(self, question: str, database: str | Path, *, notes: str = "") -> Answered:
        """Return the query that answers a question about a SQLite file; ``notes`` are what else the model may know.

        Raises:
            UsageError: the question is empty, or no text.
            DatasetError: the file is missing, no database, or one without tables.
            ModelError: the model did not answer.
            WeightsError: its weights cannot be had.
        """
        text, notes = _words(question, "question"), _words(notes, "notes")
        if not text:
            raise UsageError('the question is empty: ask something, such as "How many customers are there?"')
        path = arguments.path(database, "database")
        _check_kind(path)
        with cache_in_use(), self._ready.using(path) as ready:
            model = self._asked()
            asked = Question(f"asked-{sha256(text.encode()).hexdigest()[:12]}", text, ready.schema, notes=notes)
            found = ready.generator(Task(asked, model, seed=self.seed))
        return Answered(text, path, found.sql, found.usage, found.trace, model.info, self.limits)

    def close(self) -> None:
        """Close the databases and the model."""
        self._ready.close()
        with self._opening:
            close = getattr(self._model, "close", None)
            self._model = None
        if close is not None:
            close()

    def _asked(self) -> ChatModel:
        with self._opening:
            if self._model is None:
                self._model = self._open_model()
            return self._model

    def _made_ready(self, path: Path) -> _Ready:
        schema = read_schema(path, path.stem)
        if not schema.tables:
            raise DatasetError(f"{path} has no tables: there is nothing to ask about.")
        sandbox = Sandbox(path, limits=self.limits)
        return _Ready(schema, sandbox, self._built({schema.db_id: sandbox}, schema))

    def _built(self, databases: Mapping[str, Sandbox], schema: Schema) -> Generator:
        if self._examples is None:
            return self.method.build(Tools(databases))
        library = OwnExamples(about(self._examples, schema), self._embedder, self._annotations)
        return self.method.build(Tools(databases, library))

    def _check_examples(self) -> None:
        """Build the method once, to know at once what it lacks or does not use."""
        self._built({}, Schema("", ()))
        if self._examples is not None:
            try:
                self.method.build(Tools())
            except MethodError:
                return
            raise UsageError(
                f"no step of {self.method.label!r} shows examples: put one before it (fewshot+{self.method.label}), "
                "or leave the examples out"
            )


def _has_adapter(model: ChatModel | str | None) -> bool:
    """Tell whether an adapter comes with the package for a model that is opened here by its name."""
    return model is None or (isinstance(model, str) and model in CATALOG and bool(CATALOG[model].adapter))


def _words(value: object, name: str) -> str:
    text = arguments.text(value, name, blank=True)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the {name} has a broken character: type it as UTF-8") from error
    return text.strip()


def _check_kind(path: Path) -> None:
    """Say how a database is made of a file of text."""
    how = _MADE_BY.get(path.suffix.lower())
    if how is not None and path.is_file():
        try:
            check_database(path)
        except DatasetError as error:
            made = how.format(stem=path.stem, path=path)
            raise DatasetError(f"{path} is no SQLite database; make one of it with: {made}") from error
