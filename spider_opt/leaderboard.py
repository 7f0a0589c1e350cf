"""Run folders to rows, rows to CSV and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.analysis.ranking import RANKED_BY, Together, question_set, ranked_with, ranks
from spider_opt.runs import Run, RunInfo
from spider_opt.runs.conditions import apart, how_asked
from spider_opt.runs.context_metrics import METRICS
from spider_opt.runs.costs import Costs, costs
from spider_opt.scoring.report import Scored, accuracy
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.spread import Spread, spread, spread_cells
from spider_opt.scoring.statistics import BY, By
from spider_opt.scoring.table import SCORERS, SUITES
from spider_opt.types import HARDNESS_LEVELS, Outcome
from spider_opt.wording import table_line

if TYPE_CHECKING:
    import pandas as pd

# What a reader wants first, the last four only where there is something to say; the CSV has all columns.
TEXT = ("method", "model", "computed by", "benchmark", "corrections", "beside")
SHORT = (
    "rank", "method", "model", "asked", "benchmark", "n", "ex", "ex_se", *(f"ex_{level}" for level in HARDNESS_LEVELS),
    "s_per_question", "cut", "refused", "ex_answered", "beside",
)  # fmt: skip
SHOWN_AS = {
    "ex": "EX", "ex_se": "±", "s_per_question": "s/question", "asked": "computed by", "ex_answered": "EX of the others",
    **{f"ex_{level}": level for level in HARDNESS_LEVELS},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One finished run.

    ``ex`` and its kind are percentages, ``ex_se`` the standard error of ``ex`` with questions of one gold
    query counted as dependent; ``spreads`` are its 95 % intervals and design effects by gold query (``ex_low``,
    ``ex_high``, ``ex_deff``, over so many ``gold_queries``) and by database (``ex_low_db``, …). ``metrics`` are the
    others that were asked, as ``ScoreReport.metrics`` has them, each in a column of its name and, with ``_se``, its
    error; ``suites`` is what the test suites are called, if there are any, and ``corrections`` what corrected golds
    are, a column only where there are any.
    ``question_set`` is a hash of the questions that count: rows of one benchmark and one ``scorer`` compare
    where it is the same. ``engine`` is '' for llama.cpp or an endpoint; seconds of different engines say nothing
    about methods. ``cut`` answers met the token limit. Of ``costs`` calls, tokens, seconds and dollars are sums over
    all questions, beside what one question, and one that is answered rightly, comes to; ``seconds`` is time spent
    waiting for the model. Tokens are empty where a server did not tell all of them, dollars where the price is unknown.
    ``context`` are means over the questions that have the metric. ``info`` says under which conditions the run was
    made.
    """

    method: str
    model: str
    model_sha256: str
    adapter_sha256: str
    engine: str
    benchmark: str
    fingerprint: str
    question_set: str
    n: int
    ex: float
    ex_se: float
    spreads: dict[By, Spread]
    metrics: dict[str, dict[str, Any]]
    by_hardness: dict[str, float | None]
    outcomes: dict[str, int]
    cut: int
    costs: Costs
    scorer: str
    suites: str
    corrections: str
    seed: int
    version: str
    commit: str
    steps: str
    run: str
    context: dict[str, float | None]
    info: RunInfo
    verdicts: tuple[Scored, ...] = field(repr=False)

    def cells(self) -> dict[str, Any]:
        """Return the row flat, in the order of the CSV's columns; rounded to what is read."""
        flat: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "by_hardness":
                flat |= {f"ex_{level}": value[level] for level in HARDNESS_LEVELS}
            elif f.name == "spreads":
                flat |= spread_cells(value)
            elif f.name == "metrics":
                for metric, said in value.items():
                    flat |= {metric: said["value"], f"{metric}_se": said["se"]}
                    flat |= {f"{metric}_n": said["n"]} if said["n"] != self.n else {}
            elif f.name == "verdicts":
                pass
            elif f.name == "corrections":
                flat |= {f.name: value} if value else {}
            elif f.name == "context":
                flat |= {f"ctx_{name}": value[name] for name in METRICS}
            elif f.name == "info":
                flat |= {"timeout_s": value.scorer and value.scorer.timeout_s, "asked": how_asked(value)}
            elif f.name == "outcomes":
                flat |= value
            elif f.name == "costs":
                flat |= _of_costs(value)
            else:
                flat[f.name] = value
        return flat | {"ex": round(self.ex, 4), "ex_se": round(self.ex_se, 4)}


def _of_costs(costs: Costs) -> dict[str, float | str | None]:
    """Return the cells of what answers cost."""

    def rounded(value: float | None, digits: int) -> float | None:
        return None if value is None else round(value, digits)

    total, question, correct = costs.total, costs.per_question, costs.per_correct
    flat: dict[str, float | str | None] = {**total, "seconds": rounded(total["seconds"], 1)}
    flat |= {"dollars": rounded(total["dollars"], 6), "s_per_question": rounded(question["seconds"], 3)}
    for part, amounts in (("question", question), ("correct", correct)):
        flat |= {f"{name}_per_{part}": rounded(amounts[name], 3) for name in ("calls", *_TOKENS)}
        flat[f"dollars_per_{part}"] = rounded(amounts["dollars"], 8)
    return flat | {"s_per_correct": rounded(correct["seconds"], 3), "price": str(costs.price or "")}


_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")


def read_row(folder: Path, *, prices: Path | None = None) -> Row:
    """Read a finished run; the file ``prices`` counts before the one that was noted with it.

    Raises:
        RunError: the folder holds no run, an unfinished one, or files that are broken.
    """
    return to_row(Run.read(folder), prices=prices)


def to_row(run: Run, *, prices: Path | None = None) -> Row:
    """Sum a run up; see ``read_row``."""
    info, parts = run.info, run.parts("hardness")
    metrics = run.report.metrics()
    metrics.pop(run.scorer.rules.main, None)
    return Row(
        method=info.method,
        model=info.model,
        model_sha256=info.model_sha256,
        adapter_sha256=info.adapter_sha256,
        engine=info.engine,
        benchmark=info.asked,
        fingerprint=info.fingerprint,
        question_set=question_set(run.verdicts),
        n=run.n,
        ex=run.ex,
        ex_se=run.ex_se,
        spreads={by: spread(run.verdicts, by) for by in BY},
        metrics=metrics,
        by_hardness={level: accuracy(parts.get(level, [])) for level in HARDNESS_LEVELS},
        outcomes={o.value: sum(s.outcome is o for s in run.verdicts) for o in Outcome},
        cut=run.cut,
        costs=costs(run, prices=prices),
        scorer=str(run.scorer),
        corrections=run.scorer.corrections,
        suites=f"{run.scorer.suite}{' plug-value' * run.scorer.plug_value}",
        seed=info.seed,
        version=info.version,
        commit=info.commit,
        steps=info.steps,
        run=run.name,
        context={name: _mean(answer.context.get(name) for answer, _ in run.judged) for name in METRICS},
        info=info,
        verdicts=run.verdicts,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a table, those of the same questions, judged alike, together; best first.

    ``rank`` is 1 + how many of those are better beyond chance, so that ranks are shared; ``rank_by`` says by which
    test, see ``analysis.ranking``. The last column, ``beside``, says in what else a row differs from others of the same
    questions.
    """
    import pandas as pd

    ranked = sorted(rows, key=lambda row: (*_compares(row), -row.ex, row.method, row.run))
    cells = []
    for _, alike in groupby(ranked, key=_compares):
        group = list(alike)
        places = ranks([row.verdicts for row in group])
        cells += [
            {"rank": rank} | told | {"rank_by": RANKED_BY, "beside": told["beside"]}
            for rank, told in zip(places, _told_apart(group), strict=True)
        ]
    beside = _of_metrics(rows)
    columns = list(dict.fromkeys(name for row in cells for name in row if name not in beside))
    columns.sort(key=lambda name: {"rank_by": 1, "beside": 2}.get(name, 0))
    place = columns.index("ex_se") + 1 if columns else 0
    return pd.DataFrame(cells, columns=[*columns[:place], *beside, *columns[place:]])


def _of_metrics(rows: Sequence[Row]) -> list[str]:
    """Return the columns of all metrics that some row has: corrected golds, then ours in the order of their table."""
    found = {name for row in rows for name in row.metrics}
    names = [name for name in (CORRECTED, *SCORERS) if name in found]
    others = {name for row in rows for name, said in row.metrics.items() if said["n"] != row.n}
    columns: list[str] = []
    for name in (*names, *sorted(found - set(names))):
        columns += [name, f"{name}_se", *([f"{name}_n"] if name in others else [])]
    return columns


def _compares(row: Row) -> Together:
    return ranked_with(row.info, row.verdicts)


def _told_apart(rows: Sequence[Row]) -> list[dict[str, Any]]:
    beside = apart([row.info for row in rows])
    looks = Counter((row.method, row.model, row.engine, said) for row, said in zip(rows, beside, strict=True))
    cells = []
    for row, said in zip(rows, beside, strict=True):
        alike = looks[row.method, row.model, row.engine, said] > 1
        cells.append(row.cells() | {"beside": ", ".join(filter(None, [said, f"run {row.run}" if alike else ""]))})
    return cells


def to_csv(frame: pd.DataFrame) -> str:
    """Return all columns as CSV."""
    return frame.to_csv(index=False, lineterminator="\n")


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the columns a reader wants first as Markdown: a table for each set of questions and each rule behind EX.

    No two of them compare. A rank is 1 + how many rows of the same table are better beyond chance.
    """
    tables = []
    for (benchmark, fingerprint), rows in frame.groupby(["benchmark", "fingerprint"], sort=False):
        sets, scorers, times = (rows[name].nunique() for name in ("question_set", "scorer", "timeout_s"))
        for (name, scorer, time), those in rows.groupby(["question_set", "scorer", "timeout_s"], sort=False):
            which = f", the {those['n'].iloc[0]:,} questions {name}" if sets > 1 else ""
            by = f", EX by {scorer}" if scorers > 1 or times > 1 else ""
            within = f", {time:g} s a query" if times > 1 else ""
            tables.append(
                f"{benchmark}, questions and databases {fingerprint}{which}{by}{within}:\n\n{_ranking(those)}"
            )
    return "\n".join(tables)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(map(str, frame), values, strict=True)) for values in frame.itertuples(index=False)]


def _with_n_and_suites(said: str, row: dict[str, Any], metric: str) -> str:
    """Say beside a number on how many questions it is, where it is on others than EX, and on which suites."""
    n = row.get(f"{metric}_n")
    beside = [f"n={n:.0f}"] if said != "-" and n is not None and isfinite(n) else []
    beside += [row["suites"]] if said != "-" and metric in SUITES else []
    return f"{said} ({', '.join(beside)})" if beside else said


def _ranking(frame: pd.DataFrame) -> str:
    frame = frame.assign(ex_answered=frame["ex"] * frame["n"] / (frame["n"] - frame["refused"]))
    seldom = {"cut": "cut", "refused": "refused", "ex_answered": "refused", "beside": "beside"}
    metrics = [name for name in map(str, frame) if f"{name}_se" in frame and name != "ex" and frame[name].notna().any()]
    names = [name for name in SHORT if name not in seldom or any(frame[seldom[name]])]
    corrections = ["corrections"] if CORRECTED in metrics else []
    names[names.index("ex_se") + 1 : names.index("ex_se") + 1] = [*metrics, *corrections]
    frame = frame.assign(**{name: frame[name].fillna("-") for name in corrections})
    shown = frame[names].rename(columns=SHOWN_AS)
    for name in ("EX", "±", SHOWN_AS["ex_answered"], *metrics, *HARDNESS_LEVELS):
        if name in shown:
            shown[name] = [f"{value:.1f}" if isfinite(value) else "-" for value in shown[name].astype(float)]
    for name in metrics:
        shown[name] = [_with_n_and_suites(said, row, name) for said, row in zip(shown[name], _rows(frame), strict=True)]
    head = [list(shown.columns), ["---:" if name not in TEXT else "---" for name in shown.columns]]
    return "".join(table_line(map(str, row)) for row in (*head, *shown.itertuples(index=False)))
