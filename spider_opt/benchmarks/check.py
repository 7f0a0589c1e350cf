"""Looks through a benchmark: what is there, what is missing, which gold queries fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from spider_opt.benchmarks.leaks import Reason, without_leaks
from spider_opt.benchmarks.loading import data_folder, load_source, source_of
from spider_opt.benchmarks.other_files import other_files
from spider_opt.benchmarks.questions import exact_duplicates, read_entries
from spider_opt.benchmarks.recognising import check_layout
from spider_opt.benchmarks.source import Source
from spider_opt.benchmarks.splits import find_split, present_splits, question_files, tables_file
from spider_opt.benchmarks.validation import is_training
from spider_opt.databases import Limits, Sandbox
from spider_opt.databases.limits import lifted
from spider_opt.errors import DatasetError, QueryError
from spider_opt.types import Benchmark, Example

# Opens a display for (label, golds in all) and gives what to call for each gold that was run.
Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]


def silent(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show no progress."""
    return nullcontext(lambda: None)


@dataclass(frozen=True, slots=True)
class BadGold:
    """A gold query that gives no rows but an error."""

    id: str
    db_id: str
    error: str


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """What one split holds.

    ``empty_golds`` run and return no row; ``duplicates`` repeat a question word for word; ``without_gold`` are asked,
    but cannot be scored. ``results`` are asked and have results for golds; of these, one by which nothing can be right
    is among ``failing_golds``.
    """

    split: str
    n_total: int
    n: int
    databases: int
    missing: Mapping[str, int]
    failing_golds: tuple[BadGold, ...]
    empty_golds: int
    duplicates: int
    without_gold: int = 0
    results: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """What a benchmark holds. ``shared_databases`` are asked about in training and in evaluation splits alike.

    ``lacking_tables`` are the files with names in plain words that its splits would have; ``unread`` are files of
    questions that no split is made of. ``too_near`` counts, by reason, training questions of a query split that are
    left out, being too near to one that is asked. ``problems`` says in one sentence each why a split cannot be used.
    """

    name: str
    root: str
    splits: tuple[SplitCheck, ...]
    shared_databases: tuple[str, ...]
    has_tables: bool
    problems: tuple[str, ...]
    lacking_tables: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    query_split: bool = False
    too_near: Mapping[Reason, int] = field(default_factory=dict)


def check_benchmark(
    name: str,
    data: Path | None = None,
    progress: Progress = silent,
    *,
    questions: Path | None = None,
    split: str | None = None,
) -> Check:
    """Load every split of a benchmark that is in its folder and run every gold query once; '' is what lies in ``data``.

    With ``split`` only that one is looked at; with ``questions``, another file over its databases (by default over
    those of the usual split), only that file.

    Raises:
        DatasetError: there is no such benchmark or split, or none of it in its folder.
    """
    given = name
    name, source = source_of(name, data)
    root = data_folder(name, source, data)
    check_layout(name, source, root, with_questions=questions is None)
    checks: list[SplitCheck] = []
    problems: list[str] = []
    db_ids: dict[str, set[str]] = {"train": set(), "evaluation": set()}
    called: list[str] = []
    loaded: dict[bool, list[Example]] = {True: [], False: []}
    if questions is None and split is None:
        splits = _splits(name, source, root)
    else:
        splits = [find_split(name, source, split, root, with_questions=questions is None)]
    for each in splits:
        files = question_files(source.splits[each], root) if questions is None else [questions.expanduser()]
        try:
            entries = read_entries(files, source.fields)
            entries = source.reader(entries, root) if source.reader is not None else entries
            if not entries and is_training(each):  # as Spider's second file of them may be
                checks.append(SplitCheck(each, 0, 0, 0, {}, (), 0, 0))
                continue
            benchmark = load_source(name, source, each, data=data, questions=questions)
            called.append(benchmark.name)
            loaded[is_training(each)] += benchmark.examples
            checks.append(_check_split(benchmark, len(exact_duplicates(entries)), progress))
            db_ids["train" if is_training(each) else "evaluation"].update(entry.db_id for entry in entries)
        except DatasetError as error:
            problems.append(str(error))
    tables = {source.splits[each].tables: tables_file(source.splits[each], root) for each in splits}
    lacking = tuple(name for name, file in tables.items() if file and not file.is_file())
    read = [file for split in source.splits.values() for file in split.questions]
    passed = [*read, *(str(Path(file).with_suffix(".jsonl")) for file in read)]
    unread = (
        []
        if source.over or source.root or questions is not None or split is not None
        else other_files(root, passed, source.fields)
    )
    return Check(
        name=called[0] if called else given or root.name,
        root=str(root),
        splits=tuple(checks),
        shared_databases=tuple(sorted(db_ids["train"] & db_ids["evaluation"])),
        has_tables=not lacking and any(tables),
        problems=tuple(dict.fromkeys(problems)),
        lacking_tables=lacking,
        query_split=source.shares_databases,
        too_near=dict(without_leaks(loaded[True], loaded[False])[1]) if source.shares_databases else {},
        unread=tuple(f"{other.path} ({other.n:,} questions)" for other in unread),
    )


def _splits(name: str, source: Source, root: Path) -> list[str]:
    """Return the splits that are there, each question in one of them only."""
    if not (there := present_splits(source, root)):
        find_split(name, source, None, root)  # says what is lacking
    files = {split: set(source.splits[split].questions) for split in there}
    return [
        split
        for split in there
        if len(files[split]) == 1 or not files[split] <= set().union(*(files[s] for s in there if s != split))
    ]


def _check_split(benchmark: Benchmark, duplicates: int, progress: Progress) -> SplitCheck:
    bad: list[BadGold] = []
    empty = 0
    with progress(f"golds of {benchmark.split}", len(benchmark.examples)) as advance:
        for db_id, path in benchmark.paths.items():
            answers: dict[str, int | str] = {}  # rows or error; half of the golds are asked twice
            with Sandbox(path, limits=lifted(Limits())) as sandbox:
                for example in (item for item in benchmark.examples if item.question.db_id == db_id):
                    for gold in example.golds:
                        if gold not in answers:
                            answers[gold] = _rows_or_error(sandbox, gold)
                        answer = answers[gold]
                        if isinstance(answer, str):
                            bad.append(BadGold(example.question.id, db_id, answer))
                        empty += answer == 0
                    for result in example.gold_results:
                        if result.fault:
                            bad.append(BadGold(example.question.id, db_id, result.fault))
                    advance()
    return SplitCheck(
        split=benchmark.split,
        n_total=benchmark.n_total,
        n=len(benchmark.examples),
        databases=len(benchmark.paths),
        missing=dict(benchmark.missing),
        failing_golds=tuple(sorted(bad, key=lambda gold: gold.id)),
        empty_golds=empty,
        duplicates=duplicates,
        without_gold=sum(not example.judged_by for example in benchmark.examples),
        results=sum(bool(example.gold_results) for example in benchmark.examples),
    )


def _rows_or_error(sandbox: Sandbox, sql: str) -> int | str:
    try:
        return len(sandbox.run(sql).rows)
    except (QueryError, DatasetError) as error:
        return str(error)
