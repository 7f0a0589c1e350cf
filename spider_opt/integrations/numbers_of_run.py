"""A finished run as trackers keep it: parameters, numbers, a table of questions, and by what it is known again."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from typing import Any

from spider_opt.runs import Run
from spider_opt.runs.answers import to_line
from spider_opt.scoring.statistics import clustered_se

_LEFT_OUT = ("format", "n", "scorer", "failed_golds", "missing", "versions", "served", "resumed")


def key_of(run: Run) -> str:
    """Return a hash of what was run, what was answered and how it was judged: another one for another of these."""
    answers, verdicts = map(to_line, run.answers), [asdict(one) for one in run.verdicts]
    told = [run.info.to_json(), list(answers), verdicts]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def parameters(run: Run) -> dict[str, str]:
    """Return what was run, on what, with what, and how it was judged, as texts."""
    info, scorer = run.info.to_json(), run.scorer
    told = {name: value for name, value in info.items() if name not in _LEFT_OUT and not isinstance(value, dict | list)}
    told |= {
        "mode": scorer.mode,
        "keep_distinct": scorer.keep_distinct,
        "timeout_s": scorer.timeout_s,
        "scorer_version": scorer.version,
        "suite": scorer.suite,
        "corrections": scorer.corrections,
        "left_out": run.report.skipped,
    }
    return {name: str(value) for name, value in told.items() if value not in ("", None)}


def numbers(run: Run) -> dict[str, float]:
    """Return what came out: accuracies in percent with their standard errors, counts, tokens, seconds and dollars.

    A metric stands with ``_se`` and ``_n``; parts by hardness, database and the like behind a slash (``ex/easy``);
    where two kinds have parts of one name, the second is told by its kind (``ex/difficulty/easy``). What is not known,
    such as an error of one gold query, is left out.
    """
    told: dict[str, float | None] = {"n": run.n, "ex": run.ex, "ex_se": run.ex_se, "cut": run.cut}
    for name, said in run.report.metrics().items():
        told |= {name: said["value"], f"{name}_se": said["se"], f"{name}_n": said["n"]}
    parts = ["hardness", "database"]
    if run.benchmark and any("difficulty" in example.metadata for example in run.benchmark.examples):
        parts.append("difficulty")
    for by in parts:
        for part, scored in run.parts(by).items():
            right = [one.correct for one in scored]
            se = clustered_se(right, [one.cluster for one in scored])
            name = f"{by}/{part}" if f"ex/{part}" in told else part
            told |= {f"ex/{name}": 100 * sum(right) / len(right), f"ex_se/{name}": se, f"n/{name}": len(right)}
    for outcome, count in run.report.summary()["outcomes"].items():
        told[f"outcome/{outcome}"] = count
    usage = run.usage.to_json()
    untold = usage.pop("untold", 0)
    for name, value in usage.items():
        told[name] = None if untold and name.endswith("_tokens") else value
        if run.n and told[name] is not None:
            told[f"{name}_per_question"] = value / run.n
    return {name: float(value) for name, value in told.items() if value is not None and math.isfinite(value)}


def table_of_questions(run: Run) -> dict[str, list[Any]]:
    """Return ``columns`` and ``data``, a row for each answer as in ``Run.table``; what is missing is None."""
    table = run.table().reset_index()
    rows = [[_plain(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return {"columns": [str(name) for name in table.columns], "data": rows}


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
