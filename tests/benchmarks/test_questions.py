from __future__ import annotations

import json
from pathlib import Path

import pytest

from spider_opt.benchmarks.questions import exact_duplicates, read_entries, read_json, read_tables
from spider_opt.errors import DatasetError

GOOD = {"db_id": "shop", "question": "How many?", "query": "SELECT 1"}


def write(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_index_goes_on_from_file_to_file_and_other_fields_are_not_looked_at(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", [GOOD, {**GOOD, "sql": 7, "question_toks": None}])
    second = write(tmp_path / "b.json", [GOOD])
    entries = read_entries([first, second])
    assert [(entry.index, entry.place) for entry in entries] == [
        (0, "entry 0 of a.json"),
        (1, "entry 1 of a.json"),
        (2, "entry 0 of b.json"),
    ]


def test_text_is_kept_to_the_byte(tmp_path: Path) -> None:
    query = "SELECT  a\t,\n b  FROM t WHERE x = 'Ü\u2028 \\' ;  "
    entry = read_entries([write(tmp_path / "a.json", [{**GOOD, "query": query, "question": " ¿Qué? 🕷 "}])])[0]
    assert (entry.query, entry.question) == (query, " ¿Qué? 🕷 ")


def test_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", b"\xef\xbb\xbf" + json.dumps([GOOD]).encode())
    assert len(read_entries([path])) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off or no JSON: Expecting value at line 1, column 1"),
        (
            b'[\n{"db_id": "shop",\n "question": "How ma',
            "cut off or no JSON: Unterminated string.* at line 3, column 14",
        ),
        (b'[{"db_id": "shop", "question": "a", "query": "b"},', r"cut off or no JSON: .* at line 1, column \d+"),
        (b"<html>quota exceeded</html>", "no JSON: Expecting value at line 1, column 1"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "no JSON"),
        (b'[\n"\xff"]', "is not UTF-8: line 2 has the byte 0xff"),
        ('[{"db_id": "shop"}]'.encode("utf-16"), "is not UTF-8: line 1"),
        (b"[" * 200_000, "no JSON that can be read: maximum recursion"),
        (b"[" + b"9" * 5_000 + b"]", "no JSON that can be read"),
        (
            b'[{"db_id": "shop", "query": "a", "question": "q", "query": "b"}]',
            'dev.json has the key "query" twice in one',
        ),
        ({"data": [GOOD]}, "holds an object where a list of questions is due"),
        (None, "holds null where a list"),
        ([GOOD, "SELECT 1"], r"entry 1 \(counted from 0\) is text, not an object"),
        ([GOOD, [GOOD]], r"entry 1 \(counted from 0\) is a list"),
        (
            [GOOD, {"db_id": "shop", "question": "q", "SQL": "SELECT 1"}],
            'entry 1 .* has its gold query as "SQL": it must',
        ),
        (
            [{"db_id": "shop", "question": "q", "gold": "with a"}],
            'has its gold query as "gold": it must be called "query"',
        ),
        ([{"question": "q", "query": "s"}], 'has no "db_id"'),
        ([{"db_id": "shop", "query": "s"}], 'has no "question"'),
        ([{**GOOD, "query": ["SELECT", "1"]}], 'has a list as its "query" where text is due'),
        ([{**GOOD, "question": None}], 'has null as its "question"'),
        ([{**GOOD, "db_id": 7}], 'has a number as its "db_id"'),
        ([{**GOOD, "query": True}], 'has true or false as its "query"'),
        ([{**GOOD, "question": " \n"}], 'has an empty "question"'),
        ([{**GOOD, "question": "half \ud83d"}], 'has a broken character in its "question"'),
    ],
)
def test_broken_questions_are_refused_in_one_sentence(tmp_path: Path, content: object, said: str) -> None:
    path = write(tmp_path / "dev.json", content)
    with pytest.raises(DatasetError, match=said) as caught:
        read_entries([path])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "db_id",
    ["../shop", "..", ".", ".hidden", "/etc/passwd", "a/b", "a\\b", "C:shop", "shop\n", "shop\0", " shop", "-x"],
)
def test_a_db_id_cannot_leave_its_folder(tmp_path: Path, db_id: str) -> None:
    with pytest.raises(DatasetError, match="no plain folder name"):
        read_entries([write(tmp_path / "dev.json", [{**GOOD, "db_id": db_id}])])
    with pytest.raises(DatasetError, match="no plain folder name"):
        read_tables(write(tmp_path / "tables.json", [{"db_id": db_id}]))


@pytest.mark.parametrize("db_id", ["cre_Docs_and_Epenses", "a b", "v1.2", "città", "x-y", "1"])
def test_plain_names_pass(tmp_path: Path, db_id: str) -> None:
    assert read_entries([write(tmp_path / "dev.json", [{**GOOD, "db_id": db_id}])])[0].db_id == db_id


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"Cannot read .*: Is a directory\."):
        read_json(tmp_path)


def test_tables_need_not_be_there(tmp_path: Path) -> None:
    assert read_tables(tmp_path / "tables.json") == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"shop": {}}, "holds an object where a list of schemas is due"),
        ([{"db_id": "a"}, 3], "entry 1 .* is a number"),
        ([{"table_names": []}], 'entry 0 .* has no "db_id"'),
        ([{"db_id": "a"}, {"db_id": "b"}, {"db_id": "a"}], 'entry 2 .* is a second schema for "a"'),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_tables(write(tmp_path / "tables.json", content))


def test_only_exact_repetitions_are_duplicates(tmp_path: Path) -> None:
    other = {**GOOD, "query": "SELECT  1"}
    entries = read_entries([write(tmp_path / "dev.json", [GOOD, other, GOOD, {**GOOD, "db_id": "zoo"}, GOOD])])
    assert [(entry.index, first.index) for entry, first in exact_duplicates(entries)] == [(2, 0), (4, 0)]


def test_several_golds_are_queries_of_any_kind(tmp_path):
    path = tmp_path / "dev.json"
    golds = ["VALUES (1)", "-- so\nSELECT 1", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a"]
    path.write_text(json.dumps([{**GOOD, "query": golds}]))
    [entry] = read_entries([path])
    assert [entry.query, *entry.other_golds] == golds
