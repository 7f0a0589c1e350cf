from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from boats import Fill

from spider_opt.errors import PredictionsError, RunError, UsageError
from spider_opt.review.reading import read_sheets
from spider_opt.review.sheet import write_sheet
from spider_opt.review.summary import summarise
from spider_opt.review.summary_text import as_text
from spider_opt.runs.labels import labels
from spider_opt.types import Benchmark

Row = dict[str, str]
GOOD = {
    ("How many", "SELECT count(*)"): ("right",),
    ("Which boats", "-1+1"): ("Wrong ", "=no, it is -1+1", "SELECT name FROM boat WHERE color = 'red'"),
    ("What is the longest", "SELECT name"): ("unsure", "100 kB: " + "x" * 100_000),
}


@pytest.fixture
def sheet(runs: list[Path], benchmark: Benchmark) -> Path:
    return write_sheet(runs, benchmark, "s.csv").path


def test_labels_are_kept_beside_ex_in_each_run_that_gave_the_answer(
    runs: list[Path], benchmark: Benchmark, sheet: Path, fill: Fill
) -> None:
    (found,) = read_sheets(runs, benchmark, fill(sheet, "anna", GOOD))
    assert (found.by, found.n, found.drawn, found.gold_shown) == ("anna", 3, "all", False)
    a, b = labels(runs[0]), labels(runs[1])
    assert [(x.index, x.by, x.said) for x in a] == [(0, "anna", "right"), (5, "anna", "unsure")]
    assert [(x.index, x.by, x.said) for x in b] == [(0, "anna", "right"), (3, "anna", "wrong")]
    assert b[1].reason == "=no, it is -1+1"
    assert b[1].corrected == "SELECT name FROM boat WHERE color = 'red'"
    assert len(a[1].reason) == 100_008
    # A second sheet of the same person takes the place of the first, also where nothing is said any more.
    read_sheets(runs, benchmark, fill(sheet, "anna", {("How many", "SELECT count(*)"): ("wrong",)}))
    assert [(x.index, x.said) for folder in runs for x in labels(folder)] == [(0, "wrong"), (0, "wrong")]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_as_other_programs_write_it(
    runs: list[Path], benchmark: Benchmark, sheet: Path, fill: Fill, delimiter: str
) -> None:
    with fill(sheet, "anna", GOOD).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with open("ben.csv", "w", encoding="utf-16", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerows([[cell.replace("\n", "\r\n") for cell in row] for row in rows] + [[""] * len(rows[0])])
    (found,) = read_sheets(runs, benchmark, ["ben.csv"])
    assert (found.by, found.n) == ("ben", 3)


def test_a_spreadsheet(runs: list[Path], benchmark: Benchmark) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = write_sheet(runs, benchmark, "anna.xlsx", gold=True, only="disagree").path
    book = openpyxl.load_workbook(path)
    names = [cell.value for cell in book.active[1]]
    for row in book.active.iter_rows(min_row=2):
        row[names.index("label")].value = "right"
        row[names.index("row")].value = int(row[names.index("row")].value)  # as a program may have it
    book.save(path)
    (found,) = read_sheets(runs, benchmark, path)
    assert (found.n, found.drawn, found.gold_shown) == (8, "disagree", True)
    assert {(x.drawn, x.gold_shown) for x in labels(runs[0])} == {("disagree", True)}


def changed(name: str, to: Callable[[str], str], number: int = 3) -> Callable[[list[Row]], list[Row]]:
    def change(rows: list[Row]) -> list[Row]:
        rows[number - 1][name] = to(rows[number - 1][name])
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("label", lambda _: "maybe"), 'row 3: its label is "maybe", and must be right, wrong or unsure'),
        (changed("question", lambda text: text + "!"), "row 3: its question was changed"),
        (changed("sql", lambda _: "SELECT 1"), "row 3: its sql was changed"),
        (changed("schema", lambda _: ""), "row 3: its schema was changed"),
        (changed("result", lambda _: "1 row"), "row 3: its result, row or of was changed"),
        (changed("row", lambda _: "2"), "row 2 is there twice, in line"),
        (changed("row", lambda _: "99"), "row 3 of 14 is missing"),
        (changed("row", lambda _: "three"), 'its row is "three", and was a number'),
        (changed("of", lambda _: "15", 1), "row 15 of 15 is missing"),
        (changed("key", lambda key: key[1:]), "row 3: its key"),
        (changed("key", lambda key: "r" + "0" * 12 + key[13:]), "row 3: no run that is given has this answer now"),
        (lambda rows: rows[:5] + rows[7:], "row 6 and 1 more of 14 are missing"),
        (lambda rows: [*rows, rows[0]], "row 1 is there twice"),
        (lambda rows: rows[:0], "has no rows"),
        (changed("reason", lambda _: "because"), "row 3: it has a reason, and no label"),
        (changed("corrected", lambda _: "SELECT 1"), "row 3: it has a corrected query, and no label"),
        (lambda rows: rows, "no label is filled in; write right, wrong or unsure"),
        (lambda rows: [{k: v for k, v in row.items() if k != "label"} for row in rows], "it has no column label"),
        (lambda rows: [{"question": "a", "sql": "b"}], "it has no column row"),
    ],
)
def test_what_is_not_as_it_was_is_told_by_its_row(
    runs: list[Path],
    benchmark: Benchmark,
    sheet: Path,
    fill: Fill,
    change: Callable[[list[Row]], list[Row]],
    said: str,
) -> None:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = change(list(reader)), list(reader.fieldnames or ())
    with open("anna.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0] if rows else names)
        writer.writeheader()
        writer.writerows(rows)
    good = fill(sheet, "ben", GOOD)
    with pytest.raises(PredictionsError) as error:
        read_sheets(runs, benchmark, [good, "anna.csv"] if rows and rows[0].get("label") != "" else "anna.csv")
    assert said in str(error.value)
    assert str(error.value).startswith("anna.csv")
    assert not list(Path().glob("*/labels.jsonl")), "nothing is kept of any sheet"


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        ("SELECT nowhere FROM boat", "no such column: nowhere"),
        ("DROP TABLE boat", "does not run on port"),
        ("I do not know", "does not run on port"),
    ],
)
def test_a_corrected_query_must_run(
    runs: list[Path], benchmark: Benchmark, sheet: Path, fill: Fill, corrected: str, said: str
) -> None:
    filled = fill(sheet, "anna", {("Which boats", "-1+1"): ("wrong", "", corrected)})
    with pytest.raises(PredictionsError, match=r"anna.csv, row \d+: its corrected query does not run on port") as error:
        read_sheets(runs, benchmark, filled)
    assert said in str(error.value)


def test_sheets_are_called_as_people_are(runs: list[Path], benchmark: Benchmark, sheet: Path, fill: Fill) -> None:
    first = fill(sheet, "anna", GOOD)
    Path("more").mkdir()
    second = first.rename("more/anna.csv")
    with pytest.raises(UsageError, match="two sheets are called anna"):
        read_sheets(runs, benchmark, [fill(sheet, "anna", GOOD), second])
    for nobody in ("people.csv", "Ex.csv", " .csv"):
        Path(nobody).write_bytes(Path("anna.csv").read_bytes())
        with pytest.raises(UsageError, match=f"{nobody} is called as nobody is"):
            read_sheets(runs, benchmark, nobody)
    with pytest.raises(PredictionsError, match=r"row \d+: no run that is given has this answer now: name all runs"):
        read_sheets(runs[:1], benchmark, "anna.csv")


def test_files_that_are_no_sheets(runs: list[Path], benchmark: Benchmark) -> None:
    for name, data in (("x.csv", b""), ("y.csv", b"\xff\xfe\x00"), ("z.csv", b"a\x00b,\x01\n"), ("w.xlsx", b"PK")):
        Path(name).write_bytes(data)
        with pytest.raises(PredictionsError, match=name):
            read_sheets(runs, benchmark, name)


def test_two_people_and_ex(runs: list[Path], benchmark: Benchmark, sheet: Path, fill: Fill) -> None:
    # anna: as EX, but for "count(id)", which she calls wrong; ben: all right, unsure of one.
    wrong_by_ex = {
        ("@SUM", "SELECT id"): ("wrong",), ("What is the longest", "SELECT name"): ("wrong",),
        ("</data>", "SELECT missing"): ("wrong",), ("=HYPER", "SELECT color"): ("wrong",),
        ("Which boats", "-1+1"): ("wrong",), ("What is the longest", "SELECT max"): ("wrong",),
    }  # fmt: skip
    anna = fill(sheet, "anna", wrong_by_ex | {("What is the number", "SELECT count(id)"): ("wrong",)}, "right")
    ben = fill(sheet, "ben", {("Which days", "SELECT day"): ("unsure",)}, "right")
    read_sheets(runs, benchmark, [anna, ben])
    found = summarise(runs, benchmark)
    assert found.n == 14
    voices = {voice.name: voice for voice in found.voices}
    assert [*voices] == ["anna", "ben", "people"]
    right = {"right": 7, "wrong": 1, "unsure": 0}
    assert voices["anna"].counts == {"right": right, "wrong": {"right": 0, "wrong": 6, "unsure": 0}}
    assert voices["anna"].with_ex.same.value == pytest.approx(100 * 13 / 14)
    # By hand: agreement 13/14, by chance (8 * 7 + 6 * 7) / 14**2.
    chance = (8 * 7 + 6 * 7) / 14**2
    assert voices["anna"].with_ex.kappa.value == pytest.approx((13 / 14 - chance) / (1 - chance))
    assert voices["ben"].with_ex.same.value == pytest.approx(100 * 7 / 13)
    assert voices["people"].counts["right"] == {"right": 7, "wrong": 0, "unsure": 1}
    assert voices["people"].counts["wrong"] == {"right": 0, "wrong": 0, "unsure": 6}
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.same.value) == ("anna", "ben", pytest.approx(100 * 6 / 14))
    assert found.alpha is not None
    assert found.alpha.n == 14
    a, _ = found.runs
    assert (a.name, a.ex, a.accuracy.n) == ("a", 62.5, 5)
    assert math.isnan(a.accuracy.value), "nobody is sure of what EX calls wrong"
    text = as_text(found)
    assert "anna and ben: the same label, % 42.9" in text
    assert "a: EX 62.5, n=8; as people see it not known: what EX calls right and what it calls wrong must both" in text
    assert found.to_json()["runs"][0]["people"]["value"] is None
    for label in runs[0] / "labels.jsonl", runs[1] / "labels.jsonl":
        label.write_text(label.read_text().replace('"ben"', '"ben\\n| 1"'))
    renamed = as_text(summarise(runs, benchmark))
    assert len(renamed.splitlines()) == len(text.splitlines())
    assert "ben | 1" in renamed


def test_accuracy_as_people_see_it_whichever_answers_were_drawn(
    runs: list[Path], benchmark: Benchmark, fill: Fill
) -> None:
    # Run a is right on 5 of 8. Of what EX calls wrong people call 1 of 3 right, of what it calls right 4 of 5.
    said = {
        ("@SUM", "SELECT id"): ("wrong",), ("What is the longest", "SELECT name"): ("right",),
        ("</data>", "SELECT missing"): ("wrong",), ("Which days", "SELECT day"): ("wrong",),
    }  # fmt: skip
    for only, expected in (("wrong", math.nan), ("right", 100 * (5 * 4 / 5 + 3 * 1 / 3) / 8)):
        write_sheet(runs[:1], benchmark, "s.csv", only=only)  # type: ignore[arg-type]
        read_sheets(runs[:1], benchmark, fill("s.csv", "anna", said, "right"))
        (run,) = summarise(runs[:1], benchmark).runs
        assert run.accuracy.value == pytest.approx(expected, nan_ok=True)
    assert 0 <= run.accuracy.low < 62.5 < run.accuracy.high <= 100, "percent, and no share of 1"
    assert run.accuracy.high > 80, "of eight gold queries"
    # Weighted: with one label of each kind, 5/8 of the one and 3/8 of the other.
    other = write_sheet(runs[:1], benchmark, "t.csv").path
    few = {("How many", "SELECT count"): ("right",), ("@SUM", "SELECT id"): ("wrong",)}
    read_sheets(runs[:1], benchmark, fill(other, "anna", few))
    (run,) = summarise(runs[:1], benchmark).runs
    assert (run.accuracy.n, run.accuracy.value, run.labelled_ex) == (2, pytest.approx(62.5), 50)
    # What is drawn by how runs differ says nothing of all answers.
    write_sheet(runs, benchmark, "u.csv", only="disagree")
    read_sheets(runs, benchmark, fill("u.csv", "ben", {}, "right"))
    assert [run.accuracy.n for run in summarise(runs, benchmark).runs] == [2, 1]


def test_without_labels(runs: list[Path], benchmark: Benchmark) -> None:
    assert as_text(summarise(runs, benchmark)) == "no answer has a label"


def test_labels_are_kept_in_all_runs_or_in_none(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    write_sheet(runs, benchmark, "s.csv")
    sheet = fill("s.csv", "anna", {}, "right")
    (runs[1] / ".labels.jsonl.part").mkdir()  # so that the second cannot be written
    with pytest.raises(RunError, match=r"^cannot write b/labels\.jsonl: "):
        read_sheets(runs, benchmark, sheet)
    assert not (runs[0] / "labels.jsonl").exists()
    (runs[1] / ".labels.jsonl.part").rmdir()
    read_sheets(runs, benchmark, sheet)
    assert [len(labels(run)) for run in runs] == [8, 8]


@pytest.mark.parametrize(
    ("first", "second"),
    [("anna", "ANNA"), ("Jos\u00e9", "Jose\u0301"), ("J\u00f6rg Stra\u00dfer", "jo\u0308rg  STRASSER")],
)
def test_a_person_is_one_however_the_name_is_written(
    runs: list[Path], benchmark: Benchmark, fill: Fill, first: str, second: str
) -> None:
    write_sheet(runs, benchmark, "s.csv")
    one, other = fill("s.csv", first, {}, "right"), fill("s.csv", second, {}, "wrong")
    with pytest.raises(UsageError, match="two sheets are called"):
        read_sheets(runs, benchmark, [one, other])
    read_sheets(runs, benchmark, one)
    (found,) = read_sheets(runs, benchmark, other)
    assert found.by == first
    (voice,) = summarise(runs, benchmark).voices
    assert (voice.name, voice.n, voice.counts["right"]["right"]) == (first, 14, 0), "the second takes its place"
