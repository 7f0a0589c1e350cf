"""What is compared: run folders, files of verdicts, and files of predictions, which are judged first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spider_opt.errors import RunError
from spider_opt.evaluation.scoring_files import score
from spider_opt.runs import Answer, Run, RunInfo, ScoredBy
from spider_opt.runs.info import FILE
from spider_opt.runs.run import PREDICTIONS, VERDICTS
from spider_opt.scoring import Rules, read_verdicts
from spider_opt.types import Benchmark, Prediction

_OF_VERDICTS = {"index", "db_id", "correct", "outcome", "cluster"}


def read_any(path: Path, benchmark: Callable[[], Benchmark], rules: Rules) -> Run:
    """Read a run from its folder or a file of it; verdicts; or predictions, which are judged on ``benchmark``.

    Verdicts do not say of which benchmark they are, nor by which scorer: their run has no fingerprint, and no mode.

    Raises:
        RunError: a run is unfinished or broken, or verdicts are.
        PredictionsError: a file cannot be read, or does not fit the benchmark.
        DatasetError: the benchmark cannot be loaded.
    """
    if path.is_dir():
        return Run.read(path)
    if path.name in (PREDICTIONS, VERDICTS) and (path.parent / FILE).exists():
        return Run.read(path.parent)
    if _has_verdicts(path):
        return _of_verdicts(path)
    return replace(score(path, benchmark(), mode=rules), called=str(path))


def _has_verdicts(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "null"))
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and first.keys() >= _OF_VERDICTS


def _of_verdicts(path: Path) -> Run:
    try:
        verdicts = tuple(read_verdicts(path))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunError(f"{path} holds no verdicts that can be read: {error}") from error
    answers = tuple(Answer(verdict.index, "", verdict.db_id, Prediction("")) for verdict in verdicts)
    nobody = RunInfo(path.stem, "", "", "", "", benchmark="", split="", sample="", fingerprint="", seed=0)
    info = replace(nobody, n=len(verdicts), scorer=ScoredBy("", False, 0.0, ""))
    return Run(info, answers, verdicts, called=str(path))
