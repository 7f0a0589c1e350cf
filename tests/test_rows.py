"""Files of other tools, entry by entry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spider_opt.errors import DatasetError, UsageError
from spider_opt.rows import KeyTwice, begins_a_query, csv_rows, json_rows, jsonl_rows, name_of, parsed, read_text


def known(name: str) -> bool:
    return name in ("question", "query")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("question,query\nA?,SELECT 1\n", [{"question": "A?", "query": "SELECT 1"}]),
        ("Question;Query\n\"A; b?\";SELECT 1\n\n", [{"Question": "A; b?", "Query": "SELECT 1"}]),
        ("question\tquery\nA?\t\"SELECT\n1\"\n", [{"question": "A?", "query": "SELECT\n1"}]),
        ("A?,SELECT 1\nB?,SELECT 2\n", [["A?", "SELECT 1"], ["B?", "SELECT 2"]]),
        ("nl,text\nB?,SELECT 2\n", [{"nl": "B?", "text": "SELECT 2"}]),
        ("sep=;\nid;pred\n1;SELECT 1, 2\n", [{"id": "1", "pred": "SELECT 1, 2"}]),
        ("query\nSELECT 1\n\nSELECT 3", [{"query": "SELECT 1"}, {"query": ""}, {"query": "SELECT 3"}]),
    ],
)  # fmt: skip
def test_the_rows_of_a_csv_file(text: str, values: list[object]) -> None:
    assert [row.value for row in csv_rows(text, known, UsageError)] == values


def test_a_row_has_its_first_line_for_its_place() -> None:
    rows = csv_rows('question,query\n"A\nb?",SELECT 1\nC?,SELECT 2\n', known, UsageError)
    assert [row.place for row in rows] == ["line 2", "line 4"]
    assert [row.place for row in csv_rows("sep=,\nquestion,query\nA?,SELECT 1\n", known, UsageError)] == ["line 3"]
    assert [row.place for row in jsonl_rows("\n1\n\n2\n", UsageError)] == ["line 2", "line 4"]
    assert [row.place for row in json_rows("[1, 2]", UsageError)] == [f"entry {i} (counted from 0)" for i in (0, 1)]
    assert [(row.place, row.key) for row in json_rows('{"a": 1}', UsageError)] == [('entry "a"', "a")]


@pytest.mark.parametrize(
    "text",
    ['{"0": 1, "1": 2, "0": 3}', '{"0": 1, "0": 1}', '[{"0": 1, "0": 2}]', '{"a": {"b": [{"0": [], "0": null}]}}'],
)
def test_a_key_that_an_object_has_twice_is_refused_and_named(text: str) -> None:
    for read, place in ((json_rows, ""), (jsonl_rows, "line 2 ")):
        with pytest.raises(DatasetError, match=f'^{place}has the key "0" twice in one object: which of them'):
            read("\n" + text, DatasetError)
    with pytest.raises(KeyTwice):
        parsed(text.encode())


def test_one_key_in_several_objects_is_as_usual() -> None:
    assert parsed('[{"0": {"0": 1}}, {"0": 2}]') == [{"0": {"0": 1}}, {"0": 2}]


TABLE = [{"question": "A?", "pred": "SELECT 1"}, {"question": "B?", "pred": "SELECT 2"}]
NUMBERED = [{"index": "3", **TABLE[0]}, {"index": "1", **TABLE[1]}]
SPLIT = {"columns": ["question", "pred"], "index": [3, 1], "data": [["A?", "SELECT 1"], ["B?", "SELECT 2"]]}
BY_COLUMNS: list[tuple[object, object]] = [
    ({"question": ["A?", "B?"], "pred": ["SELECT 1", "SELECT 2"]}, TABLE),
    ({"question": {"3": "A?", "1": "B?"}, "pred": {"3": "SELECT 1", "1": "SELECT 2"}}, NUMBERED),
    (SPLIT, [{**row, "index": int(str(row["index"]))} for row in NUMBERED]),
    # No tables: somebody's answers by the questions' names.
    ({"a": ["SELECT 1"], "b": ["SELECT 2"]}, [["SELECT 1"], ["SELECT 2"]]),
    ({"a": {"0": "SELECT 1"}, "b": {"0": "SELECT 2"}}, [{"0": "SELECT 1"}, {"0": "SELECT 2"}]),
    ({"a": {"sql": "SELECT 1", "of": "A?"}, "b": {"sql": "B"}}, [{"sql": "SELECT 1", "of": "A?"}, {"sql": "B"}]),
    ({"a": ["A?"], "b": ["B?", "SELECT 2"]}, [["A?"], ["B?", "SELECT 2"]]),
]  # fmt: skip


@pytest.mark.parametrize(("found", "values"), BY_COLUMNS)
def test_a_table_by_its_columns(found: object, values: object) -> None:
    assert [row.value for row in json_rows(json.dumps(found), UsageError)] == values


def test_an_object_around_the_entries_is_passed_by() -> None:
    assert [row.value for row in json_rows('{"model": "m", "results": [1, 2]}', UsageError)] == [1, 2]
    assert [row.value for row in json_rows('{"meta": {"model": "m"}, "results": [1, 2]}', UsageError)] == [1, 2]
    assert [row.key for row in json_rows('{"0": [1], "1": [2]}', UsageError)] == ["0", "1"]


@pytest.mark.parametrize(
    ("field", "name"), [("Predicted SQL", "predicted_sql"), ("dbId", "db_id"), (" SQL ", "sql"), ("a--b", "a_b")]
)
def test_how_a_name_is_written_does_not_count(field: str, name: str) -> None:
    assert name_of(field) == name


@pytest.mark.parametrize("text", ["select 1", " (SELECT 1)", "WITH a AS", "```sql\nSELECT 1"])
def test_what_begins_a_query(text: str) -> None:
    assert begins_a_query(text)


@pytest.mark.parametrize("text", ["", "selected", "Which?", None, 3])
def test_what_begins_none(text: object) -> None:
    assert not begins_a_query(text)


def test_a_file_is_utf8_or_says_that_it_is_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for data in ("ä\r\nb\rc".encode("utf-16"), "ä\nb\nc".encode("utf-8-sig"), "ä\nb\nc".encode()):
        path.write_bytes(data)
        assert read_text(path, DatasetError) == "ä\nb\nc"
    path.write_bytes("a\nä".encode("cp1252"))
    with pytest.raises(DatasetError, match="is not UTF-8: see line 2; save it as UTF-8"):
        read_text(path, DatasetError)


def test_a_spreadsheet_where_text_is_due_is_called_one(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(
        DatasetError, match=r"answers\.csv is a spreadsheet or another zip, and no text: save it as CSV"
    ):
        read_text(path, DatasetError)
