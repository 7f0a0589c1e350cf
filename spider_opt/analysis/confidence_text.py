"""A run's confidence as a person or a program reads it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from math import inf, isfinite
from typing import Any

from spider_opt.analysis.confidence import Confidence, Measured
from spider_opt.analysis.coverage import ROUNDING

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
COLUMNS = ("index", "id", "db_id", "confidence", "correct")


def to_markdown(found: Confidence) -> str:
    """Return the reliability table, the figures, the risk-coverage curve and what could be answered."""
    info = found.run.info
    model = f" with {info.model}" if info.model else ""
    lines = [
        f"{info.method}{model} on {info.asked}: {_percent(found.right)} % right, n={found.n}. Confidence: {found.says}."
    ]
    if said := left_out(found):
        lines.append(said)
    digits = digits_of(found)
    lines += ["", "| confidence | answers | mean confidence | right, % (95 %) |", "| --- | ---: | ---: | --- |"]
    for one in reversed(found.bins):
        low, high, mean = (f"{value:.{digits}f}" for value in (one.low, one.high, one.confidence))
        lines.append(f"| {low if low == high else f'{low} to {high}'} | {one.n} | {mean} | {_percents(one.right)} |")
    lines += [
        "",
        figures(found),
        "",
        "| answered | right of those, % | from confidence |",
        "| ---: | ---: | ---: |",
    ]
    for coverage, precision, threshold in at_coverages(found):
        lines.append(f"| {100 * coverage:.0f} % | {_percent(precision)} | {threshold:.{digits}f} |")
    return "\n".join([*lines, "", answered(found), ""])


def answered(found: Confidence) -> str:
    """Say in one sentence how much could be answered at the precision that was wanted."""
    what = found.answered
    wanted = f"{100 * what.wanted:g} %"
    if not what.n:
        surest = found.curve[0]
        return (
            f"No question could be answered at {wanted} precision: no confidence reaches that on {what.folds}. Of the "
            f"surest {100 * surest[0]:.0f} % of answers {_percent(surest[1])} % are right."
        )
    hit = what.precision
    now = "no confidence of all answers together reaches it"
    if what.threshold < inf:
        now = f"further questions would be answered from confidence {what.threshold:.3g} on"
    missed = "" if hit.value >= what.wanted - ROUNDING else f", less than the {wanted} that was wanted"
    return (
        f"At {wanted} precision {what.n} of {found.n} questions ({100 * what.share:.0f} %) could be answered and the "
        f"rest passed to a person: of those {_percents(hit)} % are right{missed}. Each threshold is chosen on "
        f"{what.folds} alone; {now}."
    )


def figures(found: Confidence) -> str:
    """Say in one sentence how far confidence is from being right, and how well it tells the two apart."""
    return (
        f"ECE {_said(found.ece)}, Brier {_said(found.brier)}; AURC {_said(found.aurc)}, in an order by chance "
        f"{found.aurc_chance:.3f}, in the best {found.aurc_best:.3f}."
    )


def left_out(found: Confidence) -> str:
    """Say which answers count with confidence 0 since nothing tells theirs; '' where there are none."""
    parts = [f"{found.failed} did not run"] * bool(found.failed)
    parts += [f"{found.silent} do not say how sure they are"] * bool(found.silent)
    return f"Of the answers {' and '.join(parts)}: they count with confidence 0." if parts else ""


def digits_of(found: Confidence) -> int:
    """Return how many digits a confidence is shown with: most tokens are nearly certain."""
    return 4 if found.signal == "logprob" else 2


def at_coverages(found: Confidence) -> list[tuple[float, float, float]]:
    """Return the points of the curve that are nearest to round coverages, each once, the largest first."""
    near = [min(found.curve, key=lambda point: abs(point[0] - coverage)) for coverage in COVERAGES]
    return list(dict.fromkeys(near))


def to_json(found: Confidence) -> dict[str, Any]:
    """Return the figures JSON-able."""
    what = asdict(found.answered) | {"threshold": _finite(found.answered.threshold)}
    what["precision"] = _measured(found.answered.precision)
    return {
        "run": found.run.where,
        "signal": found.signal,
        "says": found.says,
        "by": found.by,
        "clusters": found.clusters,
        "n": found.n,
        "right": found.right,
        "silent": found.silent,
        "failed": found.failed,
        "bins": [asdict(one) | {"right": _measured(one.right)} for one in found.bins],
        "ece": _measured(found.ece),
        "brier": _measured(found.brier),
        "aurc": _measured(found.aurc) | {"chance": found.aurc_chance, "best": found.aurc_best},
        "curve": [dict(zip(("coverage", "precision", "threshold"), point, strict=True)) for point in found.curve],
        "answered": what,
    }


def to_csv(found: Confidence) -> str:
    """Return a line for each answer: how sure it is, and whether it is right."""
    file = io.StringIO()
    rows: Sequence[Sequence[object]] = [
        (one.index, one.id, one.db_id, f"{one.confidence:.6g}", int(one.correct)) for one in found.sure
    ]
    csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    return file.getvalue()


def _said(one: Measured) -> str:
    return f"{one.value:.3f}" + (f" ({one.low:.3f} to {one.high:.3f})" if isfinite(one.low) else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _percents(one: Measured) -> str:
    return _percent(one.value) + (f" ({_percent(one.low)} to {_percent(one.high)})" if isfinite(one.low) else "")


def _measured(one: Measured) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in asdict(one).items()}


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
