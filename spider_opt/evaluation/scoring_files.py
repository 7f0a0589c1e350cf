"""What ``score`` does, and Python: judge answers that were given anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from spider_opt.errors import PredictionsError
from spider_opt.progress import Progress, silent
from spider_opt.runs import Answer, Run, RunInfo, ScoredBy
from spider_opt.runs.answers import pair_answers
from spider_opt.runs.info import FILE
from spider_opt.runs.prediction_files import pair_lines
from spider_opt.runs.run import PREDICTIONS
from spider_opt.scoring import Rules, rules_of
from spider_opt.scoring import score as judged
from spider_opt.types import Benchmark, Prediction

PROGRESS_AFTER_S = 1.0


def score(
    predictions: str | Path,
    benchmark: Benchmark,
    *,
    mode: Rules | str | Sequence[str] = "official",
    cache: bool = True,
    progress: Progress = silent,
) -> Run:
    """Judge answers that were given anywhere; nothing is written.

    ``predictions`` is a run folder, its ``predictions.jsonl``, or a text file with one query a line in the split's
    order, with a tab and the db_id behind it or not. ``mode`` names the scorer whose verdict is EX, or several, which
    are asked in the same pass, that one first; ``Rules`` say more. Without ``cache`` every gold query runs again.
    ``progress`` is opened where it takes longer than a second.

    Raises:
        PredictionsError: the answers are not this benchmark's, or not all are there.
        RunError: the folder or its files are none of a run.
    """
    path = Path(predictions).expanduser()
    rules = rules_of(mode)
    if not path.exists():
        raise PredictionsError(f"there is no {path}: name a run folder, or a file with one query a line")
    if path.is_dir() or path.suffix == ".jsonl":
        folder = path if path.is_dir() else path.parent
        described = path.is_dir() or (folder / FILE).exists()
        info = RunInfo.read(folder) if described else _of_a_file(benchmark, path)
        pairs = pair_answers(benchmark, path / PREDICTIONS if path.is_dir() else path, info.n)
    else:
        info = _of_a_file(benchmark, path)
        pairs = [
            (example, Answer(example.index, example.question.id, example.question.db_id, Prediction(sql)))
            for example, sql in pair_lines(benchmark, path, tab_ends_query=rules.mode == "official")
        ]
    asked = [(example, answer.prediction.sql) for example, answer in pairs]
    with ExitStack() as shown:
        on_verdict = _late(lambda: shown.enter_context(progress("scoring", len(asked))))
        report = judged(benchmark, asked, rules, use_cache=cache, on_verdict=on_verdict)
    info = replace(info, n=len(pairs), scorer=ScoredBy.of(rules))
    answers = tuple(answer for _, answer in pairs)
    return Run(info, answers, report.scored, report.failed_golds, None, benchmark)


def _of_a_file(benchmark: Benchmark, path: Path) -> RunInfo:
    return RunInfo(
        method=path.stem,
        steps="",
        model="",
        model_sha256="",
        adapter_sha256="",
        benchmark=benchmark.name,
        split=benchmark.split,
        sample="",
        fingerprint=benchmark.fingerprint,
        seed=0,
        n_total=benchmark.n_total,
        missing=dict(benchmark.missing),
    )


def _late(show: Callable[[], Callable[[], None]]) -> Callable[[], None]:
    """Return a callback that calls ``show`` once scoring has taken a while, and from then on what that returned.

    Mostly it takes no time worth a bar; and a bar's thread would keep the scorer from forking its processes.
    """
    start, n_before, advance = time.monotonic(), 0, None

    def on_verdict() -> None:
        nonlocal n_before, advance
        if advance is not None:
            advance()
        elif time.monotonic() - start > PROGRESS_AFTER_S:
            advance = show()
            for _ in range(n_before + 1):
                advance()
        else:
            n_before += 1

    return on_verdict
