"""Run folders to rows, rows to CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.errors import RunError
from spider_opt.runs.answers import Answer, read_answers
from spider_opt.runs.context_metrics import METRICS
from spider_opt.runs.folder import read_description
from spider_opt.scoring import read_verdicts
from spider_opt.scoring.report import Scored, accuracy
from spider_opt.scoring.statistics import clustered_se
from spider_opt.types import HARDNESS_LEVELS, Outcome, Usage

if TYPE_CHECKING:
    import pandas as pd

# What a reader wants first; the CSV has all columns.
TEXT = ("method", "model", "engine", "benchmark")
SHORT = (*TEXT, "n", "ex", "ex_se", *(f"ex_{level}" for level in HARDNESS_LEVELS), "s_per_question")


@dataclass(frozen=True, slots=True)
class Row:
    """One finished run.

    ``ex`` and its kind are percentages, ``ex_se`` the standard error of ``ex`` with questions of one gold
    query counted as dependent. ``engine`` is '' for llama.cpp or an endpoint; seconds of different engines say nothing
    about methods. Tokens and seconds are sums over all questions; ``seconds`` is time spent waiting for the model.
    ``context`` are means over the questions that have the metric.
    """

    method: str
    model: str
    model_sha256: str
    adapter_sha256: str
    engine: str
    benchmark: str
    fingerprint: str
    n: int
    ex: float
    ex_se: float
    by_hardness: dict[str, float | None]
    outcomes: dict[str, int]
    usage: Usage
    scorer: str
    seed: int
    version: str
    commit: str
    steps: str
    run: str
    context: dict[str, float | None]

    def cells(self) -> dict[str, Any]:
        """Return the row flat, in the order of the CSV's columns; rounded to what is read."""
        flat: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "by_hardness":
                flat |= {f"ex_{level}": value[level] for level in HARDNESS_LEVELS}
            elif f.name == "context":
                flat |= {f"ctx_{name}": value[name] for name in METRICS}
            elif f.name == "outcomes":
                flat |= value
            elif f.name == "usage":
                flat |= {g.name: getattr(value, g.name) for g in fields(value)}
                flat["seconds"] = round(value.seconds, 1)
                flat["dollars"] = round(value.dollars, 4)
                flat["s_per_question"] = round(value.seconds / self.n, 3)
            else:
                flat[f.name] = value
        return flat | {"ex": round(self.ex, 4), "ex_se": round(self.ex_se, 4)}


def read_row(folder: Path) -> Row:
    """Read a finished run.

    Raises:
        RunError: the folder holds no run, an unfinished one, or files that are broken.
    """
    run = read_description(folder)
    if "scorer" not in run or not (folder / "verdicts.jsonl").exists():
        raise RunError(f"the run in {folder} is unfinished: run its eval command again")
    try:
        answers = {answer.index: answer for answer in read_answers(folder / "predictions.jsonl")}
        scored = read_verdicts(folder / "verdicts.jsonl")
        return _row(run, answers, scored, folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else repr(error)
        raise RunError(f"the run in {folder} is broken ({said}): run its eval command again") from error


def _row(run: dict[str, Any], answers: dict[int, Answer], scored: list[Scored], folder: Path) -> Row:
    ex = accuracy(scored)
    if ex is None or not {s.index for s in scored} <= set(answers):
        raise RunError(f"{folder} has verdicts without predictions: run its eval command again")
    levels: dict[str, float | None] = {
        level: accuracy([s for s in scored if s.hardness == level]) for level in HARDNESS_LEVELS
    }
    scorer = run["scorer"]
    return Row(
        method=run["method"],
        model=run["model"],
        model_sha256=run["model_sha256"],
        adapter_sha256=run["adapter_sha256"],
        engine=run.get("engine", ""),
        benchmark=" ".join((run["benchmark"], run["sample"] or run["split"])),
        fingerprint=run["fingerprint"],
        n=len(scored),
        ex=ex,
        ex_se=clustered_se([s.correct for s in scored], [s.cluster for s in scored]),
        by_hardness=levels,
        outcomes={o.value: sum(s.outcome is o for s in scored) for o in Outcome},
        usage=sum((answers[s.index].prediction.usage for s in scored), Usage()),
        scorer=f"{scorer['mode']}{' keep-distinct' if scorer['keep_distinct'] else ''} v{scorer['version']}",
        seed=run["seed"],
        version=run["version"],
        commit=run["commit"],
        steps=run["steps"],
        run=folder.name,
        context={name: _mean(answers[s.index].context.get(name) for s in scored) for name in METRICS},
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def find_runs(*roots: Path) -> list[Path]:
    """Return the run folders among ``roots`` and directly under them, each once."""
    found: dict[Path, Path] = {}
    for root in roots:
        inside = [root] if (root / "run.json").exists() else sorted(path.parent for path in root.glob("*/run.json"))
        for folder in inside:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a table, those of one benchmark together, best first."""
    import pandas as pd

    frame = pd.DataFrame([row.cells() for row in rows])
    return frame.sort_values(["benchmark", "ex", "method", "run"], ascending=[True, False, True, True])


def to_csv(frame: pd.DataFrame) -> str:
    """Return all columns as CSV."""
    return frame.to_csv(index=False, lineterminator="\n")


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the columns a reader wants first as a Markdown table."""
    shown = frame[list(SHORT)].rename(columns={"ex": "EX", "ex_se": "±", "s_per_question": "s/question"})
    shown = shown.rename(columns={f"ex_{level}": level for level in HARDNESS_LEVELS})
    for name in ("EX", "±", *HARDNESS_LEVELS):
        shown[name] = [f"{value:.1f}" if value == value else "-" for value in shown[name].astype(float)]
    head = [list(shown.columns), ["---:" if name not in TEXT else "---" for name in shown.columns]]
    lines = [*head, *([str(cell).replace("|", "\\|") for cell in row] for row in shown.itertuples(index=False))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
