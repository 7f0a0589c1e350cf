"""The answers that are judged: those of several runs to one benchmark, mixed, the same one only once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spider_opt import arguments
from spider_opt.databases import Sandbox
from spider_opt.errors import DatasetError, QueryError, UsageError
from spider_opt.prompts.schema_text import pruned, serialise
from spider_opt.review.cells import MAX_CHARACTERS, plain, table
from spider_opt.runs import Answer, Run
from spider_opt.runs.labels import DRAWN, Drawn, Label, labels
from spider_opt.scoring.report import Scored
from spider_opt.sql.spacing import same_query_key
from spider_opt.sql.used import used
from spider_opt.types import Benchmark, Example, Result, Schema
from spider_opt.wording import argument, counted

ROWS, COUNTED = 10, 1000
"""Rows of a result that are shown, and up to which they are counted."""
RESULT_CHARACTERS = 5_000
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Given:
    """Who gave an answer: the run, by its place among those that are judged, with the verdict."""

    run: int
    answer: Answer
    scored: Scored


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer to one question, and which runs ``given`` it: all those whose query is the same but for spaces.

    ``key`` is a hash of question and query, which tells nobody whose the answer is.
    """

    example: Example
    sql: str
    key: str
    given: tuple[Given, ...]

    @property
    def correct(self) -> bool:
        """Whether EX calls it right."""
        return self.given[0].scored.correct

    @property
    def cluster(self) -> str:
        """What its question leans on others by: its gold query."""
        return self.given[0].scored.cluster


def read_runs(runs: Sequence[Run | Path | str], benchmark: Benchmark) -> list[Run]:
    """Return runs with the benchmark that they were asked.

    Raises:
        UsageError: there is none, one is given twice, or was made up in memory.
        RunError: one cannot be read, or was asked something else.
    """
    benchmark = arguments.benchmark(benchmark)
    if isinstance(runs, str | Path | Run):
        runs = [runs]
    found, folders = [], set[Path]()
    for run in runs:
        folder = run.folder if isinstance(run, Run) else arguments.path(run, "runs")
        if folder is None:
            raise UsageError(f"{run} has no folder to keep labels in: evaluate it with an {argument('out')}")
        if folder.resolve() in folders:
            raise UsageError(f"{folder} is given twice: name each run once")
        folders.add(folder.resolve())
        found.append(Run.read(folder, benchmark))
    if not found:
        raise UsageError(f"no run is given: name one or several in {argument('runs')}")
    return found


def judged_answers(runs: Sequence[Run]) -> list[Judged]:
    """Return the answers of runs to questions that count, by question; the same query to one question once."""
    benchmark = runs[0].benchmark
    assert benchmark is not None, "the runs were read with their benchmark"
    examples = {example.index: example for example in benchmark.examples}
    found: dict[tuple[int, str], list[Given]] = {}
    for number, run in enumerate(runs):
        for answer, scored in run.judged:
            found.setdefault((answer.index, same_query_key(answer.prediction.sql)), []).append(
                Given(number, answer, scored)
            )
    return [
        Judged(
            example := examples[index],
            given[0].answer.prediction.sql,
            "r" + _hash(benchmark.fingerprint, example.question.id, same)[:12],
            tuple(given),
        )
        for (index, same), given in sorted(found.items())
    ]


def drawn(answers: Sequence[Judged], *, n: int | None, only: Drawn, seed: int, n_runs: int) -> list[Judged]:
    """Return the answers to ``n`` questions, drawn and put in order by a seed; of the same seed fewer are a part.

    Raises:
        UsageError: there are none such, or runs are to disagree where there is but one.
    """
    arguments.one_of(only, "only", DRAWN)
    if only == "disagree":
        if n_runs < 2:
            raise UsageError("one run disagrees with none: name several")
        said: dict[int, set[bool]] = {}
        for one in answers:
            said.setdefault(one.example.index, set()).update(given.scored.correct for given in one.given)
        chosen = [one for one in answers if len(said[one.example.index]) > 1]
    else:
        chosen = [one for one in answers if only == "all" or one.correct == (only == "right")]
    if not chosen:
        raise UsageError(f"no answer is drawn by {argument('only', only)}")
    ids = {one.example.question.id for one in chosen}
    taken = set(sorted(ids, key=lambda id: _hash(str(seed), id))[:n])
    return sorted(
        (one for one in chosen if one.example.question.id in taken), key=lambda one: _hash("order", str(seed), one.key)
    )


def labels_of(runs: Sequence[Run], answers: Sequence[Judged]) -> dict[str, list[Label]]:
    """Return what runs' folders have of labels, by the key of the answer; of one person one, however often it is kept.

    Raises:
        RunError: a file of labels is broken.
    """
    there: list[dict[int, list[Label]]] = [{} for _ in runs]
    for places, run in zip(there, runs, strict=True):
        for label in labels(run):
            places.setdefault(label.index, []).append(label)
    found: dict[str, list[Label]] = {}
    for one in answers:
        by_whom: dict[tuple[bool, str], Label] = {}
        for given in one.given:
            for label in there[given.run].get(one.example.index, ()):
                by_whom.setdefault((label.judge, label.by), label)
        if by_whom:
            found[one.key] = [by_whom[who] for who in sorted(by_whom)]
    return found


def excerpt(sql: str, schema: Schema) -> str:
    """Return the tables of a query, a line each; all of them where it cannot be read, or names none."""
    names = used(sql, schema) if len(sql) <= MAX_CHARACTERS else None
    tables = [table for table in schema.tables if names and table.name in names.tables]
    few = pruned(schema, [(table.name, [column.name for column in table.columns]) for table in tables or schema.tables])
    return plain(serialise(few, "compact"), MAX_CHARACTERS)


def result_of(sql: str, database: Sandbox) -> str:
    """Return what a query gives, in words that are short whatever it is: how many rows, and the first of them."""
    if not sql.strip():
        return "there is no query"
    try:
        result = database.run(sql, stop_after_rows=COUNTED + 1, within_s=TIMEOUT_S)
    except (QueryError, DatasetError) as error:
        return plain(f"fails: {error}", RESULT_CHARACTERS)
    return plain(rows_text(result), RESULT_CHARACTERS)


def rows_text(result: Result) -> str:
    """Return how many rows there are, and the first of them."""
    n = len(result.rows)
    many = f"more than {COUNTED:,} rows" if n > COUNTED else counted(n, "row")
    return f"{many}{f', the first {ROWS}' if n > ROWS else ''}:\n{table(result.columns, result.rows[:ROWS])}"


def _hash(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
