"""The numbers of a page: each run under every metric, what it cost and what its context was worth, any two compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from spider_opt.analysis.comparing import asked, change, check_comparable, with_metric
from spider_opt.analysis.ranking import RANKED_BY, Together, ranked_with, ranks
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.runs.conditions import beside_the_step, how_asked
from spider_opt.runs.context_metrics import METRICS
from spider_opt.runs.costs import costs
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.statistics import accuracy_interval, clustered_se
from spider_opt.scoring.table import SUITES
from spider_opt.types import Usage

LABELS = {
    "official": ("EX", "execution accuracy by the official rule"),
    "bird": ("EX (BIRD)", "BIRD's execution accuracy: the same set of rows"),
    "strict": ("strict", "the same rows, columns in their order, DISTINCT counts"),
    CORRECTED: ("corrected", "EX with corrected gold queries"),
    "suite": ("suite (TS)", "EX on every database of a test suite"),
    "match": ("exact match", "the official exact set match: the same parts, values aside"),
    "bird-f1": ("soft F1", "BIRD's soft F1: how much of the rows is right"),
    "r-ves": ("R-VES", "BIRD's reward for right answers that are fast"),
}


def main_of(run: Run) -> str:
    """Return the name of the metric that is EX for a run."""
    return run.scorer.rules.main or "official"


def metrics_of(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return what is known of each metric that a run has, EX first."""
    names: dict[str, None] = {}
    for run in runs:
        names |= dict.fromkeys([main_of(run), *run.report.metrics()])
    told = []
    for name in names:
        label, about = LABELS.get(name, (name, "a metric of another package, or a variant of one"))
        if name in SUITES and (suites := sorted({run.scorer.suite for run in runs if run.scorer.suite})):
            about += f" ({'; '.join(suites)})"
        told.append({"name": name, "label": label, "about": about})
    return told


def accuracies(run: Run) -> dict[str, dict[str, Any]]:
    """Return n, value, standard error and 95 % intervals by gold query and by database of each metric, in percent."""
    told = {}
    main = main_of(run)
    for name in run.report.metrics():
        said = [(value, s) for s in run.verdicts if (value := s.said(name, main)) is not None]
        values = [float(value) for value, _ in said]
        if not values:
            continue
        clusters, databases = [s.cluster for _, s in said], [s.db_id for _, s in said]
        told[name] = {
            "n": len(values),
            "value": _rounded(100 * fmean(values)),
            "se": _rounded(clustered_se(values, clusters)),
            "query": _span(accuracy_interval(values, clusters)),
            "database": _span(accuracy_interval(values, databases)),
        }
    return told


def costs_of(run: Run) -> dict[str, Any] | None:
    """Return what a question and a right answer cost, and why dollars are not known; None for a file's answers."""
    found = costs(run)
    if found.usage == Usage():
        return None
    told = found.to_json()
    return {**told["per_question"], "per_correct": told["per_correct"], "unknown": found.unknown}


def context(run: Run) -> dict[str, dict[str, float]]:
    """Return n and mean, in percent, of each measure of the context that some answers have."""
    told = {}
    for name in METRICS:
        values = [answer.context[name] for answer, _ in run.judged if name in answer.context]
        if values:
            told[name] = {"n": len(values), "value": round(100 * fmean(values), 4)}
    return told


def row_of(run: Run, label: str) -> dict[str, Any]:
    """Return what the page says of a run, but for its questions."""
    info = run.info
    candidates = any(answer.prediction.candidates for answer in run.answers)
    answers = any(answer.prediction.text for answer in run.answers)
    missing = []
    if not answers:
        missing.append("what the model said word by word (raw answers)")
    if not candidates:
        missing.append("the candidates that its steps chose from")
    return {
        "label": label, "method": info.method, "steps": info.steps, "model": info.model, "name": run.name,
        "commit": info.commit, "version": info.version, "started": info.started, "seed": info.seed,
        "asked": how_asked(info), "n": run.n, "main": main_of(run), "scorer": str(run.scorer),
        "metrics": accuracies(run), "costs": costs_of(run), "context": context(run),
        "cut": run.cut, "refused": sum(run.refused.values()), "failed_golds": len(run.failed_golds),
        "sample": info.sample, "missing": missing,
    }  # fmt: skip


def pairs(runs: Sequence[Run], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the second of each two runs changed against the first, by each metric that both have.

    ``by`` has for a metric n, the change with its 95 % interval in points, won, lost and McNemar's p; ``why`` says why
    there is none.
    """
    told = []
    for a, base in enumerate(runs):
        for b in range(a + 1, len(runs)):
            by: dict[str, Any] = {}
            why = ""
            for metric in metrics:
                said = _pair(base, runs[b], metric)
                if isinstance(said, str):
                    why = why or said
                else:
                    by[metric] = said
            beside = beside_the_step(base.info, runs[b].info)
            told.append({"base": a, "run": b, "by": by, "beside": beside, "why": "" if by else why})
    return told


def ranks_of(runs: Sequence[Run]) -> tuple[list[dict[str, Any] | None], str]:
    """Return each run's rank by EX among runs of the same questions judged alike, as the leaderboard has it, and how.

    None for a run that is alone. ``group`` is a letter where there are several such sets.
    """
    together: dict[Together, list[int]] = {}
    for i, run in enumerate(runs):
        together.setdefault(ranked_with(run.info, run.verdicts), []).append(i)
    groups = sorted((key, mine) for key, mine in together.items() if len(mine) > 1)
    found: list[dict[str, Any] | None] = [None] * len(runs)
    sets = []
    for number, (key, mine) in enumerate(groups):
        letter = chr(ord("a") + number % 26) * (1 + number // 26) if len(together) > 1 else ""
        sets.append(f"{letter}: {len(mine)} runs, {-key[2]:,} questions, EX by {key[4]}, {key[5]:g} s a query")
        for i, rank in zip(mine, ranks([runs[i].verdicts for i in mine]), strict=True):
            found[i] = {"rank": rank, "of": len(mine), "group": letter}
    if not groups:
        return found, ""
    said = f"Rank by EX, shared where no test tells runs apart: {RANKED_BY}, among the runs on this page."
    if len(together) > 1:
        said += f" Only runs of the same questions, judged alike, are ranked together ({'; '.join(sets)})."
    return found, said


def _pair(base: Run, run: Run, metric: str) -> dict[str, Any] | str:
    named = None if metric == main_of(base) == main_of(run) else metric
    try:
        first, second = with_metric(base, named), with_metric(run, named)
        check_comparable(first, second, named)
    except UsageError as error:
        return str(error)
    found = change(first, second, asked(first) & asked(second), "query", named)
    return {
        "n": found.n, "change": _rounded(found.change), "between": _span((found.low, found.high)),
        "won": found.won, "lost": found.lost, "p": found.p,
    }  # fmt: skip


def _span(span: tuple[float, float]) -> list[float] | None:
    return None if math.isnan(span[0]) else [round(span[0], 4), round(span[1], 4)]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
