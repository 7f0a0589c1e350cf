"""A method's answers to a benchmark, in a folder that a killed run goes on in.

``run.json`` says what was run, ``predictions.jsonl`` gets a line as each answer comes, and
``verdicts.jsonl`` is written once all questions are answered. A model that does not answer leaves its
question unanswered and the run unfinished; nothing is scored as wrong for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from spider_opt.benchmarks.subsets import examples_of
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.errors import GoldError, ModelError, RunError
from spider_opt.paths import append_whole, write_whole
from spider_opt.prices import Price, Prices
from spider_opt.progress import Progress, silent
from spider_opt.runs.answers import QUESTION, Answer, mend, pair_answers, pair_read, to_line
from spider_opt.runs.claiming import alone, claim, note_manner, note_versions, set_aside, unfinish, writing
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.runs.costs import Costs, costs_of, price_for
from spider_opt.runs.info import RunInfo, ScoredBy
from spider_opt.runs.kept_metrics import kept_beside
from spider_opt.runs.run import Run
from spider_opt.runs.served import Served
from spider_opt.runs.unanswered import Unanswered, with_refused
from spider_opt.runs.verdict_files import PREDICTIONS, exchange
from spider_opt.scoring import Rules, ScoreReport, score
from spider_opt.scoring.rules import CORRECTED
from spider_opt.types import Benchmark, ChatModel, Example, Generator, Prediction
from spider_opt.wording import argument, counted

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
    left_s: Callable[[], float] = lambda: inf,
    chosen: Collection[str] | None = None,
) -> Finished:
    """Answer the first ``limit`` questions of ``benchmark``, but for those that ``folder`` has answers to.

    Questions of one database follow each other, so that the server's prefix cache works. ``progress`` is
    opened with (label, questions to ask). An interrupt loses nothing that was answered. What ``measure`` finds is
    kept with each new answer, to four digits. At most ``give_up`` questions may be refused for good, and are then
    finished as that. With ``afresh`` a run that is finished is set aside in its folder, and asked again. Where no time
    is left, by ``left_s``, it stops. Of the questions only those with ids that are ``chosen`` are asked.

    Raises:
        BudgetSpent: what may be spent is; what was answered is kept.
        LeakError: ``measure`` found the question's own gold or database in the prompt.
        RunError: ``folder`` holds another run, is in use, or cannot be written.
        ModelUnavailable: nothing answers, or many questions in a row get no answer for the same reason; what was
            answered before is kept.
    """
    path = folder / PREDICTIONS
    few = [ex for ex in benchmark.examples[:limit] if chosen is None or ex.question.id in chosen]
    wanted = {example.question.id for example in few}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    now = replace(info, side_by_side=concurrency)
    with alone(folder):
        with writing(folder):
            info = claim(folder, now)
            aside = set_aside(folder, info) if afresh else None
            there, damaged = mend(path)
            if damaged:
                unfinish(folder)
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
        todo = [ex for ex in by_database(few) if ex.question.id not in done]
        if todo:
            with writing(folder):
                unfinish(folder)
                info = note_versions(folder, now, new=not done)
        given_up = sum(bool(answer.prediction.refused) for answer in done.values())
        unanswered = Unanswered(give_up, given_up)
        served = Served(folder, model)
        answered = ask_all(todo, generator, model, info.seed, concurrency, left_s=left_s)
        with progress("answering", len(todo)) as advance, closing(answered):
            for example, got in answered:
                question = example.question
                if isinstance(got, ModelError):
                    unanswered.note(question.id, got)
                else:
                    unanswered.answered()
                    if model.info.manner != info.manner:
                        info = note_manner(folder, info, model.info.manner, new=not done)
                    found = measure(example, got) if measure else {}
                    context = {name: round(value, 4) for name, value in found.items()}
                    got = _without_question(got, question.text)
                    done[question.id] = Answer(example.index, question.id, question.db_id, got, context)
                    with writing(folder):
                        append_whole(path, to_line(done[question.id]))
                        served.note()
                advance()
        n_new = len(todo) - len(unanswered.errors)
        done |= {answer.id: answer for answer in unanswered.to_give_up(todo)}
        answers = sorted(done.values(), key=lambda answer: answer.index)
        ids = [answer.id for answer in answers]  # those of an earlier version are others
        if n_new or ids != [answer.id for answer in there]:  # else they stay as is
            with writing(folder):
                write_whole(path, "".join(to_line(answer) for answer in answers))
    return Finished(tuple(a for a in answers if a.id in wanted), n_new, unanswered.errors, aside)


def finish(
    benchmark: Benchmark,
    folder: Path,
    rules: Rules,
    *,
    use_cache: bool = True,
    again: bool = False,
    prices: Prices | None = None,
) -> Run:
    """Score a run folder's answers, write the verdicts, and note in ``run.json`` what was scored, how, and the costs.

    Where another command answers in that folder meanwhile, what it added is scored too. A run that is scored ``again``
    keeps the metrics that are not asked for, and stays as it is where questions cannot be judged now that were. Without
    ``prices`` the price that was noted counts.

    Raises:
        GoldError: there are such questions.
        RunError: the folder holds no run, is in use, or cannot be written.
    """
    path = folder / PREDICTIONS
    before = Run.read(folder) if again else None
    gone: tuple[str, ...] = ()
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
        with alone(folder), writing(folder):
            judged, pairs = pairs, pair_answers(benchmark, path, expected=0)
            if pairs == judged:
                price = price_for(RunInfo.read(folder), prices)
                info = RunInfo.read(folder) if again else unfinish(folder)
                ids = {answer.index: answer.id for _, answer in pairs}
                failed = {ids[index]: why for index, why in report.failed_golds}
                scored, by = report.scored, ScoredBy.of(rules, report.suite)
                if before is not None:
                    scored, by, gone = kept_beside(scored, by, before)
                info = replace(info, benchmark=benchmark.name, n=len(pairs), scorer=by, failed_golds=failed)
                info = replace(info, costs=_costs(info, pairs, report, price).to_json())
                exchange(folder, info, scored)
                break
    for name in gone:
        _LOG.warning(
            "%s is no longer judged by %s, which was under other conditions: ask for it, too (%s) to have it again",
            folder, name, argument("metric", name) if name != CORRECTED else argument("corrections", "FILE"),
        )  # fmt: skip
    return Run(info, tuple(answer for _, answer in pairs), scored, report.failed_golds, folder, benchmark)


def _costs(info: RunInfo, pairs: Sequence[tuple[Example, Answer]], report: ScoreReport, price: Price | None) -> Costs:
    judged = {scored.index for scored in report.scored}
    usages = [answer.prediction.usage for _, answer in pairs if answer.index in judged]
    return costs_of(usages, info, sum(scored.correct for scored in report.scored), price)


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
