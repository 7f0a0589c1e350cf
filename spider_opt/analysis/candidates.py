"""What there was to choose from in runs that kept their candidates, and what each way of choosing makes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.choices import CandidateReport, side_by_side
from spider_opt.analysis.comparing import asked, check_comparable
from spider_opt.analysis.pools import Judged, Pool, check_kept, judge_each, pools
from spider_opt.answering.disagreement import groups
from spider_opt.answering.drafts import Drafter, Look
from spider_opt.answering.judging import Judge, best, scores
from spider_opt.benchmarks.corrections import Corrections, read_corrections
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cache_use import cache_in_use
from spider_opt.databases import DatabasePool, Limits
from spider_opt.errors import UsageError
from spider_opt.evaluation.scoring_files import shown_late
from spider_opt.progress import Progress, display
from spider_opt.runs import Run
from spider_opt.scoring import Rules, rules_of
from spider_opt.scoring.statistics import BY, By
from spider_opt.types import Benchmark, Context

_LOG = logging.getLogger("spider_opt")


def candidates(
    run: Run | Path | str,
    *others: Run | Path | str,
    benchmark: Benchmark | None = None,
    mode: Rules | str | Sequence[str] | None = None,
    corrections: str | Path | Corrections | None = None,
    by: By = "query",
    judge: Judge | None = None,
    concurrency: int = 1,
    progress: bool | Progress | None = False,
) -> CandidateReport:
    """Measure again, without a model, what each way of choosing makes of the candidates that a run kept.

    With ``others`` the candidates of all runs are chosen from together, each run with one vote to a question; a run
    that kept none takes part with its answer. All is compared with the own choice of ``run``. The ``benchmark`` is due
    where the run was read from disk. ``mode`` judges by other scorers than the run's; with ``corrections`` (a name, as
    ``"spider-dev"``, or a file) EX with corrected golds stands beside. ``by`` says which questions lean on each other.
    A ``judge`` (``answering.judging.Judge``, a function of a question, the schema's text and a group of candidates that
    gives a number from 0 to 1) is asked where results differ, and makes two ways more: ``select``, by its number and
    the votes, and ``select-alone``; threads ask it about ``concurrency`` questions at a time. It is what
    ``spider-opt candidates RUN`` prints.

    Raises:
        CorrectionsError: the corrections are not of this benchmark's golds, or one of their queries fails.
        UsageError: an argument is of another kind than is due, the run kept no candidates, or runs do not compare.
        RunError: a folder holds no run, or one of other questions than the benchmark's.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    shown_by = display(progress)
    arguments.one_of(by, "by", BY)
    if judge is not None:
        arguments.function(judge, "judge", "question, schema, group")
    concurrency = arguments.whole(concurrency, "concurrency", least=1)
    several, benchmark = _given([run, *others], benchmark)
    asked_for = several[0].scorer.rules
    if mode is not None:
        asked_for = rules_of(mode, {"corrections": corrections}).on(benchmark)
    elif corrections is not None:
        named = corrections if isinstance(corrections, Corrections) else read_corrections(corrections)
        asked_for = replace(asked_for, corrections=named).on(benchmark)
    rules = replace(asked_for, metrics=())
    if len(several) == 1:
        check_kept(several[0])
    for other in several[1:]:
        check_comparable(several[0], other)
    common = set.intersection(*map(asked, several))
    if lacking := several[0].n - len(common):
        _LOG.warning("%d questions of %s left out: not all runs answered them", lacking, several[0].where)
    check_unchanged(benchmark)
    with cache_in_use(), ExitStack() as shown:

        def begin(queries: int) -> Callable[[], None]:
            return shown_late(lambda: shown.enter_context(shown_by("judging candidates", queries)))

        databases = DatabasePool(benchmark.paths, Limits(timeout_s=rules.main_timeout_s))
        found = pools(several, sorted(common), databases)
        judged = judge_each(found, several, benchmark, rules, begin=begin)
        found = _judgeable(found, judged)
        further: dict[str, tuple[str, list[int]]] = {}
        if judge is not None:
            further = _selected(found, benchmark, databases, judge, concurrency, shown_by)
    check_unchanged(benchmark)
    return side_by_side(tuple(several), tuple(found), judged, rules, by, further)


def _given(runs: Sequence[Run | Path | str], benchmark: Benchmark | None) -> tuple[list[Run], Benchmark]:
    if benchmark is None:
        benchmark = next((run.benchmark for run in runs if isinstance(run, Run) and run.benchmark), None)
    if benchmark is None:
        raise UsageError("which questions a run answers it does not hold itself: give its benchmark (spider_opt.load)")
    benchmark = arguments.benchmark(benchmark)
    read: list[Run] = []
    for given in runs:
        one = given if isinstance(given, Run) else Run.read(arguments.path(given, "run"), benchmark)
        if one.info.fingerprint != benchmark.fingerprint:
            raise UsageError(f"{one.where} was made with other questions or databases than those of {benchmark!r}")
        if any(one is other or (one.folder and other.folder and _same(one.folder, other.folder)) for other in read):
            raise UsageError(f"{one.where} is given twice: its votes would count twice")
        read.append(one)
    return read, benchmark


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _selected(
    pools: Sequence[Pool],
    benchmark: Benchmark,
    databases: DatabasePool,
    judge: Judge,
    concurrency: int,
    shown_by: Progress,
) -> dict[str, tuple[str, list[int]]]:
    questions = {example.index: example.question for example in benchmark.examples}
    drafter = Drafter(Look(), databases)
    differ = [pool for pool in pools if pool.disagrees]
    several = {pool.index: groups(pool.candidates, databases[pool.db_id], votes=pool.votes) for pool in differ}

    def asked(pool: Pool) -> list[float]:
        question = questions[pool.index]
        return scores(judge, question, drafter.shown(question.schema, Context()), several[pool.index])

    said: dict[int, list[float]] = {}
    with shown_by("asking the judge", len(differ)) as advance, ThreadPoolExecutor(concurrency) as threads:
        asking = [(pool, threads.submit(asked, pool)) for pool in sorted(differ, key=lambda pool: pool.db_id)]
        try:
            for pool, told in asking:
                said[pool.index] = told.result()
                advance()
        finally:
            threads.shutdown(cancel_futures=True)
    numbers: dict[bool, list[int]] = {
        by_votes: [
            best(several[pool.index], said[pool.index], by_votes=by_votes) if pool.disagrees else pool.choose("vote")
            for pool in pools
        ]
        for by_votes in (True, False)
    }
    return {
        "select": ("the result whose votes times the judge's number are most", numbers[True]),
        "select-alone": ("the result of the judge's highest number", numbers[False]),
    }


def _judgeable(pools: Sequence[Pool], judged: Judged) -> list[Pool]:
    kept = [pool for pool in pools if all((pool.index, one.sql) in judged for one in pool.candidates)]
    if not kept:
        raise UsageError("there is no question whose gold query runs")
    if lost := len(pools) - len(kept):
        _LOG.warning("%d questions left out, whose gold queries fail now", lost)
    return kept
