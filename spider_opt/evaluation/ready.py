"""A benchmark that is about to be asked: the model is open, the folder and the budget are known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt import arguments
from spider_opt.benchmarks.subsets import listed, only
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import BudgetSpent, RunError, UsageError
from spider_opt.evaluation.folders import folder_for
from spider_opt.evaluation.given import Given
from spider_opt.evaluation.learnt import check_learnt
from spider_opt.evaluation.pipeline import Pipeline, check_pipeline
from spider_opt.evaluation.plan import FUNCTION, Asking, Plan, check_unasked, of_method, of_pipeline, opened_model
from spider_opt.evaluation.spans import begin_run, tracing, with_spans
from spider_opt.methods import Method, parse_method
from spider_opt.models import CachedModel, ReplayModel
from spider_opt.models.budget import Account, Budget
from spider_opt.paths import cache_dir
from spider_opt.prices import Price, Prices
from spider_opt.prices import prices as read_prices
from spider_opt.progress import Progress, display, lines
from spider_opt.retrieval import DEFAULT_EMBEDDER
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import read_answers
from spider_opt.runs.costs import price_for
from spider_opt.runs.folder import Finished, run
from spider_opt.runs.identity import differences
from spider_opt.runs.info import FILE
from spider_opt.runs.spending import account_of
from spider_opt.runs.verdict_files import PREDICTIONS
from spider_opt.temporary import temporary_folder
from spider_opt.types import Benchmark
from spider_opt.wording import argument, counted, either

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True)
class Ready:
    """``asked`` are the questions, ``kept`` says whether the folder stays; ``priced`` are prices that were given."""

    given: Given
    asked: Benchmark
    plan: Plan
    folder: Path
    kept: bool
    account: Account | None
    price: Price | None
    priced: Prices | None
    shown: Progress
    close: Callable[[], None]
    tracer: Tracer | None = None

    def ask(self, chosen: Collection[str] | None = None) -> Finished:
        """Ask all, or the questions with the ``chosen`` ids, and tell of it.

        Raises:
            BudgetSpent: says what was spent and how far it came.
            RunError, ModelError: as ``runs.folder.run``.
        """
        given, plan, account = self.given, self.plan, self.account
        said = given.tell or _LOG.info
        generator = plan.generator(self.folder)
        span = None if self.tracer is None else begin_run(self.tracer, plan.info)
        if self.tracer is not None and span is not None:
            generator = with_spans(generator, self.tracer, span)
        try:
            finished = run(
                self.asked, generator, plan.model, self.folder, plan.info, limit=given.limit,
                progress=self.shown, concurrency=given.concurrency or plan.side_by_side, measure=plan.measure,
                give_up=given.give_up, afresh=not given.cache, chosen=chosen,
                left_s=(lambda: inf) if account is None else lambda: account.left_s,
            )  # fmt: skip
        except BudgetSpent as error:
            raise BudgetSpent(self._how_far(str(error))) from error
        finally:
            if span is not None:
                span.end()
        if finished.aside is not None:
            said(f"asked again, without the cache; the answers that were there are in {finished.aside}")
        said(f"{counted(len(finished.answers), 'answer')}, {finished.n_new} of them new{plan.cost()}")
        if account is not None:
            said(f"spent, in all, of the budget ({account.budget or 'none now'}): {account.spent}")
        if plan.own and (n_old := len(finished.answers) - finished.n_new):
            given.warn(f"{plan.own} gave {n_old} of these answers in an earlier run, kept in {self.folder}")
        return finished

    @property
    def answered(self) -> frozenset[str]:
        """The ids of the questions whose answers lie in the folder."""
        path = self.folder / PREDICTIONS
        return frozenset(answer.id for answer in read_answers(path)) if path.exists() else frozenset()

    def _how_far(self, why: str) -> str:
        assert self.account is not None
        n = len(self.answered)
        asked = counted(len(self.asked.examples[: self.given.limit]), "question")
        where = f"kept in {self.folder}" if self.kept else "kept in the cache" if self.given.cache else "not kept"
        again = either("the same call", "the same command")
        return (
            f"{why}; spent so far: {self.account.spent}; {n:,} of {asked} are answered and {where}, {again} "
            f"goes on with a larger {argument('budget')}"
        )


@contextmanager
def ready(method: str | Method | Pipeline, benchmark: Benchmark, given: Given) -> Iterator[Ready]:
    """Make everything ready to ask; at the end of the block what was opened is closed.

    Raises:
        UsageError, LeakError, DatasetError, WeightsError, RunError: as ``evaluate``.
    """
    given, shown = given.checked(), display(given.progress)
    bounds, collector = given.bounds, given.collector
    priced = None if given.prices is None else read_prices(given.prices)
    read_prices()  # a file that cannot be read is told now
    asked, sample = _asked(benchmark, given.ids)
    check_unchanged(asked)
    with cache_in_use(), temporary_folder() as nowhere, ExitStack() as opened:
        tracer = opened.enter_context(tracing(collector))
        cached: CachedModel | None = None
        if callable(method):
            plan = _of_function(method, asked, given, sample, nowhere)
        else:
            parsed = _parsed(method, given)
            learnt = check_learnt(parsed, asked.examples, given.limit, allowed=given.allow_learnt, tell=given.warn)
            kept = cache_dir() if given.cache else nowhere
            cached = opened.enter_context(closing(opened_model(parsed, given.model, _asking(given), kept, nowhere)))
            if not given.cache:
                opened.callback(cached.keep_no_more)
            plan = of_method(
                parsed, benchmark, asked, cached, given.model,
                record=None if given.record is None else Path(given.record),
                seed=given.seed, sample=sample, embedder=given.embedder, learnt=learnt,
                tell=given.tell or _LOG.info,
                progress=lines if given.progress is True else shown,  # a bar would stand on the one of answers
            )  # fmt: skip
            if tracer is not None:
                cached.trace_with(tracer)
        opened.callback(plan.ended)
        kept_here = given.cache and plan.kept
        folder = folder_for(plan.info, given.out, None if kept_here else nowhere / "run")
        if plan.unseen:
            _check_new(folder, plan, afresh=not given.cache)
        price = price_for(plan.info, priced)
        account = _account(folder, bounds, price, plan, cached, given)
        named = kept_here or given.out is not None
        yield Ready(given, asked, plan, folder, named, account, price, priced, shown, opened.close, tracer)


def _parsed(method: str | Method, given: Given) -> Method:
    if not isinstance(method, str | Method):
        raise arguments.wrong(method, "method", "a method's text, or a function of (question, database)")
    if given.name is not None:
        raise UsageError("name says nothing to a method's text: it is what a function of one's own is called")
    parsed = method if isinstance(method, Method) else parse_method(arguments.text(method, "method"))
    return parsed.for_model(given.model, given.base_url)


def _asking(given: Given) -> Asking:
    return Asking(
        given.base_url, given.engine, given.max_tokens, given.system, given.extra or {}, given.request_timeout_s,
        given.logprobs,
    )  # fmt: skip


def _of_function(method: Pipeline, asked: Benchmark, given: Given, sample: str, copies: Path) -> Plan:
    others = {
        "record": given.record is not None,
        "embedder": given.embedder != DEFAULT_EMBEDDER,
        "allow_learnt": given.allow_learnt,
    }
    check_unasked(_asking(given), FUNCTION, others)
    check_pipeline(method)
    return of_pipeline(method, asked, given.model, name=given.name, seed=given.seed, sample=sample, copies=copies)


def _account(
    folder: Path,
    bounds: Budget,
    price: Price | None,
    plan: Plan,
    cached: CachedModel | None,
    given: Given,
) -> Account | None:
    """Return the account of a run, which its model counts with; None where nothing is bounded.

    Raises:
        UsageError: what is bounded cannot be counted.
    """
    if bounds != Budget() and isinstance(given.model, ReplayModel):
        raise UsageError(f"a recording costs nothing: leave out {argument('budget')}")
    if cached is None and (bounds.dollars is not None or bounds.tokens is not None):
        raise UsageError(
            f"{plan.info.method} asks models of its own, whose dollars and tokens are not seen: bound its time, as in "
            f"{argument('budget', '30min')}"
        )
    if bounds.dollars is not None and price is None:
        raise UsageError(
            f"the price of {plan.info.model} is not known, so that dollars cannot be bounded: give it with "
            f"{argument('prices', 'FILE')}, or bound tokens, as in {argument('budget', '2M-tokens')}"
        )
    afresh = not given.cache and (folder / FILE).exists() and RunInfo.read(folder).scorer is not None
    account = account_of(folder, bounds, price, afresh=afresh)
    if account is not None and cached is not None and not isinstance(given.model, ReplayModel):
        cached.count_with(account)
    return account


def _check_new(folder: Path, plan: Plan, *, afresh: bool) -> None:
    """Make sure that a folder has no answers that may be of another function or model than the one that is asked now.

    Raises:
        RunError: it has. A finished run that is asked ``afresh`` is set aside.
    """
    if not (folder / PREDICTIONS).exists() or not (folder / FILE).exists():
        return
    there = RunInfo.read(folder)
    finished = there.scorer is not None
    if differences(there, plan.info) or (finished and afresh):  # the first is refused as another run
        return
    again = ", or ask all of it again, with cache=False" if finished else ""
    raise RunError(
        f"{folder} has answers, and whether {plan.own} is what it was then cannot be told, for nothing looks into "
        f"{' and '.join(plan.unseen[:3])}: choose another out{again}, or say that it is, with {plan.same}"
    )


def _asked(benchmark: Benchmark, ids: Iterable[str] | Path | None) -> tuple[Benchmark, str]:
    """Return the questions to ask, and what their selection is called: '' for all."""
    if ids is None:
        return benchmark, ""
    if isinstance(ids, Path):
        return listed(benchmark, ids), ids.stem
    if isinstance(ids, str):
        raise UsageError("ids are a list of question ids, or the Path of a file that lists them")
    given = sorted(arguments.texts(ids, "ids"))
    return only(benchmark, given, "ids"), f"ids-{sha256(' '.join(given).encode()).hexdigest()[:8]}"
