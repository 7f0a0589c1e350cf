"""Which golds of a benchmark are doubtful, and why."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.doubt.contradicted import contradicted
from spider_opt.analysis.doubt.gold import Gold
from spider_opt.analysis.doubt.rules import BY_GOLD
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import UsageError
from spider_opt.evaluation.scoring_files import score
from spider_opt.progress import Progress, display
from spider_opt.runs import Run
from spider_opt.types import Benchmark
from spider_opt.wording import argument, counted

USUALLY = 4
FAILS, CONTRADICTED = "fails", "contradicted"
RULES = (FAILS, *BY_GOLD, CONTRADICTED)
"""The names of all rules, in the order in which reasons stand."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubtful gold: the question's position and database, and why, by rule.

    ``hash`` is the ``gold_hash`` that a correction of it has. ``systems`` are those that agree with each other and not
    with gold, ``sql`` a query of theirs.
    """

    index: int
    db_id: str
    hash: str
    reasons: dict[str, str]
    systems: tuple[str, ...] = ()
    sql: str = ""


def doubt(
    benchmark: Benchmark,
    *predictions: str | Path | Run,
    agree: int | None = None,
    rules: Sequence[str] | None = None,
    progress: bool | Progress | None = False,
) -> list[Doubt]:
    """Return the doubtful golds of a benchmark, in the order of questions.

    Args:
        benchmark: whose golds are looked at.
        predictions: what systems answered: run folders, files as ``score`` reads them, or runs. A gold is doubtful by
            these where ``agree`` of them give one result and gold another, by the benchmark's own rule.
        agree: how many systems, by default 4, or all where there are fewer.
        rules: only what these say (see ``RULES``), by default all.
        progress: show it on stderr (True), by a display of one's own, or not.

    Raises:
        UsageError: an argument makes no sense: one system alone, a rule that there is none of.
        PredictionsError: a file of predictions does not fit the benchmark.
        DatasetError: a database cannot be read, or has changed since the benchmark was loaded.
    """
    benchmark, shown = arguments.benchmark(benchmark), display(progress)
    check_has_queries(benchmark, "the rules of doubt read gold queries")
    asked = RULES if rules is None else arguments.texts(rules, "rules")
    for name in asked:
        if name not in RULES:
            raise UsageError(f"there is no rule {name!r}: they are {', '.join(RULES)}")
    n = _systems(agree, len(predictions))
    if n is None and rules is not None and CONTRADICTED in asked:
        raise UsageError(f"the rule {CONTRADICTED} is about what systems answered: name their files or run folders")
    check_unchanged(benchmark)
    runs = _named([_run(one, benchmark) for one in predictions])
    against = contradicted(benchmark, runs, n) if n is not None and CONTRADICTED in asked else {}
    found = []
    with ExitStack() as stack, shown("golds", len(benchmark.examples)) as advance:
        databases: dict[str, Sandbox] = {}
        for example in benchmark.examples:
            db_id = example.question.db_id
            if db_id not in databases:
                databases[db_id] = stack.enter_context(Sandbox(benchmark.paths[db_id], limits=Limits()))
            reasons: dict[str, str] = {}
            for number, sql in enumerate(example.golds, 1):
                gold = Gold(replace(example, gold_sql=sql), databases[db_id])
                told = {FAILS: [gold.failed]} if gold.failed else {name: [*BY_GOLD[name](gold)] for name in BY_GOLD}
                whose = f"gold {number}: " if len(example.golds) > 1 else ""
                for name in RULES:
                    if name in asked and told.get(name):
                        said = whose + "; ".join(told[name])
                        reasons[name] = f"{reasons[name]}; {said}" if name in reasons else said
            systems, sql = against.get(example.index, ((), ""))
            if systems:
                reasons[CONTRADICTED] = f"{counted(len(systems), 'system')} of {len(runs)} agree on another result"
            if reasons:
                found.append(Doubt(example.index, db_id, gold_hash(example), reasons, systems, sql))
            advance()
    return found


def _systems(agree: int | None, n: int) -> int | None:
    """Return how many systems must agree, None where there are none.

    Raises:
        UsageError: there are too few.
    """
    if agree is not None:
        agree = arguments.whole(agree, "agree", least=2)
    if n == 0:
        if agree is not None:
            raise UsageError(f"{argument('agree')} says how many systems agree: name their files or run folders")
        return None
    if n == 1:
        raise UsageError("one system agrees with nobody: name the answers of two at least")
    if agree is not None and agree > n:
        raise UsageError(f"{agree} systems cannot agree where there are {n}: give {argument('agree', str(n))} at most")
    return min(USUALLY, n) if agree is None else agree


def _run(predictions: str | Path | Run, benchmark: Benchmark) -> Run:
    if isinstance(predictions, Run):
        if predictions.info.fingerprint != benchmark.fingerprint:
            raise UsageError(f"{predictions.where} was asked other questions or databases than {benchmark.name}'s here")
        return predictions
    path = arguments.path(predictions, "predictions")
    return score(path, benchmark, mode=benchmark.scorer)


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Return runs by what they are called, which is all of their path where that is not enough."""
    names = [Path(run.where).stem if Path(run.where).suffix else Path(run.where).name for run in runs]
    called = [run.where if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]
    if twice := next((name for name in called if called.count(name) > 1), None):
        raise UsageError(f"{twice} is named twice: a system agrees with itself")
    return dict(zip(called, runs, strict=True))
