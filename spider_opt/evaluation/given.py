"""How a benchmark is asked, as somebody gave it: looked at before anything is done with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from spider_opt import arguments
from spider_opt.evaluation.folders import Out
from spider_opt.evaluation.spans import Spans, spans_of
from spider_opt.models import Engine
from spider_opt.models.budget import Budget, budget
from spider_opt.models.lent import checked_model
from spider_opt.progress import Progress
from spider_opt.retrieval import DEFAULT_EMBEDDER
from spider_opt.types import JSON, ChatModel

_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """How a benchmark is asked: what ``evaluate`` and ``estimate`` have in common, described there."""

    model: ChatModel | str | None = None
    base_url: str | None = None
    engine: Engine = "llama.cpp"
    out: Out = None
    limit: int | None = None
    ids: Iterable[str] | Path | None = None
    seed: int = 0
    concurrency: int | None = None
    name: str | None = None
    embedder: str = DEFAULT_EMBEDDER
    cache: bool = True
    record: str | Path | None = None
    max_tokens: int | None = None
    system: bool = True
    extra: Mapping[str, JSON] | None = None
    request_timeout_s: float | None = None
    logprobs: bool = False
    give_up: int = 0
    allow_learnt: bool = False
    budget: str | Sequence[str] | None = None
    prices: str | Path | None = None
    spans: str | None = None
    progress: bool | Progress | None = True
    tell: Callable[[str], None] | None = field(default=None, repr=False)

    def checked(self) -> Given:
        """Return it with each value as what it stands for.

        Raises:
            UsageError: one is of another kind than is due.
        """
        arguments.one_of(self.engine, "engine", get_args(Engine))
        out = self.out
        if out is not None:
            out = arguments.function(out, "out", "info") if callable(out) else arguments.path(out, "out")
        return replace(
            self,
            model=self.model if self.model is None or isinstance(self.model, str) else checked_model(self.model),
            base_url=None if self.base_url is None else arguments.text(self.base_url, "base_url"),
            out=out,
            limit=None if self.limit is None else arguments.whole(self.limit, "limit", least=1),
            seed=arguments.seed(self.seed),
            concurrency=None if self.concurrency is None else arguments.whole(self.concurrency, "concurrency", least=1),
            name=None if self.name is None else arguments.text(self.name, "name"),
            embedder=arguments.text(self.embedder, "embedder"),
            cache=arguments.yes_or_no(self.cache, "cache"),
            record=None if self.record is None else arguments.path(self.record, "record"),
            max_tokens=None if self.max_tokens is None else arguments.whole(self.max_tokens, "max_tokens", least=1),
            system=arguments.yes_or_no(self.system, "system"),
            extra={} if self.extra is None else arguments.mapping(self.extra, "extra"),
            request_timeout_s=(
                None
                if self.request_timeout_s is None
                else arguments.number(self.request_timeout_s, "request_timeout_s", above=True)
            ),
            logprobs=arguments.yes_or_no(self.logprobs, "logprobs"),
            give_up=arguments.whole(self.give_up, "give_up", least=0),
            allow_learnt=arguments.yes_or_no(self.allow_learnt, "allow_learnt"),
            prices=None if self.prices is None else arguments.path(self.prices, "prices"),
            spans=None if self.spans is None else arguments.text(self.spans, "spans"),
            tell=None if self.tell is None else arguments.function(self.tell, "tell", "sentence"),
        )

    @property
    def warn(self) -> Callable[[str], None]:
        """Where sentences go that must not be missed."""
        return self.tell or _LOG.warning

    @property
    def collector(self) -> Spans | None:
        """Where spans go.

        Raises:
            UsageError: it is no such place, or the packages that send them are not installed.
        """
        return None if self.spans is None else spans_of(self.spans)

    @property
    def bounds(self) -> Budget:
        """The budget.

        Raises:
            UsageError: it is none.
        """
        if self.budget is None:
            return Budget()
        given = [self.budget] if isinstance(self.budget, str) else self.budget
        return budget([arguments.text(one, "budget") for one in given])
