from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import pytest
from fake_model import FakeModel

from spider_opt.errors import NotAQuery, QueryError, QueryFailed, QueryLimit, QueryTimeout
from spider_opt.methods import parse_method
from spider_opt.steps.repair import SECONDS, Repair
from spider_opt.types import (
    Column,
    ForeignKey,
    Prediction,
    Question,
    Result,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

SCHEMA = Schema(
    "music",
    (
        Table("singer", (Column("id", "INT", primary_key=True), Column("name", "TEXT"))),
        Table("song", (Column("title", "TEXT"), Column("singer_id", "INT"))),
    ),
    (ForeignKey("song", "singer_id", "singer", "id"),),
)
WRONG = "SELECT T2.name FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id"
RIGHT = "SELECT T1.name FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id"


class Music:
    """A database in memory that notes what it ran; ``refuses`` is raised for all of it."""

    def __init__(self, refuses: QueryError | None = None) -> None:
        self.asked: list[str] = []
        self.refuses = refuses
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE singer (id, name)")
        self.connection.execute("CREATE TABLE song (title, singer_id)")

    def run(self, sql: str) -> Result:
        self.asked.append(sql)
        if self.refuses is not None:
            raise self.refuses
        try:
            rows = self.connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise QueryFailed(str(error)) from error
        return Result(("c",), rows)


@pytest.fixture
def music() -> Music:
    return Music()


def repaired(sql: str, music: Music, step: Repair | None = None) -> Prediction:
    drafted = Prediction(sql, Usage(1, 2, 3, 4), ({"step": "draft"},), logprob=-0.5)
    generator = (step or Repair()).wrap(lambda task: drafted, Tools({"music": music}))
    try:
        return generator(Task(Question("q", "Who sings?", SCHEMA), FakeModel()))
    finally:
        music.connection.close()


def test_an_answer_that_fails_is_mended(music: Music) -> None:
    prediction = repaired(WRONG, music)
    assert prediction.sql == RIGHT
    assert prediction.trace == ({"step": "draft"}, {"step": "repair", "outcome": "mended", "what": ["requalified"]})
    assert prediction.usage == Usage(1, 2, 3, 4)
    assert prediction.logprob == -0.5
    assert music.asked == [WRONG, RIGHT]


@pytest.mark.parametrize("sql", [RIGHT, "select  name from singer where 1 = 2", 'SELECT "no column" FROM singer'])
def test_an_answer_that_runs_is_not_touched(music: Music, sql: str) -> None:
    prediction = repaired(sql, music)
    assert prediction.sql == sql
    assert prediction.trace[-1] == {"step": "repair", "outcome": "ran", "what": []}
    assert music.asked == [sql]


@pytest.mark.parametrize("error", [QueryTimeout("5 s"), QueryLimit("rows"), NotAQuery("two statements")])
def test_only_a_refusal_is_mended(error: QueryError) -> None:
    music = Music(error)
    prediction = repaired(WRONG, music)
    assert (prediction.sql, prediction.trace[-1]["outcome"]) == (WRONG, "stuck")
    assert music.asked == [WRONG]


@pytest.mark.parametrize("sql", ["hello", "SELECT qqqq FROM zzzz", "SELECT name FROM singer WHERE no_function(1)"])
def test_an_answer_that_cannot_be_mended_stays(music: Music, sql: str) -> None:
    prediction = repaired(sql, music)
    assert prediction.sql == sql
    assert prediction.trace[-1] == {"step": "repair", "outcome": "stuck", "what": []}


@pytest.mark.parametrize("k", [1, 2, 4])
def test_no_more_than_k_are_tried(k: int) -> None:
    music = Music(QueryFailed("whatever"))
    assert repaired(
        "SELECT id FROM singer AS T1, singer AS T2, singer AS T3, singer AS T4, singer AS T5", music, Repair(k=k)
    ).sql
    assert len(music.asked) == 1 + k
    assert len(set(music.asked)) == 1 + k


def test_a_mend_that_gives_rows_goes_before_one_that_only_runs() -> None:
    class Picky(Music):
        """Has rows for the second query only."""

        def run(self, sql: str) -> Result:
            self.asked.append(sql)
            if len(self.asked) == 1:
                raise QueryFailed("ambiguous column name: id")
            return Result(("c",), [(1,)] if len(self.asked) == 3 else [])

    ambiguous = "SELECT id FROM singer AS T1, singer AS T2, singer AS T3"
    assert repaired(ambiguous, Picky()).sql.startswith("SELECT T2.id")
    assert repaired(ambiguous, Picky(), Repair(rows=False)).sql.startswith("SELECT T1.id")
    assert repaired(ambiguous, Picky(), Repair(k=1)).sql.startswith("SELECT T1.id")


@pytest.fixture
def full(music: Music) -> Music:
    music.connection.execute("INSERT INTO singer VALUES (1, 'Ann'), (2, 'Bob')")
    music.connection.execute("INSERT INTO song VALUES ('One', 1), ('Two', 2)")
    return music


JOINED = "SELECT title FROM song JOIN singer ON song.singer_id = singer.id WHERE singer.name = 'Ann'"


@pytest.mark.parametrize(
    ("sql", "meant", "what"),
    [
        ("SELECT id FROM singer WHERE name = 'ann'", "SELECT id FROM singer WHERE name = 'Ann'", ["spelled"]),
        ("SELECT title FROM song WHERE singer_id = 'ann'", JOINED, ["key"]),
        ("SELECT titel FROM song WHERE singer_id = 'ann'", JOINED.replace("title", "song.title", 1),
         ["respelled", "key"]),
    ],
)  # fmt: skip
def test_a_text_that_its_column_does_not_hold_is_mended(full: Music, sql: str, meant: str, what: list[str]) -> None:
    prediction = repaired(sql, full)
    assert prediction.sql == meant
    assert prediction.trace[-1] == {"step": "repair", "outcome": "mended", "what": what}


def test_texts_are_left_alone_on_request(full: Music) -> None:
    sql = "SELECT id FROM singer WHERE name = 'ann'"
    assert repaired(sql, full, Repair(values=False)).sql == sql
    assert full.asked == [sql]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM singer WHERE name = 'Ann' AND id = 7",
        "SELECT id FROM singer WHERE name = 'ann' AND id = 7",
        "SELECT COUNT(*), MAX(id) FROM singer WHERE name = 'ann' AND id = 7",
        "SELECT id FROM singer WHERE name = 'nobody'",
    ],
)
def test_a_text_is_mended_only_where_that_gives_rows(full: Music, sql: str) -> None:
    prediction = repaired(sql, full)
    assert prediction.sql == sql
    assert prediction.trace[-1] == {"step": "repair", "outcome": "ran", "what": []}


def test_what_the_tables_hold_is_looked_up_once(full: Music) -> None:
    sql = "SELECT id FROM singer WHERE name = 'nobody'"
    generator = Repair().wrap(lambda task: Prediction(sql), Tools({"music": full}))
    task = Task(Question("q", "Who sings?", SCHEMA), FakeModel())
    generator(task)
    n_asked = len(full.asked)
    assert n_asked < 10
    generator(task)
    full.connection.close()
    assert full.asked[n_asked:] == [sql]


def test_k_is_checked() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        Repair(k=0)


@pytest.mark.parametrize("outer", ["retry", "vote", "first-valid"])
def test_it_stands_inside_the_other_refinements(outer: str) -> None:
    assert parse_method(f"repair+{outer}").label == f"{outer}+repair"


class Slow(Music):
    """A database each of whose answers takes seconds of a clock that is turned by hand."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.now = seconds, 0.0

    def run(self, sql: str) -> Result:
        self.now += self.seconds
        return super().run(sql)


@pytest.mark.parametrize(
    "sql", [WRONG, "SELECT nam FROM singer", "SELECT name FROM singer WHERE name = 'x y' AND id = 'z'"], ids=str
)
@pytest.mark.parametrize("seconds", [0.001, 3.0, 8.0, 25.0])
def test_a_row_of_slow_calls_ends(sql: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    music = Slow(seconds)
    monkeypatch.setattr("spider_opt.linking.patience.time", SimpleNamespace(monotonic=lambda: music.now))
    prediction = repaired(sql, music, Repair(k=50))
    assert music.now < SECONDS + seconds
    if seconds == 25.0:
        assert music.asked == [prediction.sql] == [sql]


def test_what_was_mended_before_the_time_was_up_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    music = Slow(6.0)
    monkeypatch.setattr("spider_opt.linking.patience.time", SimpleNamespace(monotonic=lambda: music.now))
    assert repaired(WRONG, music).sql == RIGHT
