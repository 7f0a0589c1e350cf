from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.analysis.diagnosis.differences import differences
from spider_opt.analysis.diagnosis.parts import Parts, parts
from spider_opt.analysis.diagnosis.reasons import ORDER, Kind
from spider_opt.sql.own_names import use_own_names
from spider_opt.sql.parse import parse
from spider_opt.types import Column, Schema, Table

MUSIC = Schema(
    "music",
    (
        Table("singer", tuple(Column(name, "") for name in ("id", "name", "age", "country"))),
        Table("song", tuple(Column(name, "") for name in ("id", "singer_id", "title", "year"))),
    ),
)
HOSTILE = (
    "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
    "SELECT name FROM singer WHERE " + " OR ".join(["age = 1"] * 900),
    "SELECT name FROM singer WHERE age IN (" * 200 + "1" + ")" * 200,
    "WITH RECURSIVE a AS (SELECT 1 AS n UNION SELECT n + 1 FROM a) SELECT n FROM a",
    "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT x FROM a",
    "SELECT * FROM singer NATURAL JOIN song",
    "SELECT a.b.c.d FROM x.singer JOIN (song JOIN singer ON 1 = 1) USING (id, nothing)",
    "SELECT \u202ename\u202c FROM singer WHERE name = '</script>\x00'",
    "SELECT count(*) OVER (PARTITION BY age) FROM singer ORDER BY 99999999999999999999, -1, 'x'",
    "VALUES (1, 2), (3, 4)",
    "SELECT 1e999, 0x10, x'ab', NULL, TRUE, -'a', - - 5 FROM singer LIMIT 'all'",
    "SELECT name FROM singer WHERE (age, id) IN (SELECT 1, 2) AND EXISTS (SELECT 1) GROUP BY ()",
    "DELETE FROM singer",
    "SELECT FROM WHERE",
    "",
    "\0",
    "SELECT '" + "x" * 100_000 + "'",
)


def _pairs() -> list[tuple[str, str, list[str]]]:
    blocks = (Path(__file__).with_name("pairs.sql")).read_text().split("\n\n")[1:]
    found = []
    for block in blocks:
        said, gold, answer = block.strip().splitlines()
        kinds = said.removeprefix("-- ")
        found.append((gold, answer, [] if kinds == "same" else kinds.split(" | ")))
    return found


def taken(sql: str) -> Parts:
    found = parts(sql, MUSIC)
    assert found is not None
    return found


@pytest.mark.parametrize(("gold", "answer", "due"), _pairs())
def test_what_differs(gold: str, answer: str, due: list[str]) -> None:
    found = differences(taken(gold), taken(answer))
    assert list(dict.fromkeys(reason.kind.value for reason in found)) == due, [reason.what for reason in found]


@pytest.mark.parametrize(("gold", "answer", "due"), _pairs())
def test_a_query_differs_in_nothing_from_itself_and_whether_two_differ_goes_both_ways(
    gold: str, answer: str, due: list[str]
) -> None:
    assert differences(taken(gold), taken(gold)) == ()
    assert bool(differences(taken(answer), taken(gold))) == bool(due)


def test_what_is_said_of_it() -> None:
    gold = taken("SELECT name FROM singer WHERE country = 'France' AND age > 3")
    found = differences(gold, taken("SELECT id, name FROM singer JOIN song USING (id) WHERE country = 'france'"))
    assert [reason.what for reason in found] == [
        "song is read", "singer.age > ? in WHERE is missing", "'france' for 'France' in WHERE", "singer.id is shown"
    ]  # fmt: skip
    assert [ORDER.index(reason.kind) for reason in found] == sorted(ORDER.index(reason.kind) for reason in found)


def test_queries_inside_are_told_in_one_order_whatever_texts_hash_to() -> None:
    query = "SELECT (SELECT min({0}) FROM song) FROM singer WHERE id IN (SELECT {0} FROM song) GROUP BY name"
    query += " HAVING count(*) > (SELECT max({0}) FROM song)"
    found = differences(taken(query.format("id")), taken(query.format("year")))
    said = [reason.what for reason in found if reason.kind is Kind.COLUMN]
    assert [what.lower().partition(" ")[0] for what in said] == ["max(song.year)", "min(song.year)", "song.year"]


def test_columns_that_a_join_makes_equal_are_one() -> None:
    gold = "SELECT singer.id FROM singer JOIN song ON singer.id = song.singer_id GROUP BY song.singer_id"
    same = "SELECT song.singer_id FROM song JOIN singer ON song.singer_id = singer.id GROUP BY singer.id"
    assert differences(taken(gold), taken(same)) == ()
    other = same.replace("JOIN", "LEFT JOIN")  # where a side may be NULL they are two
    assert {reason.kind.value for reason in differences(taken(gold), taken(other))} >= {"join"}


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_queries_are_taken_apart_or_not_but_break_nothing(sql: str) -> None:
    found = parts(sql, MUSIC)
    if found is not None:
        differences(taken("SELECT name FROM singer WHERE age > 3"), found)
        assert differences(found, found) == ()


def test_real_golds_differ_in_nothing_from_their_other_spellings(shared: Path) -> None:
    examples = {(e.question.db_id, e.gold_sql): e.question.schema for e in real_spider("dev", shared).examples}
    tried = 0
    for (_, gold), schema in itertools.islice(examples.items(), 0, None, 4):
        tree, read = parse(gold), parts(gold, schema)
        assert tree is not None
        assert read is not None
        own = tree.copy()
        use_own_names(own, schema, gold)
        for other in (own.sql(dialect="sqlite"), tree.sql(dialect="sqlite", pretty=True)):
            spelled = parts(other, schema)
            assert spelled is not None
            assert differences(read, spelled) == (), (gold, other)
            tried += 1
    assert tried > 250
