"""What the columns of an imported table are: golds, several or none, what is told beside them, what nothing reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from import_tables import ASKS, ROWS, TWO, made, spreadsheet, table

from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError
from spider_opt.wording import in_shell


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
