"""Spider 2.0's questions on SQLite: those of spider2-lite whose ids begin with ``local``.

Its folder is ``spider2-lite`` of the repository, with the databases in ``resource/databases/spider2-localdb``. Golds
are results, ``evaluation_suite/gold/exec_result/ID.csv``, else ``ID_a.csv`` and so on, any of which is right; which of
their columns are asked for, and whether their order counts, says ``spider2lite_eval.jsonl`` beside them. The documents
that a question names stand in its notes. Difficulty is by the tokens of a gold query, which that file tells (Lei et al.
2024). Not read: the published gold queries of some questions, which the official script does not look at either, and
what is for BigQuery and Snowflake.
Source: xlang-ai/Spider2, spider2-lite: README, spider2-lite.jsonl, evaluation_suite/evaluate.py.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from spider_opt.benchmarks.gold_results import fault_in
from spider_opt.benchmarks.questions import Entry
from spider_opt.benchmarks.source import Fields, Source, Split
from spider_opt.errors import DatasetError
from spider_opt.rows import jsonl_rows, read_text
from spider_opt.types import GoldResult
from spider_opt.wording import counted

ID = "instance_id"
"""What ``metadata`` calls the id that the benchmark itself gives a question, by which its answers are named."""
_STANDARDS, _RESULTS = "evaluation_suite/gold/spider2lite_eval.jsonl", "evaluation_suite/gold/exec_result"
_DOCUMENTS = "resource/documents"
_PLAIN = re.compile(r"\w[\w .()-]*")
_LOCAL = "local"
_EASY, _MEDIUM = 80, 160
"""Tokens of a gold query from which on a question is medium, and hard."""
_LOG = logging.getLogger("spider_opt")


def read(entries: Sequence[Entry], folder: Path) -> list[Entry]:
    """Return the questions on SQLite, numbered anew, with their golds and documents.

    Raises:
        DatasetError: a question has no id, two have the same, or the file that says what golds ask for is broken.
    """
    for entry in entries:
        if not _PLAIN.fullmatch(entry.metadata.get(ID, "")):
            raise DatasetError(f'{entry.file}: {entry.place} has no plain "{ID}", by which its gold is found.')
    local = [entry for entry in entries if entry.metadata[ID].startswith(_LOCAL)]
    n = Counter(entry.metadata[ID] for entry in local)
    if twice := next((entry for entry in local if n[entry.metadata[ID]] > 1), None):
        raise DatasetError(f'{twice.file}: two questions have the {ID} "{twice.metadata[ID]}".')
    standards = _standards(folder / _STANDARDS)
    results = folder / _RESULTS
    there = {path.name for path in results.iterdir()} if results.is_dir() else set()
    documents = _Documents(folder / _DOCUMENTS)
    found = []
    for index, entry in enumerate(local):
        id = entry.metadata[ID]
        golds: tuple[GoldResult, ...] = ()
        metadata = dict(entry.metadata)
        if id in standards:
            golds = _golds(id, standards[id], results, there)
            metadata |= _difficulty(standards[id])
        notes = documents.text(entry.notes) if entry.notes else ""
        found.append(replace(entry, index=index, notes=notes, metadata=metadata, gold_results=golds))
    if documents.missing:
        named = ", ".join(sorted(documents.missing)[:3])
        n_missing = counted(
            len(documents.missing), "document that questions name is", "documents that questions name are"
        )
        _warn_once(f"{n_missing} not in {folder / _DOCUMENTS} ({named}): models are told nothing of it")
    return found


@cache
def _warn_once(sentence: str) -> None:
    _LOG.warning("%s", sentence)


class _Documents:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, str] = {}
        self.missing: set[str] = set()

    def text(self, name: str) -> str:
        """Return a document's text, '' where it is not there."""
        if name not in self._read:
            path = self._folder / name
            plain = _PLAIN.fullmatch(name) is not None and path.is_file()
            self._read[name] = read_text(path, DatasetError).strip() if plain else ""
            if not plain:
                self.missing.add(name)
        return self._read[name]


def _standards(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return what the script knows of each gold, by id; nothing where there is no such file."""
    if not path.is_file():
        _warn_once(f"no {path}, which says what the golds are: questions are asked, and not scored")
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    for row in jsonl_rows(read_text(path, DatasetError), lambda why: DatasetError(f"{path}: {why}")):
        id = row.value.get(ID) if isinstance(row.value, dict) else None
        if not isinstance(id, str) or not isinstance(row.value, dict):
            raise DatasetError(f'{path}: {row.place} is no object with an "{ID}".')
        found[id] = row.value
    return found


def _golds(id: str, standard: Mapping[str, Any], folder: Path, there: set[str]) -> tuple[GoldResult, ...]:
    """Return a question's results, as the script finds them: where one faults, so do those that come behind it."""
    alone = f"{id}.csv"
    several = re.compile(rf"{re.escape(id)}_[a-z]\.csv")
    names = [alone] if alone in there else sorted(name for name in there if several.fullmatch(name))
    any_order = bool(standard.get("ignore_order", False))
    golds: list[GoldResult] = []
    for name, asked in zip(names, _asked(standard.get("condition_cols"), len(names), names == [alone]), strict=True):
        columns, fault = asked
        fault = fault or (f"{golds[-1].fault} (of an earlier gold)" if golds and golds[-1].fault else "")
        try:
            text = read_text(folder / name, DatasetError)
        except DatasetError as error:
            text, fault = "", fault or str(error)
        gold = GoldResult(text, columns, any_order, fault)
        golds.append(replace(gold, fault=fault_in(gold)))
    return tuple(golds)


def _asked(said: Any, n: int, alone: bool) -> list[tuple[tuple[int, ...], str]]:
    """Return the columns that each of ``n`` results asks for, and why the script would fail there, as it reads them."""
    if alone:
        return [_columns(said)]
    if said in (None, [], [[]], [None]):
        return [((), "")] * n
    if not isinstance(said, list):
        return [((), f"condition_cols is {said!r}")] * n
    if n > 1 and not all(isinstance(one, list) for one in said):
        return [_columns(said)] * n
    short = ((), f"condition_cols names columns of {len(said)} results, and there are {n}")
    return [_columns(said[i]) if i < len(said) else short for i in range(n)]


def _columns(said: Any) -> tuple[tuple[int, ...], str]:
    if not said:  # 0, too: to the script it is no column
        return (), ""
    columns = said if isinstance(said, list) else [said]
    if any(not isinstance(at, int) or isinstance(at, bool) for at in columns):
        return (), f"condition_cols is {said!r}, not the positions of columns"
    return tuple(columns), ""


def _difficulty(standard: Mapping[str, Any]) -> dict[str, str]:
    try:
        tokens = int(str(standard.get("toks", "")))
    except ValueError:
        return {}
    return {"difficulty": "easy" if tokens < _EASY else "medium" if tokens < _MEDIUM else "hard"}


SPIDER2_SQLITE = Source(
    title="Spider 2.0 on SQLite",
    about="Spider 2.0-lite's 135 questions on SQLite, with documents to know; golds are results (Lei et al. 2024).",
    licence="MIT",
    splits={
        "lite": Split(
            ("spider2-lite.jsonl",),
            tables="",
            databases="resource/databases/spider2-localdb/{db_id}.sqlite",
            other_databases=("resource/databases/{db_id}.sqlite", "resource/databases/sqlite/{db_id}/{db_id}.sqlite"),
            or_questions=("spider2-lite.json",),
        )
    },
    default="lite",
    fields=Fields(db_id="db", query="", notes="external_knowledge", metadata={ID: ID}),
    page="https://github.com/xlang-ai/Spider2/tree/main/spider2-lite",
    variable="SPIDER2_DIR",
    scorer="columns",
    signs=("spider2-lite.jsonl",),
    reader=read,
)
