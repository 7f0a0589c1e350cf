"""A run's answers or a file of predictions as pairs with their questions, to be judged or written anew."""

from __future__ import annotations

from pathlib import Path

from spider_opt.errors import PredictionsError
from spider_opt.runs.answers import pair_answers
from spider_opt.runs.prediction_files import Predicted, is_of_a_run, is_of_sql_files, read_predictions
from spider_opt.runs.verdict_files import PREDICTIONS
from spider_opt.types import Benchmark


def answer_pairs(
    path: Path, benchmark: Benchmark, *, extract: bool = False, field: str | None = None
) -> list[Predicted]:
    """Read a run folder, its ``predictions.jsonl``, or a file of another tool, as ``score`` does.

    Raises:
        PredictionsError: the answers are not this benchmark's, or not all are there.
        RunError: the folder or its files are none of a run.
    """
    if not path.exists():
        raise PredictionsError(f"there is no {path}: name a run folder, or a file of predictions")
    if (path.is_dir() and not is_of_sql_files(path)) or is_of_a_run(path):
        answered = pair_answers(benchmark, path / PREDICTIONS if path.is_dir() else path)
        return [Predicted(example, a.prediction.sql, a.prediction.sql) for example, a in answered]
    return read_predictions(benchmark, path, extract=extract, field=field)
