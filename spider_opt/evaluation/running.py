"""What ``eval`` does, and ``ladder``, and Python: ask a method all questions, judge the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.corrections import Corrections
from spider_opt.evaluation.given import Given
from spider_opt.evaluation.pipeline import Pipeline
from spider_opt.evaluation.ready import ready
from spider_opt.methods import Method
from spider_opt.models import Engine
from spider_opt.progress import Progress
from spider_opt.retrieval import DEFAULT_EMBEDDER
from spider_opt.runs import Run, RunInfo
from spider_opt.runs.folder import finish
from spider_opt.runs.unanswered import check_answered
from spider_opt.runs.without_gold import warn_of
from spider_opt.scoring import Rules, rules_of
from spider_opt.scoring.corrected import check_corrections
from spider_opt.scoring.report import check_suites
from spider_opt.types import JSON, Benchmark, ChatModel


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
    budget: str | Sequence[str] | None = None,
    prices: str | Path | None = None,
    spans: str | None = None,
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
        metrics: the scorers that are asked beside it, and no others; by default ``official``, ``strict``, and
            ``suite`` where there are test suites, and none where ``mode`` names a scorer.
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
        budget: the most that may be spent: ``"5usd"``, ``"2M-tokens"``, ``"30min"``, or several. Each request has its
            maximum set aside first; what was spent in the folder before counts.
        prices: a CSV file of what models cost, in front of ours; by default the one that ``SPIDER_OPT_PRICES`` names.
        spans: send spans of OpenTelemetry's there, of each question and of what models are asked anew: ``"otlp"``, or
            ``"otlp=http://localhost:4318"``. They hold no text of questions, prompts or answers.
        progress: show it on stderr (True), not (False, None), or by a display of one's own.
        tell: called with sentences about the run, by default those that must not be missed are logged.

    Raises:
        UsageError: what is asked for makes no sense (a ``MethodError``, a ``DatasetError``, …).
        ModelError, WeightsError: the model cannot be had, or nothing answers.
        BudgetSpent: one more request might exceed the budget; the same call goes on with a larger one.
        RunError: the folder holds another run or cannot be written, or questions have no answer: the run is unfinished
            and not scored, the same call asks again. The first error stands behind it (``__cause__``).
        CorrectionsError: the corrections are not of this benchmark's golds, or one of their queries fails.
        LeakError: a training example is too near to a question that is asked, or a tuned model learnt from a database
            that is.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    benchmark = arguments.benchmark(benchmark)
    options = {"metrics": metrics, "suite": suite, "plug_value": plug_value, "corrections": corrections}
    rules = rules_of(mode, options).on(benchmark)
    check_suites(benchmark, rules)
    if rules.corrections is not None:
        check_corrections(rules.corrections, benchmark, rules)  # before a model is asked for hours
    given = Given(
        model=model, base_url=base_url, engine=engine, out=out, limit=limit, ids=ids, seed=seed,
        concurrency=concurrency, name=name, embedder=embedder, cache=cache, record=record, max_tokens=max_tokens,
        system=system, extra=extra, request_timeout_s=request_timeout_s, logprobs=logprobs, give_up=give_up,
        allow_learnt=allow_learnt, budget=budget, prices=prices, spans=spans, progress=progress, tell=tell,
    )  # fmt: skip
    with ready(method, benchmark, given) as asking:
        finished = asking.ask()
        asking.close()  # the model's memory is the scorer's
        check_answered(finished.unanswered)
        done = finish(asking.asked, asking.folder, rules, prices=asking.priced)
    if out is None:
        done = done.only([answer.index for answer in finished.answers])
        done = replace(done, folder=asking.folder if asking.kept else None)
    elif len(done.answers) > len(finished.answers):
        asking.given.warn(
            f"the run folder has answers to {len(done.answers)} questions; the numbers are over all of them"
        )
    warn_of(done, asking.given.warn)
    return done
