from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.databases import Limits, Sandbox, read_schema
from spider_opt.errors import DatasetError, QueryFailed
from spider_opt.linking.values import MAX_LENGTH, MAX_WORDS, MIN_SCORE, ValueIndex
from spider_opt.types import Column, Result, Schema, Table, Value

Index = Callable[..., ValueIndex]
ZOO = (
    "CREATE TABLE keeper (id INTEGER PRIMARY KEY, name TEXT, town TEXT, sex CHAR(1), born DATE)",
    "CREATE TABLE animal (code TEXT PRIMARY KEY, kind TEXT, origin TEXT, tame VARCHAR(3), weight REAL, grade TEXT)",
    "INSERT INTO keeper VALUES (1, 'Ann O''Neil', 'New York', 'F', NULL), (2, 'Bo \"Bear\" Lee', 'York', 'M', '')",
    "INSERT INTO keeper VALUES (3, 'Cai', 'Tokyo , Japan', 'F', NULL), (4, 'Ümit Çelik', 'São Paulo', 'M', NULL)",
    "INSERT INTO animal VALUES ('LION', 'big cat', 'Kenya', 'yes', 200, '3'), ('OWL', 'birds', 'The', 'no', 1, 'A')",
    "INSERT INTO animal VALUES ('ANT', 'Leafcutter Ants', 'Peru', 'no', 0.1, 'B'), ('BUG', 'bug', NULL, 1, 2, '')",
)


class Column1:
    """A database whose every column holds these values."""

    def __init__(self, values: Iterable[Value]) -> None:
        self.values = values

    def run(self, sql: str) -> Result:
        return Result(("c",), [(value,) for value in self.values])


@pytest.fixture
def index(tmp_path: Path) -> Index:
    def build(*script: str, limits: Limits | None = None) -> ValueIndex:
        path = tmp_path / "zoo.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            for statement in script or ZOO:
                connection.execute(statement)
            connection.commit()
        return ValueIndex(read_schema(path, "zoo"), Sandbox(path, limits=limits or Limits()))

    return build


def values(index: ValueIndex, question: str, n: int | None = None) -> list[str]:
    return [mention.value for mention in index.mentioned(question, n)]


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("Which keepers live in New York?", "New York"),
        ("which keepers live in new york", "New York"),
        ("Keepers from 'Tokyo, Japan'", "Tokyo , Japan"),
        ("Which big cats are there?", "big cat"),
        ("Show each bird.", "birds"),
        ("Which food do leafcutter ants eat?", "Leafcutter Ants"),
        ("Kenya's animals", "Kenya"),
        ("What is Ann O'Neil's town?", "Ann O'Neil"),
        ("What is Ann O\u2019Neil\u2019s town?", "Ann O'Neil"),
        ('Where does Bo "Bear" Lee live?', 'Bo "Bear" Lee'),
        ("keepers of s\u00e3o paulo", "S\u00e3o Paulo"),
        ("Is \u00dcmit \u00c7elik there?", "\u00dcmit \u00c7elik"),
        ("How many female keepers are there?", "F"),
        ("How many women work here?", "F"),
        ("male keepers", "M"),
        ('the animal "LION"', "LION"),
        ("Which keepers live in S\u00e3o Paula or on Mars?", "S\u00e3o Paulo"),
        ("What do 'Leafcuter Ants' eat?", "Leafcutter Ants"),
    ],
)
def test_what_is_mentioned(index: Index, question: str, value: str) -> None:
    assert values(index(), question)[:1] == [value]


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?",
        "How many are there?",
        "Show me all 3 of the 4.",
        "Which town is the most frequent?",
        "\0\ud800",
        "They didn't; we'd a day.",
    ],
)
def test_what_is_not(index: Index, question: str) -> None:
    assert values(index(), question) == []


def test_a_word_of_the_schema_is_less_likely_a_value(index: Index) -> None:
    script = (
        "CREATE TABLE keeper (name TEXT, job TEXT)",
        "INSERT INTO keeper VALUES ('Kay', 'name'), ('Lu', 'cook')",
    )
    [cook, name] = index(*script).mentioned("Which name has a keeper who is cook?")
    assert (cook.value, name.value) == ("cook", "name")
    assert name.score < 0.8 * cook.score


def test_what_stands_inside_a_longer_match_is_not_meant(index: Index) -> None:
    zoo = index()
    assert values(zoo, "keepers of New York") == ["New York"]
    assert set(values(zoo, "keepers of York and of New York")) == {"York", "New York"}


def test_it_is_ranked_and_cut(index: Index) -> None:
    script = (
        "CREATE TABLE hall (name TEXT PRIMARY KEY)",
        "CREATE TABLE band (name TEXT, home TEXT)",
        "INSERT INTO hall VALUES ('Apollo')",
        "INSERT INTO band VALUES ('Apollo', 'Minsk'), ('Muse', 'Apollo')",
    )
    found = index(*script).mentioned("Which band is called Apollo and comes from Minsk?")
    assert [m[:3] for m in found] == [
        ("band", "home", "Minsk"),
        ("band", "name", "Apollo"),
        ("band", "home", "Apollo"),
    ] or found[-1].table == "hall"
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
    assert all(MIN_SCORE <= m.score < 1 for m in found)


def test_at_most_n(index: Index) -> None:
    zoo = index()
    question = "Which keepers of New York and Cai feed a Leafcutter Ant from Peru and a big cat from Kenya?"
    everything = zoo.mentioned(question)
    assert {m.value for m in everything} == {"New York", "Cai", "Leafcutter Ants", "Peru", "big cat", "Kenya"}
    assert [zoo.mentioned(question, n) for n in (0, 1, 3, 99)] == [everything[:n] for n in (0, 1, 3, 99)]


def test_hostile_content(index: Index) -> None:
    path_script = (
        'CREATE TABLE "a ""b"" \'c\'" ("x y" TEXT, "order" BLOB_OR_NOT, [z;--] TEXT)',
        "CREATE TABLE empty (v TEXT)",
        "CREATE TABLE nulls (v TEXT)",
        "INSERT INTO nulls VALUES (NULL), (NULL)",
        "INSERT INTO \"a \"\"b\"\" 'c'\" VALUES ('line' || char(10) || 'end', 'x', 'Robert''); DROP TABLE t;--')",
        "INSERT INTO \"a \"\"b\"\" 'c'\" VALUES (CAST(x'ff4d696e736bff' AS TEXT), x'00ff', '\u2028 Minsk')",
        "INSERT INTO \"a \"\"b\"\" 'c'\" VALUES ('nul' || char(0) || 'byte', NULL, '   ')",
        f"INSERT INTO \"a \"\"b\"\" 'c'\" VALUES ('{'long ' * MAX_LENGTH}', 5, '{'w ' * (MAX_WORDS + 1)}')",
    )
    found = index(*path_script)
    assert values(found, "Who is Robert'); DROP TABLE t;-- ?") == ["Robert'); DROP TABLE t;--"]
    assert values(found, "Where is Minsk?") == ["Minsk"]
    for question in ("the line end", "nul byte", "long " * MAX_LENGTH, "w " * (MAX_WORDS + 1), "   "):
        assert values(found, question) == []


def test_numbers_are_read_only_from_columns_that_can_hold_text(index: Index) -> None:
    found = index("CREATE TABLE t (a INTEGER, b REAL, c TEXT)", "INSERT INTO t VALUES ('Oslo', 'Rome', 'Bern')")
    assert values(found, "Oslo, Rome and Bern") == ["Bern"]


def test_a_column_that_cannot_be_read_is_left_out() -> None:
    class Half:
        def run(self, sql: str) -> Result:
            if "broken" in sql:
                raise QueryFailed("no such table")
            return Result(("c",), [("Oslo",)])

    tables = tuple(Table(name, (Column("town", "TEXT"),)) for name in ("broken", "whole"))
    assert [m[:3] for m in ValueIndex(Schema("d", tables), Half()).mentioned("Oslo")] == [("whole", "town", "Oslo")]


def test_a_damaged_database_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    path.write_bytes(b"no database")
    with pytest.raises(DatasetError):
        ValueIndex(Schema("d", (Table("t", (Column("c", "TEXT"),)),)), Sandbox(path))


def test_many_rows_take_little_time(index: Index) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    script = (
        "CREATE TABLE t (name TEXT, town TEXT)",
        f"INSERT INTO t {numbers} SELECT 'Person Number ' || i, 'Town' || (i % 7) FROM n",
    )
    start = time.process_time()
    found = index(*script)
    assert time.process_time() - start < 10
    start = time.process_time()
    for i in range(100):
        assert values(found, f"Is Person Number {i + 1} from Town{i % 7} or 'Personn Number {i}'?", 3)
    assert time.process_time() - start < 1


def test_hundreds_of_words_take_little_time(index: Index) -> None:
    start = time.process_time()
    assert values(index(), "York " * 5000, 1) == ["York"]
    index_like = Column1([f"Aaaa{i:04}" for i in range(5000)])
    table = Schema("d", (Table("t", (Column("c", "TEXT"),)),))
    assert values(ValueIndex(table, index_like), "Aaaa " * 300 + "'aaaa12345'") == []
    assert time.process_time() - start < 5


def test_a_row_of_slow_columns_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Column1):
        now = 0.0

        def run(self, sql: str) -> Result:
            self.now += 25.0
            return super().run(sql)

    slow = Slow(["York"])
    monkeypatch.setattr("spider_opt.linking.patience.time", SimpleNamespace(monotonic=lambda: slow.now))
    schema = Schema("d", (Table("t", tuple(Column(f"c{i}", "TEXT") for i in range(100))),))
    mentions = ValueIndex(schema, slow).mentioned("York")
    assert [mention.column for mention in mentions] == ["c0", "c1", "c2"]
    assert slow.now == 75.0


@pytest.mark.parametrize(
    "question",
    [
        " ".join(f"'word{i}x'" for i in range(25_000)),
        " ".join(f'"Aaaa{i} 1234"' for i in range(25_000)),
        " ".join(f"Aaaa{i:04}" for i in range(25_000)),
        "York, New York " * 25_000,
        "'" * 100_000,
    ],
    ids=["in quotes", "like values", "names", "one value", "quotes"],
)
def test_questions_of_many_thousand_words_take_little_time(question: str) -> None:
    schema = Schema("d", (Table("t", (Column("c", "TEXT"), Column("d", "TEXT"))),))
    index = ValueIndex(schema, Column1(["York", "New York", *(f"Aaaa{i:04}" for i in range(5000))]))
    start = time.process_time()
    index.mentioned(question)
    assert time.process_time() - start < 12  # 1 to 3 on a quiet machine; with the square of the words, minutes


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=60))
def test_any_values_and_any_question(found: Sequence[str], question: str) -> None:
    schema = Schema("d", (Table("t", (Column("c", "TEXT"),)),))
    index = ValueIndex(schema, Column1(dict.fromkeys(found)))
    mentions = index.mentioned(question)
    assert {m.value for m in mentions} <= set(found)
    assert len(set(mentions)) == len(mentions)
    assert index.mentioned(question) == mentions
