"""A split's verdicts, ready to be summed up, written and read back.

A line of ``verdicts.jsonl`` carries all that a leaderboard needs, so that runs can be compared where
the benchmark itself is not at hand. ``cluster`` is a hash of (db_id, gold query): equal for questions
that ask for the same query in two phrasings.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from spider_opt.errors import DatasetError, GoldError
from spider_opt.kinds import Kind, check_all, check_kinds
from spider_opt.paths import cache_dir, write_whole
from spider_opt.rows import parsed
from spider_opt.scoring.corrected import changes, judge_corrected
from spider_opt.scoring.gold_cache import GoldCache, levels
from spider_opt.scoring.rules import CORRECTED, Rules
from spider_opt.scoring.statistics import clustered_se
from spider_opt.scoring.table import scorer_version
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import HARDNESS_LEVELS, Benchmark, Example, Outcome, Verdict
from spider_opt.wording import argument, counted

_LOG = logging.getLogger("spider_opt")
JUDGED = "judged"
"""What says on a line of verdicts how they came about, where no ``run.json`` does."""
NO_GOLD = "it has no gold query, so it was asked and is not scored"


@dataclass(frozen=True, slots=True)
class Scored:
    """One question's verdict with what it is counted under.

    ``metrics`` is what every scorer said; a scorer for which the gold query fails says nothing. With corrections it
    says ``corrected``, too: whether the answer is right with corrected golds.
    """

    index: int
    db_id: str
    correct: bool
    outcome: Outcome
    detail: str
    hardness: str | None
    cluster: str
    metrics: Mapping[str, bool | float] = field(default_factory=dict)

    def said(self, metric: str, main: str) -> bool | float | None:
        """Return what a scorer said, None where it said nothing; ``main`` is that of EX.

        Earlier versions wrote down no metrics where that was the only one.
        """
        return self.metrics.get(metric, self.correct if metric == main else None)


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """Verdicts of one set of predictions under one set of rules.

    ``skipped`` counts the questions of the split's file that are not in n: no database, or a gold that
    fails (``failed_golds``, as index and message). ``suite`` is what the suites are called by which was judged,
    ``corrections`` what the corrected golds are called, '' for none.
    """

    scored: tuple[Scored, ...]
    skipped: int
    failed_golds: tuple[tuple[int, str], ...]
    rules: Rules
    fingerprint: str
    suite: str = ""
    corrections: str = ""

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return n, mean and standard error of each metric, in percent, that of EX first, then that of corrected golds.

        The standard error is None for fewer than two gold queries.
        """
        told = {}
        main, *others = self.rules.scorers
        for name in (main, *([CORRECTED] if self.corrections else []), *others):
            said = [(s.said(name, self.rules.main), s.cluster) for s in self.scored]
            values = [value for value, _ in said if value is not None]
            se = clustered_se(values, [cluster for value, cluster in said if value is not None])
            mean = round(100 * sum(values) / len(values), 4) if values else None
            told[name] = {"n": len(values), "value": mean, "se": round(se, 4) if se == se else None}
        return told

    @property
    def beside(self) -> str:
        """What stands beside EX in a sentence: EX with corrected golds, '' where there are none."""
        value = self.metrics().get(CORRECTED, {}).get("value")
        return "" if value is None else f" ({value:.1f} with corrected golds)"

    def summary(self) -> dict[str, Any]:
        """Return the numbers, JSON-able; accuracies in percent, None where there is no question."""
        by_hardness = {level: [s for s in self.scored if s.hardness == level] for level in HARDNESS_LEVELS}
        metrics = self.metrics()
        corrected = {"corrected": metrics.get(CORRECTED, {}).get("value"), "corrections": self.corrections}
        corrected["corrected_changes"] = changes((s.correct, s.metrics.get(CORRECTED)) for s in self.scored)
        return {
            "n": len(self.scored),
            "skipped": self.skipped,
            "ex": accuracy(self.scored),
            **(corrected if self.corrections else {}),
            "by_hardness": {k: {"n": len(v), "ex": accuracy(v)} for k, v in by_hardness.items()},
            "outcomes": {o.value: sum(s.outcome is o for s in self.scored) for o in Outcome},
            "mode": self.rules.mode,
            "keep_distinct": self.rules.distinct_counts,
            "timeout_s": self.rules.main_timeout_s,
            "scorer_version": scorer_version(self.rules.main),
            "metrics": metrics,
            **({"suite": self.suite, "plug_value": self.rules.plug_value} if self.suite else {}),
            "failed_golds": [index for index, _ in self.failed_golds],
            "fingerprint": self.fingerprint,
        }


def score(
    benchmark: Benchmark,
    answers: Sequence[tuple[Example, str]],
    rules: Rules,
    *,
    read_otherwise: Mapping[str, Sequence[str]] = {},
    use_cache: bool = True,
    n_workers: int | None = None,
    on_verdict: Callable[[], None] = lambda: None,
) -> ScoreReport:
    """Judge (example, predicted SQL) pairs of one benchmark by all scorers of the rules, in one pass.

    ``read_otherwise`` are all predictions as a scorer reads them, by its name, where that is not as EX's scorer does.
    ``use_cache`` keeps gold results on disk, ``n_workers`` is the number of processes, ``on_verdict`` is called after
    each pair that is judged: a question without a gold query is not. Works wherever Python runs: in a script without a
    guard, a notebook, a thread.

    Raises:
        ScorerError: there is no such scorer, or it is broken.
        CorrectionsError: the corrections of the rules are of other golds, or a corrected query fails.
        DatasetError: a database cannot be read.
        SpiderOptError: the scorer of another package fails, or no process can be started.
    """
    rules = rules.on(benchmark)
    asked = {example.question.db_id for example, _ in answers}
    suites, suite = _suites(benchmark, asked, rules)
    _warn_of_lone(suites, asked, rules)
    failed = [(example.index, NO_GOLD) for example, _ in answers if not example.judged_by]
    judged = [bool(example.judged_by) for example, _ in answers]
    read_otherwise = {name: [*compress(texts, judged)] for name, texts in read_otherwise.items()}
    answers = [*compress(answers, judged)]
    cache = cache_dir() / "gold.sqlite" if use_cache else None
    with closing(GoldCache(cache)) as kept:  # closed before processes are forked
        hardness = levels([example.gold_sql for example, _ in answers], kept)
        cache = kept.path
    verdicts = judge_all(
        answers, benchmark.paths, rules, read_otherwise=read_otherwise, suites=suites, cache=cache,
        n_workers=n_workers, on_verdict=on_verdict,
    )  # fmt: skip
    if rules.on_suites and suite != (now := _suites(benchmark, suites, rules)[1]):
        raise DatasetError(f"the test suite has changed while it was judged (from {suite} to {now}): score again")
    corrected: list[bool | None] = [None for _ in answers]
    if rules.corrections is not None:
        told = [v.correct if isinstance(v := said[rules.main], Verdict) else None for said in verdicts]
        corrected = judge_corrected(
            answers, told, rules.corrections, benchmark.paths, rules, suites=suites, cache=cache, n_workers=n_workers
        )
    # A number is a number also where the query fails, and is counted there.
    numbers = {name for said in verdicts for name, v in said.items() if isinstance(v, Verdict) and v.value is not None}
    scored = []
    for (example, _), by_scorer, level, right in zip(answers, verdicts, hardness, corrected, strict=True):
        verdict = by_scorer[rules.main]
        if isinstance(verdict, GoldError):
            failed.append((example.index, str(verdict)))
            continue
        said = {name: v for name in rules.scorers if isinstance(v := by_scorer[name], Verdict)}
        metrics = {name: float(v.metric) if name in numbers else v.metric for name, v in said.items()}
        if right is not None:
            metrics = {rules.main: metrics[rules.main], CORRECTED: right} | metrics
        index, db_id, cluster = example.index, example.question.db_id, cluster_of(example)
        right_or_not, outcome, detail = verdict.correct, verdict.outcome, verdict.detail
        scored.append(Scored(index, db_id, right_or_not, outcome, detail, level, cluster, metrics))
    _warn_of_unsaid(answers, verdicts, rules)
    skipped = sum(benchmark.missing.values()) + len(failed)
    by = suite, str(rules.corrections or "")
    return ScoreReport(tuple(scored), skipped, tuple(sorted(failed)), rules, benchmark.fingerprint, *by)


def check_suites(benchmark: Benchmark, rules: Rules) -> None:
    """Make sure that the test suites are there by which rules are to judge: before a model is asked for hours.

    Raises:
        DatasetError: they are not, for some of the databases that are asked about.
    """
    _suites(benchmark, {example.question.db_id for example in benchmark.examples}, rules)


def _suites(benchmark: Benchmark, asked: Collection[str], rules: Rules) -> tuple[Mapping[str, Sequence[Path]], str]:
    """Return the suites of the databases that are asked about, and what all the benchmark's together are called."""
    if not rules.on_suites:
        return {}, ""
    from spider_opt.scoring.suite_files import suite_files, suite_name

    folder = Path(rules.suite) if rules.suite else None
    files = suite_files(benchmark.paths, folder, needed=asked)
    return files, suite_name(files, folder)


def _warn_of_lone(suites: Mapping[str, Sequence[Path]], asked: Collection[str], rules: Rules) -> None:
    """Tell of databases whose suite is no more than one database."""
    if alone := sum(len(suites[db_id]) == 1 for db_id in asked if db_id in suites):
        more = "" if rules.suite else f"; a folder of test suites is named by {argument('suite', 'DIR')}"
        of = counted(len(asked), "database")
        _LOG.warning(
            "suite: %d of %s with no instance but the benchmark's own, where it is what official says%s",
            alone,
            of,
            more,
        )


def _warn_of_unsaid(
    answers: Sequence[tuple[Example, str]], verdicts: Sequence[Mapping[str, Verdict | GoldError]], rules: Rules
) -> None:
    """Tell of questions that count for EX and not for another metric, since the gold query fails there."""
    unsaid: dict[tuple[str, str], list[int]] = {}
    for (example, _), said in zip(answers, verdicts, strict=True):
        if not isinstance(said[rules.main], GoldError):
            for name, answer in said.items():
                if isinstance(answer, GoldError):
                    unsaid.setdefault((name, str(answer)), []).append(example.index)
    alike: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (name, why), indices in unsaid.items():
        alike.setdefault((why, tuple(indices)), []).append(name)
    for (why, numbers), names in alike.items():
        s = "s" if len(numbers) > 1 else ""
        _LOG.warning("question%s %s left out of %s: %s", s, ", ".join(map(str, numbers)), ", ".join(names), why)


def accuracy(scored: Sequence[Scored]) -> float | None:
    """Return the percentage of right answers, None for no answers."""
    return round(100 * sum(s.correct for s in scored) / len(scored), 4) if scored else None


def cluster_of(example: Example) -> str:
    """Return a short hash of an example's database and gold: its query, else its results."""
    gold = same_query_key(example.gold_sql) if example.golds else "\0".join(example.judged_by)
    key = f"{example.question.db_id}\0{gold}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def of_other_golds(scored: Iterable[Scored], examples: Iterable[Example]) -> bool:
    """Tell whether verdicts are about other gold queries than examples of the same indices have."""
    clusters = {one.index: one.cluster for one in scored}
    return any(example.index in clusters and clusters[example.index] != cluster_of(example) for example in examples)


def write_verdicts(scored: Sequence[Scored], path: Path, judged: Mapping[str, Any] | None = None) -> None:
    """Write one JSON object a line, all or nothing; what is ``judged`` stands on each, see ``runs.judged``."""
    mark = {JUDGED: judged} if judged else {}
    lines = ({k: v for k, v in asdict(s).items() if k != "metrics" or v} | mark for s in scored)
    write_whole(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def read_verdicts(path: Path) -> list[Scored]:
    """Read what ``write_verdicts`` wrote.

    Raises:
        OSError, ValueError, LookupError, TypeError: it cannot be read, or is something else.
    """
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    read = [_read(parsed(line)) for line in lines if line]
    if len({scored.index for scored in read}) < len(read):
        raise ValueError("a question has two verdicts")
    return read


def _read(entry: Mapping[str, Any]) -> Scored:
    if not isinstance(entry, dict):
        raise TypeError("a verdict is no object")
    kinds: dict[str, Kind] = {
        "index": int, "db_id": str, "correct": bool, "outcome": str, "detail": str, "hardness": (str, type(None)),
        "cluster": str, "metrics": dict,
    }  # fmt: skip
    entry = {key: value for key, value in entry.items() if key != JUDGED}
    check_kinds(entry, kinds)
    check_all("metrics", entry.get("metrics", {}), (bool, int, float))
    scored = Scored(**{**entry, "outcome": Outcome(entry["outcome"])})
    if scored.correct != (scored.outcome is Outcome.CORRECT):
        raise ValueError(f"a verdict is {scored.outcome} and correct: {scored.correct}")
    return scored
