from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from boats import QUESTIONS, A, B, Fill

from spider_opt.errors import RunError, UsageError
from spider_opt.evaluation.running import evaluate
from spider_opt.review.sheet import read_rows, write_sheet
from spider_opt.runs import Run
from spider_opt.types import Benchmark


def cells(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_answer_and_nothing_that_tells_whose(runs: list[Path], benchmark: Benchmark) -> None:
    found = write_sheet(runs, benchmark, "s.csv")
    rows = cells("s.csv")
    # Twice the same query, to questions 0 and 7: 14 rows of 16 answers.
    assert (found.n_rows, found.n_questions, found.n_runs) == (len(rows), 8, 2) == (14, 8, 2)
    shown = Counter((row["question"].lstrip("'")[:9], row["sql"].lstrip("'")) for row in rows)
    expected = {(QUESTIONS[i][0][:9], " ".join(sql.split())) for answers in (A, B) for i, sql in answers.items()}
    assert {(q, " ".join(s.split())) for q, s in shown} == expected - {(QUESTIONS[0][0][:9], " ".join(B[0].split()))}
    assert set(shown.values()) == {1}
    text = Path("s.csv").read_text()
    assert not any(word in text for word in ("zero-shot", "official", "wrong", "gold", "tmp"))
    assert [row["row"] for row in rows] == [str(i) for i in range(1, 15)]
    assert all(row["label"] == row["reason"] == row["corrected"] == "" for row in rows)
    turned = cells_of(write_sheet(runs[::-1], benchmark, "t.csv").path)
    assert [(r["key"][:13], r["sql"].lower().split()) for r in turned] == [
        (r["key"][:13], r["sql"].lower().split()) for r in rows
    ], "which run is named first does not show"


def cells_of(path: Path) -> list[dict[str, str]]:
    return cells(str(path))


def test_what_a_row_shows(runs: list[Path], benchmark: Benchmark) -> None:
    write_sheet(runs, benchmark, "s.csv", gold=True)
    by_sql = {row["sql"].lstrip("'"): row for row in cells("s.csv")}
    names = by_sql["SELECT name FROM boat"]
    assert names["question"] == '\'=HYPERLINK("http://evil") names?'
    assert names["schema"] == "boat (id, name, color, length)"
    assert names["result"] == "3 rows:\n| name\n| =1+1\n| B¦ea\n| \\x1b[2J"
    assert names["gold"] == QUESTIONS[2][1]
    assert names["gold_result"] == names["result"]
    lengths = by_sql["SELECT length FROM boat"]
    assert lengths["question"] == "'@SUM(A1)\n'-- lengths?"
    days = by_sql["SELECT day FROM rental"]
    assert len(days["result"]) < 1000
    assert days["result"].endswith("… (100,000 characters in all)")
    assert by_sql["SELECT missing FROM boat"]["result"] == "fails: no such column: missing"
    assert by_sql["-1+1"]["sql"] == "'-1+1"
    assert by_sql["-1+1"]["result"].startswith("fails: ")
    assert "rental (" in by_sql["-1+1"]["schema"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_nothing_is_a_formula_and_all_is_read_back(runs: list[Path], benchmark: Benchmark, ending: str) -> None:
    if ending == "xlsx":
        pytest.importorskip("openpyxl")
    path = write_sheet(runs, benchmark, f"s.{ending}", gold=True).path
    rows = [row.value for row in read_rows(path)]
    assert {row["question"] for row in rows} == {text for text, _ in QUESTIONS}  # type: ignore[index, call-overload]
    assert {"-1+1", A[5], B[6]} <= {row["sql"] for row in rows}  # type: ignore[index, call-overload]
    if ending == "xlsx":
        import openpyxl

        sheet = openpyxl.load_workbook(path).active
        values = [cell for row in sheet.iter_rows() for cell in row if cell.value]
        assert {cell.data_type for cell in values} == {"s"}
        assert not [cell.value for cell in values if cell.value[0] in "=+-@"]
    else:
        assert not [cell for row in cells("s.csv") for cell in row.values() if cell and cell[0] in "=+-@"]


def test_what_looks_like_a_character_of_xlsx_is_read_back_as_it_was(benchmark: Benchmark, tmp_path: Path) -> None:
    """In an XLSX file _x0041_ is an A: a query with these letters was told to have been changed."""
    pytest.importorskip("openpyxl")
    sql = "SELECT '_x0041_', '_x005F_x0041_', '__x000d__', '_x12_'"
    run = evaluate(lambda question, database: sql, benchmark, limit=2, name="x", out=tmp_path / "x", progress=False)
    rows = [row.value for row in read_rows(write_sheet([run], benchmark, tmp_path / "s.xlsx").path)]
    assert [row["sql"] for row in rows] == [sql] * 2  # type: ignore[index, call-overload]


def test_a_sample_is_of_questions_and_a_smaller_one_a_part(runs: list[Path], benchmark: Benchmark) -> None:
    def asked(**options: object) -> set[str]:
        return {row["question"] for row in cells_of(write_sheet(runs, benchmark, "s.csv", **options).path)}  # type: ignore[arg-type]

    three, five = asked(n=3), asked(n=5)
    assert (len(three), len(five)) == (3, 5)
    assert three < five
    assert asked(n=3) == three
    assert any(asked(n=3, seed=seed) != three for seed in (1, 2, 3))
    assert len(asked(n=500)) == 8


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("right", {(i, A[i]) for i in (0, 1, 2, 3, 7)} | {(i, B[i]) for i in (1, 4, 6)}),
        ("wrong", {(i, A[i]) for i in (4, 5, 6)} | {(i, B[i]) for i in (2, 3, 5)}),
        ("disagree", {(i, answers[i]) for i in (2, 3, 4, 6) for answers in (A, B)}),
    ],
)
def test_only_some_answers(runs: list[Path], benchmark: Benchmark, only: str, expected: set[tuple[int, str]]) -> None:
    write_sheet(runs, benchmark, "s.csv", only=only)  # type: ignore[arg-type]
    shown = {(row["question"].lstrip("'")[:9], row["sql"].lstrip("'")) for row in cells("s.csv")}
    assert shown == {(QUESTIONS[i][0][:9], sql) for i, sql in expected}
    assert f'"{only}' not in Path("s.csv").read_text()


def test_a_sheet_with_labels_is_never_lost(runs: list[Path], benchmark: Benchmark, fill: Fill) -> None:
    write_sheet(runs, benchmark, "s.csv")
    write_sheet(runs, benchmark, "s.csv", n=2)  # nothing is in it yet
    filled = fill("s.csv", "anna", {}, default="right")
    before = filled.read_bytes()
    with pytest.raises(UsageError, match=r"anna.csv has labels in it \(row 1\), which would be lost: name another"):
        write_sheet(runs, benchmark, filled)
    assert filled.read_bytes() == before
    Path("notes.csv").write_text("my,notes\n1,2\n")
    with pytest.raises(UsageError, match=r"notes.csv is there, and no sheet without labels"):
        write_sheet(runs, benchmark, "notes.csv")
    assert sorted(path.name for path in Path().glob("*.csv")) == ["anna.csv", "notes.csv", "s.csv"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"out": "s.txt"}, UsageError, "end it with .csv or .xlsx"),
        ({"out": "s.csv", "n": 0}, UsageError, "n is 0"),
        ({"out": "s.csv", "only": "right", "runs": []}, UsageError, "no run is given"),
        ({"out": "s.csv", "only": "odd"}, UsageError, "only is 'odd'"),
        ({"out": "s.csv", "only": "disagree", "runs": ["a"]}, UsageError, "one run disagrees with none"),
        ({"out": "s.csv", "runs": ["a", "./a"]}, UsageError, "a is given twice"),
        ({"out": "s.csv", "runs": ["own"]}, RunError, "own"),
    ],
)
def test_what_makes_no_sense(
    runs: list[Path], benchmark: Benchmark, options: dict[str, object], error: type[Exception], said: str
) -> None:
    given = {"runs": runs, "benchmark": benchmark, **options}
    with pytest.raises(error, match=said):
        write_sheet(**given)  # type: ignore[arg-type]
    assert not list(Path().glob("s.*"))


def test_a_hostile_query_takes_a_bounded_time_and_place(runs: list[Path], benchmark: Benchmark) -> None:
    from spider_opt.databases import DatabasePool
    from spider_opt.review import answers

    port = DatabasePool(benchmark.paths)["port"]
    many = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x FROM t"
    assert answers.result_of(many, port).startswith("more than 1,000 rows, the first 10:\n| x\n| 1\n")
    assert answers.result_of("DROP TABLE boat", port).startswith("fails: ")
    assert answers.result_of(" ", port) == "there is no query"
    wide = "SELECT " + ", ".join(f"day AS d{i}" for i in range(500)) + " FROM rental"
    assert len(answers.result_of(wide, port)) < 6_000
    schema = benchmark.examples[0].question.schema
    for sql in ("SELECT " + "(" * 50_000, "SELECT 1 " + "UNION SELECT 1 " * 7_000, "x" * 100_000, ""):
        assert answers.excerpt(sql, schema).startswith("boat (")


def test_a_run_in_memory_has_no_place_for_labels(runs: list[Path], benchmark: Benchmark) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="has no folder to keep labels in"):
        write_sheet([replace(Run.read(runs[0]), folder=None)], benchmark, "s.csv")


def test_a_gold_that_is_a_result_is_shown_as_that(runs: list[Path], benchmark: Benchmark) -> None:
    from dataclasses import replace

    from spider_opt.databases import DatabasePool
    from spider_opt.review.answers import judged_answers, read_runs
    from spider_opt.review.judging import gold_parts
    from spider_opt.review.sheet import sheet_rows
    from spider_opt.types import GoldResult

    (first, *_) = judged_answers(read_runs(runs, benchmark))
    one = replace(first, example=replace(first.example, gold_sql="", gold_results=(GoldResult("n\n3"),)))
    (row,) = sheet_rows([one], benchmark, only="all", gold=True)
    assert (row["gold"], row["gold_result"]) == ("n\n3", "see gold")
    assert gold_parts(one, True, DatabasePool(benchmark.paths)) == {"reference result": "n\n3"}
