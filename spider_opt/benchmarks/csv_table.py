"""A result as pandas makes it of a CSV file: what the script of Spider 2.0 compares, on both sides.

A prediction's result is written to a file, 500 rows at a time, and read again, as gold's file is. So a column of texts
that all look like numbers becomes numbers, ``'NULL'`` becomes nothing, and whole numbers beside a NULL get a decimal
point. Source: pandas 3.1, ``io/sql.py``, ``io/formats/csvs.py``, ``_libs/parsers.pyx``. Not covered: that pandas reads
texts of about half a million lines in pieces, each of which may have other kinds; that its parser of decimals rounds
the last digit of some otherwise than Python's; texts that are whole
numbers beyond SQLite's; a text that begins with a carriage return.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from spider_opt.types import Result, Value

Cell = int | float | bool | str
_CHUNK = 500
_NOTHING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
_SPACE = " \t\n\r\f\v"
_WHOLE = re.compile(rf"[{_SPACE}]*[+-]?[0-9]+[{_SPACE}]*")
_NUMBER = re.compile(
    rf"[{_SPACE}]*[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)[{_SPACE}]*", re.IGNORECASE
)
_TRUTH = {"true": True, "false": False}
_MIN, _MAX, _MAX_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1


class Column(NamedTuple):
    """A column's cells, and what kind of column pandas makes of them; a cell without a value is NaN."""

    kind: Literal["whole", "unsigned", "decimal", "truth", "any"]
    cells: list[Cell]


def written(result: Result) -> str:
    """Return a result as the text of a CSV file, as pandas writes it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for start in range(0, len(result.rows), _CHUNK):
        rows = result.rows[start : start + _CHUNK]
        writer.writerows(zip(*(_texts(column) for column in zip(*rows, strict=True)), strict=True))
    return out.getvalue()


def columns_of(text: str) -> list[Column]:
    """Return the columns of a CSV file's text as pandas reads them.

    Raises:
        ValueError: there is no header, or a row is longer than it.
    """
    records = _records(text.removeprefix("\ufeff"))
    header = next(records, None)
    if header is None:
        raise ValueError("it is empty")
    cells: list[list[str]] = [[] for _ in header]
    for number, record in enumerate(records, 1):
        if len(record) > len(header):
            raise ValueError(f"row {number} has {len(record)} cells under {len(header)} names")
        for i, column in enumerate(cells):
            column.append(record[i] if i < len(record) else "")
    return [_column(column) for column in cells]


def side_by_side(columns: Sequence[Column]) -> list[list[Cell]]:
    """Return columns as lists: of numbers of several kinds all become decimal, as in one array of numpy."""
    kinds = {column.kind for column in columns}
    if len(kinds) > 1 and kinds <= {"whole", "unsigned", "decimal"}:
        return [[float(cell) for cell in column.cells] for column in columns]
    return [column.cells for column in columns]


def _texts(values: Sequence[Value]) -> list[str]:
    """Return what is written for a column of up to 500 rows: a NULL or a decimal makes all its numbers decimal."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float, type(None)} and kinds != {int} and kinds != {type(None)}:
        return ["" if value is None else repr(float(value)) for value in values if not isinstance(value, str | bytes)]
    return ["" if value is None else repr(value) if isinstance(value, float) else str(value) for value in values]


def _records(text: str) -> Iterator[list[str]]:
    """Yield rows; a line of nothing but blanks is none where a row begins."""
    begins = True

    def lines() -> Iterator[str]:
        nonlocal begins
        for line in io.StringIO(text, newline=""):
            if begins and not line.strip(" \t\r\n"):
                continue
            begins = False
            yield line

    before = csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    try:
        for record in csv.reader(lines()):
            begins = True
            yield record
    except csv.Error as error:
        raise ValueError(str(error)) from error
    finally:
        csv.field_size_limit(before)


def _column(cells: list[str]) -> Column:
    said = [cell for cell in cells if cell not in _NOTHING]
    some_nothing = len(said) < len(cells)
    if all(_WHOLE.fullmatch(cell) for cell in said) and said:
        numbers = list(map(int, said))
        least, most = min(numbers), max(numbers)
        if most <= _MAX and least >= _MIN:
            if some_nothing:
                return Column("decimal", [math.nan if cell in _NOTHING else float(int(cell)) for cell in cells])
            return Column("whole", [*numbers])
        if most > _MAX_UNSIGNED or least < _MIN:
            return Column("any", [math.nan if cell in _NOTHING else int(cell) for cell in cells])
        return Column("any", [*cells]) if some_nothing or least < 0 else Column("unsigned", [*numbers])
    if all(_NUMBER.fullmatch(cell) for cell in said):
        kind: Literal["decimal", "any"] = "decimal" if cells else "any"
        return Column(kind, [math.nan if cell in _NOTHING else float(cell) for cell in cells])
    if all(cell.lower() in _TRUTH for cell in said):
        truths: list[Cell] = [_TRUTH.get(cell.lower(), math.nan) for cell in cells]
        return Column("any" if some_nothing else "truth", truths)
    return Column("any", [math.nan if cell in _NOTHING else cell for cell in cells])
