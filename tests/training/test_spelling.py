from __future__ import annotations

from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool
from spider_opt.sql.normal import normalized
from spider_opt.sql.spacing import tidy
from spider_opt.training.spelling import spelled, without_gaps
from spider_opt.types import Column, Schema, Table


def table(name: str, *columns: str) -> Table:
    return Table(name, tuple(Column(column, "TEXT") for column in columns))


SHOP = Schema(
    "shop",
    (
        table("Item", "Item_ID", "name", "Price", "Year"),
        table("sale", "sale_id", "ITEM_id", "day", "order"),
        table("Full Name", "first name", "town"),
        table("cast", "id", "role"),
    ),
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select Name from item", "SELECT name FROM Item"),
        ("SELECT  COUNT ( * )  FROM ITEM ;", "SELECT COUNT(*) FROM Item"),
        (
            'SELECT name FROM Item WHERE name = "it\'s" OR day=="x"',
            "SELECT name FROM Item WHERE name = 'it''s' OR day = 'x'",
        ),
        ("SELECT name FROM Item WHERE PRICE<>-1 and price> =2",
         "SELECT name FROM Item WHERE Price != -1 AND Price >= 2"),
        (
            "SELECT price - 1 , price*-2 FROM item WHERE YEAR BETWEEN 1 AND -2",
            "SELECT Price - 1, Price * -2 FROM Item WHERE Year BETWEEN 1 AND -2",
        ),
        ("SELECT (price)-1, (1)+(2) FROM Item", "SELECT (Price) - 1, (1) + (2) FROM Item"),
        (
            "SELECT t4.name FROM sale AS t2 JOIN item AS t4 ON t2.item_id = t4.ITEM_ID",
            "SELECT T2.name FROM sale AS T1 JOIN Item AS T2 ON T1.ITEM_id = T2.Item_ID",
        ),
        (
            "SELECT t2.name FROM item AS t2 UNION SELECT t3.day FROM sale AS t3",
            "SELECT T1.name FROM Item AS T1 UNION SELECT T1.day FROM sale AS T1",
        ),
        (
            "SELECT t2.name FROM item AS t2 WHERE t2.item_id IN (SELECT t5.item_id FROM sale AS t5 ) AND t2.price > 1",
            "SELECT T1.name FROM Item AS T1 WHERE T1.Item_ID IN (SELECT T1.ITEM_id FROM sale AS T1) AND T1.Price > 1",
        ),
        # Two tables spell it each in its way: with an owner it is the owner's, without it stays.
        ("SELECT item_ID FROM item, sale", "SELECT item_ID FROM Item, sale"),
        ("SELECT sale.item_id FROM item JOIN sale", "SELECT sale.ITEM_id FROM Item JOIN sale"),
        # Double quotes stay where they quote a name, and text is never touched.
        ('SELECT "FIRST NAME" FROM "full name"', 'SELECT "first name" FROM "Full Name"'),
        ('SELECT "ORDER" FROM sale', 'SELECT "order" FROM sale'),
        ("SELECT day FROM sale WHERE day = ' select  AS T9;'", "SELECT day FROM sale WHERE day = ' select  AS T9;'"),
        ("SELECT day FROM sale WHERE day LIKE \"%Name > = 'x' %\"",
         "SELECT day FROM sale WHERE day LIKE '%Name > = ''x'' %'"),
        ("SELECT role FROM CAST", 'SELECT role FROM "cast"'),
        ("SELECT count(*) AS N FROM Item GROUP BY name ORDER BY n",
         "SELECT COUNT(*) AS N FROM Item GROUP BY name ORDER BY n"),
        ("SELECT CAST(price AS int) FROM item", "SELECT CAST(Price AS int) FROM Item"),
    ],
)  # fmt: skip
def test_one_spelling(sql: str, expected: str) -> None:
    assert spelled(sql, SHOP) == expected
    assert spelled(expected, SHOP) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT t2.name FROM item AS t2 WHERE EXISTS (SELECT t1.day FROM sale AS t1 WHERE t1.item_id = t2.item_id)",
        "SELECT t2.name FROM item AS t2 WHERE t2.price > (SELECT t1.price FROM item AS t1 WHERE t1.year = t2.year)",
    ],
)
def test_an_outer_alias_is_not_caught_by_an_inner_one(sql: str) -> None:
    found = spelled(sql, SHOP)
    assert found is not None
    assert "T1.Item_ID = T1" not in found.replace("ITEM_id", "Item_ID")
    assert "T1.Year = T1.Year" not in found
    assert normalized(found) == normalized(sql)


@pytest.mark.parametrize("sql", ["", ";", "SELECT", "'", '"', "(((", ") FROM (", "SELECT a.b.c..d FROM", "é 1e5 .5 ["])
def test_nonsense_comes_back_as_nonsense(sql: str) -> None:
    found = spelled(sql, SHOP)
    assert found is None or normalized(found) == normalized(sql)


def test_what_could_be_lost_is_not_respelled() -> None:
    assert spelled("SELECT name FROM item WHERE 'x' || \"y\" = name", SHOP) is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a > = 1", "a >= 1"),
        ("a <  = 1 AND b ! = 2", "a <= 1 AND b != 2"),
        ("a = '> =' AND b = \"< =\"", "a = '> =' AND b = \"< =\""),
    ],
)
def test_gaps_are_closed_outside_of_quotes(sql: str, expected: str) -> None:
    assert without_gaps(sql) == expected


def test_the_bundled_golds_keep_their_results() -> None:
    for split in ("train", "test"):
        benchmark = load(f"spider-mini:{split}")
        databases = DatabasePool(benchmark.paths)
        for example in benchmark.examples:
            found = spelled(example.gold_sql, example.question.schema)
            assert found is not None
            database = databases[example.question.db_id]
            assert database.run(found).rows == database.run(example.gold_sql).rows
            assert spelled(found, example.question.schema) == found


def test_spiders_golds_can_nearly_all_be_respelled(shared: Path) -> None:
    examples = real_spider("train", shared).examples[::40]
    found = [spelled(example.gold_sql, example.question.schema) for example in examples]
    assert sum(sql is None for sql in found) <= 1
    assert all(sql == tidy(sql) for sql in found if sql)
