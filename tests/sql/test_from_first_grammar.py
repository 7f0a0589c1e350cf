"""The grammar is read by a small copy of llama.cpp's matcher (``gbnf.py``), its sentences by SQLite."""

from __future__ import annotations

import random
import re
import runpy
import sqlite3
from collections import defaultdict
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.sql.from_first import from_from_first, to_from_first
from spider_opt.sql.from_first_grammar import MAX_CHARS, from_first_grammar
from spider_opt.sql.names import quoted
from spider_opt.types import Column, ForeignKey, Schema, Table

Grammar: Any = runpy.run_path(str(Path(__file__).with_name("gbnf.py")))["Grammar"]


def schema(keys: str = "", **tables: str) -> Schema:
    """Make a schema of ``table="column, column"`` and ``"table.column = table.column, ..."``."""
    return Schema(
        "d",
        tuple(Table(name, tuple(Column(c, "") for c in columns.split(", "))) for name, columns in tables.items()),
        tuple(ForeignKey(*re.split(r"\.| = ", key)) for key in keys.split(", ") if key),
    )


SHOP = schema(
    "sale.item_id = item.id, sale.shop_id = shop.id, shop.town_id = town.id",
    item="id, full name, price",
    sale="item_id, shop_id, day",
    shop="id, name, town_id",
    town="id, name, mayor",
    log="line",
)
# Names that would break out of a literal, a class, a rule or the template.
ODD = schema(
    **{
        'a"b': "x@, back\\slash, ], [^a]",
        "Größe": "ÄÖ, Ä, line\nbreak, -- no, #",
        "T1": "T1, T2, t",
        "select": "from, count, COUNT(, coun, case",
        "sel": "sum, ', ''",
        "λ": "tab\tstop, |, ::=",
    }
)
JOINED = re.compile(r" JOIN |EXISTS|FROM \(| AS T\d")


@cache
def grammar(of: Schema, max_chars: int = MAX_CHARS) -> Any:
    return Grammar(from_first_grammar(of, max_chars))


SALES = "FROM item JOIN sale ON item.id = sale.item_id"
GOOD = [
    "FROM item SELECT COUNT(*)",
    'FROM item SELECT DISTINCT "full name", price WHERE price > 3.5 AND NOT price = 4 OR id IS NOT NULL',
    "FROM item SELECT * ORDER BY price DESC, id ASC LIMIT 3 OFFSET 1",
    "FROM item SELECT id WHERE \"full name\" LIKE '%x%' AND price NOT BETWEEN -1 AND 2 * 3",
    "FROM item SELECT price, COUNT(DISTINCT id) GROUP BY price, id HAVING COUNT(*) >= 2 ORDER BY MAX(id)",
    "FROM item SELECT id WHERE id NOT IN (FROM sale SELECT item_id WHERE day IN ('Mon', 'It''s Wed'))",
    "FROM item SELECT id WHERE price = (FROM item SELECT MAX(price)) UNION ALL FROM sale SELECT item_id",
    "FROM item SELECT (price + id) / 2 WHERE (id = 1 OR id = 2) AND (price - 1) * 2 != 5",
    "FROM item SELECT CAST(SUM(price) AS REAL) / COUNT(*), ROUND(AVG(price), 2)",
    "FROM item SELECT CASE WHEN price > 3 THEN 'dear' ELSE 'cheap' END",
    "FROM sale SELECT STRFTIME('%Y', day), SUBSTRING(day, 1, 2) || ' ' || shop_id",
    f"{SALES} SELECT item.price, SUM(sale.shop_id) GROUP BY item.id",
    f"{SALES} JOIN shop ON sale.shop_id = shop.id JOIN town ON shop.town_id = town.id SELECT town.mayor, item.id",
    "FROM item LEFT JOIN sale ON item.id = sale.item_id AND item.price = sale.day SELECT item.id",
    "FROM item JOIN sale SELECT item.id WHERE item.id = sale.item_id",
    "FROM item JOIN log ON item.id = log.line SELECT item.id, log.line",
    "FROM item AS T1 JOIN item AS T2 ON T1.id = T2.price SELECT T1.id, T2.id",
    "FROM sale JOIN item AS T1 ON sale.item_id = T1.id JOIN item AS T2 ON T1.id = T2.price SELECT sale.day, T2.price",
    "FROM (FROM item SELECT id UNION FROM sale SELECT item_id) SELECT COUNT(*)",
    "FROM (FROM item SELECT id) AS T1 JOIN sale ON T1.id = sale.item_id SELECT sale.day",
    "FROM item SELECT id WHERE EXISTS(FROM sale SELECT * WHERE item_id = item.id)",
    "FROM item AS T1 SELECT id WHERE price > (FROM item SELECT AVG(price))",
]
# What can be written, and what can't behind it.
BAD = [
    ("FROM ", "items"),
    ("FROM ", "SELECT"),
    ("FROM item SELECT ", "day"),
    ("FROM item SELECT ", "item.id"),
    ("FROM item SELECT id", "s"),
    ("FROM item SELECT id", " FROM"),
    ("FROM item SELECT id WHERE ", "day"),
    ("FROM item SELECT id WHERE id", "= 3"),
    ("FROM item SELECT id ", " WHERE"),
    ("FROM item SELECT SUM(", "item_id"),
    ("FROM item SELECT id ORDER BY ", "name"),
    ("FROM item SELECT id WHERE id IN (FROM sale SELECT ", "id"),
    ("FROM item JOIN ", "item"),
    ("FROM item JOIN s", "ong"),
    ("FROM item JOIN sale ON item.", "day"),
    ("FROM item JOIN sale ON ", "town.id"),
    (f"{SALES} SELECT item.", "day"),
    (f"{SALES} SELECT ", "day"),
    (f"{SALES} SELECT ", "shop.id"),
    (f"{SALES} SELECT item.id WHERE ", "shop.id"),
    (f"{SALES} JOIN shop ON sale.shop_id = shop.id SELECT item.id GROUP BY ", "town.id"),
    ("FROM item JOIN log ON item.id = log.line SELECT log.", "id"),
    ("FROM item AS T1 JOIN item AS T2 ON T1.id = T2.", "name1"),
    ("FROM item SELECT id LIMIT 9999", "9"),
    ("FROM item SELECT id WHERE id = '" + "x" * 80, "x"),
    ("FROM item SELECT id", ", id" * 10),
    ("", "SELECT id FROM item"),
    ("", "```"),
    ("FROM item SELECT id", ";"),
    ("FROM item SELECT id", "\n"),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_query_can_be_written(text: str) -> None:
    read = grammar(SHOP)
    assert read.good_part(text) == text
    assert read.accepts(text)


@pytest.mark.parametrize(("good", "bad"), BAD)
def test_nothing_else_can_be_written(good: str, bad: str) -> None:
    read = grammar(SHOP)
    assert read.read(good) is not None
    assert read.read(good + bad) is None


def test_what_is_put_back_may_be_left_out_only_where_that_is_the_form() -> None:
    full, short = grammar(SHOP), Grammar(from_first_grammar(SHOP, implied=True))
    for text in (
        "FROM item SELECT price, COUNT(*) GROUP BY SELECTED HAVING COUNT(*) > 2 ORDER BY price LIMIT 1",
        "FROM item CROSS JOIN sale SELECT item.id",
    ):
        assert short.accepts(text)
        assert not full.accepts(text)
    assert all(short.accepts(text) for text in GOOD)
    assert short.accepts("FROM sale JOIN shop JOIN town SELECT town.mayor")


def test_where_there_is_no_room_a_join_has_the_columns_of_all_tables() -> None:
    wide, narrow = grammar(SHOP), grammar(SHOP, 0)
    for column, everywhere in (("item.id", True), ("shop.name", False), ("item.day", None), ("day", None)):
        text = f"{SALES} SELECT {column}"
        assert narrow.accepts(text) is (everywhere is not None)
        assert wide.accepts(text) is (everywhere is True)
    assert not narrow.accepts("FROM item SELECT shop.name")
    for text in GOOD:
        assert narrow.accepts(text) or "JOIN item AS T2" in text


def created(of: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for table in of.tables:
        connection.execute(f"CREATE TABLE {quoted(table.name)} ({', '.join(quoted(c.name) for c in table.columns)})")
    return connection


@pytest.mark.parametrize("of", [SHOP, ODD], ids=["plain", "odd"])
def test_every_sentence_is_sqlite_and_names_what_is_in_from(of: Schema) -> None:
    read, chance = grammar(of), random.Random(5)
    sentences = [read.sentence(chance, chance.randrange(9, 20)) for _ in range(300)]
    n_joins = 0
    with closing(created(of)) as connection:
        for i, sentence in enumerate(sorted(sentences, key=len)):
            assert i > 30 or read.accepts(sentence), sentence
            sql = from_from_first(sentence)
            n_joins += " JOIN " in sql
            try:
                connection.execute(f"EXPLAIN {sql}")
            except sqlite3.Error as error:
                said = str(error)
                assert "syntax error" not in said, sql
                assert "unrecognized" not in said, sql
                assert "no such table" not in said, sql
                assert "no such column" not in said or JOINED.search(sql), (said, sql)
    assert n_joins > 20


def test_odd_names_are_read_as_sqlite_reads_them() -> None:
    read = grammar(ODD)
    with closing(created(ODD)) as connection:
        for table, other in zip(ODD.tables, [*[t.name for t in ODD.tables[1:]], "sel"], strict=True):
            for column in (quoted(column.name) for column in table.columns):
                t, u = quoted(table.name), quoted(other)
                texts = [f"FROM {t} SELECT {column}"] + [f"FROM {t} JOIN {u} SELECT {t}.{column}"] * (t != u)
                for text in texts:
                    assert read.good_part(text) == text
                    connection.execute(from_from_first(text))


def test_a_schema_without_tables_has_a_grammar() -> None:
    assert not grammar(Schema("d", ())).accepts("FROM b SELECT a")


def test_a_large_schema_does_not_explode() -> None:
    keys = ", ".join(f"table_{i}.id_{i} = table_{j}.id_{j}" for i in range(20) for j in range(i))
    wide = schema(
        keys, **{f"table_{i}": ", ".join(f"{w}_{i}" for w in ("id", "name", "town", "Year")) for i in range(20)}
    )
    assert len(from_first_grammar(wide)) < MAX_CHARS
    read = grammar(wide)
    for text in ("FROM table_3 SELECT count", "FROM table_3 JOIN table_4 ON table_3.id_3 = table_4.id_4 SELECT COUNT("):
        state = read.read(text.replace("count", "COUNT(*), "))
        assert state is not None
        assert len(read.states[state]) < 60
    assert max(map(len, read.states)) < 100


def accepted(golds: dict[Schema, set[str]]) -> tuple[int, int]:
    """Return how many golds can be written under their schema's grammar, and of how many."""
    texts = [(of, to_from_first(sql, of)) for of, queries in golds.items() for sql in sorted(queries)]
    return sum(grammar(of).accepts(text) for of, text in texts), len(texts)


@pytest.mark.parametrize("split", ["train", "test"])
def test_golds_of_the_bundled_benchmark_can_be_written(split: str) -> None:
    golds = defaultdict(set)
    for example in load(f"spider-mini:{split}").examples:
        golds[example.question.schema].add(example.gold_sql)
    good, n = accepted(golds)
    assert good >= 0.98 * n > 50


@pytest.mark.filterwarnings("ignore")
def test_golds_of_spider_can_be_written(shared: Path) -> None:
    golds = defaultdict(set)
    for example in real_spider("train_spider", shared).examples:
        golds[example.question.schema].add(example.gold_sql)
    good, n = accepted({of: golds[of] for of in list(golds)[::20]})
    assert good >= 0.97 * n > 100
