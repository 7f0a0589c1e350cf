"""A table of questions and some databases to a benchmark's folder."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from import_tables import BOATS, ROWS, database, made, table

from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.importing import Gold, database_files, import_benchmark
from spider_opt.benchmarks.leaks import training_for
from spider_opt.benchmarks.near import near_duplicates
from spider_opt.errors import DatasetError


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
