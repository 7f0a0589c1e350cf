"""What is left out is put back as it was, and nothing else is changed."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.scoring import Rules, score
from spider_opt.sql.extract import extract_sql
from spider_opt.sql.from_first import from_from_first, to_from_first
from spider_opt.sql.implied_joins import to_implied_joins, with_implied
from spider_opt.types import Benchmark, Column, ForeignKey, Schema, Table


def schema(keys: str, **tables: str) -> Schema:
    """Make a schema of ``table="column, column"`` and ``"table.column = table.column, ..."``; an * is a primary key."""
    return Schema(
        "d",
        tuple(
            Table(name, tuple(Column(c.strip("*"), "", primary_key=c.endswith("*")) for c in columns.split(", ")))
            for name, columns in tables.items()
        ),
        tuple(ForeignKey(*re.split(r"\.| = ", key)) for key in keys.split(", ") if key),
    )


SHOP = schema(
    "sale.item_id = item.id, sale.shop_id = shop.id, route.start = shop.id, route.end = shop.id",
    item="id*, full name, price",
    sale="item_id, shop_id, day",
    shop="id*, name, town_code",
    town="town_code*, mayor",
    route="start, end, km",
    twin="id, item_id",
)
# What is asked, what is learnt, and what that means.
FORMS = [
    (
        "SELECT price FROM item JOIN sale ON item.id = sale.item_id",
        "FROM item JOIN sale SELECT item.price",
        "SELECT item.price FROM item JOIN sale ON item.id = sale.item_id",
    ),
    (
        "SELECT T1.price FROM item T1 JOIN sale T2 ON T2.item_id = T1.id LEFT JOIN shop AS s ON T2.shop_id = s.id",
        "FROM item JOIN sale LEFT JOIN shop SELECT item.price",
        "SELECT item.price FROM item JOIN sale ON item.id = sale.item_id LEFT JOIN shop ON sale.shop_id = shop.id",
    ),
    (  # implied by the name of a primary key
        "SELECT mayor FROM shop JOIN town ON shop.town_code = town.town_code",
        "FROM shop JOIN town SELECT town.mayor",
        "SELECT town.mayor FROM shop JOIN town ON shop.town_code = town.town_code",
    ),
    (  # two keys
        "SELECT km FROM route JOIN shop ON route.start = shop.id",
        "FROM route JOIN shop ON route.start = shop.id SELECT route.km",
        "SELECT route.km FROM route JOIN shop ON route.start = shop.id",
    ),
    (  # not over the key
        "SELECT sale.day FROM sale JOIN item ON sale.day = item.price",
        "FROM sale JOIN item ON sale.day = item.price SELECT sale.day",
        "SELECT sale.day FROM sale JOIN item ON sale.day = item.price",
    ),
    (
        "SELECT item.id FROM item JOIN sale ON item.id = sale.item_id AND sale.day > 3",
        "FROM item JOIN sale ON item.id = sale.item_id AND sale.day > 3 SELECT item.id",
        "SELECT item.id FROM item JOIN sale ON item.id = sale.item_id AND sale.day > 3",
    ),
    (
        "SELECT item.id FROM item JOIN sale WHERE item.price = 3",
        "FROM item CROSS JOIN sale SELECT item.id WHERE item.price = 3",
        "SELECT item.id FROM item CROSS JOIN sale WHERE item.price = 3",
    ),
    (
        "SELECT T1.id FROM item AS T1 JOIN item AS T2 ON T1.id = T2.price",
        "FROM item AS T1 JOIN item AS T2 ON T1.id = T2.price SELECT T1.id",
        "SELECT T1.id FROM item AS T1 JOIN item AS T2 ON T1.id = T2.price",
    ),
    (
        "SELECT price, count(*) FROM item GROUP BY price HAVING count(*) > 1 ORDER BY price",
        "FROM item SELECT price, COUNT(*) GROUP BY SELECTED HAVING COUNT(*) > 1 ORDER BY price",
        "SELECT price, COUNT(*) FROM item GROUP BY price HAVING COUNT(*) > 1 ORDER BY price",
    ),
    (
        "SELECT count(*), price, id FROM item GROUP BY price, id",
        "FROM item SELECT COUNT(*), price, id GROUP BY SELECTED",
        "SELECT COUNT(*), price, id FROM item GROUP BY price, id",
    ),
    (
        "SELECT price, id FROM item GROUP BY id",
        "FROM item SELECT price, id GROUP BY id",
        "SELECT price, id FROM item GROUP BY id",
    ),
    (
        "SELECT count(*) FROM item GROUP BY price",
        "FROM item SELECT COUNT(*) GROUP BY price",
        "SELECT COUNT(*) FROM item GROUP BY price",
    ),
    (
        "SELECT DISTINCT day FROM sale WHERE item_id IN (SELECT T1.item_id FROM sale T1 JOIN shop T2 ON T1.shop_id = "
        "T2.id GROUP BY T1.item_id) UNION SELECT price FROM item GROUP BY price",
        "FROM sale SELECT DISTINCT day WHERE item_id IN (FROM sale JOIN shop SELECT sale.item_id GROUP BY SELECTED) "
        "UNION FROM item SELECT price GROUP BY SELECTED",
        "SELECT DISTINCT day FROM sale WHERE item_id IN (SELECT sale.item_id FROM sale JOIN shop ON sale.shop_id = "
        "shop.id GROUP BY sale.item_id) UNION SELECT price FROM item GROUP BY price",
    ),
]


@pytest.mark.parametrize(("sql", "form", "meant"), FORMS)
def test_what_is_left_out_comes_back(sql: str, form: str, meant: str) -> None:
    assert to_implied_joins(sql, SHOP) == form
    assert with_implied(from_from_first(form), SHOP) == meant
    assert with_implied(meant, SHOP) == meant


def test_a_name_that_the_schema_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no column"):
        to_implied_joins("SELECT km FROM sale", SHOP)


def test_a_column_that_is_called_as_the_mark_is() -> None:
    odd = schema("", t="selected, x")
    with pytest.raises(ValueError, match="SELECTED"):
        to_implied_joins("SELECT x FROM t GROUP BY x", odd)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SELECT a FROM item JOIN nothing", "SELECT a FROM item JOIN nothing"),
        ("SELECT a FROM item JOIN town", "SELECT a FROM item JOIN town"),  # no key
        ("SELECT km FROM route JOIN shop", "SELECT km FROM route JOIN shop"),  # two
        ("SELECT 1 FROM item NATURAL JOIN sale", "SELECT 1 FROM item NATURAL JOIN sale"),
        ("SELECT 1 FROM item JOIN sale USING (id)", "SELECT 1 FROM item JOIN sale USING (id)"),
        ("SELECT 1 FROM sale JOIN item AS T1", "SELECT 1 FROM sale JOIN item AS T1"),
        ("SELECT 1 FROM sale JOIN item T1 WHERE 2", "SELECT 1 FROM sale JOIN item T1 WHERE 2"),
        ("SELECT 1 FROM sale, shop JOIN item", "SELECT 1 FROM sale, shop JOIN item ON sale.item_id = item.id"),
        ('SELECT 1 FROM "sale" JOIN "item" WHERE 2',
         'SELECT 1 FROM "sale" JOIN "item" ON sale.item_id = item.id WHERE 2'),
        ("SELECT 1 FROM SALE JOIN ITEM;", "SELECT 1 FROM SALE JOIN ITEM ON sale.item_id = item.id;"),
        ("SELECT 1 FROM (SELECT 2) JOIN item", "SELECT 1 FROM (SELECT 2) JOIN item"),
        ("SELECT 1 FROM item JOIN (SELECT 2 FROM sale JOIN shop) ON 3",
         "SELECT 1 FROM item JOIN (SELECT 2 FROM sale JOIN shop ON sale.shop_id = shop.id) ON 3"),
        ("SELECT 'FROM sale JOIN item' FROM sale", "SELECT 'FROM sale JOIN item' FROM sale"),
        ("SELECT join FROM sale JOIN", "SELECT join FROM sale JOIN"),
        ("SELECT a AS b, max(c) FROM item GROUP BY SELECTED", "SELECT a AS b, max(c) FROM item GROUP BY SELECTED"),
        ("SELECT * FROM item GROUP BY SELECTED", "SELECT * FROM item GROUP BY SELECTED"),
        ("SELECT max(c) FROM item GROUP BY SELECTED", "SELECT max(c) FROM item GROUP BY SELECTED"),
        ("SELECT lower(a), b FROM item GROUP BY SELECTED LIMIT 1",
         "SELECT lower(a), b FROM item GROUP BY lower(a), b LIMIT 1"),
        ("GROUP BY SELECTED", "GROUP BY SELECTED"),
        (")))) SELECT a FROM item GROUP BY SELECTED", ")))) SELECT a FROM item GROUP BY a"),
        ("((((SELECT a FROM sale JOIN item", "((((SELECT a FROM sale JOIN item ON sale.item_id = item.id"),
        ("", ""),
    ],
)  # fmt: skip
def test_whatever_was_written(written: str, meant: str) -> None:
    assert with_implied(written, SHOP) == meant


@pytest.mark.parametrize("piece", ["JOIN item ", "(SELECT 1 FROM sale JOIN item ", "FROM sale, ", "GROUP BY SELECTED "])
def test_a_long_answer_takes_no_long(piece: str) -> None:
    start = time.perf_counter()
    with_implied("SELECT a FROM sale " + piece * 1000, SHOP)
    assert time.perf_counter() - start < 3


def round_trips(benchmark: Benchmark, step: int = 1) -> None:
    """Score what the forms of a benchmark's golds mean: each must have its gold's result, in its order."""
    pairs = []
    for example in benchmark.examples[::step]:
        try:
            form = to_implied_joins(example.gold_sql, example.question.schema)
        except ValueError:
            with pytest.raises(ValueError):  # noqa: PT011  # that is no fault of this form
                to_from_first(example.gold_sql, example.question.schema)
            continue
        pairs.append((example, with_implied(extract_sql(form), example.question.schema)))
    assert len(pairs) > 0.99 * len(benchmark.examples[::step])
    assert [scored for scored in score(benchmark, pairs, Rules("strict")).scored if not scored.correct] == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_golds_of_the_bundled_benchmark(split: str) -> None:
    round_trips(load(f"spider-mini:{split}"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("split", "step"), [("dev", 1), ("train", 9)])
def test_golds_of_spider(shared: Path, split: str, step: int) -> None:
    round_trips(real_spider(split, shared), step)
