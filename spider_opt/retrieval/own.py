"""A user's own examples: questions with their queries, of the database that is asked about or of others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.questions import read_json, read_tables
from spider_opt.databases import read_schema
from spider_opt.errors import DatasetError, UsageError
from spider_opt.rows import Row, csv_rows, jsonl_rows, name_of, read_text
from spider_opt.types import Example, Question, Schema

GivenExamples = str | Path | Iterable[tuple[str, str] | Example]
"""A file, or pairs of a question and its query, or a benchmark's examples."""
_QUERY = ("query", "sql", "SQL")


@dataclass(frozen=True, slots=True)
class OwnExample:
    """A question and its query; without a ``schema`` it is about whichever database is asked."""

    text: str
    sql: str
    schema: Schema | None = None
    notes: str = ""


def read_own(given: GivenExamples) -> tuple[OwnExample, ...]:
    """Return the examples that a user gave.

    A file is JSON (a list of objects), has an object a line (JSONL) or is a table (CSV), each with ``question``,
    ``query`` and, where it is about another database than the one asked, ``db_id``. Beside a file in Spider's layout
    (``database/``, ``tables.json``) the schemas of those are found; without them only the words count.

    Raises:
        DatasetError: the file cannot be read, or an entry lacks something.
        UsageError: it is neither, an example is no pair of texts, or there is none.
    """
    where = "among those given"
    if isinstance(given, str | os.PathLike):
        path = arguments.path(given, "examples")
        examples, where = _from_file(path), f"in {path}"
    elif isinstance(given, Iterable):
        examples = [_from_python(number, example) for number, example in enumerate(given)]
    else:
        raise arguments.wrong(given, "examples", "a file, or a list of (question, query)")
    if not examples:
        raise UsageError(f"there is no example {where}")
    return tuple(examples)


def about(examples: Sequence[OwnExample], schema: Schema) -> list[Example]:
    """Return examples as they are to who asks about the database of ``schema``."""
    made = []
    for number, example in enumerate(examples):
        own = example.schema
        there = schema if own is None or own.db_id.lower() == schema.db_id.lower() else own
        question = Question(f"example-{number:04d}", example.text, there, notes=example.notes)
        made.append(Example(number, question, example.sql))
    return made


def _from_python(number: int, given: tuple[str, str] | Example) -> OwnExample:
    if isinstance(given, Example):
        return OwnExample(given.question.text, given.gold_sql, given.question.schema, given.question.notes)
    text, sql = given if isinstance(given, list | tuple) and len(given) == 2 else ("", "")
    if not isinstance(text, str) or not isinstance(sql, str) or not text.strip() or not sql.strip():
        raise UsageError(f"example {number} (counted from 0) is {given!r}: give (question, query), both of them text")
    return OwnExample(" ".join(text.split()), sql.strip())


def _from_file(path: Path) -> list[OwnExample]:
    tables: Mapping[str, Mapping[str, Any]] | None = None
    schemas: dict[str, Schema] = {}
    examples = []
    for where, entry in _entries(path):
        text, db_id = entry.get("question"), entry.get("db_id")
        sql = next((entry[name] for name in _QUERY if name in entry), None)
        if not isinstance(text, str) or not isinstance(sql, str) or not text.strip() or not sql.strip():
            raise DatasetError(f'{path}: {where} needs a "question" and its "query", both of them text.')
        if not isinstance(db_id, str | None):
            raise DatasetError(f'{path}: {where} has a "db_id" that is no text.')
        if db_id and db_id not in schemas:
            tables = read_tables(path.parent / "tables.json") if tables is None else tables
            file = path.parent / "database" / db_id / f"{db_id}.sqlite"
            schemas[db_id] = read_schema(file, db_id, tables.get(db_id)) if file.is_file() else Schema(db_id, ())
        examples.append(OwnExample(" ".join(text.split()), sql.strip(), schemas[db_id] if db_id else None))
    return examples


def _entries(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the objects in a file of JSON, JSON lines or CSV, each with where it stands."""
    kind = path.suffix.lower()
    if kind in (".jsonl", ".csv", ".tsv"):
        rows = _rows(path, kind)
    else:
        items = read_json(path)
        if not isinstance(items, list):
            raise DatasetError(f"{path} holds no list of examples, each with a question and its query.")
        rows = [Row(f"entry {number}", item) for number, item in enumerate(items)]
    found: list[tuple[str, Mapping[str, Any]]] = []
    for row in rows:
        if isinstance(row.value, list) and kind in (".csv", ".tsv"):
            raise DatasetError(f"{path}: {row.place}: its first line must name the columns, as in question,query.")
        if not isinstance(row.value, dict):
            raise DatasetError(f"{path}: {row.place} is no object with a question and its query.")
        found.append((row.place, row.value))
    return found


def _rows(path: Path, kind: str) -> list[Row]:
    def refuse(reason: str) -> DatasetError:
        return DatasetError(f"{path}: {reason}")

    text = read_text(path, DatasetError)
    if kind == ".jsonl":
        return jsonl_rows(text, refuse)
    return csv_rows(text, lambda name: name in ("question", "db_id", *map(name_of, _QUERY)), refuse)
