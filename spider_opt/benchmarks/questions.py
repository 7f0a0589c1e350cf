"""Reads the JSON files of a benchmark and refuses, in one sentence, what is broken in them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from spider_opt.benchmarks.shown_gold import first_shown
from spider_opt.benchmarks.source import Fields
from spider_opt.errors import DatasetError
from spider_opt.rows import KeyTwice, begins_a_query, jsonl_rows, name_of, parsed, read_text
from spider_opt.sql.statement import is_query
from spider_opt.types import GoldResult

SPIDERS = Fields()
"""What Spider's files call their parts."""
_QUESTIONS = ("SpiderSynQuestion",)
_GOLDS = ("sql", "query", "gold", "gold_sql", "gold_query", "sql_query", "ground_truth")
# A db_id becomes part of a path, so it is one plain name: no separators, no "..", no control characters.
_DB_ID = re.compile(r"\w[\w .\-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One question as its file has it. ``index`` counts over all files of the split, ``place`` says where it stands.

    ``asked_as`` is what the file calls the question's words, ``file`` its path; ``other_golds`` are as right as
    ``query``; ``gold_results`` are what is right where there is no gold query.
    """

    index: int
    place: str
    db_id: str
    question: str
    query: str
    notes: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    asked_as: str = ""
    file: str = ""
    other_golds: tuple[str, ...] = ()
    gold_results: tuple[GoldResult, ...] = ()

    @property
    def golds(self) -> tuple[str, ...]:
        """All gold queries."""
        return (self.query, *self.other_golds) if self.query else ()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DatasetError: the file cannot be read, is no UTF-8, is cut off or broken (with line and column), or an
            object in it has a key twice.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return parsed(text)
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path} is not UTF-8: line {line} has the byte 0x{error.object[error.start]:02x}."
        ) from error
    except json.JSONDecodeError as error:
        what = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        raise DatasetError(f"{path} is cut off or no JSON: {what}: mend it, or get it again.") from error
    except KeyTwice as error:
        raise DatasetError(f"{path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is no JSON that can be read: {error}.") from error


def read_entries(paths: Iterable[Path], fields: Fields = SPIDERS) -> list[Entry]:
    """Return the questions of all files in order, the index going on from file to file; a file may be an empty list.

    Only what ``fields`` names is read; token lists and parses may be there or not. A file whose name ends with
    ``.jsonl`` has a question a line. A question may lack its gold query, which is '' then: it can be asked, not scored.
    A list of queries are several golds.

    Raises:
        DatasetError: a file is broken, holds no list of questions, or an entry lacks a field.
    """
    entries: list[Entry] = []
    for path in paths:
        items, file = _read_list(path), path.name
        for number, item in enumerate(items):
            place = f"entry {number} of {file}"
            if not isinstance(item, dict):
                raise DatasetError(f"{_entry(path, number)} is {_kind(item)}, not an object.")
            asks = _question(item, fields)
            db_id, question = (_text(item, name, path, number) for name in (fields.db_id, asks))
            query, *others = _golds(item, fields.query, path, number)
            if not is_db_id(db_id):
                _refuse_db_id(db_id, path, number)
            notes = _said(item, fields.notes, path, number) if fields.notes else ""
            shown = {asks: question, fields.notes: notes}
            if name := next(filter(None, (first_shown(shown, gold) for gold in (query, *others))), ""):
                raise DatasetError(
                    f'{_entry(path, number)} has its own gold query in its "{name}", which a model is '
                    f"shown: take it out there{_other_notes(fields) if name == fields.notes else ''}."
                )
            told = {key: _said(item, name, path, number) for key, name in fields.metadata.items()}
            metadata = {key: value for key, value in told.items() if value}
            more = (asks, str(path), tuple(others))
            entries.append(Entry(len(entries), place, db_id, question, query, notes, metadata, *more))
    return entries


def _read_list(path: Path) -> list[Any]:
    if path.suffix == ".jsonl":
        return [
            row.value for row in jsonl_rows(read_text(path, DatasetError), lambda why: DatasetError(f"{path}: {why}"))
        ]
    items = read_json(path)
    if not isinstance(items, list):
        raise DatasetError(f"{path} holds {_kind(items)} where a list of questions is due.")
    return items


def _question(item: Mapping[str, Any], fields: Fields) -> str:
    """Return the field with the question's words, which Spider-Syn calls otherwise; copies of it may not."""
    usual = (SPIDERS.question,) if fields.question in _QUESTIONS else ()
    return next((name for name in (fields.question, *_QUESTIONS, *usual) if name in item), fields.question)


def _other_notes(fields: Fields) -> str:
    return f', or name another field as "notes" than "{fields.notes}"'


def is_whole(gold: object) -> bool:
    """Tell whether one of several golds is a query of its own, and no word of one."""
    return begins_a_query(gold) or (isinstance(gold, str) and is_query(gold.lstrip("( \t\r\n")))


def _golds(item: Mapping[str, Any], name: str, path: Path, number: int) -> list[str]:
    """Return the gold queries, '' where the entry has none under any name."""
    if isinstance(several := item.get(name), list) and several:
        if not all(is_whole(gold) for gold in several):
            raise DatasetError(
                f'{_entry(path, number)} has a list as its "{name}" where text is due, or a list of whole queries that '
                "are all right."
            )
        return list(dict.fromkeys(_text({name: gold}, name, path, number) for gold in several))
    return [_gold(item, name, path, number)]


def _gold(item: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    if item.get(name) is not None and not (isinstance(item[name], str) and not item[name].strip()):
        return _text(item, name, path, number)
    other = next((key for key in item if name_of(key) in _GOLDS and begins_a_query(item[key])), None)
    if other is not None:
        raise DatasetError(f'{_entry(path, number)} has its gold query as "{other}": it must be called "{name}".')
    return ""


def read_tables(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return the entries of a ``tables.json`` by db_id; none where there is no such file.

    Raises:
        DatasetError: the file is broken, or two entries have one db_id.
    """
    if not path.exists():
        return {}
    items = read_json(path)
    if not isinstance(items, list):
        raise DatasetError(f"{path} holds {_kind(items)} where a list of schemas is due.")
    tables: dict[str, Mapping[str, Any]] = {}
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise DatasetError(f"{_entry(path, number)} is {_kind(item)}, not an object.")
        db_id = _text(item, "db_id", path, number)
        if not is_db_id(db_id):
            _refuse_db_id(db_id, path, number)
        if db_id in tables:
            raise DatasetError(f'{_entry(path, number)} is a second schema for "{db_id}"; keep one.')
        tables[db_id] = item
    return tables


@lru_cache(maxsize=8192)
def normal_text(text: str) -> str:
    """Return a question's words: case, punctuation and space do not count.

    >>> normal_text("How many  Singers are there ?") == normal_text("how many singers are there")
    True
    """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def exact_duplicates(entries: Iterable[Entry]) -> list[tuple[Entry, Entry]]:
    """Return (entry, earlier entry) for each that repeats database, question, notes and query of an earlier one."""
    seen: dict[tuple[str, str, str, str], Entry] = {}
    doubles = []
    for entry in entries:
        first = seen.setdefault((entry.db_id, entry.question, entry.notes, entry.query), entry)
        if first is not entry:
            doubles.append((entry, first))
    return doubles


def _text(item: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    if name not in item:
        raise DatasetError(f'{_entry(path, number)} has no "{name}".')
    value = item[name]
    if not isinstance(value, str):
        raise DatasetError(f'{_entry(path, number)} has {_kind(value)} as its "{name}" where text is due.')
    if not value.strip():
        raise DatasetError(f'{_entry(path, number)} has an empty "{name}".')
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:  # half a surrogate pair: JSON lets it pass, no file or socket takes it
            raise DatasetError(f'{_entry(path, number)} has a broken character in its "{name}".') from error
    return value


def _said(item: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    """Return what need not be there: a text or a number as text, '' for nothing."""
    value = item.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return _text(item, name, path, number)


def is_db_id(name: str) -> bool:
    """Tell whether a name can be that of a database's folder."""
    return _DB_ID.fullmatch(name) is not None


def _refuse_db_id(db_id: str, path: Path, number: int) -> NoReturn:
    raise DatasetError(f"{_entry(path, number)} has the db_id {db_id!r}, which is no plain folder name.")


def _entry(path: Path, number: int) -> str:
    return f"{path}: entry {number} (counted from 0)"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
