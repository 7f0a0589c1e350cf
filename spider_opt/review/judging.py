"""A model as a judge of answers: it fills what people fill, and stands beside EX and people.

Judges here say what they think of a finished run's answers. What chooses among the candidates of one question while it
is answered is another thing: ``answering.judging``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as Yields
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast, get_args

from spider_opt import arguments
from spider_opt.cache_use import cache_in_use
from spider_opt.databases import DatabasePool
from spider_opt.errors import ModelError
from spider_opt.evaluation.plan import Asking, opened_model
from spider_opt.methods import parse_method
from spider_opt.models import Engine
from spider_opt.models.computing import asked_together
from spider_opt.models.lent import checked_model
from spider_opt.paths import cache_dir
from spider_opt.progress import Progress, display
from spider_opt.prompts.judging import ask_judge, read_verdict
from spider_opt.prompts.schema_text import serialise
from spider_opt.review.answers import Judged, drawn, judged_answers, labels_of, read_runs, result_of
from spider_opt.review.cells import MAX_CHARACTERS, plain
from spider_opt.review.sheet import check_sheet, sheet_rows, write_rows
from spider_opt.runs import Run
from spider_opt.runs.answers import QUESTION
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.runs.labels import SAID, Drawn, Label, Said, answer_hash, check_kept, keep_all_labels
from spider_opt.temporary import temporary_folder
from spider_opt.types import JSON, Benchmark, ChatModel, Example, Message, Prediction, Request, Task, Usage

MAX_TOKENS = 200
REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class JudgeAsked:
    """Where and how a judge is asked: as ``evaluate`` takes it."""

    base_url: str | None = None
    engine: Engine = "llama.cpp"
    max_tokens: int | None = None
    system: bool = True
    extra: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    request_timeout_s: float | None = None
    concurrency: int | None = None


PLAINLY = JudgeAsked()


@dataclass(frozen=True, slots=True)
class JudgeSaid:
    """What came of asking a judge about ``n`` answers.

    ``unread`` replies had no verdict on their first line, ``unanswered`` maps keys of answers to the model's error:
    neither is a label. ``usage`` is of this time's replies, from the cache or not.
    """

    judge: str
    n: int
    n_labels: int
    unread: int
    unanswered: Mapping[str, ModelError]
    usage: Usage


def ask_judge_about(
    runs: Sequence[Run | Path | str],
    benchmark: Benchmark,
    model: ChatModel | str,
    *,
    how: JudgeAsked = PLAINLY,
    n: int | None = None,
    only: Drawn = "all",
    seed: int = 0,
    gold: bool = False,
    out: str | Path | None = None,
    progress: bool | Progress | None = False,
) -> JudgeSaid:
    """Ask a model about each answer of ``runs`` whether it is right, and keep what it says as labels in their folders.

    It is shown the question, the schema, the query, the first rows that it gives, and with ``gold`` the gold query and
    its rows. What it was asked before is taken from the cache, so the same call goes on where it was stopped. ``n``,
    ``only``, ``seed`` and ``gold`` are as in ``write_sheet``; ``out`` is such a sheet, filled in by the judge.

    Raises:
        UsageError, RunError: as ``write_sheet``; or the model means nothing here.
        ModelUnavailable: nothing answers there; what was said before is kept.
    """
    read = read_runs(runs, benchmark)
    gold = arguments.yes_or_no(gold, "gold")
    n = None if n is None else arguments.whole(n, "n", least=1)
    path = None if out is None else arguments.path(out, "out")
    if path is not None:
        check_sheet(path)
    answers = judged_answers(read)
    chosen = drawn(answers, n=n, only=only, seed=arguments.seed(seed), n_runs=len(read))
    check_kept(run.folder for run in read if run.folder is not None)
    by_key = {one.key: one for one in chosen}
    databases = DatabasePool(benchmark.paths)

    def messages(key: str) -> tuple[Message, ...]:
        one = by_key[key]
        return ask_judge(question_parts(one.example) | answer_parts(one, databases) | gold_parts(one, gold, databases),
                         gold=gold)  # fmt: skip

    asked = [replace(one.example, question=replace(one.example.question, id=one.key)) for one in chosen]
    labels: dict[str, Label] = {}
    unread: list[str] = []
    unanswered: dict[str, ModelError] = {}
    usage = Usage()
    with opened(model, how) as judge:
        called = judge.info.name + (" with gold" if gold else "")
        replies = replies_to(asked, messages, judge, how, seed)
        try:
            with closing(replies), display(progress)("judging", len(asked)) as advance:
                for key, got in replies:
                    advance()
                    if isinstance(got, ModelError):
                        unanswered[key] = got
                        continue
                    usage += got.usage
                    said = read_verdict(got.text, SAID)
                    if said is None:
                        unread.append(key)
                        continue
                    one = by_key[key]
                    reason = _without_text(said[1], one.example)
                    labels[key] = Label(
                        one.example.index, "", called, cast(Said, said[0]), answer_hash(one.sql),
                        plain(reason, REASON_CHARACTERS), judge=True, gold_shown=gold, drawn=only,
                    )  # fmt: skip
        finally:
            _keep(
                read, [by_key[key] for key in unread], [(by_key[key], label) for key, label in labels.items()], called
            )
    if path is not None:
        said_before = {
            key: label
            for key, several in labels_of(read, chosen).items()
            for label in several
            if label.judge and label.by == called
        }
        write_rows(path, sheet_rows(chosen, benchmark, only=only, gold=gold, said=said_before, progress=progress))
    return JudgeSaid(called, len(chosen), len(labels), len(unread), unanswered, usage)


def _without_text(reason: str, example: Example) -> str:
    """Return what a judge said without the benchmark's text, as a run's raw answers are kept."""
    for text, instead in ((example.question.text, QUESTION), *((gold, "{gold}") for gold in example.golds)):
        reason = reason.replace(" ".join(text.split()) or QUESTION, instead)
    return reason


def question_parts(example: Example) -> dict[str, str]:
    """Return what a judge is shown of a question, whatever the answer."""
    question = example.question
    note = {"note": plain(question.notes)} if question.notes.strip() else {}
    return {
        "schema": plain(serialise(question.schema, "ddl"), MAX_CHARACTERS),
        "question": plain(question.text),
        **note,
    }


def answer_parts(one: Judged, databases: DatabasePool, place: str = "") -> dict[str, str]:
    """Return what a judge is shown of an answer: the query, and what it gives."""
    called = f"{place} query".strip()
    result = result_of(one.sql, databases[one.example.question.db_id])
    return {called: plain(one.sql), f"result of the {called}": result}


def gold_parts(one: Judged, gold: bool, databases: DatabasePool) -> dict[str, str]:
    """Return what a judge is shown of the gold query, nothing where it is not to be."""
    if not gold:
        return {}
    sql = one.example.gold_sql
    if not sql.strip():
        return {"reference result": plain(one.example.gold_text)}
    result = result_of(sql, databases[one.example.question.db_id])
    return {"reference query": plain(sql), "result of the reference query": result}


@contextmanager
def opened(model: ChatModel | str, how: JudgeAsked) -> Iterator[ChatModel]:
    """Open a judge that keeps its answers in the cache, and close it; one that was lent stays open.

    Raises:
        UsageError: the name means nothing here, or an open model is to be asked in another manner.
    """
    arguments.one_of(how.engine, "engine", get_args(Engine))
    if not isinstance(model, str):
        checked_model(model)
    asking = Asking(how.base_url, how.engine, how.max_tokens, how.system, how.extra, how.request_timeout_s)
    with cache_in_use(), temporary_folder() as nowhere:
        cached = opened_model(parse_method("zero-shot"), model, asking, cache_dir(), nowhere)
        with closing(cached):
            yield cached


def replies_to(
    asked: Sequence[Example],
    messages: Callable[[str], tuple[Message, ...]],
    judge: ChatModel,
    how: JudgeAsked,
    seed: int,
) -> Yields[tuple[str, Prediction | ModelError]]:
    """Yield what the judge says to the ``messages`` for the id of each question that is ``asked``, as it comes.

    Raises:
        ModelUnavailable: no use to go on.
    """

    def generator(task: Task) -> Prediction:
        request = Request(messages(task.question.id), seed=task.seed, max_tokens=MAX_TOKENS)
        (said, *_) = task.model.complete(request)
        return Prediction("", said.usage, text=said.text)

    side_by_side = how.concurrency or asked_together(judge.info)
    with closing(ask_all(by_database(asked), generator, judge, seed, side_by_side)) as answered:
        for example, got in answered:
            yield example.question.id, got


def _keep(runs: Sequence[Run], unread: Sequence[Judged], labels: Sequence[tuple[Judged, Label]], called: str) -> None:
    """Keep labels in the folders of the runs that gave the answers; where nothing was read, none of before stays."""
    changes: dict[Path, tuple[list[Label], list[tuple[int, bool, str]]]] = {}
    for number, run in enumerate(runs):
        assert run.folder is not None
        new = [
            replace(label, id=given.answer.id, answer=answer_hash(given.answer.prediction.sql))
            for one, label in labels
            for given in one.given
            if given.run == number
        ]
        gone = [(one.example.index, True, called) for one in unread if any(given.run == number for given in one.given)]
        if new or gone:
            changes[run.folder] = (new, gone)
    keep_all_labels(changes)
