"""What ``eval`` does, and ``ladder``, and Python: ask a method all questions, judge the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import get_args

from spider_opt import arguments
from spider_opt.benchmarks.corrections import Corrections
from spider_opt.benchmarks.subsets import listed, only
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import RunError, UsageError
from spider_opt.evaluation.folders import folder_for
from spider_opt.evaluation.learnt import check_learnt
from spider_opt.evaluation.pipeline import Pipeline, check_pipeline
from spider_opt.evaluation.plan import FUNCTION, Asking, Plan, check_unasked, of_method, of_pipeline, opened_model
from spider_opt.methods import Method, parse_method
from spider_opt.models import Engine
from spider_opt.models.lent import checked_model
from spider_opt.paths import cache_dir
from spider_opt.prices import prices as read_prices
from spider_opt.progress import Progress, display, lines
from spider_opt.retrieval import DEFAULT_EMBEDDER
from spider_opt.runs import Run, RunInfo
from spider_opt.runs.folder import finish, run
from spider_opt.runs.identity import differences
from spider_opt.runs.info import FILE
from spider_opt.runs.run import PREDICTIONS
from spider_opt.runs.unanswered import check_answered
from spider_opt.runs.without_gold import warn_of
from spider_opt.scoring import Rules, rules_of
from spider_opt.scoring.corrected import check_corrections
from spider_opt.scoring.report import check_suites
from spider_opt.temporary import temporary_folder
from spider_opt.types import JSON, Benchmark, ChatModel
from spider_opt.wording import counted

_LOG = logging.getLogger("spider_opt")


def evaluate(
    method: str | Method | Pipeline,
    benchmark: Benchmark,
    *,
    model: ChatModel | str | None = None,
    base_url: str | None = None,
    engine: Engine = "llama.cpp",
    out: str | Path | Callable[[RunInfo], str | Path] | None = None,
    limit: int | None = None,
    ids: Iterable[str] | Path | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    mode: Rules | str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    suite: str | Path | None = None,
    plug_value: bool = False,
    corrections: str | Path | Corrections | None = None,
    name: str | None = None,
    embedder: str = DEFAULT_EMBEDDER,
    cache: bool = True,
    record: str | Path | None = None,
    max_tokens: int | None = None,
    system: bool = True,
    extra: Mapping[str, JSON] | None = None,
    request_timeout_s: float | None = None,
    logprobs: bool = False,
    give_up: int = 0,
    allow_learnt: bool = False,
    prices: str | Path | None = None,
    progress: bool | Progress | None = True,
    tell: Callable[[str], None] | None = None,
) -> Run:
    """Answer a benchmark's questions with a method, and score the answers; go on where the same run was stopped.

    Args:
        method: a method's text (``"vote:n=8+finetune+rag"``), or a function of one's own, (question, database) -> sql,
            which is given the question's words and the path of a copy of the SQLite file.
        benchmark: what is asked, from ``load``.
        model: a model, which is not closed here, or the name of one; by default the embedded one. Of a function of
            one's own it is only what the run's table calls it.
        base_url: the OpenAI-compatible endpoint that knows the model's name.
        engine: what computes an embedded model.
        out: the run folder, which keeps each answer as it comes; a function makes it of the run's description. None
            is a folder in the cache, the same one for the same run; nothing is kept where two runs could not be told
            apart: of a model without a ``cache_tag``, or an unnamed function that reads what nothing looks into. Where
            one of these may have changed, a folder that has answers is refused.
        limit: only the first so many questions.
        ids: only the questions with these ids, or those that a file lists.
        seed: of everything that samples.
        concurrency: questions asked at the same time; by default 1, by torch 32.
        mode: the scorer whose verdict is EX, by default the benchmark's own; ``Rules`` say more.
        metrics: the scorers that are asked too; by default ``official``, ``strict``, and ``suite`` where there are
            test suites.
        suite: the folder of test suites, by default what lies beside each database.
        plug_value: the official tool's option of that name, for suites.
        corrections: the name (``"spider-dev"``) or the file of corrected golds, by which EX is told, too.
        name: what a function of one's own is called in the run; by default its own name. A run is another one where the
            function changed or what it reads of its own project: constants, functions, objects. Where it reads what
            nothing looks into, such as the client of a server, its answers are taken from an earlier run only if it has
            a name: then that says what it is, and you give it another one when it changes.
        embedder: what finds training examples.
        cache: take what the model answered before from the cache, and keep what it answers. Without, all is asked
            again: a finished run that is in ``out`` is set aside there.
        record: also write the model's answers to this recording.
        max_tokens: tokens that an answer may have, in place of what methods ask for; of a model that is opened here by
            its name, as the next four, see ``model``.
        system: whether the instruction may be a system message.
        extra: further parameters of each request.
        request_timeout_s: the wait for one whole answer.
        logprobs: ask for the mean log probability of each answer's tokens, which is kept with it: ``confidence`` tells
            by it how sure the answer is.
        give_up: how many questions may be refused for good, by a filter or because the prompt is too long; these are
            then finished: they count as wrong, and ``Run.refused`` says why.
        allow_learnt: ask a tuned model about databases that it learnt from, too, by its adapter's card; the run says
            of how many.
        prices: a CSV file of what models cost, in front of ours; by default the one that ``SPIDER_OPT_PRICES`` names.
        progress: show it on stderr (True), not (False, None), or by a display of one's own.
        tell: called with sentences about the run, by default those that must not be missed are logged.

    Raises:
        UsageError: what is asked for makes no sense (a ``MethodError``, a ``DatasetError``, …).
        ModelError, WeightsError: the model cannot be had, or nothing answers.
        RunError: the folder holds another run or cannot be written, or questions have no answer: the run is unfinished
            and not scored, the same call asks again. The first error stands behind it (``__cause__``).
        CorrectionsError: the corrections are not of this benchmark's golds, or one of their queries fails.
        LeakError: a training example is too near to a question that is asked, or a tuned model learnt from a database
            that is.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    benchmark, seed, shown = arguments.benchmark(benchmark), arguments.seed(seed), display(progress)
    options = {"metrics": metrics, "suite": suite, "plug_value": plug_value, "corrections": corrections}
    rules = rules_of(mode, options).on(benchmark)
    check_suites(benchmark, rules)
    if rules.corrections is not None:
        check_corrections(rules.corrections, benchmark, rules)  # before a model is asked for hours
    limit = None if limit is None else arguments.whole(limit, "limit", least=1)
    concurrency = None if concurrency is None else arguments.whole(concurrency, "concurrency", least=1)
    if out is not None:
        out = arguments.function(out, "out", "info") if callable(out) else arguments.path(out, "out")
    record = None if record is None else arguments.path(record, "record")
    name = None if name is None else arguments.text(name, "name")
    base_url = None if base_url is None else arguments.text(base_url, "base_url")
    embedder, cache = arguments.text(embedder, "embedder"), arguments.yes_or_no(cache, "cache")
    arguments.one_of(engine, "engine", get_args(Engine))
    model = model if model is None or isinstance(model, str) else checked_model(model)
    said: Callable[[str], None] = _LOG.info if tell is None else arguments.function(tell, "tell", "sentence")
    give_up = arguments.whole(give_up, "give_up", least=0)
    max_tokens = None if max_tokens is None else arguments.whole(max_tokens, "max_tokens", least=1)
    if request_timeout_s is not None:
        request_timeout_s = arguments.number(request_timeout_s, "request_timeout_s", above=True)
    system, extra = arguments.yes_or_no(system, "system"), {} if extra is None else arguments.mapping(extra, "extra")
    priced = None if prices is None else read_prices(arguments.path(prices, "prices"))
    read_prices()  # a file that cannot be read is told now
    allow_learnt = arguments.yes_or_no(allow_learnt, "allow_learnt")
    logprobs = arguments.yes_or_no(logprobs, "logprobs")
    asked, sample = _asked(benchmark, ids)
    check_unchanged(asked)
    with cache_in_use(), temporary_folder() as nowhere, ExitStack() as opened:
        asking = Asking(base_url, engine, max_tokens, system, extra, request_timeout_s, logprobs)
        if callable(method):
            others = {
                "record": record is not None,
                "embedder": embedder != DEFAULT_EMBEDDER,
                "allow_learnt": allow_learnt,
            }
            check_unasked(asking, FUNCTION, others)
            check_pipeline(method)
            plan = of_pipeline(method, asked, model, name=name, seed=seed, sample=sample, copies=nowhere)
        else:
            if not isinstance(method, str | Method):
                raise arguments.wrong(method, "method", "a method's text, or a function of (question, database)")
            if name is not None:
                raise UsageError("name says nothing to a method's text: it is what a function of one's own is called")
            parsed = method if isinstance(method, Method) else parse_method(arguments.text(method, "method"))
            parsed = parsed.for_model(model, base_url)
            n_learnt = check_learnt(parsed, asked.examples, limit, allowed=allow_learnt, tell=tell or _LOG.warning)
            kept = cache_dir() if cache else nowhere
            cached = opened.enter_context(closing(opened_model(parsed, model, asking, kept, nowhere)))
            plan = of_method(
                parsed, benchmark, asked, cached, model, record=record, seed=seed, sample=sample, embedder=embedder,
                learnt_databases=n_learnt,
                tell=said,
                progress=lines if progress is True else shown,  # a bar would stand on the one of answers
            )  # fmt: skip
        opened.callback(plan.ended)
        kept_here = cache and plan.kept
        folder = folder_for(plan.info, out, None if kept_here else nowhere / "run")
        if plan.unseen:
            _check_new(folder, plan, afresh=not cache)
        finished = run(
            asked, plan.generator(folder), plan.model, folder, plan.info, limit=limit, progress=shown,
            concurrency=concurrency or plan.side_by_side, measure=plan.measure, give_up=give_up, afresh=not cache,
        )  # fmt: skip
        if finished.aside is not None:
            said(f"asked again, without the cache; the answers that were there are in {finished.aside}")
        said(f"{counted(len(finished.answers), 'answer')}, {finished.n_new} of them new{plan.cost()}")
        if plan.own and (n_old := len(finished.answers) - finished.n_new):
            (tell or _LOG.warning)(f"{plan.own} gave {n_old} of these answers in an earlier run, kept in {folder}")
        opened.close()  # the model's memory is the scorer's
        check_answered(finished.unanswered)
        done = finish(asked, folder, rules, prices=priced)
    if out is None:
        done = replace(done.only([answer.index for answer in finished.answers]), folder=folder if kept_here else None)
    elif len(done.answers) > len(finished.answers):
        (tell or _LOG.warning)(
            f"the run folder has answers to {len(done.answers)} questions; the numbers are over all of them"
        )
    warn_of(done, tell or _LOG.warning)
    return done


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
