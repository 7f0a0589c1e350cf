"""A split's verdicts, ready to be summed up, written and read back.

A line of ``verdicts.jsonl`` carries all that a leaderboard needs, so that runs can be compared where
the benchmark itself is not at hand. ``cluster`` is a hash of (db_id, gold query): equal for questions
that ask for the same query in two phrasings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import GoldError
from spider_opt.paths import cache_dir, write_whole
from spider_opt.scoring.cache import ScoringCache, levels, same_query_key
from spider_opt.scoring.official import VERSION, Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import HARDNESS_LEVELS, Benchmark, Example, Outcome


@dataclass(frozen=True, slots=True)
class Scored:
    """One question's verdict with what it is counted under."""

    index: int
    db_id: str
    correct: bool
    outcome: Outcome
    detail: str
    hardness: str | None
    cluster: str


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """Verdicts of one set of predictions under one set of rules.

    ``skipped`` counts the questions of the split's file that are not in n: no database, or a gold that
    fails (``failed_golds``, as index and message).
    """

    scored: tuple[Scored, ...]
    skipped: int
    failed_golds: tuple[tuple[int, str], ...]
    rules: Rules
    fingerprint: str

    def summary(self) -> dict[str, Any]:
        """Return the numbers, JSON-able; accuracies in percent, None where there is no question."""
        by_hardness = {level: [s for s in self.scored if s.hardness == level] for level in HARDNESS_LEVELS}
        return {
            "n": len(self.scored),
            "skipped": self.skipped,
            "ex": accuracy(self.scored),
            "by_hardness": {k: {"n": len(v), "ex": accuracy(v)} for k, v in by_hardness.items()},
            "outcomes": {o.value: sum(s.outcome is o for s in self.scored) for o in Outcome},
            "mode": self.rules.mode,
            "keep_distinct": self.rules.keep_distinct or self.rules.mode == "strict",
            "timeout_s": self.rules.timeout_s,
            "scorer_version": VERSION,
            "failed_golds": [index for index, _ in self.failed_golds],
            "fingerprint": self.fingerprint,
        }


def score(
    benchmark: Benchmark,
    answers: Sequence[tuple[Example, str]],
    rules: Rules,
    *,
    use_cache: bool = True,
    n_workers: int | None = None,
    on_verdict: Callable[[], None] = lambda: None,
) -> ScoreReport:
    """Judge (example, predicted SQL) pairs of one benchmark.

    ``use_cache`` keeps gold results on disk, ``n_workers`` is the number of processes, ``on_verdict``
    is called after each verdict.
    """
    cache = cache_dir() / "gold.sqlite" if use_cache else None
    with closing(ScoringCache(cache)) as kept:  # closed before processes are forked
        hardness = levels([example.gold_sql for example, _ in answers], kept)
        cache = kept.path
    verdicts = judge_all(answers, benchmark.paths, rules, cache=cache, n_workers=n_workers, on_verdict=on_verdict)
    scored, failed = [], []
    for (example, _), verdict, level in zip(answers, verdicts, hardness, strict=True):
        if isinstance(verdict, GoldError):
            failed.append((example.index, str(verdict)))
            continue
        db_id = example.question.db_id
        scored.append(
            Scored(example.index, db_id, verdict.correct, verdict.outcome, verdict.detail, level, cluster_of(example))
        )
    skipped = sum(benchmark.missing.values()) + len(failed)
    return ScoreReport(tuple(scored), skipped, tuple(failed), rules, benchmark.fingerprint)


def accuracy(scored: Sequence[Scored]) -> float | None:
    """Return the percentage of right answers, None for no answers."""
    return round(100 * sum(s.correct for s in scored) / len(scored), 4) if scored else None


def cluster_of(example: Example) -> str:
    """Return a short hash of an example's database and gold query."""
    key = f"{example.question.db_id}\0{same_query_key(example.gold_sql)}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def write_verdicts(scored: Sequence[Scored], path: Path) -> None:
    """Write one JSON object a line, all or nothing."""
    write_whole(path, "".join(json.dumps(asdict(s), ensure_ascii=False) + "\n" for s in scored))


def read_verdicts(path: Path) -> list[Scored]:
    """Read what ``write_verdicts`` wrote."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [_read(json.loads(line)) for line in lines if line]


def _read(entry: Mapping[str, Any]) -> Scored:
    return Scored(**{**entry, "outcome": Outcome(entry["outcome"])})
