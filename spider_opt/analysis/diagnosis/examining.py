"""All that is said of a run: why its answers are wrong, what its context was worth, and what to try next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spider_opt.analysis.candidates import candidates
from spider_opt.analysis.diagnosis.context_figures import ContextFigure, context_figures
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis
from spider_opt.analysis.diagnosis.next_step import NextStep, next_steps
from spider_opt.analysis.diagnosis.oracle.findings import OracleFindings
from spider_opt.analysis.diagnosis.standing import Standing, standing
from spider_opt.progress import Progress
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@dataclass(frozen=True, slots=True)
class Examination:
    """A diagnosis with what stands beside it.

    ``oracle`` is None where none was asked, ``best_of`` EX if the best of the kept candidates were always chosen, None
    where none were kept. ``steps`` are what to try, the first first.
    """

    found: Diagnosis
    oracle: OracleFindings | None
    figures: tuple[ContextFigure, ...]
    best_of: float | None
    steps: tuple[NextStep, ...]
    standing: Standing


def examine(
    found: Diagnosis,
    benchmark: Benchmark,
    oracle: OracleFindings | None = None,
    *,
    progress: bool | Progress | None = False,
) -> Examination:
    """Look at a diagnosed run from all sides; kept candidates are judged, and no model is asked.

    Raises:
        DatasetError: a database has changed since the benchmark was loaded.
    """
    best_of = best_of_candidates(found.run, benchmark, progress=progress)
    steps = next_steps(found, oracle, best_of)
    return Examination(found, oracle, context_figures(found.run), best_of, steps, standing(found, oracle, steps))


def best_of_candidates(run: Run, benchmark: Benchmark, *, progress: bool | Progress | None = False) -> float | None:
    """Return EX if the best of the kept candidates were always chosen, None where none were kept. They are judged.

    Raises:
        DatasetError: a database has changed since the benchmark was loaded.
    """
    if not any(answer.prediction.candidates for answer in run.answers):
        return None
    return candidates(run, benchmark=benchmark, progress=progress)["oracle"].ex


def usual_folder(run: Path, ids: Path | None = None) -> Path:
    """Return where the oracle's answers to a run's questions are, or to those that a file ``ids`` lists."""
    return Path("results") / "diagnosis" / (run.resolve().name + (f"-{ids.stem}" if ids else ""))
