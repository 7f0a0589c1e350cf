"""What ``score`` does, and Python: judge answers that were given anywhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.corrections import Corrections
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import PredictionsError
from spider_opt.progress import Progress, display
from spider_opt.runs import Answer, Run, RunInfo, ScoredBy
from spider_opt.runs.answers import pair_answers
from spider_opt.runs.folder import finish
from spider_opt.runs.info import FILE
from spider_opt.runs.prediction_files import Predicted, is_of_a_run, is_of_sql_files, misfit, read_predictions
from spider_opt.runs.unanswered import with_refused
from spider_opt.runs.verdict_files import PREDICTIONS
from spider_opt.runs.without_gold import warn_of
from spider_opt.scoring import Rules, ScoreReport, rules_of
from spider_opt.scoring import score as judged
from spider_opt.scoring.table import END_AT_TAB
from spider_opt.types import Benchmark, Prediction
from spider_opt.wording import argument, counted

PROGRESS_AFTER_S = 1.0
_LOG = logging.getLogger("spider_opt")


def score(
    predictions: str | Path,
    benchmark: Benchmark,
    *,
    mode: Rules | str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    suite: str | Path | None = None,
    plug_value: bool = False,
    corrections: str | Path | Corrections | None = None,
    extract: bool = False,
    field: str | None = None,
    cache: bool = True,
    progress: bool | Progress | None = False,
) -> Run:
    """Judge answers that were given anywhere; nothing is written.

    ``predictions`` is a run folder, its ``predictions.jsonl``, or a file of another tool: text with one query a line,
    JSON, JSONL or CSV (see ``runs.prediction_files``), of which ``field`` names the part that holds the query where
    its name does not tell, and ``extract`` takes the query out of what a model said. ``mode`` names the scorer whose
    verdict is EX, by default the benchmark's own, and ``metrics`` those that are asked in the same pass, and no others:
    by default ``official``, ``strict``, and ``suite`` where there are test suites, and none where ``mode`` names a
    scorer. ``suite`` is the folder of test suites, by default what lies beside each database, and ``plug_value`` the
    official tool's option. ``corrections`` are the name (``"spider-dev"``) or the file of corrected golds, by which EX
    is told, too. ``Rules`` say all of it. Without
    ``cache`` every gold query runs again. Where it takes longer than a second, ``progress`` is shown on stderr (True),
    by a display of one's own, or not.

    Raises:
        UsageError: an argument is of another kind than is due.
        PredictionsError: the answers are not this benchmark's, or not all are there.
        CorrectionsError: the corrections are not of this benchmark's golds, or one of their queries fails.
        RunError: the folder or its files are none of a run.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    path = arguments.path(predictions, "predictions")
    benchmark, cache = arguments.benchmark(benchmark), arguments.yes_or_no(cache, "cache")
    extract, field = arguments.yes_or_no(extract, "extract"), None if field is None else arguments.text(field, "field")
    options = {"metrics": metrics, "suite": suite, "plug_value": plug_value, "corrections": corrections}
    asked = rules_of(mode, options)
    rules = asked.on(benchmark)
    shown_by = display(progress)
    if not path.exists():
        raise PredictionsError(f"there is no {path}: name a run folder, or a file of predictions")
    if (path.is_dir() and not is_of_sql_files(path)) or is_of_a_run(path):
        if extract or field is not None:
            raise PredictionsError(
                f"{path} is of a run, whose queries are told: leave out {argument('extract')} and {argument('field')}"
            )
        folder = path if path.is_dir() else path.parent
        described = path.is_dir() or (folder / FILE).exists()
        info = RunInfo.read(folder) if described else _of_a_file(benchmark, path)
        answered = pair_answers(benchmark, path / PREDICTIONS if path.is_dir() else path, info.n)
        answers = tuple(answer for _, answer in answered)
        pairs = [Predicted(example, answer.prediction.sql, answer.prediction.sql) for example, answer in answered]
        if described and info.fingerprint != benchmark.fingerprint:
            _LOG.warning(
                "%s was made with other questions or databases of %s: its %d answers are paired with the questions "
                "they were given to, of %d here",
                path, info.asked, len(pairs), len(benchmark.examples),
            )  # fmt: skip
            info = _on(info, benchmark)
    else:
        info = _of_a_file(benchmark, path)
        read = partial(read_predictions, benchmark, path, extract=extract, field=field)
        ending = tuple(name for name in rules.scorers if name in END_AT_TAB)
        try:
            pairs = read(whole_lines=len(ending) < len(rules.scorers))
        except PredictionsError:
            if asked.mode or asked.metrics or rules.main not in ending:
                raise
            pairs, rules = read(left_out="strict"), replace(rules, metrics=ending[1:])
        _tell_of_tabs(path, pairs, rules)
        answers = tuple(
            Answer(
                p.example.index, p.example.question.id, p.example.question.db_id, Prediction(_read_by(rules.main, p))
            )
            for p in pairs
        )
    with cache_in_use(), ExitStack() as shown:
        on_verdict = shown_late(lambda: shown.enter_context(shown_by("scoring", len(pairs))))
        check_unchanged(benchmark)
        report = judge_pairs(benchmark, pairs, rules, use_cache=cache, on_verdict=on_verdict)
        check_unchanged(benchmark)
        report = with_refused(report, answers)
    if not path.is_dir() and (sentence := misfit(pairs, report.scored)):
        _LOG.warning("%s: %s", path, sentence)
    info = replace(info, benchmark=benchmark.name, n=len(pairs), scorer=ScoredBy.of(rules, report.suite))
    run = Run(info, answers, report.scored, report.failed_golds, None, benchmark, called=str(path))
    warn_of(run, _LOG.warning)
    return run


def score_again(folder: Path, benchmark: Benchmark, rules: Rules, *, cache: bool = True) -> Run:
    """Judge a finished run's answers by other rules, and write the verdicts in place of those that are there.

    Raises:
        RunError: the folder holds no finished run, is in use, or cannot be written.
        PredictionsError: it was made with other questions or databases than the benchmark's.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    if not folder.is_dir():
        raise PredictionsError(f"{folder} is no run folder: {argument('update')} writes into one")
    run = Run.read(folder)
    if run.info.fingerprint != benchmark.fingerprint:
        raise PredictionsError(
            f"{folder} was made with other questions or databases of {run.info.asked}: its verdicts stay as they are; "
            f"leave out {argument('update')} to see what its answers come to on those here"
        )
    with cache_in_use():
        again = finish(benchmark, folder, rules.on(benchmark), use_cache=cache, again=True)
    warn_of(again, _LOG.warning)
    return again


def judge_pairs(
    benchmark: Benchmark,
    pairs: Sequence[Predicted],
    rules: Rules,
    *,
    use_cache: bool = True,
    on_verdict: Callable[[], None] = lambda: None,
) -> ScoreReport:
    """Judge what was read from a file; each scorer reads it as it would if it were the only one.

    Raises:
        ScorerError: there is no such scorer, or it is broken.
        DatasetError: a database cannot be read.
        SpiderOptError: the scorer of another package fails, or no process can be started.
    """
    asked = [(pair.example, _read_by(rules.main, pair)) for pair in pairs]
    otherwise = {
        name: [_read_by(name, pair) for pair in pairs]
        for name in rules.scorers
        if (name in END_AT_TAB) != (rules.main in END_AT_TAB)
    }
    return judged(benchmark, asked, rules, read_otherwise=otherwise, use_cache=use_cache, on_verdict=on_verdict)


def _tell_of_tabs(path: Path, pairs: Sequence[Predicted], rules: Rules) -> None:
    """Tell of queries that go on behind their first tab, of which some scorer does not read the rest."""
    cut = [pair for pair in pairs if pair.sql != pair.cut and pair.sql.startswith(f"{pair.cut}\t")]
    reading = [name for name in rules.scorers if name not in END_AT_TAB]
    if not cut or not reading or len(reading) == len(rules.scorers):
        return
    _LOG.warning(
        "%s: %s a tab within the query, where it ends to %s, as to the official evaluator; %s %s all of it",
        path, counted(len(cut), "line has", "lines have"), rules.main if rules.main in END_AT_TAB else "official",
        ", ".join(reading), "reads" if len(reading) == 1 else "read",
    )  # fmt: skip


def _read_by(scorer: str, pair: Predicted) -> str:
    return pair.cut if scorer in END_AT_TAB else pair.sql


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


def _on(info: RunInfo, benchmark: Benchmark) -> RunInfo:
    """Return what is noted of a run where its answers are judged on other questions than it was made with."""
    return replace(info, fingerprint=benchmark.fingerprint, n_total=benchmark.n_total, missing=dict(benchmark.missing))


def shown_late(show: Callable[[], Callable[[], None]]) -> Callable[[], None]:
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
