"""The rows of a spreadsheet, XLSX, by openpyxl: the sheet that has questions, its first row the names of columns."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from spider_opt.benchmarks.field_names import QUESTION
from spider_opt.errors import SpiderOptError
from spider_opt.rows import Row, name_of


def xlsx_rows(path: Path, refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    """Return the rows of the first sheet with a column of questions, else of the first that has cells.

    Of formulas their values count, as the program that wrote them had them; rows without a cell are none.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason: it cannot be read, is empty, names a column twice, or what
            reads it is not installed.
    """
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError as error:
        raise refuse("what reads a spreadsheet is not installed; type: pip install 'spider-opt[xlsx]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what else a sheet has: styles, validation
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            sheets = [_cells(sheet) for sheet in book.worksheets]
            book.close()
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise refuse(f"is no spreadsheet that can be read: {error}") from error
    full = [sheet for sheet in sheets if sheet]
    if not full:
        raise refuse("is empty")
    asks = (sheet for sheet in full if any(name_of(cell) in QUESTION for cell in sheet[0][1]))
    (_, header), *rows = next(asks, full[0])
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise refuse(f'has two columns that are called "{twice}"')
    return [
        Row(f"row {number}", {name: cell for name, cell in zip(header, cells, strict=False) if name})
        for number, cells in rows
    ]


def _cells(sheet: Any) -> list[tuple[int, list[str]]]:
    rows = ((number, [_text(cell) for cell in row]) for number, row in enumerate(sheet.iter_rows(values_only=True), 1))
    found = [(number, cells) for number, cells in rows if any(cells)]
    width = max((len(cells) for _, cells in found), default=0)
    return [(number, _filled(cells, width)) for number, cells in found]


def _filled(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    # A break of Windows stands in the file as _x000D_ and a line end, which openpyxl leaves as it is.
    return (
        str(import_module("openpyxl.utils.escape").unescape(str(value)))
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .strip()
    )
