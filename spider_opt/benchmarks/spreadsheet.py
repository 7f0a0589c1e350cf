"""The rows of a spreadsheet, XLSX, by openpyxl: the sheet that has questions, its first row the names of columns."""

from __future__ import annotations

import logging
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
from spider_opt.wording import listed

_LOG = logging.getLogger("spider_opt")


def xlsx_rows(path: Path, refuse: Callable[[str], SpiderOptError]) -> list[Row]:
    """Return the rows of the first sheet with a column of questions, else of the first that has cells.

    Further sheets with questions are told. Of formulas their values count, as the program that wrote them had them;
    rows without a cell are none.

    Raises:
        SpiderOptError: what ``refuse`` makes of the reason: it cannot be read, is empty, names a column twice, has a
            formula without a value, or what reads it is not installed.
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
            titles = [str(sheet.title) for sheet in book.worksheets]
            book.close()
            without = _formulas_without_values(openpyxl, path)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise refuse(f"is no spreadsheet that can be read: {error}") from error
    full = [i for i, sheet in enumerate(sheets) if sheet]
    if not full and not any(without):
        raise refuse("is empty")
    asks = [i for i in full if any(name_of(cell) in QUESTION for cell in sheets[i][0][1])]
    chosen = next(iter([*asks, *full]), 0)
    if cells := without[chosen] if without else []:
        more = f" (and {len(cells) - 1:,} more)" if len(cells) > 1 else ""
        raise refuse(
            f"cell {cells[0]}{more} has a formula without its value: open it in a spreadsheet program and save it, or "
            "save it as CSV"
        )
    if len(asks) > 1:
        others = listed(f'"{titles[i]}"' for i in asks[1:])
        _LOG.warning('%s: questions are read of the sheet "%s", and not of %s', path, titles[chosen], others)
    (_, header), *rows = sheets[chosen]
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise refuse(f'has two columns that are called "{twice}"')
    return [
        Row(f"row {number}", {name: cell for name, cell in zip(header, cells, strict=False) if name or cell})
        for number, cells in rows
    ]


def _formulas_without_values(openpyxl: Any, path: Path) -> list[list[str]]:
    """Return the cells of each sheet that have a formula whose value no program has stored; [] without formulas."""
    with zipfile.ZipFile(path) as parts:
        if not any(_has_formulas(parts, name) for name in parts.namelist() if name.startswith("xl/worksheets/")):
            return []
    values = openpyxl.load_workbook(path, read_only=True, data_only=True)
    formulas = openpyxl.load_workbook(path, read_only=True)
    found = [
        [
            cell.coordinate
            for row, valued in zip(sheet.iter_rows(), values_of.iter_rows(values_only=True), strict=True)
            for cell, value in zip(row, valued, strict=True)
            if value is None and cell.value is not None
        ]
        for sheet, values_of in zip(formulas.worksheets, values.worksheets, strict=True)
    ]
    values.close()
    formulas.close()
    return found


def _has_formulas(parts: zipfile.ZipFile, name: str) -> bool:
    data = parts.read(name)
    return b"<f>" in data or b"<f " in data


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
