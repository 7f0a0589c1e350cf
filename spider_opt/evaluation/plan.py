"""What a run needs before it begins: who is asked, by what generator, and how the run is described."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from spider_opt import models
from spider_opt.benchmarks import training_half
from spider_opt.benchmarks.leaks import Reason
from spider_opt.databases import DatabasePool
from spider_opt.errors import DatasetError, UsageError
from spider_opt.evaluation.function_identity import ended, identity_of
from spider_opt.evaluation.learnt import Learnt, shows_examples
from spider_opt.evaluation.model_identity import model_identity
from spider_opt.evaluation.pipeline import Nobody, Pipeline, generator_of, name_of
from spider_opt.methods import Method
from spider_opt.models import CachedModel, Engine, Recorder, ReplayModel
from spider_opt.models.adapters import find_adapter
from spider_opt.models.computing import asked_together, computed_by, innermost
from spider_opt.models.lent import Lent, tag_of
from spider_opt.models.openai.chat import REQUEST_TIMEOUT_S
from spider_opt.models.openai.urls import without_secrets
from spider_opt.plugins import code_in, package_of
from spider_opt.progress import Progress
from spider_opt.retrieval import open_library
from spider_opt.runs import RunInfo
from spider_opt.runs.context_metrics import measure
from spider_opt.runs.describing import MadeBy, describe, hashed, training_of
from spider_opt.runs.folder import Measure
from spider_opt.runs.info import UNNAMED_EMBEDDER
from spider_opt.types import JSON, Benchmark, ChatModel, Generator, Tools
from spider_opt.wording import counted

OPEN = "a model that is open: say it where it is opened, as in so.model(…, max_tokens=4000)"
FUNCTION = "a function, which asks models of its own"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that can begin.

    ``generator`` is made for the run's folder. ``own`` is what a function or a model of the user's is called,
    ``unseen`` what of it cannot be looked into: another one may then have the same description, and ``same`` is how
    the user says that it is the same. One that is not ``kept`` is asked anew where no folder is named. ``side_by_side``
    questions are asked at the same time where nobody says how many; ``measure`` is called with each answer. ``cost``
    says what was asked, once all is; ``ended`` is called then, whatever came of it.
    """

    info: RunInfo
    model: ChatModel
    generator: Callable[[Path], Generator]
    own: str = ""
    unseen: tuple[str, ...] = ()
    same: str = ""
    kept: bool = True
    side_by_side: int = 1
    measure: Measure | None = None
    cost: Callable[[], str] = lambda: ""
    ended: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Asking:
    """Where and how a model is asked: the keywords of ``models.open`` that ``evaluate`` has, too."""

    base_url: str | None = None
    engine: Engine = "llama.cpp"
    max_tokens: int | None = None
    system: bool = True
    extra: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    request_timeout_s: float | None = None
    logprobs: bool = False


def opened_model(
    method: Method, model: ChatModel | str | None, asking: Asking, kept: Path, unkept: Path
) -> CachedModel:
    """Return a model that keeps its answers in the folder ``kept``; one that was lent is not closed with it.

    One that was lent and has no ``cache_tag`` keeps them in ``unkept``, since nothing says what they depend on.

    Raises:
        UsageError: the name means nothing here, or the model has not the adapters that the method wants; or a model
            that is open already is to be asked in another manner.
        WeightsError: weights or an adapter cannot be had.
    """
    if model is None or isinstance(model, str):
        asked: ChatModel = models.open(
            model, base_url=asking.base_url, engine=asking.engine, adapters=method.adapters,
            max_tokens=asking.max_tokens, system=asking.system, extra=asking.extra, logprobs=asking.logprobs,
            timeout_s=REQUEST_TIMEOUT_S if asking.request_timeout_s is None else asking.request_timeout_s,
        )  # fmt: skip
    else:
        check_unasked(asking, OPEN)
        if not isinstance(model, ReplayModel):  # a recording may be of any
            method.check_model(model.info)
        asked = Lent(model)
        kept = unkept if tag_of(model) is None else kept
    return CachedModel(asked, kept / "responses.sqlite")


def check_unasked(asking: Asking, of: str, others: Mapping[str, object] = {}) -> None:
    """Make sure that nothing is asked for that could only be ignored; of the ``others`` all but None is.

    Raises:
        UsageError: something is.
    """
    said = [one.name for one in fields(Asking) if getattr(asking, one.name) != getattr(Asking(), one.name)]
    for name in (*said, *(name for name, is_said in others.items() if is_said)):
        raise UsageError(f"{name} says nothing to {of}")


def of_method(
    method: Method,
    benchmark: Benchmark,
    asked: Benchmark,
    cached: CachedModel,
    given: ChatModel | str | None,
    *,
    record: Path | None,
    seed: int,
    sample: str,
    embedder: str,
    learnt: Learnt,
    tell: Callable[[str], None],
    progress: Progress,
) -> Plan:
    """Plan a run of a method; ``asked`` are those questions of ``benchmark`` that are; ``cached`` asks ``given``.

    Raises:
        UsageError: there is a recording, and whether it is of that model cannot be told.
        DatasetError: training examples are to be shown, and there are none.
    """
    who = model_identity(given, cached.cache_tag)
    if record is not None and who.unseen and record.exists():
        hidden = " and ".join(who.unseen[:3])
        raise UsageError(
            f"{record} is there, and whether {cached.info.name} gave its answers cannot be told, for nothing looks "
            f"into {hidden}: name another file, or say that it did, with cache_tag={who.cache_tag!r} in the model"
        )
    chat = Recorder(cached, record, who.cache_tag) if record else cached
    half = _learnt_from(method, benchmark)
    adapters = [find_adapter(adapter) for adapter in method.adapters]
    forms = [(a.card.get("look"), a.card.get("target"), a.sha256) for a in adapters]
    for adapter in adapters:
        if chat.info.endpoint and not adapter.hosted and chat.info.name != adapter.name:
            tell(
                f"{chat.info.name} is asked as one that was tuned as the adapter {adapter.name!r} was: make sure it is"
            )
    made_by = MadeBy(
        training=training_of(half) if half else "",
        computed_by=computed_by(cached),
        code=_code(method, cached, embedder if half else ""),
        cache_tag=who.cache_tag,
        adapter_form=hashed(forms) if forms else "",
    )
    finder = embedder if half else UNNAMED_EMBEDDER  # where nothing is found it is nobody's
    info = describe(
        asked, method.label, method.spelled_out, chat.info, seed, sample=sample, embedder=finder, made_by=made_by,
        learnt_databases=learnt.databases, learnt_unknown=learnt.unknown,
    )  # fmt: skip

    def generator(folder: Path) -> Generator:
        def opened(n: int, left_out: Mapping[Reason, int]) -> None:
            why = ", ".join(f"{count:,} for {reason}" for reason, count in left_out.items())
            tell(f"retrieving from {n:,} training examples" + (f" (left out: {why})" if why else ""))

        library = open_library(benchmark, asked.examples, embedder, half=half, opened=opened, progress=progress)
        return method.build(Tools(DatabasePool(asked.paths), library))

    def cost() -> str:
        return f"; {counted(cached.misses, 'model call')}, {cached.hits} answered from the cache"

    return Plan(
        info, chat, generator, own="" if who.told else chat.info.name, unseen=who.unseen,
        same=f"cache_tag={who.cache_tag!r} in the model", kept=who.told,
        side_by_side=asked_together(chat.info), measure=measure, cost=cost, ended=who.ended,
    )  # fmt: skip


def _learnt_from(method: Method, benchmark: Benchmark) -> Benchmark | None:
    """Return the training half, where the method's steps show examples of it; None where they do not.

    Raises:
        DatasetError: there is none to be had, and the steps need it.
    """
    others = any(package_of(step) for step in method.steps)
    needs = shows_examples(method)
    if not needs and not others:
        return None
    try:
        return training_half(benchmark)
    except DatasetError:
        if needs:
            raise
        return None


def _code(method: Method, cached: CachedModel, embedder: str) -> str:
    """Return the packages of others that make answers, each with a hash of its code."""
    parts: list[object] = [*method.steps]
    if not isinstance(cached.inner, Lent):  # who lends a model says by its cache_tag what answers depend on
        parts.append(innermost(cached))
    module, colon, _ = embedder.partition(":")
    if colon:
        parts.append(sys.modules.get(module))
    return "; ".join(sorted({f"{name} {code_in(name)}" for part in parts if (name := package_of(part))}))


def of_pipeline(
    pipeline: Pipeline,
    asked: Benchmark,
    model: ChatModel | str | None,
    *,
    name: str | None,
    seed: int,
    sample: str,
    copies: Path,
) -> Plan:
    """Plan a run of a function of one's own; ``model`` is but what the run says that it asks.

    It is given copies of the databases, in the folder ``copies``.
    """
    called, seen = name or name_of(pipeline), identity_of(pipeline)
    nobody = Nobody(without_secrets(model if isinstance(model, str) else model.info.name if model else ""))
    info = describe(asked, called, f"{called} {seen.text(named=name is not None)}", nobody.info, seed, sample=sample)
    unseen = seen.unseen if name is None else ()
    return Plan(
        info, nobody, lambda folder: generator_of(pipeline, called, asked.paths, copies), own=called, unseen=unseen,
        same=f"name={called!r}", kept=not unseen, ended=lambda: ended(pipeline, seen),
    )  # fmt: skip
