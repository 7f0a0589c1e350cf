"""How a run that begins now is described: what was asked of whom, and with which versions of everything."""

from __future__ import annotations

import hashlib
import json
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from spider_opt.runs.info import UNNAMED_EMBEDDER, RunInfo
from spider_opt.types import Benchmark, Column, ModelInfo, Schema

# What reads, runs and judges queries, beside Python and SQLite.
_PACKAGES = ("sqlglot", "sqlparse")


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What else an answer depends on, as ``RunInfo`` has it."""

    training: str = ""
    computed_by: str = ""
    code: str = ""
    cache_tag: str = ""
    adapter_form: str = ""


def describe(
    benchmark: Benchmark,
    method: str,
    steps: str,
    model: ModelInfo,
    seed: int,
    *,
    sample: str = "",
    embedder: str = UNNAMED_EMBEDDER,
    made_by: MadeBy = MadeBy(),
    learnt_databases: int = 0,
    learnt_unknown: str = "",
) -> RunInfo:
    """Return the ``run.json`` of a run that begins now; ``benchmark`` has just the questions that may be asked."""
    return RunInfo(
        method=method,
        steps=steps,
        model=model.name,
        model_sha256=model.sha256,
        adapter_sha256=model.adapter,
        engine=model.engine,
        manner=model.manner,
        endpoint=model.endpoint,
        embedder=embedder,
        training=made_by.training,
        computed_by=made_by.computed_by,
        code=made_by.code,
        cache_tag=made_by.cache_tag,
        adapter_form=made_by.adapter_form,
        benchmark=benchmark.name,
        split=benchmark.split,
        sample=sample,
        questions=_questions(benchmark),
        fingerprint=benchmark.fingerprint,
        schemas=schemas_of(benchmark),
        n_total=benchmark.n_total,
        missing=dict(benchmark.missing),
        seed=seed,
        learnt_databases=learnt_databases,
        learnt_unknown=learnt_unknown,
        commit=commit(),
        python=platform.python_version(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def versions() -> Mapping[str, str]:
    """Return the versions of what reads and runs queries."""
    return {"sqlite": sqlite3.sqlite_version, **{name: _version(name) for name in _PACKAGES}}


def schemas_of(benchmark: Benchmark) -> str:
    """Return a hash of what prompts show of a benchmark's databases, which ``tables.json`` has a say in."""
    return hashed(_told(schema) for schema in _distinct(example.question.schema for example in benchmark.examples))


def training_of(half: Benchmark) -> str:
    """Return a hash of what may be learnt from: a benchmark's training examples, with their schemas."""
    return hashed([half.fingerprint, schemas_of(half)])


def commit() -> str:
    """Return the commit of the source tree this package runs from, with ``+`` if it was changed; '' if none."""
    here = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # else this is a package installed inside somebody's tree
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no", "--", str(here)) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _distinct(schemas: Iterable[Schema]) -> list[Schema]:
    by_id: dict[str, Schema] = {}
    for schema in schemas:
        by_id.setdefault(schema.db_id, schema)
    return [by_id[db_id] for db_id in sorted(by_id)]


def _told(schema: Schema) -> list[object]:
    tables = [[t.name, t.words, [_column(column) for column in t.columns]] for t in schema.tables]
    keys = [[key.table, key.column, key.ref_table, key.ref_column] for key in schema.foreign_keys]
    return [schema.db_id, tables, keys]


def _column(column: Column) -> list[object]:
    return [column.name, column.type, column.words, column.primary_key, *filter(None, [column.about])]


def _questions(benchmark: Benchmark) -> str:
    # The fingerprint is that of the files: some of them may be asked, and a program may have changed what it asks.
    return hashed(
        [
            *(ex.question.id, ex.question.text, ex.question.notes, ex.gold_sql, *ex.other_golds),
            *(gold.text for gold in ex.gold_results),
        ]
        for ex in benchmark.examples
    )


def hashed(what: Iterable[object]) -> str:
    """Return a short hash of what JSON can say."""
    return hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version_of(package)
    except PackageNotFoundError:
        return ""
