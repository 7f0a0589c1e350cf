"""What is compared: run folders, files of verdicts, and files of predictions, which are judged first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.benchmarks.subsets import listed
from spider_opt.errors import RunError, UsageError
from spider_opt.evaluation.scoring_files import score
from spider_opt.runs import Answer, Run, RunInfo, ScoredBy
from spider_opt.runs.info import FILE
from spider_opt.runs.judged import Judged, read_judged
from spider_opt.runs.prediction_files import field_of, is_of_sql_files
from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS
from spider_opt.scoring import Rules
from spider_opt.types import Benchmark, Prediction
from spider_opt.wording import argument, either

_OF_VERDICTS = {"index", "db_id", "correct", "outcome", "cluster"}


@dataclass(frozen=True, slots=True)
class HowRead:
    """How files of predictions are read: see ``score``. Each has its query in the first of the ``fields`` that it has.

    Where it has none of them, its query is looked for as without.
    """

    extract: bool = False
    fields: tuple[str, ...] = ()

    def check(self, paths: Sequence[Path]) -> None:
        """Make sure that each part of it says something to one of these paths.

        Raises:
            UsageError: one does not.
            PredictionsError: a file cannot be read.
        """
        files = [path for path in paths if is_of_predictions(path)]
        if not files and (self.extract or self.fields):
            both = f"{argument('extract')} and {argument('field')}"
            raise UsageError(f"{both} say how files of predictions are read, and there are none")
        for field in self.fields:
            if not any(field_of(path, [field]) for path in files if path.is_file()):
                raise UsageError(f'no field "{field}" in {", ".join(map(str, files))}')


AS_IT_IS = HowRead()


def read_any(path: Path, benchmark: Callable[[], Benchmark], rules: Rules, how: HowRead = AS_IT_IS) -> Run:
    """Read a run from its folder or a file of it; verdicts; or predictions, which are judged on ``benchmark``.

    Predictions are a file, or a folder with a file ``ID.sql`` for each question.

    Verdicts of an earlier version do not say of which benchmark they are, nor by which scorer: their run has no
    fingerprint, and no mode.

    Raises:
        RunError: a run is unfinished or broken, or verdicts are.
        PredictionsError: a file cannot be read, or does not fit the benchmark.
        DatasetError: the benchmark cannot be loaded.
    """
    if path.is_dir() and not is_of_sql_files(path):
        return Run.read(path)
    if _is_file_of_a_run(path):
        return Run.read(path.parent)
    if has_verdicts(path):
        return _of_verdicts(path)
    field = field_of(path, how.fields) if how.fields and path.is_file() else None
    return replace(score(path, benchmark(), mode=rules, extract=how.extract, field=field), called=str(path))


def rules_of_first(paths: Sequence[Path]) -> Rules | None:
    """Return how the first run folder, or file of verdicts, was judged; None where there is none that says it.

    Raises:
        RunError: such a file cannot be read.
    """
    for path in paths:
        if (path.is_dir() and (path / FILE).exists()) or _is_file_of_a_run(path):
            with suppress(RunError):
                if (scorer := RunInfo.read(path if path.is_dir() else path.parent).scorer) is not None:
                    return scorer.rules
        elif path.is_file() and has_verdicts(path) and (by := _of_verdicts(path).scorer).mode:
            return by.rules
    return None


def is_of_predictions(path: Path) -> bool:
    """Tell whether a path is none of a run's, nor of verdicts, so that it is judged before it is compared."""
    return is_of_sql_files(path) or not (path.is_dir() or _is_file_of_a_run(path) or has_verdicts(path))


def _is_file_of_a_run(path: Path) -> bool:
    return path.name in (PREDICTIONS, VERDICTS) and (path.parent / FILE).exists()


def only_of(run: Run, benchmark: Benchmark, ids: Path) -> Run:
    """Return a run as if only the questions of ``benchmark`` that a file lists had been asked.

    Raises:
        UsageError: the file cannot be read, or the run was made with other questions or databases.
        DatasetError: an id is no question of the benchmark.
    """
    if run.info.fingerprint != benchmark.fingerprint:
        raise UsageError(
            f"{run.where} is not known to have been asked {benchmark.name} {benchmark.split} as it is here: "
            + either("give the benchmark that it was asked", "name the one that it was asked (--benchmark, --spider)")
        )
    return run.only([example.index for example in listed(benchmark, ids).examples])


def has_verdicts(path: Path) -> bool:
    """Tell whether a file holds verdicts, by its first line."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "null"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and first.keys() >= _OF_VERDICTS


def _of_verdicts(path: Path) -> Run:
    try:
        judged, verdicts = read_judged(path)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunError(f"{path} holds no verdicts that can be read: {error}") from error
    answers = tuple(Answer(verdict.index, "", verdict.db_id, Prediction("")) for verdict in verdicts)
    asked = judged or Judged("", "", "", "", ScoredBy("", False, 0.0, ""))
    nobody = RunInfo(
        path.stem, "", "", "", "", benchmark=asked.benchmark, split=asked.split, sample=asked.sample,
        fingerprint=asked.fingerprint, seed=0, n=len(verdicts), scorer=asked.scorer,
    )  # fmt: skip
    return Run(nobody, answers, tuple(verdicts), called=str(path))
