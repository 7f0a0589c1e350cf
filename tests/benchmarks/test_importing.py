"""A table of questions and some databases to a benchmark's folder."""

from __future__ import annotations

import json
import re
import sqlite3
import zipfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.importing import Gold, Imported, database_files, import_benchmark
from spider_opt.benchmarks.leaks import training_for
from spider_opt.benchmarks.near import near_duplicates
from spider_opt.errors import DatasetError
from spider_opt.wording import in_shell

BOATS = (
    "CREATE TABLE boat (name TEXT, kind TEXT, crew INT); INSERT INTO boat VALUES ('Alba','sail',3),('Borg','motor',5)"
)
ROWS = [
    ("How many boats are there?", "SELECT count(*) FROM boat"),
    ("Which boats sail?", "SELECT name FROM boat WHERE kind = 'sail'"),
    ("Who rows?", "SELECT name FROM boat WHERE kind = 'row'"),
]


def database(path: Path, script: str = BOATS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "harbour.db")
    return tmp_path


def table(rows: Iterable[Iterable[str]], header: str = "question,query", name: str = "questions.csv") -> Path:
    path = Path(name)
    path.write_text("\n".join([header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]) + "\n")
    return path


def made(path: Path, *databases: str, **options: object) -> Imported:
    files = [Path(name) for name in databases or ("harbour.db",)]
    return import_benchmark(path, files, Path("own"), **options)  # type: ignore[arg-type]


def test_a_folder_is_made_and_loads_under_its_name(here: Path) -> None:
    seen: list[tuple[int, int, int | None, str]] = []

    def on_gold(number: int, total: int, gold: Gold) -> None:
        seen.append((number, total, gold.rows, gold.error))

    found = made(table(ROWS), on_gold=on_gold)
    assert seen == [(1, 3, 1, ""), (2, 3, 1, ""), (3, 3, 0, "")]
    assert (found.root, found.name, found.databases, found.training) == (here / "own", "own", ("harbour",), ())
    benchmark = load(data="own")
    assert (benchmark.name, benchmark.split, benchmark.n_total) == ("own", "dev", 3)
    assert [(e.question.text, e.gold_sql) for e in benchmark.examples] == ROWS
    assert benchmark.paths == {"harbour": here / "own" / "database" / "harbour" / "harbour.sqlite"}
    assert sorted(path.name for path in here.iterdir()) == ["harbour.db", "own", "questions.csv"]
    assert json.loads((here / "own" / "benchmark.json").read_text()) == {"name": "own"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'Question;SQL\n"How many; boats?";"SELECT count(*) FROM boat"\n'),
        ("a.csv", "\ufeffquestion,gold_sql\nHow many; boats?,SELECT count(*) FROM boat\n,\n"),
        ("a.tsv", "NLQ\tGOLD SQL\nHow many; boats?\tSELECT count(*) FROM boat\n"),
        ("a.jsonl", '{"question": "How many; boats?", "sql": "SELECT count(*) FROM boat"}\n'),
        ("a.json", '[{"question": "How many; boats?", "query": "SELECT count(*) FROM boat", "query_toks": ["x"]}]'),
        ("a.csv", "query,sql\nHow many; boats?,SELECT count(*) FROM boat\n"),
        ("a.csv", "id,question,db,query\n7,How many; boats?,Harbour,SELECT count(*) FROM boat\n"),
        ("a.csv", "question,database,query\nHow many; boats?,data/harbour.db,SELECT count(*) FROM boat\n"),
    ],
)
def test_tables_as_people_write_them(here: Path, name: str, text: str) -> None:
    (here / name).write_text(text)
    found = made(Path(name))
    [gold] = found.asked
    assert (gold.db_id, gold.asked.question, gold.asked.query, gold.rows) == (
        "harbour", "How many; boats?", "SELECT count(*) FROM boat", 1,
    )  # fmt: skip


def test_evidence_and_difficulty_reach_the_question(here: Path) -> None:
    path = table([(*ROWS[0], "all count", "easy"), (*ROWS[1], "", "")], "question,query,evidence,difficulty")
    made(path)
    first, second = load(data="own").examples
    assert (first.question.notes, dict(first.metadata)) == ("all count", {"difficulty": "easy"})
    assert (second.question.notes, dict(second.metadata)) == ("", {})


def test_questions_without_a_query_are_taken(here: Path) -> None:
    found = made(table([ROWS[0], ("What else?", "")]))
    assert [(gold.rows, gold.error) for gold in found.asked] == [(1, ""), (None, "")]
    assert [example.gold_sql for example in load(data="own").examples] == [ROWS[0][1], ""]
    Path("words.csv").write_text("question\nWhat else?\n")
    assert [gold.rows for gold in made(Path("words.csv"), replace=True, without_golds=True).asked] == [None]


def test_a_query_that_fails_is_told_and_kept(here: Path) -> None:
    found = made(table([ROWS[0], ("Which?", "SELECT nam FROM boat")]))
    assert [gold.error for gold in found.asked] == ["", "no such column: nam"]
    assert len(load(data="own").examples) == 2


def test_a_database_is_copied_as_it_is_now_and_stays_as_it_was(here: Path) -> None:
    with closing(sqlite3.connect("harbour.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO boat VALUES ('Cora', 'sail', 2)")
        writer.commit()
        assert Path("harbour.db-wal").stat().st_size
        before = Path("harbour.db").read_bytes()
        rows = [gold.rows for gold in made(table([("Which?", "SELECT name FROM boat")])).asked]
        assert rows == [3]
        assert Path("harbour.db").read_bytes() == before
    copy = here / "own" / "database" / "harbour"
    assert [path.name for path in copy.iterdir()] == ["harbour.sqlite"]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("question,query\n", "holds no question"),
        ("Which boats?,SELECT 1\n", "line 1: its first line must name the columns, as in question,query"),
        ("ask,query\nWhich?,SELECT 1\n", 'no column is called "question", as one must be; there are: "ask", "query"'),
        ("question,query\nWhich?,SELECT 1\n,SELECT 2\n", "line 3 has no question"),
        ("question,query\nWhich?,SELECT 1, 2\n", "line 2 has 3 cells where line 1 has 2"),
        ("question,query,db\nWhich?,SELECT 1,harbor\n",
         'line 2 is about the database "harbor", which is none of those named (harbour); did you mean "harbour"?'),
        ("question,query,db\nWhich?,SELECT 1,zoo\n", 'line 2 is about the database "zoo"'),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_and_nothing_is_made(here: Path, text: str, said: str) -> None:
    Path("a.csv").write_text(text)
    with pytest.raises(DatasetError) as caught:
        made(Path("a.csv"))
    assert said in str(caught.value)
    assert sorted(path.name for path in here.iterdir()) == ["a.csv", "harbour.db"]


TWO = [
    ("question,query,sql", "All?,SELECT 1,SELECT 2", "query", "query", "sql"),
    ("question,SQL,Query", "All?,SELECT 1,SELECT 2", "query", "SQL", "Query"),
    ("question,gold,expected_sql", "All?,SELECT 1,SELECT 2", "query", "gold", "expected_sql"),
    ("question,gold,expected_sql,sql", "All?,SELECT 1,SELECT 2,SELECT 2", "query", "gold", "expected_sql"),
    ("question,utterance,query", "All?,Every?,SELECT 1", "question", "question", "utterance"),
    ("question,query,evidence,notes", "All?,SELECT 1,one,other", "evidence", "evidence", "notes"),
    ("question,query,db_id,database", "All?,SELECT 1,harbour,port", "database", "db_id", "database"),
    ("question,query,level,hardness", "All?,SELECT 1,easy,hard", "difficulty", "level", "hardness"),
]


@pytest.mark.parametrize(("header", "row", "part", "one", "other"), TWO)
def test_two_columns_that_can_be_one_part_are_not_chosen_between(
    here: Path, header: str, row: str, part: str, one: str, other: str
) -> None:
    database(here / "port.db")
    n = header.count(",")
    (here / "a.csv").write_text(f"{header}\nWhich?,{','.join(['SELECT 1'] * n)}\n{row}\n")
    if part != "query":
        (here / "a.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(DatasetError) as caught:
        made(Path("a.csv"), "harbour.db", "port.db")
    said = str(caught.value)
    assert f'the columns "{one}" and "{other}" can each be the {part}, and say different things (line ' in said
    assert f"choose one by columns={{'{part}': NAME}}" in said
    assert not (here / "own").exists()
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    for name in (one, other):
        chosen = {part: name} if part == "database" else {part: name, "database": "db"}
        if part != "database":
            (here / "b.csv").write_text(f"{header},db\n{row},harbour\n")
        else:
            (here / "b.csv").write_text(f"{header}\n{row}\n")
        found = import_benchmark(
            Path("b.csv"), [Path("harbour.db"), Path("port.db")], here / f"own-{name}", columns=chosen
        )
        assert getattr(found.asked[-1].asked, part) == cells[name]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("question,query,sql\nAll?,SELECT 1,select  1;\n", "SELECT 1"),  # the same twice
        ("question,query,sql\nAll?,SELECT 1,\n", None),
        ("question,query,sql\nAll?,,SELECT 1\n", "SELECT 1"),
        ("question,sql,gold\nAll?,SELECT 2,SELECT 1\n", "SELECT 1"),  # which one is gold is said
        ("query,sql\nAll?,SELECT 1\n", "SELECT 1"),
        ("question,evidence,hint,query\nAll?,x,,SELECT 1\n", "SELECT 1"),
    ],
)
def test_two_columns_of_which_only_one_can_be_it(here: Path, text: str, query: str | None) -> None:
    (here / "a.csv").write_text(text)
    assert made(Path("a.csv")).asked[0].asked.query == (query or "SELECT 1")


def test_columns_of_any_name_can_be_chosen(here: Path) -> None:
    (here / "a.csv").write_text("Frage,query,Antwort\nWie viele?,x,SELECT count(*) FROM boat\n")
    [gold] = made(Path("a.csv"), columns={"question": "Frage", "query": "Antwort"}).asked
    assert (gold.asked.question, gold.asked.query, gold.rows) == ("Wie viele?", "SELECT count(*) FROM boat", 1)
    with pytest.raises(DatasetError, match='no column is called "antwort"; there are: "Frage", "query", "Antwort"'):
        made(Path("a.csv"), columns={"question": "Frage", "query": "antwort"}, replace=True)
    with pytest.raises(DatasetError, match="a table has no part 'gold', but question, query"):
        made(Path("a.csv"), columns={"gold": "Antwort"}, replace=True)


def test_of_several_databases_a_row_must_name_its_own(here: Path) -> None:
    database(here / "zoo.sqlite3")
    with pytest.raises(DatasetError, match=r"line 2 names no database, and there are 2 \(harbour, zoo\)"):
        made(table(ROWS), "harbour.db", "zoo.sqlite3")
    path = table([("A?", "SELECT 1", "zoo"), ("B?", "SELECT 1", "harbour.db")], "question,query,database")
    assert made(path, "harbour.db", "zoo.sqlite3").databases == ("zoo", "harbour")


def test_files_and_folders_of_databases(here: Path) -> None:
    for name in ("many/a.db", "many/b/b.sqlite", "many/c.sqlite3"):
        database(here / name)
    (here / "many" / "notes.txt").write_text("x")
    assert list(database_files([here / "many", here / "harbour.db"])) == ["a", "b", "c", "harbour"]
    (here / "none").mkdir()
    database(here / "other" / "a.db")
    (here / "text.db").write_text("no database")
    for places, said in (
        ([here / "none"], "holds no SQLite file"),
        ([here / "many", here / "other"], "have one name; rename one of them"),
        ([here / "text.db"], "is not a SQLite database"),
        ([here / "gone.db"], "No database at"),
        ([database(here / "a&b.db")], "is no plain name"),
        ([], "name the database that the questions are about: databases=FILE"),
    ):
        with pytest.raises(DatasetError, match=said):
            database_files(places)


def test_a_folder_in_use_is_left_alone(here: Path) -> None:
    (here / "own").mkdir()
    made(table(ROWS))
    with pytest.raises(DatasetError, match=r"holds a benchmark already; .*replace=True"):
        made(table(ROWS[:1]))
    assert len(load(data="own").examples) == 3
    assert len(made(table(ROWS[:1]), replace=True).asked) == 1
    assert len(load(data="own").examples) == 1
    for name in ("benchmark.json", ".imported.json"):
        (here / "own" / name).unlink()
    with pytest.raises(DatasetError, match="is not empty; name a new folder"):
        made(table(ROWS), replace=True)


@pytest.mark.parametrize("name", ["spider", "spider-mini", "a:b"])
def test_names_of_others_are_refused(here: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="choose another by name"):
        made(table(ROWS), name=name)


# --- what is learnt from, and what is nearly one -------------------------------------------------


def many(n_databases: int, n: int) -> tuple[Path, list[str]]:
    names = [f"d{i}" for i in range(n_databases)]
    for i, name in enumerate(names):
        database(Path(f"{name}.db"), f"{BOATS}; CREATE TABLE t{i} (a)")
    rows = [(f"{name} {i} boats?", f"SELECT {i} FROM boat", name) for name in names for i in range(n)]
    return table(rows, "question,query,database"), [f"{name}.db" for name in names]


def test_half_is_set_apart_to_learn_from_where_there_is_enough(here: Path) -> None:
    path, names = many(5, 20)
    found = made(path, *names)
    asked, learnt = ({gold.db_id for gold in golds} for golds in (found.asked, found.training))
    assert (len(found.asked), len(found.training)) == (60, 40)
    assert not asked & learnt
    benchmark = load(data="own")
    assert len(benchmark.examples) == 60
    assert len(training_half(benchmark).examples) == 40
    assert training_for(benchmark)[1] == {"same query": 40}, "of other databases, but these ask the same queries"
    assert not made(path, *names, training=False, replace=True).training


@pytest.mark.parametrize(("n_databases", "n"), [(3, 60), (5, 10), (1, 200)])
def test_where_there_is_not_enough_all_are_asked(here: Path, n_databases: int, n: int) -> None:
    path, names = many(n_databases, n)
    found = made(path, *names)
    assert (len(found.asked), found.training) == (n_databases * n, ())
    assert not (here / "own" / "train_spider.json").exists()


def test_databases_with_the_same_contents_stay_on_one_side(here: Path) -> None:
    path, names = many(6, 20)
    for name in names[1:3]:
        Path(name).write_bytes(Path(names[0]).read_bytes())
    found = made(path, *names)
    learnt = {gold.db_id for gold in found.training}
    assert learnt
    assert len({"d0", "d1", "d2"} & learnt) in (0, 3)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (("d", "How many boats?", "a"), ("d", "how many  boats", "b"), "words"),
        (("d", "List the names of all boats", "a"), ("d", "List names of all the boats", "b"), "words"),
        (("d", "How many boats are there?", "a"), ("d", "How many boats are there now?", "b"), "words"),
        (("d", "How many boats?", "SELECT count(*) FROM t"), ("d", "Count them", "select COUNT( * ) from t"), "query"),
        (("d", "How many boats sail?", "a"), ("d", "How many boats row?", "b"), None),
        (("d", "How many boats?", "a"), ("e", "How many boats?", "a"), None),
        (("d", "How many?", ""), ("d", "Which ones?", ""), None),
    ],
)
def test_questions_that_are_nearly_one(one: tuple[str, str, str], other: tuple[str, str, str], why: str | None) -> None:
    assert list(near_duplicates([one, ("d", "Else entirely", "c"), other])) == ([(0, 2, why)] if why else [])


# --- several golds, spreadsheets, what columns hold ---------------------------------------------

TWO = ("SELECT name FROM boat WHERE crew > 4", "SELECT name, crew FROM boat WHERE crew > 4")
ASKS = "Which boats have a large crew?"


def as_list(folder: Path) -> Path:
    path = folder / "questions.json"
    path.write_text(json.dumps([{"question": ASKS, "query": list(TWO)}, {"question": ROWS[0][0], "query": ROWS[0][1]}]))
    return path


@pytest.mark.parametrize(
    "header",
    ["question,query,query_2", "question,gold,Gold 2", "question,query_1,query_2", "question,sql,SQL2", "rows", "list"],
)
def test_several_golds_of_a_question(here: Path, header: str) -> None:
    if header == "list":
        path = as_list(here)
    elif header == "rows":
        path = table([(ASKS, TWO[0]), ROWS[0], (ASKS, TWO[1])])
    else:
        path = table([(ASKS, *TWO), (*ROWS[0], "")], header)
    found = made(path)
    assert [gold.asked.golds for gold in found.asked] == [TWO, (ROWS[0][1],)]
    assert (found.asked[0].rows, found.near) == (1, ())
    examples = load(data="own").examples
    assert [example.golds for example in examples] == [TWO, (ROWS[0][1],)]
    assert header != "rows" or found.asked[0].asked.place == "line 2 and line 4"
    assert made(path, replace=True).asked == found.asked


def test_rows_that_say_the_same_twice_stay_two_questions(here: Path) -> None:
    found = made(table([ROWS[0], ROWS[0], (ASKS, ""), (ASKS, "")]))
    assert len(found.asked) == 4


def test_a_gold_of_several_that_fails_is_named(here: Path) -> None:
    found = made(table([(ASKS, TWO[0]), (ASKS, "SELECT length FROM boat")]))
    assert found.asked[0].rows == 1
    assert found.asked[0].error.startswith("gold 2 of 2: ")


@pytest.mark.parametrize("cells", [["SELECT", "name"], [TWO[0], ""], [3]])
def test_a_list_of_anything_else_is_refused(here: Path, cells: list[object]) -> None:
    Path("questions.json").write_text(
        json.dumps([{"question": ASKS, "query": TWO[0]}, {"question": "b", "query": cells}])
    )
    with pytest.raises(DatasetError, match='has a list as its "query" that are not all whole queries'):
        made(Path("questions.json"))


@pytest.mark.parametrize("at", range(2))
def test_a_second_gold_in_what_a_model_is_shown_is_refused(here: Path, at: int) -> None:
    rows = [(ASKS, *TWO, f"hint: {TWO[at]}")]
    with pytest.raises(DatasetError, match='line 2 has its gold query in its "evidence"'):
        made(table(rows, "question,query,query_2,evidence"))


def spreadsheet(path: Path, *sheets: list[list[object]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


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


ABOUT = "original_column_name,column_description,value_description\ncrew,how many sail,at least 1\n"


@pytest.mark.parametrize("place", ["about/boat.csv", "about/harbour/Boat.csv"])
def test_what_columns_hold_is_told(here: Path, place: str) -> None:
    Path(place).parent.mkdir(parents=True)
    Path(place).write_bytes(b"\xef\xbb\xbf" + ABOUT.encode())
    for _ in range(2):
        made(table(ROWS), descriptions=Path("about"), replace=True)
        [boat] = load(data="own").examples[0].question.schema.tables
        assert {column.name: column.about for column in boat.columns if column.about} == {
            "crew": "how many sail; at least 1"
        }
    made(table(ROWS), replace=True)
    assert not any(column.about for column in load(data="own").examples[0].question.schema.tables[0].columns)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("boats.csv", ABOUT, "is about no table of harbour, whose are boat"),
        ("boat.csv", "name,what\ncrew,x\n", "has no column original_column_name"),
        ("boat.csv", ABOUT + "mast,how high,\n", 'tells of "mast", which is no column of boat'),
        ("boat.txt", ABOUT, r"has no CSV file that says what columns hold: it needs TABLE\.csv"),
        ("boat.csv", "", "is no CSV that can be read"),
        ("boat.csv", ABOUT + f"name,{ROWS[0][1]},\n", "has the gold query of"),
    ],
)
def test_descriptions_that_are_wrong_are_refused(here: Path, file: str, text: str, said: str) -> None:
    Path("about").mkdir()
    Path("about", file).write_text(text)
    with pytest.raises(DatasetError, match=said):
        made(table(ROWS), descriptions=Path("about"))
    assert not Path("own").exists()


# --- columns that are not read, and golds that are not there -------------------------------------


def written(name: str, columns: dict[str, list[str]]) -> Path:
    path, rows = Path(name), [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if path.suffix == ".xlsx":
        return spreadsheet(path, [list(columns), *(list(row.values()) for row in rows)])
    if path.suffix == ".csv":
        return table([row.values() for row in rows], ",".join(columns), name)
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) if path.suffix == ".jsonl" else f"[{','.join(lines)}]")
    return path


ASKED, GOLD = [words for words, _ in ROWS], [sql for _, sql in ROWS]


@pytest.mark.parametrize("name", ["q.csv", "q.json", "q.jsonl", "q.xlsx"])
def test_a_table_without_golds_is_refused_unless_that_is_said(
    here: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(name, {"question": ASKED, "sqlx": GOLD, "number": ["1", "2", "3"]})
    with pytest.raises(DatasetError) as caught, in_shell():
        made(path)
    assert str(caught.value) == (
        f"{name}: no column holds gold queries, by which answers are judged (query, sql, gold_sql, ground_truth …); "
        'not read: "sqlx", "number": name it by --column query=sqlx, or say that there are none by --without-golds'
    )
    assert not Path("own").exists()
    assert [gold.rows for gold in made(path, columns={"query": "sqlx"}).asked] == [1, 1, 0]
    assert [gold.rows for gold in made(path, without_golds=True, replace=True).asked] == [None] * 3
    said = (
        """%s: columns that are not read: "sqlx" (meant for query? name it by columns={'query': 'sqlx'}), "number\""""
    )
    assert caplog.messages == [f'{name}: columns that are not read: "number"', said % name]


def test_a_column_of_golds_that_is_empty_is_none(here: Path) -> None:
    with pytest.raises(DatasetError, match=r"no column holds gold queries.*: name it by columns=\{'query': NAME\}"):
        made(written("q.csv", {"question": ASKED, "sql": ["", "", ""]}))


def test_golds_that_are_there_are_not_given_up(here: Path) -> None:
    with pytest.raises(DatasetError, match="it has gold queries: leave out without_golds=True"):
        made(written("q.csv", {"question": ASKED, "sql": GOLD}), without_golds=True)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, None),
        ({"query_2": ["", "", "SELECT 1"], "level": ["1", "2", "3"]}, None),
        (
            {"evidense": ["a", "b", "c"]},
            "\"evidense\" (meant for evidence? name it by columns={'evidence': 'evidense'})",
        ),
        ({"": ["a", "b", "c"]}, "one without a name"),
        ({"unused": ["", "", ""]}, None),
        ({"other": GOLD}, "\"other\" (meant for query? name it by columns={'query': 'other'})"),
    ],
)
@pytest.mark.parametrize("name", ["q.csv", "q.json", "q.jsonl", "q.xlsx"])
def test_columns_that_are_not_read_are_told(
    here: Path, name: str, columns: dict[str, list[str]], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    made(written(name, {"question": ASKED, "query": GOLD, **columns}))
    assert caplog.messages == ([] if said is None else [f"{name}: columns that are not read: {said}"])


# --- formulas ------------------------------------------------------------------------------------


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
