from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.equal_contents import equal_contents
from spider_opt.benchmarks.leaks import held_out_questions, training_for
from spider_opt.benchmarks.validation import is_held_out

HELD_OUT, HELD_OUT_TOO = "database_6", "database_10"  # by the hash of their names, see test_validation.py
WORDS = "anchor barrel candle dagger easel funnel goblet hammer inkwell jigsaw kettle ladder".split()  # noqa: SIM905


def rows(start: int, n: int = 8) -> list[tuple[int, str, str]]:
    return [(i, f"{WORDS[i % 12]} {i}", WORDS[(i * 5 + 1) % 12]) for i in range(start, start + n)]


def fill(path: Path, table: str, columns: tuple[str, str, str], rows: list[tuple[int, str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE item (name TEXT, price REAL)")
        connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        connection.commit()


def spider(small: Any, contents: dict[str, list[tuple[int, str, str]]], **more: Any) -> Any:
    """A training split of these databases, one question each; half of them turned round, under other names."""
    for i, (db_id, found) in enumerate(contents.items()):
        if i % 2:
            fill(small.database(db_id), "wares", ("id", "title", "kind"), found)
        else:
            turned = [(kind.upper(), number, f" {title}") for number, title, kind in found]
            fill(small.database(db_id), "stock", ("sort", "no", "word"), turned)  # type: ignore[arg-type]
    small.write("train_spider.json", [small.entry(db_id, 50 + i, **more) for i, db_id in enumerate(contents)])
    small.write("train_others.json", [])
    return load("spider:train", data=small.root)


def test_rows_make_the_group_whatever_tables_are_called(small: Any) -> None:
    half = spider(
        small,
        {"a": rows(0), "b": rows(0), "c": rows(20), "d": rows(26), "e": rows(40), "f": rows(3, 5), "g": rows(70, 4)},
    )
    # d has two of the eight rows of c, f five of a's and b's; who has less than five in common shares nothing
    assert equal_contents(half) == [{"a", "b", "f"}]


def test_groups_are_joined_by_a_third(small: Any) -> None:
    assert equal_contents(spider(small, {"a": rows(0, 6), "b": rows(0, 12), "c": rows(6, 6)})) == [{"a", "b", "c"}]


def test_a_notable_part_of_the_smaller_one_counts(small: Any) -> None:
    assert equal_contents(spider(small, {"a": rows(0, 40), "b": rows(34, 30)})) == [{"a", "b"}]  # 6 of 30
    assert equal_contents(spider(small, {"a": rows(0, 40), "b": rows(35, 30)})) == []  # 5 of 30


def test_numbers_and_what_cannot_be_read_are_nobodys_contents(small: Any) -> None:
    half = spider(small, {db_id: [(i, "1", "2") for i in range(30)] for db_id in ("a", "b")})
    assert equal_contents(half) == []
    half = spider(small, {"a": rows(0), "b": rows(0)})
    small.database("b").write_bytes(small.database("b").read_bytes()[:4096] + b"x" * 4096)
    assert equal_contents(half) == []


@pytest.mark.parametrize(
    ("alike", "kept", "left_out"),
    [
        ([HELD_OUT, "farm"], [HELD_OUT_TOO], {"same contents": 1}),
        ([HELD_OUT, HELD_OUT_TOO], [HELD_OUT, HELD_OUT_TOO], {}),
        ([HELD_OUT, HELD_OUT_TOO, "farm"], [], {"same contents": 2}),
        (["farm", "school"], [HELD_OUT, HELD_OUT_TOO], {}),
    ],
)
def test_a_group_is_held_out_whole_or_not_at_all(
    small: Any, alike: list[str], kept: list[str], left_out: dict[str, int]
) -> None:
    names = ["farm", "school", HELD_OUT, HELD_OUT_TOO]
    half = spider(small, {name: rows(0 if name in alike else 100 * i) for i, name in enumerate(names, 1)})
    assert [is_held_out(name) for name in names] == [False, False, True, True]
    questions, found = held_out_questions(half)
    assert ([example.question.db_id for example in questions], found) == (kept, left_out)


def test_held_out_questions_are_none_that_is_trained_on(small: Any) -> None:
    names = [HELD_OUT, "farm", HELD_OUT_TOO, "database_18"]
    spider(small, {name: rows(100 * i) for i, name in enumerate(names)})
    entries = [small.entry(name, 50 + i) for i, name in enumerate(names)]
    entries[0]["question"] = entries[1]["question"].upper()
    entries[2]["query"] = "select NAME from item where 51 = 51;"
    small.write("train_spider.json", entries)
    questions, left_out = held_out_questions(load("spider:train", data=small.root))
    assert [example.question.db_id for example in questions] == ["database_18"]
    assert left_out == {"same question": 1, "same query": 1}


def test_nothing_with_the_contents_of_a_held_out_database_is_shown(small: Any) -> None:
    half = spider(small, {HELD_OUT: rows(0), "farm": rows(0), "school": rows(50)})
    training, left_out = training_for(half)
    assert [example.question.db_id for example in training] == ["school"]
    assert left_out == {"held-out database": 1, "same contents": 1}
    training, left_out = training_for(load("spider:dev", data=small.root))  # nothing is held out from them
    assert len(training) == 3
    assert left_out == {}
