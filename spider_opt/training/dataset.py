"""What is learnt: training questions with their queries, made sure that each is right, said once and said alike."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spider_opt.answering.outcomes import EMPTY
from spider_opt.benchmarks.questions import normal_text
from spider_opt.benchmarks.subsets import examples_of
from spider_opt.benchmarks.validation import is_held_out, is_training
from spider_opt.errors import LeakError, RunError, UsageError
from spider_opt.paths import cache_dir
from spider_opt.progress import Progress, silent
from spider_opt.runs import RunInfo
from spider_opt.runs.answers import pair_read, read_answers
from spider_opt.runs.verdict_files import PREDICTIONS, verdicts_file
from spider_opt.scoring import read_verdicts
from spider_opt.sql.hardness import hardness
from spider_opt.sql.normal import normalized
from spider_opt.sql.skeleton import skeleton
from spider_opt.training import spelling
from spider_opt.training.golds import Gold, run_golds
from spider_opt.types import Benchmark, Context, Database, Example, Question

Reason = Literal["its query fails", "said before", "contradicted"]
By = Literal["random", "hardness", "skeletons"]


@dataclass(frozen=True, slots=True)
class Item:
    """A question, the query that answers it, and what retrieval brought for it."""

    question: Question
    sql: str
    context: Context = field(default_factory=Context)


@dataclass(frozen=True, slots=True)
class Report:
    """What ``build`` did; ids of questions.

    ``mended`` had a gap in ``> =``, which the official evaluator closes; ``respelled`` look other than the gold beside
    that; ``as_written`` could not be respelled without doubt; the queries of ``empty`` give no rows, but are kept.
    """

    n_examples: int
    n_items: int
    dropped: Mapping[Reason, tuple[str, ...]]
    mended: tuple[str, ...]
    respelled: tuple[str, ...]
    as_written: tuple[str, ...]
    empty: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in a few lines."""
        dropped = ", ".join(f"{len(ids):,} {reason}" for reason, ids in self.dropped.items())
        return (
            f"{self.n_items:,} of {self.n_examples:,} training questions kept; left out: {dropped or 'none'}\n"
            f"queries mended: {len(self.mended):,}, spelled like the others: {len(self.respelled):,}, "
            f"left as they are: {len(self.as_written):,}; without rows: {len(self.empty):,}"
        )


def build(
    examples: Sequence[Example],
    databases: Mapping[str, Database],
    *,
    kept: Path | None = None,
    progress: Progress = silent,
) -> tuple[list[Item], Report]:
    """Return what can be learnt from ``examples``, in their order, and what was done to get there.

    Left out is an example whose query fails; one with the question and the query of an earlier one of its database;
    and of examples of a database with one question but different results all that have not the result that most of
    them have (none has, where two results are equally frequent). Each query runs once; what came of it is kept in the
    file ``kept``, in the cache by default.

    Raises:
        LeakError: an example is of an evaluation split.
    """
    for example in examples:
        _refuse_evaluation(example.question.id)
    golds = run_golds(examples, databases, kept or cache_dir() / "training" / "spelled.sqlite", progress)
    found = [(example, golds[example.question.db_id, example.gold_sql]) for example in examples]
    dropped: dict[Reason, list[str]] = {}
    alike: dict[tuple[str, str], list[tuple[Example, Gold]]] = defaultdict(list)
    for example, gold in found:
        if gold.failure:
            dropped.setdefault("its query fails", []).append(example.question.id)
        else:
            alike[example.question.db_id, normal_text(example.question.text)].append((example, gold))
    kept_ids: set[int] = set()
    for group in alike.values():
        results = Counter(gold.result for _, gold in group).most_common()
        most = results[0][0] if len(results) == 1 or results[0][1] > results[1][1] else None
        seen: set[str] = set()
        for example, gold in group:
            query = normalized(gold.sql) if len(group) > 1 else ""
            if gold.result != most:
                dropped.setdefault("contradicted", []).append(example.question.id)
            elif query in seen:
                dropped.setdefault("said before", []).append(example.question.id)
            else:
                seen.add(query)
                kept_ids.add(id(example))
    rest = [(example, gold) for example, gold in found if id(example) in kept_ids]
    report = Report(
        len(examples),
        len(rest),
        {reason: tuple(ids) for reason, ids in dropped.items()},
        _ids(e for e, _ in rest if spelling.without_gaps(e.gold_sql) != e.gold_sql),
        _ids(e for e, gold in rest if gold.sql != spelling.without_gaps(e.gold_sql)),
        _ids(e for e, gold in rest if gold.as_written),
        _ids(e for e, gold in rest if gold.result == (EMPTY, "")),
    )
    return [Item(example.question, gold.sql) for example, gold in rest], report


def split(items: Sequence[Item], *, hold_out: bool = True) -> tuple[list[Item], list[Item]]:
    """Return what is trained on, and the questions of held-out databases, which training is watched by.

    Without ``hold_out`` all is trained on, and there is nothing to watch.

    Raises:
        LeakError: an item is of an evaluation split.
    """
    for item in items:
        _refuse_evaluation(item.question.id)
    watched = {item.question.db_id for item in items if hold_out and is_held_out(item.question.db_id)}
    training = [item for item in items if item.question.db_id not in watched]
    return training, [item for item in items if item.question.db_id in watched]


def check_training(items: Sequence[Item], *, hold_out: bool = True) -> None:
    """Make sure that all ``items`` may be trained on; whatever trains calls this first.

    Raises:
        LeakError: an item, or a demo in its context, is of an evaluation split or, with ``hold_out``, of a held-out
            database, or a demo is of its item's own database.
    """
    for item in items:
        for question in (item.question, *(demo.question for demo in item.context.demos)):
            _refuse_evaluation(question.id)
            if hold_out and is_held_out(question.db_id):
                raise LeakError(
                    f"{question.id} must not be trained on: its database {question.db_id} is held out for validation"
                )
        for demo in item.context.demos:
            if demo.question.db_id.lower() == item.question.db_id.lower():
                raise LeakError(f"{demo.question.id} must not be shown to {item.question.id}: they share a database")


def choose(items: Sequence[Item], n: int, by: By = "random", seed: int = 0) -> list[Item]:
    """Return ``n`` items, in their order; all where there are not more.

    ``random``; by ``hardness``, so that each level has the share that it has among all; by ``skeletons``, so that each
    skeleton is there, those of many items first, before any comes a second time.

    Raises:
        ValueError: ``n`` is less than 1.
    """
    if n < 1:
        raise ValueError("choose at least 1 item")
    groups: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        groups["" if by == "random" else hardness(item.sql) or "" if by == "hardness" else skeleton(item.sql)].append(i)
    ranked: list[tuple[float, int, str, int]] = []
    for group, places in groups.items():
        random.Random(f"{seed} {group}").shuffle(places)
        for rank, i in enumerate(places):
            ranked.append((rank if by == "skeletons" else (rank + 0.5) / len(places), -len(places), group, i))
    return [items[i] for i in sorted(i for *_, i in sorted(ranked)[:n])]


def focus(
    items: Sequence[Item], folder: Path, source: Benchmark, *, n: int | None = None, times: int = 2
) -> list[Item]:
    """Return ``n`` of ``items``, all for None, with those that a finished run got wrong first, each ``times`` times.

    Behind them stand those with the skeleton of one of them, then the others, all in their order. ``source`` is the
    split that the items are of.

    Raises:
        LeakError: the run asked questions of an evaluation split.
        PredictionsError: it asked others than are in ``source``.
        RunError: the folder holds no finished run.
        UsageError: the run asked none of these questions.
        ValueError: ``times`` is less than 1.
    """
    if times < 1:
        raise ValueError("times must be 1 or more")
    info = RunInfo.read(folder)
    given = read_answers(folder / PREDICTIONS)
    for name in (info.split, *(answer.id for answer in given)):
        if not is_training(name):
            raise LeakError(f"{folder} cannot be learnt from: it asked {name}, which is of an evaluation split")
    try:
        verdicts = read_verdicts(verdicts_file(folder))
    except FileNotFoundError:
        raise RunError(f"the run in {folder} is not scored: finish it first") from None
    # A verdict stands where its answer stood then.
    ids = {then.index: then.id for then in given}
    asked = {id: example.question.id for id, example in examples_of(source, ids.values()).items()}
    pair_read(source, given, str(folder), info.fingerprint)
    if not any(item.question.id in asked.values() for item in items):
        raise UsageError(f"{folder} asked none of the questions that are trained on")
    failed = {asked[ids[v.index]] for v in verdicts if not v.correct and v.index in ids}
    wrong = [item for item in items if item.question.id in failed]
    builds = {skeleton(item.sql) for item in wrong}
    others = [item for item in items if item.question.id not in failed]
    near = [skeleton(item.sql) in builds for item in others]
    ranked = [
        *wrong,
        *(item for item, is_near in zip(others, near, strict=True) if is_near),
        *(item for item, is_near in zip(others, near, strict=True) if not is_near),
    ]
    return [item for item in ranked[:n] for _ in range(times if item.question.id in failed else 1)]


def counts(items: Sequence[Item]) -> dict[str, int]:
    """Return how many questions items are of, and where some are there more than once how many examples these are."""
    n = len({item.question.id for item in items})
    return {"questions": n, **({"examples": len(items)} if n < len(items) else {})}


def _ids(examples: Iterable[Example]) -> tuple[str, ...]:
    return tuple(example.question.id for example in examples)


def _refuse_evaluation(id: str) -> None:
    if not is_training(id):
        raise LeakError(f"{id} must not be trained on: its id is that of an evaluation split")
