"""Spreadsheets of questions to a benchmark's folder."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from import_tables import ASKS, ROWS, TWO, made, spreadsheet

from spider_opt.errors import DatasetError


def test_a_spreadsheet_is_read_as_its_csv_would_be(here: Path) -> None:
    header, rows = ["question", "query", "query_2", "level"], [[ASKS, *TWO, 3], [None], [*ROWS[0], None, 2.0]]
    notes: list[list[object]] = [["notes"], ["made by Ann"]]
    path = spreadsheet(here / "questions.xlsx", notes, [header, *rows])
    found = made(path)
    assert [(gold.asked.golds, gold.asked.difficulty) for gold in found.asked] == [(TWO, "3"), ((ROWS[0][1],), "2")]
    assert found.asked[1].asked.place == "row 4"


def test_further_sheets_with_questions_are_told(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    header: list[object] = ["question", "query"]
    sheets = [[["notes"]], *([header, list(row)] for row in ROWS[:2])]
    assert len(made(spreadsheet(here / "questions.xlsx", *sheets)).asked) == 1
    assert caplog.text.count('questions are read of the sheet "Sheet1", and not of "Sheet2"') == 1
    caplog.clear()
    made(spreadsheet(here / "one.xlsx", *sheets[:2]), replace=True)
    assert "sheet" not in caplog.text


def test_line_breaks_of_windows_in_a_spreadsheet_are_line_breaks(here: Path) -> None:
    sql = "SELECT name\r\nFROM boat\r\nWHERE kind = 'sail'"
    found = made(spreadsheet(here / "questions.xlsx", [["question", "query"], ["Which\r\nsail?", sql]]))
    [gold] = found.asked
    assert (gold.asked.question, gold.asked.query) == ("Which\nsail?", sql.replace("\r\n", "\n"))
    assert not gold.error


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ([[["question", "question"], ["a", "b"]]], 'two columns that are called "question"'),
        ([[]], "is empty"),
        ([[["words"], ["a"]]], 'no column is called "question"'),
        ([[["question", "query"], [None, "SELECT 1"]]], "row 2 has no question"),
    ],
)
def test_a_broken_spreadsheet_is_refused(here: Path, sheets: list[list[list[object]]], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        made(spreadsheet(here / "questions.xlsx", *sheets))
    assert not Path("own").exists()


def test_what_is_no_spreadsheet_is_refused(here: Path) -> None:
    Path("old.xls").write_bytes(b"x")
    with pytest.raises(DatasetError, match="save it as XLSX or CSV"):
        made(Path("old.xls"))
    pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    Path("no.xlsx").write_bytes(b"no zip")
    with pytest.raises(DatasetError, match="is no spreadsheet that can be read"):
        made(Path("no.xlsx"))


def test_what_reads_spreadsheets_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("no.xlsx").write_bytes(b"no zip")
    monkeypatch.setattr("spider_opt.benchmarks.spreadsheet.import_module", no_openpyxl)
    with pytest.raises(DatasetError, match=r"type: pip install 'spider-opt\[xlsx\]'"):
        made(Path("no.xlsx"))


def no_openpyxl(name: str) -> None:
    raise ImportError(name)


@pytest.mark.parametrize(
    ("rows", "cell"),
    [
        (
            [["question", "query"], ["Which?", '="SELECT name"&" FROM boat"'], ["And?", "=B2"]],
            r"cell B2 \(and 1 more\)",
        ),
        ([["question", "query"], ["Which?", "SELECT 1"], ['=A2&"!"', "SELECT 2"]], "cell A3"),
    ],
)
def test_a_formula_without_its_value_is_refused(here: Path, rows: list[list[object]], cell: str) -> None:
    path = spreadsheet(here / "q.xlsx", [["notes"], ["=1+1"]], rows)
    with pytest.raises(DatasetError, match=f"{cell} has a formula without its value: open it in a spreadsheet program"):
        made(path)
    assert not Path("own").exists()


def test_a_formula_with_its_value_counts_by_that(here: Path) -> None:
    path = spreadsheet(here / "q.xlsx", [["question", "query"], ["Which?", '="SELECT name"&" FROM boat"']])
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    assert b"</f><v" in sheet
    parts["xl/worksheets/sheet1.xml"] = re.sub(
        rb'(<c r="B2"[^>]*?)(?: t="\w+")?>(<f>.*?</f>)<v ?/?>(?:</v>)?',
        rb'\1 t="str">\2<v>SELECT name FROM boat</v>',
        sheet,
    )
    with zipfile.ZipFile(path, "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)
    [gold] = made(path).asked
    assert (gold.asked.query, gold.rows) == ("SELECT name FROM boat", 2)
