from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spider_opt.answering.demos import with_demos
from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError, LeakError, UsageError
from spider_opt.retrieval.annotations import Annotations
from spider_opt.retrieval.embed import HashingEmbedder
from spider_opt.retrieval.library import OwnExamples, TrainingLibrary
from spider_opt.retrieval.own import OwnExample, about, read_own
from spider_opt.retrieval.text_cache import TextCache
from spider_opt.types import Column, Question, Schema, Table, Task

BOATS = Schema("shop", (Table("boat", (Column("name", "TEXT"), Column("color", "TEXT"))),))
ASKED = Question("asked", "How many boats are there?", BOATS)
PAIRS = [("How many boats are there?", "SELECT count(*) FROM boat"), ("Which colors?", "SELECT color FROM boat")]


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    return Annotations(TextCache(tmp_path / "texts.sqlite"))


def own(annotations: Annotations, pairs: Any = PAIRS) -> OwnExamples:
    return OwnExamples(about(read_own(pairs), BOATS), HashingEmbedder(), annotations)


# --- what is given -----------------------------------------------------------------------------


def test_pairs() -> None:
    assert read_own([(" Which\ncolors? ", " SELECT 1 ")]) == (OwnExample("Which colors?", "SELECT 1"),)
    assert read_own(iter(PAIRS)) == read_own(PAIRS)
    assert read_own([list(pair) for pair in PAIRS]) == read_own(PAIRS)  # type: ignore[misc]


def test_examples_of_a_benchmark() -> None:
    example = load("spider-mini:train").examples[0]
    [found] = read_own([example])
    assert (found.text, found.sql) == (example.question.text, example.gold_sql)
    assert about([found], BOATS)[0].question.schema is example.question.schema


@pytest.mark.parametrize("name", ["mine.json", "mine.jsonl", "MINE.JSONL"])
def test_a_file(tmp_path: Path, name: str) -> None:
    entries = [
        {"question": PAIRS[0][0], "query": PAIRS[0][1], "query_toks": []},
        {"question": PAIRS[1][0], "sql": PAIRS[1][1], "db_id": "other"},
        {"question": "Which names?", "SQL": "SELECT name FROM boat", "db_id": "Shop"},
    ]
    lines = "\n".join(json.dumps(entry) for entry in entries) + "\n\n"
    (tmp_path / name).write_text(json.dumps(entries) if name.endswith("json") else lines)
    for given in (tmp_path / name, str(tmp_path / name)):
        first, second, third = about(read_own(given), BOATS)
        assert (first.question.text, first.gold_sql) == PAIRS[0]
        assert (second.question.text, second.gold_sql) == PAIRS[1]
        assert first.question.schema is third.question.schema is BOATS
        assert second.question.schema == Schema("other", ())
        assert len({e.question.id for e in (first, second, third)}) == 3


def test_beside_a_file_in_spiders_layout_the_schemas_are_found(tmp_path: Path, shop: Path) -> None:
    (tmp_path / "database" / "boats").mkdir(parents=True)
    shutil.copy(shop, tmp_path / "database" / "boats" / "boats.sqlite")
    entry = {"question": "Which names?", "query": "SELECT name FROM boat", "db_id": "boats"}
    (tmp_path / "train.json").write_text(json.dumps([entry, entry]))
    one, two = read_own(tmp_path / "train.json")
    assert one.schema is not None
    assert [table.name for table in one.schema.tables] == ["boat", "rental"]
    assert one.schema is two.schema


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is cut off or no JSON"),
        ('[{"question": "a", "query": "b", "query": "c"}]', 'mine.json has the key "query" twice'),
        ("[]", "there is no example in"),
        ('{"question": "a", "query": "b"}', "holds no list of examples"),
        ('["a"]', "entry 0 is no object"),
        ('[{"question": "a", "query": "b"}, {"question": "a"}]', 'entry 1 needs a "question" and its "query"'),
        ('[{"question": " ", "query": "b"}]', "entry 0 needs"),
        ('[{"question": 1, "query": "b"}]', "entry 0 needs"),
        ('[{"question": "a", "query": "b", "db_id": 3}]', 'entry 0 has a "db_id" that is no text'),
    ],
)
def test_a_file_that_is_broken(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_own(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}\n", 'line 1 needs a "question"'),
        ('{"question": "a", "query": "b"}\n\n{', "line 3 is no JSON"),
        ('{"question": "a", "query": "b", "query": "c"}', 'line 1 has the key "query" twice'),
    ],
)
def test_lines_that_are_broken(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=said):
        read_own(tmp_path / "mine.jsonl")


BLANKS = ("\n\n", "\n \n\t\n", "\r\n\r\n")
LINES = [json.dumps({"question": question, "query": sql}) for question, sql in PAIRS]
FILES = {
    **{f"blank{i}.jsonl": blank + blank.join(LINES) + blank for i, blank in enumerate(BLANKS)},
    "marked.jsonl": "\ufeff" + "\n".join(LINES),
    "commas.csv": "question,query\n" + "".join(f"{question},{sql}\n" for question, sql in PAIRS),
    "blank.csv": "question,query,db_id\n\n" + "\n\n".join(f"{question},{sql}," for question, sql in PAIRS),
    "semicolons.CSV": "sql;question\r\n" + "".join(f'"{sql}";"{question}"\r\n' for question, sql in PAIRS),
    "tabs.tsv": "question\tSQL\n" + "".join(f"{question}\t{sql}\n" for question, sql in PAIRS),
}


@pytest.mark.parametrize("name", FILES)
def test_lines_that_are_blank_and_tables(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name].encode())
    assert read_own(tmp_path / name) == read_own(PAIRS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Which?,SELECT 1\n", "line 1: its first line must name the columns, as in question,query"),
        ("question,query\nWhich?,\n", 'line 2 needs a "question" and its "query"'),
        ("question,query\nWhich?,SELECT a, b\n", "line 2 has 3 cells where line 1 has 2"),
        ("question\nWhich?\n", 'line 2 needs a "question" and its "query"'),
        ("question,query\n", "there is no example in"),
        ("", "is empty"),
    ],
)
def test_tables_that_are_broken(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_own(tmp_path / "mine.csv")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("none.json", "none.jsonl"):
        with pytest.raises(DatasetError, match=r"(Cannot read .*none|none\S+ cannot be read)"):
            read_own(tmp_path / name)
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "\xe9"}')
    with pytest.raises(DatasetError, match="is not UTF-8"):
        read_own(tmp_path / "latin.jsonl")


@pytest.mark.parametrize("pair", [("a",), ("a", "b", "c"), ("a", ""), (" ", "b"), (1, "b"), ("a", None), "ab", None])
def test_what_is_no_pair(pair: Any) -> None:
    with pytest.raises(UsageError, match=r"example 1 \(counted from 0\) is .*: give \(question, query\)"):
        read_own([PAIRS[0], pair])


def test_none_at_all() -> None:
    with pytest.raises(UsageError, match="there is no example among those given"):
        read_own([])


# --- what is shown -----------------------------------------------------------------------------


def test_ones_own_examples_may_be_of_the_database_and_have_the_very_question(annotations: Annotations) -> None:
    library = own(annotations)
    found = library.nearest("question", [ASKED.text], 2, question=ASKED)
    assert [demo.sql for demo in found] == [sql for _, sql in PAIRS]
    assert {demo.sql for demo in library.drawn(2, question=ASKED, seed=0)} == {sql for _, sql in PAIRS}
    task = Task(ASKED, None)  # type: ignore[arg-type]
    shown, ids = with_demos(task, found, 2, library=library, own_schema=True)
    assert ids == ["example-0000", "example-0001"]
    assert [demo.own_schema for demo in shown.context.demos] == [False, False]  # it is shown already


def test_in_a_benchmark_the_same_is_a_leak(annotations: Annotations) -> None:
    library = own(annotations)
    found = library.nearest("question", [ASKED.text], 1, question=ASKED)
    others = TrainingLibrary(load("spider-mini:train").examples[:9], [], HashingEmbedder(), annotations)
    with pytest.raises(LeakError, match="is of the question's own database shop"):
        with_demos(Task(ASKED, None), found, 1, library=others, own_schema=False)  # type: ignore[arg-type]
    with pytest.raises(LeakError, match="its id is that of an evaluation split"):
        TrainingLibrary(about(read_own(PAIRS), BOATS), [], HashingEmbedder(), annotations)


def test_the_level_is_told_by_ones_own_examples(annotations: Annotations) -> None:
    assert own(annotations).level(ASKED) == "easy"
    with pytest.raises(UsageError, match="the difficulty of no example can be told"):
        own(annotations, [("What?", "no query")]).level(ASKED)
