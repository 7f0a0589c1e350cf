"""A method's answers to a benchmark, in a folder that a killed run goes on in.

``run.json`` says what was run, ``predictions.jsonl`` gets a line as each answer comes, and
``verdicts.jsonl`` is written once all questions are answered. A model that does not answer leaves its
question unanswered and the run unfinished; nothing is scored as wrong for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from spider_opt.benchmarks.subsets import examples_of
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.errors import GoldError, ModelError, RunError
from spider_opt.paths import append_whole, locked, write_whole
from spider_opt.progress import Progress, silent
from spider_opt.runs.answers import QUESTION, Answer, mend, pair_answers, pair_read, to_line
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.runs.identity import differences, other_versions
from spider_opt.runs.info import FILE, RunInfo, ScoredBy
from spider_opt.runs.run import PREDICTIONS, VERDICTS, Run
from spider_opt.runs.served import Served
from spider_opt.runs.unanswered import Unanswered, with_refused
from spider_opt.scoring import Rules, ScoreReport, score, write_verdicts
from spider_opt.types import Benchmark, ChatModel, Example, Generator, Prediction
from spider_opt.wording import argument, counted, either

_LOG = logging.getLogger("spider_opt")
# Measures, with the gold at hand, what stood in the prompt of an answer.
Measure = Callable[[Example, Prediction], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to.

    ``unanswered`` maps question ids to the model's error; ``aside`` is where the answers of before are.
    """

    answers: tuple[Answer, ...]
    n_new: int
    unanswered: dict[str, ModelError]
    aside: Path | None = None


def run(
    benchmark: Benchmark,
    generator: Generator,
    model: ChatModel,
    folder: Path,
    info: RunInfo,
    *,
    limit: int | None = None,
    concurrency: int = 1,
    progress: Progress = silent,
    measure: Measure | None = None,
    give_up: int = 0,
    afresh: bool = False,
) -> Finished:
    """Answer the first ``limit`` questions of ``benchmark``, but for those that ``folder`` has answers to.

    Questions of one database follow each other, so that the server's prefix cache works. ``progress`` is
    opened with (label, questions to ask). An interrupt loses nothing that was answered. What ``measure`` finds is
    kept with each new answer, to four digits. At most ``give_up`` questions may be refused for good, and are then
    finished as that. With ``afresh`` a run that is finished is set aside in its folder, and asked again.

    Raises:
        LeakError: ``measure`` found the question's own gold or database in the prompt.
        RunError: ``folder`` holds another run, is in use, or cannot be written.
        ModelUnavailable: nothing answers, or many questions in a row get no answer for the same reason; what was
            answered before is kept.
    """
    path = folder / PREDICTIONS
    wanted = {example.question.id for example in benchmark.examples[:limit]}
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    now = replace(info, side_by_side=concurrency)
    with _alone(folder):
        with _writing(folder):
            info = _claim(folder, now)
            aside = _set_aside(folder, info) if afresh else None
            there, damaged = mend(path)
            if damaged:
                _unfinish(folder)
        for one in damaged:
            _LOG.warning(
                "%s: line %d was not an answer (%s) and is kept in %s.damaged; its question is asked again",
                path, one.number, one.why, path.name,
            )  # fmt: skip
        examples = examples_of(benchmark, (answer.id for answer in there))
        if strange := sorted(answer.id for answer in there if answer.id not in examples):
            raise RunError(
                f"{folder} has an answer to {strange[0]}, which is not among the questions asked now; "
                f"choose another {argument('out')}"
            )
        done = {a.id: a for _, a in pair_read(benchmark, there, str(path), info.fingerprint)}
        todo = [ex for ex in by_database(benchmark.examples[:limit]) if ex.question.id not in done]
        if todo:
            with _writing(folder):
                _unfinish(folder)
                info = _note_versions(folder, now, new=not done)
        given_up = sum(bool(answer.prediction.refused) for answer in done.values())
        unanswered = Unanswered(give_up, given_up)
        served = Served(folder, model)
        answered = ask_all(todo, generator, model, info.seed, concurrency)
        with progress("answering", len(todo)) as advance, closing(answered):
            for example, got in answered:
                question = example.question
                if isinstance(got, ModelError):
                    unanswered.note(question.id, got)
                else:
                    unanswered.answered()
                    if model.info.manner != info.manner:
                        info = _note_manner(folder, info, model.info.manner, new=not done)
                    found = measure(example, got) if measure else {}
                    context = {name: round(value, 4) for name, value in found.items()}
                    got = _without_question(got, question.text)
                    done[question.id] = Answer(example.index, question.id, question.db_id, got, context)
                    with _writing(folder):
                        append_whole(path, to_line(done[question.id]))
                        served.note()
                advance()
        n_new = len(todo) - len(unanswered.errors)
        done |= {answer.id: answer for answer in unanswered.to_give_up(todo)}
        answers = sorted(done.values(), key=lambda answer: answer.index)
        ids = [answer.id for answer in answers]  # those of an earlier version are others
        if n_new or ids != [answer.id for answer in there]:  # else they stay as is
            with _writing(folder):
                write_whole(path, "".join(to_line(answer) for answer in answers))
    return Finished(tuple(a for a in answers if a.id in wanted), n_new, unanswered.errors, aside)


def finish(benchmark: Benchmark, folder: Path, rules: Rules, *, use_cache: bool = True, again: bool = False) -> Run:
    """Score all answers of a run folder, write their verdicts, and note in ``run.json`` what was scored and how.

    Where another command answers in that folder meanwhile, what it added is scored too. A run that is scored ``again``
    stays as it is where questions cannot be judged now that were.

    Raises:
        GoldError: there are such questions.
        RunError: the folder holds no run, is in use, or cannot be written.
    """
    path = folder / PREDICTIONS
    pairs = pair_answers(benchmark, path, expected=0)
    while True:
        check_unchanged(benchmark)
        report = score(
            benchmark, [(example, answer.prediction.sql) for example, answer in pairs], rules, use_cache=use_cache
        )
        check_unchanged(benchmark)
        report = with_refused(report, [answer for _, answer in pairs])
        if again:
            _check_none_lost(folder, pairs, report)
        with _alone(folder), _writing(folder):
            judged, pairs = pairs, pair_answers(benchmark, path, expected=0)
            if pairs == judged:
                info = _unfinish(folder)
                ids = {answer.index: answer.id for _, answer in pairs}
                failed = {ids[index]: why for index, why in report.failed_golds}
                by = ScoredBy.of(rules, report.suite)
                info = replace(info, benchmark=benchmark.name, n=len(pairs), scorer=by, failed_golds=failed)
                write_verdicts(report.scored, folder / VERDICTS)
                info.write(folder)
                break
    return Run(info, tuple(answer for _, answer in pairs), report.scored, report.failed_golds, folder, benchmark)


def _check_none_lost(folder: Path, pairs: Sequence[tuple[Example, Answer]], report: ScoreReport) -> None:
    before, ids = RunInfo.read(folder).failed_golds, {answer.index: answer.id for _, answer in pairs}
    lost = [(index, why) for index, why in report.failed_golds if ids[index] not in before]
    if lost:
        index, why = lost[0]
        many = counted(len(lost), "question")
        raise GoldError(f"{many} of {folder} cannot be judged now, its verdicts stay as they are: {index}: {why}")


def _without_question(prediction: Prediction, text: str) -> Prediction:
    """Take the question out of what the model said: a run holds none of the benchmark's own words."""

    def spared(said: str) -> str:
        return said.replace(text, QUESTION) if text else said

    candidates = tuple(replace(candidate, text=spared(candidate.text)) for candidate in prediction.candidates)
    return replace(prediction, text=spared(prediction.text), candidates=candidates)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            raise RunError(
                f"{folder} is in use by another run; wait for it or choose another {argument('out')}"
            ) from None
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write to {folder}: {error.strerror or error}; answers so far are kept, "
        f"{either('the same call goes on', 'run the same command again')}"
    )


def _note_manner(folder: Path, info: RunInfo, manner: str, *, new: bool) -> RunInfo:
    """Note in ``run.json`` how an endpoint turned out to be asked, which its first answer shows.

    Raises:
        RunError: there are answers of a model that was asked otherwise.
    """
    if not new:
        raise _another_run(folder, [f"manner is {info.manner!r} there, {manner!r} now"])
    now = replace(RunInfo.read(folder), manner=manner)
    with _writing(folder):
        now.write(folder)
    return now


def _note_versions(folder: Path, now: RunInfo, *, new: bool) -> RunInfo:
    """Note in ``run.json``, and log, what is another version than the answers that are there were given with."""
    there = RunInfo.read(folder)
    changed = "; ".join(other_versions(there, now))
    if not changed:
        return there
    if new:  # nothing was answered then
        known = ("version", "commit", "python", "versions", "side_by_side", "started")
        there = replace(there, **{name: getattr(now, name) for name in known})
    else:
        _LOG.warning("the run in %s goes on with other versions than it was begun with: %s", folder, changed)
        there = replace(there, resumed=(*there.resumed, f"{now.started}: {changed}"))
    there.write(folder)
    return there


def _claim(folder: Path, info: RunInfo) -> RunInfo:
    """Write ``run.json``, or make sure that the one there describes the same run; return what stands in it.

    A run that came to no answer is none: a function that failed at its first question is another once it is mended.
    """
    if (folder / FILE).exists():
        there = RunInfo.read(folder)
        if not (differ := differences(there, info)):
            return there
        answers = folder / PREDICTIONS
        if there.scorer is not None or (answers.exists() and answers.read_bytes().strip()):
            raise _another_run(folder, differ)
        info.write(folder)
        return info
    if (folder / PREDICTIONS).exists():
        raise RunError(f"{folder} has predictions but no {FILE} to say whose; choose another {argument('out')}")
    info.write(folder)
    return info


def _another_run(folder: Path, differ: Sequence[str]) -> RunError:
    what = "; ".join(differ)
    return RunError(f"{folder} holds another run ({what}); choose another {argument('out')}, or remove that folder")


def _set_aside(folder: Path, info: RunInfo) -> Path | None:
    """Move a finished run's answers and verdicts into a folder below; return that, None for a run that is not."""
    if info.scorer is None:
        return None
    number = next(n for n in count(1) if not (folder / f"before-{n}").exists())
    aside = folder / f"before-{number}"
    aside.mkdir()
    info.write(aside)
    for name in (PREDICTIONS, VERDICTS):
        if (folder / name).exists():
            (folder / name).replace(aside / name)
    info.unfinished().write(folder)
    return aside


def _unfinish(folder: Path) -> RunInfo:
    """Take back what ``finish`` wrote: verdicts must never stand beside answers that they do not cover."""
    info = RunInfo.read(folder)
    if info.scorer:
        info = info.unfinished()
        info.write(folder)
    (folder / VERDICTS).unlink(missing_ok=True)
    return info
