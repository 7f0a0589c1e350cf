"""Files of questions that are not called as a benchmark's are: what they hold, and what to type to ask them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spider_opt.benchmarks.import_folder import NOTE
from spider_opt.benchmarks.naming import FILE
from spider_opt.benchmarks.questions import read_entries
from spider_opt.benchmarks.source import Fields
from spider_opt.benchmarks.table_of_questions import read_questions
from spider_opt.errors import DatasetError
from spider_opt.wording import argument, either

_MAX_BYTES = 200_000_000
_DATABASES = (".sqlite", ".db", ".sqlite3", ".db3")


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file with questions that only needs another name, or to be named by ``--questions``."""

    path: Path
    n: int


def other_files(folder: Path, known: Iterable[str], fields: Fields) -> list[OtherFile]:
    """Return the JSON and JSONL files of a folder, or one folder below, that hold questions and are not ``known``."""
    passed = {*known, "tables.json", "test_tables.json", FILE, NOTE}
    found = []
    for path in sorted([*folder.glob("*.json*"), *folder.glob("*/*.json*")]):
        if path.name in passed or path.suffix not in (".json", ".jsonl") or path.stat().st_size > _MAX_BYTES:
            continue
        try:
            entries = read_entries([path], fields)
        except DatasetError:
            continue
        if entries:
            found.append(OtherFile(path, len(entries)))
    return found


def advice(folder: Path, wanted: str, fields: Fields) -> str:
    """Return the end of a sentence that begins with "there is no ``wanted``": what there is, and what to type.

    '' where the folder is empty.
    """
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if not inside:
        return ""
    if others := other_files(folder, (), fields):
        other = others[0]
        name = shlex.quote(str(other.path))
        at = shlex.quote(str(folder / Path(wanted).with_suffix(other.path.suffix)))
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        return (
            f", but {other.path.name} holds {other.n:,} questions{more}: rename it with mv {name} {at}, or name it by "
            f"{argument('questions', name)}"
        )
    tables = [path for path in inside if path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".json", ".xlsx")]
    if tables:
        tables.sort(key=lambda path: (not _has_questions(path), path.name))
        database = next((path.name for path in sorted(inside) if _is_database(path)), "FILE.db")
        file, at = shlex.quote(str(tables[0])), shlex.quote(str(folder / database))
        how = either("import_benchmark", f"spider-opt data import {file} --database {at} --out DIR")
        return f"; a benchmark is made of a table of questions with: {how}"
    return ": it must hold the questions, a list of objects with db_id, question and query"


def _is_database(path: Path) -> bool:
    """Tell whether a path is a database, or a folder of them, as ``import_benchmark`` takes it."""
    if path.is_file():
        return path.suffix in _DATABASES
    return any(below.suffix in _DATABASES for pattern in ("*", "*/*") for below in path.glob(pattern))


def _has_questions(table: Path) -> bool:
    try:
        return table.stat().st_size <= _MAX_BYTES and bool(read_questions(table).asked)
    except (DatasetError, OSError):
        return False
