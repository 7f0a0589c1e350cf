"""A sheet for people to judge answers on: a row an answer, which does not say whose it is; CSV or XLSX."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.spreadsheet import xlsx_rows
from spider_opt.databases import DatabasePool
from spider_opt.errors import PredictionsError, SpiderOptError, UsageError
from spider_opt.paths import write_bytes_whole, write_whole
from spider_opt.progress import Progress, display
from spider_opt.review.answers import Judged, drawn, excerpt, judged_answers, read_runs, result_of
from spider_opt.review.cells import live, plain, same_text, still
from spider_opt.rows import Row, csv_rows, name_of, read_text
from spider_opt.runs import Run
from spider_opt.runs.labels import SAID, Drawn, Label
from spider_opt.types import Benchmark
from spider_opt.wording import argument

SHOWN = ("database", "question", "schema", "sql", "result")
GOLD = ("gold", "gold_result")
FILLED = ("label", "reason", "corrected")
"""What people fill in: right, wrong or unsure; why; the right query."""
_WIDTHS = {"question": 45, "schema": 45, "sql": 55, "result": 45, "gold": 45, "gold_result": 45, "reason": 30}
_WIDTHS["corrected"] = 55
_AS_IN_XLSX = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""What begins a character by its number in an XLSX file, as _x0041_ is an A: there it has its own number before it."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a sheet came to: its file, its rows, and of how many questions and runs they are."""

    path: Path
    n_rows: int
    n_questions: int
    n_runs: int


def write_sheet(
    runs: Sequence[Run | Path | str],
    benchmark: Benchmark,
    out: str | Path,
    *,
    n: int | None = None,
    only: Drawn = "all",
    seed: int = 0,
    gold: bool = False,
    progress: bool | Progress | None = False,
) -> Written:
    """Write a sheet to judge the answers of ``runs`` on, CSV or XLSX by the name of ``out``.

    A row shows a question, the tables of the query, the query and the first rows that it gives. Answers of several runs
    are mixed, and the same query to one question stands there once; nothing in the sheet tells whose it is, or what EX
    says of it. A sheet in which something was filled in is never written over.

    Args:
        runs: run folders, or runs read from them.
        benchmark: what they were asked.
        out: the file.
        n: only the answers to so many questions, drawn by the seed; a smaller number gives a part of the same ones.
        only: the answers that EX calls ``wrong`` or ``right``; ``disagree``: those to questions on which runs differ.
        seed: of what is drawn, and of the order.
        gold: show the gold query and what it gives.
        progress: show it on stderr (True), not (False, None), or by a display of one's own.

    Raises:
        UsageError: an argument is of another kind than is due, no answer is drawn, or the file has labels.
        RunError: a run cannot be read, or was asked something else.
    """
    read = read_runs(runs, benchmark)
    path, gold = arguments.path(out, "out"), arguments.yes_or_no(gold, "gold")
    n = None if n is None else arguments.whole(n, "n", least=1)
    check_sheet(path)
    chosen = drawn(judged_answers(read), n=n, only=only, seed=arguments.seed(seed), n_runs=len(read))
    rows = sheet_rows(chosen, benchmark, only=only, gold=gold, progress=progress)
    write_rows(path, rows)
    return Written(path, len(rows), len({one.example.index for one in chosen}), len(read))


def sheet_rows(
    chosen: Sequence[Judged],
    benchmark: Benchmark,
    *,
    only: Drawn,
    gold: bool,
    said: Mapping[str, Label] = {},
    progress: bool | Progress | None = False,
) -> list[dict[str, str]]:
    """Return the rows of a sheet, with what was ``said`` by the answers' keys filled in."""
    databases = DatabasePool(benchmark.paths)
    rows = []
    with display(progress)("writing", len(chosen)) as advance:
        for number, one in enumerate(chosen, 1):
            question, label = one.example.question, said.get(one.key)
            database = databases[question.db_id]
            shown = asked_cells(one) | {"result": result_of(one.sql, database)}
            if gold:
                sql = one.example.gold_sql
                shown |= gold_cell(one) | {"gold_result": result_of(sql, database) if sql.strip() else "see gold"}
            key = f"{one.key}-{check_of(shown, number, len(chosen), only, benchmark.fingerprint)}"
            filled = (label.said, plain(label.reason), plain(label.corrected)) if label else ("", "", "")
            rows.append(
                {"row": str(number), "of": str(len(chosen)), "key": key}
                | {name: still(cell) for name, cell in shown.items()}
                | {name: still(cell) for name, cell in zip(FILLED, filled, strict=True)}
            )
            advance()
    return rows


def asked_cells(one: Judged) -> dict[str, str]:
    """Return what a row shows of an answer that is known without a database."""
    question = one.example.question
    note = f"\n\nNote: {question.notes}" if question.notes.strip() else ""
    cells = {
        "database": question.db_id, "question": question.text + note, "schema": excerpt(one.sql, question.schema),
        "sql": one.sql if one.sql.strip() else "(there is no query)",
    }  # fmt: skip
    return {name: plain(cell) for name, cell in cells.items()}


def gold_cell(one: Judged) -> dict[str, str]:
    """Return what a row shows of the gold query, all of them where several are right; else of the gold results."""
    return {"gold": plain("\n\nor\n\n".join(one.example.golds) or one.example.gold_text)}


def check_of(shown: Mapping[str, str], number: int, of: int, only: Drawn, fingerprint: str) -> str:
    """Return a hash of all that a row shows, by which it is seen whether somebody changed it; blanks do not count.

    From which answers the sheet was drawn is in it, so that who reads the sheet back can tell; who judges cannot, since
    the benchmark's ``fingerprint`` is in it too, which the sheet does not tell.
    """
    said = [same_text(shown.get(name, "")) for name in (*SHOWN, *GOLD)]
    return hashlib.sha256(json.dumps([fingerprint, only, number, of, *said]).encode()).hexdigest()[:8]


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows, all with the same columns, whole or not at all.

    Raises:
        UsageError: what writes XLSX is not installed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".xlsx":
        write_bytes_whole(path, _xlsx(rows))
        return
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    write_whole(path, "\ufeff" + text.getvalue())  # by the mark Excel knows that it is UTF-8


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a sheet, with the texts that ``still`` was given.

    Raises:
        PredictionsError: it cannot be read, or lacks a column.
    """

    def refuse(why: str) -> SpiderOptError:
        return PredictionsError(f"{path} {why}")

    if path.suffix.lower() == ".xlsx":
        rows = xlsx_rows(path, refuse)
    else:
        known = {"row", "key", *SHOWN, *FILLED}
        rows = csv_rows(read_text(path, PredictionsError), known.__contains__, refuse)
    found = []
    for row in rows:
        if not isinstance(row.value, dict):
            raise refuse("is no sheet of spider-opt review: its first row does not name the columns")
        cells = {name_of(name): live(cell) for name, cell in row.value.items() if isinstance(cell, str)}
        found.append(Row(row.place, dict[str, Any](cells)))
    if not found:
        raise refuse("has no rows")
    there = found[0].value
    assert isinstance(there, dict)
    if lacking := [name for name in ("row", "of", "key", *SHOWN, *FILLED) if name not in there]:
        raise refuse(f"is no sheet of spider-opt review: it has no column {lacking[0]}")
    return found


def check_sheet(path: Path) -> None:
    """Make sure that writing a sheet to a path loses nothing.

    Raises:
        UsageError: the path has no such ending, or there is something else than a sheet in which nothing is filled in.
    """
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise UsageError(f"{path} is no name for a sheet: end it with .csv or .xlsx")
    if path.suffix.lower() == ".xlsx":
        _openpyxl()
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in {argument('out')}")
    if not path.exists() or not path.stat().st_size:
        return
    another = f"name another file in {argument('out')}"
    try:
        rows = read_rows(path)
    except PredictionsError as error:
        raise UsageError(f"{path} is there, and no sheet without labels: {another} ({error})") from error
    for row in rows:
        if isinstance(row.value, dict) and any(str(row.value[name]).strip() for name in FILLED if name in row.value):
            raise UsageError(f"{path} has labels in it (row {row.value['row']}), which would be lost: {another}")


def _xlsx(rows: Sequence[Mapping[str, str]]) -> bytes:
    openpyxl = _openpyxl()
    styles, utils = import_module("openpyxl.styles"), import_module("openpyxl.utils")
    validation = import_module("openpyxl.worksheet.datavalidation")

    book = openpyxl.Workbook()
    page = book.active
    page.title = "answers"
    names = [*rows[0]]
    for line, row in enumerate([dict(zip(names, names, strict=True)), *rows], 1):
        for column, name in enumerate(names, 1):
            cell = page.cell(line, column)
            cell.value, cell.data_type = _AS_IN_XLSX.sub("_x005F_", row[name]), "s"
            cell.alignment = styles.Alignment(wrap_text=True, vertical="top")
            cell.font = styles.Font(bold=line == 1)
    for column, name in enumerate(names, 1):
        page.column_dimensions[utils.get_column_letter(column)].width = _WIDTHS.get(name, 12)
    page.freeze_panes = "A2"
    listed = validation.DataValidation(type="list", formula1=f'"{",".join(SAID)}"', allow_blank=True)
    letter = utils.get_column_letter(names.index("label") + 1)
    listed.add(f"{letter}2:{letter}{len(rows) + 1}")
    page.add_data_validation(listed)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def _openpyxl() -> Any:
    try:
        return import_module("openpyxl")
    except ImportError as error:
        raise UsageError(
            "what writes a spreadsheet is not installed; type: pip install 'spider-opt[xlsx]', or write a .csv"
        ) from error
