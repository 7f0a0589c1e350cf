"""The bundled benchmark's text itself: its size, its dirt, and that each gold means something."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlglot import exp

from spider_opt.sql.hardness import hardness
from spider_opt.sql.parse import parse
from spider_opt.types import HARDNESS_LEVELS

MINI = Path(__file__).parents[2] / "spider_opt" / "benchmarks" / "mini"
HALVES = ("train", "test")
# Percent of the questions of Spider's dev set.
SPIDER_PERCENT = {"easy": 24.2, "medium": 42.6, "hard": 16.8, "extra": 16.4}
# The only golds that may find nothing: they count the rows of a table that is empty on purpose.
COUNTS_OF_NOTHING = {
    ("library_loans", "SELECT count(*) FROM reservation"),
    ("museum_tickets", "SELECT count(*) FROM refund"),
}
DIRT = {
    "empty table",
    "table without key that repeats a row",
    "table or column name with a space",
    "NULL",
    "value with a leading space",
    "value with a trailing space",
    "values that differ in case only",
    "column with dates in two formats",
    "foreign key to its own table",
    "table between two others (many-to-many)",
}

half_by_half = pytest.mark.parametrize("half", HALVES)
Rows = list[tuple[Any, ...]]


class Gold(NamedTuple):
    db_id: str
    query: str


def entries(half: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((MINI / f"{half}.json").read_text(encoding="utf-8"))
    return found


def golds(*halves: str) -> list[Gold]:
    return list(dict.fromkeys(Gold(e["db_id"], e["query"]) for half in halves for e in entries(half)))


def db_ids(half: str) -> set[str]:
    return {entry["db_id"] for entry in entries(half)}


def tree(gold: Gold) -> exp.Query:
    found = parse(gold.query)
    assert isinstance(found, exp.Query), gold
    return found


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, sqlite3.Connection]]:
    with ExitStack() as stack:
        opened = {}
        for path in sorted((MINI / "database").glob("*/*.sql")):
            opened[path.stem] = stack.enter_context(closing(sqlite3.connect(":memory:")))
            opened[path.stem].executescript(path.read_text(encoding="utf-8"))
        yield opened


def test_is_large_enough_and_its_halves_share_no_database() -> None:
    assert len(db_ids("train") | db_ids("test")) >= 8
    assert sum(len(entries(half)) for half in HALVES) >= 160
    assert not db_ids("train") & db_ids("test")
    folders = {(path.parent.name, path.stem) for path in MINI.glob("database/*/*.sql")}
    assert folders == {(db_id, db_id) for half in HALVES for db_id in db_ids(half)}


@half_by_half
def test_is_readable_text(half: str) -> None:
    first, *lines, last = (MINI / f"{half}.json").read_text(encoding="utf-8").splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(line.removesuffix(",")) for line in lines] == entries(half)
    assert {tuple(entry) for entry in entries(half)} == {("db_id", "question", "query")}


@half_by_half
def test_levels_are_those_of_spider(half: str) -> None:
    found = Counter(hardness(entry["query"]) for entry in entries(half))
    assert set(found) == set(HARDNESS_LEVELS), "None stands for a gold that does not parse"
    for level in HARDNESS_LEVELS:
        assert 100 * found[level] / found.total() == pytest.approx(SPIDER_PERCENT[level], abs=5), level


@half_by_half
def test_many_queries_are_asked_in_two_phrasings(half: str) -> None:
    phrasings = Counter(Gold(entry["db_id"], entry["query"]) for entry in entries(half))
    assert set(phrasings.values()) == {1, 2}
    assert sum(n == 2 for n in phrasings.values()) >= 0.3 * len(phrasings)


def test_questions_are_clean_sentences_and_asked_once() -> None:
    questions = [entry["question"] for half in HALVES for entry in entries(half)]
    assert [q for q in questions if not re.fullmatch(r"[A-Z]\S*( \S+)+[.?]", q)] == []
    assert [q for q, n in Counter(map(plain, questions)).items() if n > 1] == []


def plain(question: str) -> str:
    return re.sub(r"\W+", " ", question.casefold()).strip()


def test_nothing_is_taken_from_spider(shared: Path) -> None:
    spider = shared / "spider"
    files = [spider / f"{name}.json" for name in ("dev", "train_spider", "train_others", "test")]
    theirs = {plain(entry["question"]) for file in files if file.exists() for entry in json.loads(file.read_bytes())}
    assert len(theirs) > 1000
    ours = [entry["question"] for half in HALVES for entry in entries(half)]
    assert [question for question in ours if plain(question) in theirs] == []
    their_databases = {entry["db_id"] for entry in json.loads((spider / "tables.json").read_bytes())}
    assert not their_databases & (db_ids("train") | db_ids("test"))


def test_databases_are_sound(databases: dict[str, sqlite3.Connection]) -> None:
    for db_id, connection in databases.items():
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], db_id
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == [], db_id


def tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def dirt(connection: sqlite3.Connection) -> Iterator[str]:
    """Name every kind of dirt that is there."""
    for table in tables(connection):
        cursor = connection.execute(f'SELECT * FROM "{table}"')
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
        keys = {name for _, name, _, _, _, pk in connection.execute(f'PRAGMA table_info("{table}")') if pk}
        links = {key[3]: key[2] for key in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
        if not rows:
            yield "empty table"
        if not keys and len(set(rows)) < len(rows):
            yield "table without key that repeats a row"
        if any(" " in name for name in (table, *names)):
            yield "table or column name with a space"
        if table in links.values():
            yield "foreign key to its own table"
        if len(keys) == 2 and keys <= set(links) and len({links[key] for key in keys}) == 2:
            yield "table between two others (many-to-many)"
        for column in zip(*rows, strict=True):
            yield from dirt_of_column(column)


def dirt_of_column(column: tuple[Any, ...]) -> Iterator[str]:
    if None in column:
        yield "NULL"
    texts = {value for value in column if isinstance(value, str)}
    if any(text != text.lstrip() for text in texts):
        yield "value with a leading space"
    if any(text != text.rstrip() for text in texts):
        yield "value with a trailing space"
    stripped = {text.strip() for text in texts}
    if len({text.casefold() for text in stripped}) < len(stripped):
        yield "values that differ in case only"
    if {"9999-99-99", "99/99/9999"} <= {re.sub(r"\d", "9", text) for text in texts}:
        yield "column with dates in two formats"


@half_by_half
def test_has_the_dirt_of_real_data(half: str, databases: dict[str, sqlite3.Connection]) -> None:
    assert {kind for db_id in db_ids(half) for kind in dirt(databases[db_id])} == DIRT


@half_by_half
def test_every_table_is_asked_about(half: str, databases: dict[str, sqlite3.Connection]) -> None:
    asked = {(gold.db_id, table.name) for gold in golds(half) for table in tree(gold).find_all(exp.Table)}
    assert {(db_id, table) for db_id in db_ids(half) for table in tables(databases[db_id])} == asked


def test_every_gold_finds_something(databases: dict[str, sqlite3.Connection]) -> None:
    found = {gold: databases[gold.db_id].execute(gold.query).fetchall() for gold in golds(*HALVES)}
    nothing = {gold for gold, rows in found.items() if not any(value for row in rows for value in row)}
    assert nothing == COUNTS_OF_NOTHING


def mutants(gold: Gold) -> Iterator[tuple[str, str]]:
    """Yield the query with one clause gone or one order turned round, wherever in the query it stands."""
    for kind in (exp.Where, exp.Having, exp.Limit, exp.Ordered):
        for index in range(len(list(tree(gold).find_all(kind)))):
            copy = tree(gold).copy()
            clause = list(copy.find_all(kind))[index]
            if isinstance(clause, exp.Ordered):
                clause.set("desc", not clause.args.get("desc"))
            else:
                clause.pop()
            yield kind.__name__, copy.sql(dialect="sqlite")


def test_every_clause_matters(databases: dict[str, sqlite3.Connection]) -> None:
    idle, tried = [], Counter[str]()
    for gold in golds(*HALVES):
        run = databases[gold.db_id].execute
        rows = comparable(gold, run(gold.query).fetchall())
        assert comparable(gold, run(tree(gold).sql(dialect="sqlite")).fetchall()) == rows, "sqlglot changed the query"
        for clause, mutant in mutants(gold):
            tried[clause] += 1
            if comparable(gold, run(mutant).fetchall()) == rows:
                idle.append((gold.db_id, clause, mutant))
    assert idle == []
    assert min(tried[clause] for clause in ("Where", "Having", "Limit", "Ordered")) >= 5, tried


def comparable(gold: Gold, rows: Rows) -> Rows:
    return rows if tree(gold).args.get("order") else sorted(rows, key=repr)


def test_no_order_hangs_on_a_tie(databases: dict[str, sqlite3.Connection]) -> None:
    tied = []
    for gold in golds(*HALVES):
        order, limit = tree(gold).args.get("order"), tree(gold).args.get("limit")
        inner = [node for node in tree(gold).find_all(exp.Order, exp.Limit) if node.parent is not tree(gold)]
        assert inner == [], f"{gold.query}: this test reads the outermost ORDER BY only"
        assert order or not limit, f"{gold.query}: LIMIT of rows in no order"
        if order:
            keys = order_keys(gold, databases[gold.db_id])
            # One more than is shown: the last shown and the first left out must differ, too.
            shown = keys[: int(limit.expression.name) + 1] if limit else keys
            tied += [gold] if len(set(shown)) < len(shown) else []
    assert tied == []


def order_keys(gold: Gold, connection: sqlite3.Connection) -> Rows:
    query = tree(gold).copy()
    assert isinstance(query, exp.Select), gold
    by = [ordered.this.copy() for ordered in query.args["order"].expressions]
    query.set("limit", None)
    return connection.execute(query.select(*by, append=False).sql(dialect="sqlite")).fetchall()
