"""What stands in files that other tools write, entry by entry: JSON, JSONL and CSV, each with its place."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import SpiderOptError
from spider_opt.types import JSON

_QUERY = re.compile(r"\s*(?:```\w*\s*)?[(\s]*(?:select|with)\b", re.IGNORECASE)
_MARK_TOLD = re.compile(r'"?sep=.(?:"?)\n')
DELIMITERS = (",", ";", "\t", "|")
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file: ``place`` says where it stands, ``key`` what it is called where it has a name there.

    A row of a CSV file is an object where the file has a header, else a list of its cells.
    """

    place: str
    value: JSON
    key: str = ""


def read_text(path: Path, error: type[SpiderOptError]) -> str:
    r"""Return what a text file holds, with ``\n`` for every line end; UTF-16 is read where its mark stands before it.

    Raises:
        SpiderOptError: of the kind ``error``: it cannot be read, is a zip, or is no UTF-8 (with the line).
    """
    try:
        data = path.read_bytes()
    except OSError as failed:
        raise error(f"{path} cannot be read: {failed.strerror or failed}") from failed
    if data.startswith(b"PK\x03\x04"):
        raise error(f"{path} is a spreadsheet or another zip, and no text: save it as CSV")
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as failed:
        line = failed.object.count(b"\n", 0, failed.start) + 1
        raise error(f"{path} is not UTF-8: see line {line}; save it as UTF-8") from failed
    return text.replace("\r\n", "\n").replace("\r", "\n")


class KeyTwice(ValueError):
    """An object in JSON has a key twice, of which Python would keep the last without a word."""


def parsed(text: str | bytes) -> Any:
    r"""Return what a JSON text says.

    >>> parsed('{"0": "SELECT 1", "0": "SELECT 2"}')
    Traceback (most recent call last):
    spider_opt.rows.KeyTwice: has the key "0" twice in one object: which of them is meant?

    Raises:
        KeyTwice: an object has a key twice.
        ValueError, RecursionError: it is no JSON; a ``json.JSONDecodeError`` says where.
    """
    return json.loads(text, object_pairs_hook=each_once)


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object that JSON's keys and values make (an ``object_pairs_hook``).

    Raises:
        KeyTwice: two keys are the same.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise KeyTwice(f'has the key "{twice[:50]}" twice in one object: which of them is meant?')
    return made


def name_of(field: str) -> str:
    """Return a field's name as it is compared: the way of writing does not count.

    >>> name_of("PREDICTED SQL"), name_of("predictedSql"), name_of("db-id ")
    ('predicted_sql', 'predicted_sql', 'db_id')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def begins_a_query(text: object) -> bool:
    """Tell whether a cell holds what begins as a query does, in a code fence or not."""
    return isinstance(text, str) and _QUERY.match(text) is not None


def json_rows(text: str, refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    """Return the entries of a JSON list, or of an object by their names.

    An object with one entry that holds the others (``{"predictions": [...]}``) is taken for these; one of columns, as
    pandas writes tables, for its rows.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason: it is broken (with line and column), an object has a key
            twice, or it holds no entries.
    """
    try:
        found: JSON = parsed(text)
    except KeyTwice as error:
        raise refuse(str(error)) from error
    except json.JSONDecodeError as error:
        said = error.msg.removesuffix(" at")
        raise refuse(f"is cut off or no JSON: {said} at line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise refuse(f"is no JSON that can be read: {error}") from error
    if isinstance(found, dict):
        inner = [value for value in found.values() if isinstance(value, list | dict)]
        if sum(isinstance(value, list) for value in inner) == 1:  # beside what is told of it
            inner = [value for value in inner if isinstance(value, list)]
        if len(inner) == 1 and len(inner[0]) > 0 and not all(key.strip().isdigit() for key in found):
            found = inner[0]
    if isinstance(found, dict):
        found = _rows_of_columns(found) or found
    if isinstance(found, dict):
        return [Row(f'entry "{key}"', value, key) for key, value in found.items()]
    if isinstance(found, list):
        return [Row(f"entry {i} (counted from 0)", value) for i, value in enumerate(found)]
    raise refuse("holds neither a list nor an object")


def _rows_of_columns(found: Mapping[str, JSON]) -> JSON:
    """Return the rows of a table that is written by its columns, as pandas does; None where it is none such.

    >>> _rows_of_columns({"question": ["A?", "B?"], "pred": ["SELECT 1", "SELECT 2"]})
    [{'question': 'A?', 'pred': 'SELECT 1'}, {'question': 'B?', 'pred': 'SELECT 2'}]
    >>> _rows_of_columns({"first": ["SELECT 1", "SELECT 2"], "second": ["SELECT 3", "SELECT 4"]})
    """
    names, data = found.get("columns"), found.get("data")
    if isinstance(names, list) and isinstance(data, list):
        rows = [cells for cells in data if isinstance(cells, list) and len(cells) == len(names)]
        told = found.get("index")
        index = told if isinstance(told, list) and len(told) == len(data) else range(len(data))
        if len(rows) < len(data):
            return None
        return [
            {"index": i, **dict(zip(map(str, names), row, strict=True))} for i, row in zip(index, rows, strict=True)
        ]
    columns = list(found.values())
    keys: list[str] | range = []
    if all(isinstance(column, list) for column in columns):
        lengths = {len(column) for column in columns if isinstance(column, list)}
        keys = range(lengths.pop()) if len(lengths) == 1 else []
    elif all(isinstance(column, dict) for column in columns):
        first, *others = (list(column) for column in columns if isinstance(column, dict))
        keys = first if all(other == first for other in others) and all(key.isdigit() for key in first) else []
    cells = {name: [column[key] for key in keys] for name, column in found.items()}  # type: ignore[index]
    queries = [any(map(begins_a_query, column)) for column in cells.values()]
    if not any(queries) or all(queries):  # of columns that all hold queries each may be somebody's answers
        return None
    numbers = {} if isinstance(keys, range) else {"index": keys}
    table = {**numbers, **cells}
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def jsonl_rows(text: str, refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    """Return the entries of a file with one JSON value a line; blank lines are none.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason: a line is no JSON, or has a key twice.
    """
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(Row(f"line {number}", parsed(line)))
        except KeyTwice as error:
            raise refuse(f"line {number} {error}") from error
        except (ValueError, RecursionError) as error:
            raise refuse(f"line {number} is no JSON: {error}") from error
    return rows


def csv_rows(text: str, known: Callable[[str], bool], refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    """Return the rows of a CSV file, as objects where its first row is a header.

    The delimiter is the one whose first row names a field that is ``known`` (by ``name_of``), else whose rows are
    all as wide, and wider than those of others.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason: quotes that do not close, rows of different widths (with
            the line), or nothing at all.
    """
    if not text.strip():
        raise refuse("is empty")
    mark_told = _MARK_TOLD.match(text)  # a line of Excel's
    first_line = 2 if mark_told else 1
    text = text[mark_told.end() :] if mark_told else text
    read: dict[str, list[tuple[int, list[str]]]] = {}
    broken: dict[str, str] = {}
    for mark in DELIMITERS:
        try:
            read[mark] = _cells(text, mark, first_line)
        except csv.Error as error:
            broken[mark] = str(error)
    for rows in read.values():
        if any(known(name_of(cell)) for cell in rows[0][1]) and not any(map(begins_a_query, rows[0][1])):
            return _with_header(rows, refuse)
    if "," in broken and not any(len(rows[0][1]) > 1 for rows in read.values()):
        raise refuse(f"is no CSV: {broken[',']}")
    even = [rows for rows in read.values() if len({len(cells) for _, cells in rows}) == 1]
    rows = max((rows for rows in even if len(rows[0][1]) > 1), key=lambda found: len(found[0][1]), default=read[","])
    if rows not in even:
        raise _uneven(rows, refuse)
    first, others = rows[0][1], rows[1:]
    if others and not any(map(begins_a_query, first)) and any(begins_a_query(cell) for cell in others[0][1]):
        return _with_header(rows, refuse)
    return [Row(f"line {line}", list[JSON](cells)) for line, cells in rows]


def _cells(text: str, delimiter: str, first_line: int) -> list[tuple[int, list[str]]]:
    """Return (line, cells) of all rows; the text begins with the line of that number.

    Raises:
        csv.Error: quotes are not closed, or the like; the line is named.
    """
    reader = csv.reader((line + "\n" for line in text.rstrip("\n").split("\n")), delimiter=delimiter, strict=True)
    line, found = first_line, []
    try:
        for cells in reader:
            found.append((line, cells or [""]))
            line = reader.line_num + first_line
    except csv.Error as error:
        raise csv.Error(f"{error} (see line {line})") from error
    return found


def _with_header(rows: Sequence[tuple[int, list[str]]], refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    (_, header), *others = rows
    names = [cell.strip() for cell in header]
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise refuse(f'has two columns that are called "{twice}"')
    if len(names) > 1:
        others = [(line, cells) for line, cells in others if any(cells)]
    if any(len(cells) != len(names) for _, cells in others):
        raise _uneven([rows[0], *others], refuse)
    objects: list[Mapping[str, str]] = [dict(zip(names, cells, strict=True)) for _, cells in others]
    return [Row(f"line {line}", dict[str, JSON](entry)) for (line, _), entry in zip(others, objects, strict=True)]


def _uneven(rows: Sequence[tuple[int, list[str]]], refuse: Callable[[str], SpiderOptError]) -> SpiderOptError:
    width = len(rows[0][1])
    line, cells = next((line, cells) for line, cells in rows if len(cells) != width)
    return refuse(
        f"line {line} has {len(cells)} cell{'s' if len(cells) > 1 else ''} where line {rows[0][0]} has {width}; "
        "a cell with a comma or a line end in it must stand in double quotes"
    )
