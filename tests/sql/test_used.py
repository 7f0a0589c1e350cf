from __future__ import annotations

from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.sql.used import Used, used
from spider_opt.types import Column, Schema, Table


def table(name: str, *columns: str) -> Table:
    return Table(name, tuple(Column(column, "TEXT") for column in columns))


SCHEMA = Schema("shop", (table("Item", "id", "Name", "Maker", "size"), table("sale", "id", "item_id", "Full Price")))


def said(sql: str) -> tuple[set[str], set[str], set[str]]:
    found = used(sql, SCHEMA)
    assert found is not None
    return set(found.tables), {f"{t}.{c}" for t, c in found.columns}, set(found.values)


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT name FROM item", "Item", "Item.Name"),
        ("SELECT ITEM.NAME FROM ITEM", "Item", "Item.Name"),
        ("SELECT t1.NAME, T2.item_ID FROM item AS T1 JOIN Sale AS t2 ON t1.id = T2.Item_id",
         "Item sale", "Item.Name sale.item_id Item.id"),
        ("SELECT `name`, [maker], \"size\" FROM item", "Item", "Item.Name Item.Maker Item.size"),
        ("SELECT count(*) FROM item", "Item", ""),
        ("SELECT *, i.* FROM item AS i", "Item", ""),
        ("SELECT a.name FROM item AS a, item AS b WHERE a.maker = b.size", "Item", "Item.Name Item.Maker Item.size"),
        ("SELECT name FROM item JOIN sale USING (id)", "Item sale", "Item.Name Item.id sale.id"),
        ("SELECT name FROM (item JOIN sale ON item_id = size)", "Item sale", "Item.Name sale.item_id Item.size"),
        ("SELECT max(size) FROM item GROUP BY maker HAVING count(name) > 1", "Item",
         "Item.size Item.Maker Item.Name"),
        ("SELECT name FROM item ORDER BY size", "Item", "Item.Name Item.size"),
        ("SELECT count(*) AS n FROM item GROUP BY maker HAVING n > 2 ORDER BY n", "Item", "Item.Maker"),
        ("SELECT 1", "", ""),
    ],
)  # fmt: skip
def test_names_are_the_schemas(sql: str, tables: str, columns: str) -> None:
    assert said(sql)[:2] == (set(tables.split()), set(columns.split()))


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        # the inner table has the name, or the outer one has it
        ("SELECT name FROM item WHERE id IN (SELECT item_id FROM sale WHERE size = id)",
         "Item.Name Item.id sale.item_id Item.size sale.id"),
        ("SELECT name FROM item WHERE EXISTS (SELECT 1 FROM sale WHERE item_id = item.id)",
         "Item.Name sale.item_id Item.id"),
        ("SELECT (SELECT max(s.id) FROM sale AS s WHERE s.item_id = i.maker) FROM item AS i",
         "sale.id sale.item_id Item.Maker"),
        # an alias means what it means where it stands
        ("SELECT name FROM item AS t WHERE id IN (SELECT t.item_id FROM sale AS t)", "Item.Name Item.id sale.item_id"),
        ("SELECT name FROM item UNION SELECT item_id FROM sale ORDER BY name", "Item.Name sale.item_id"),
        ("SELECT id FROM item INTERSECT SELECT id FROM sale", "Item.id sale.id"),
        # what a derived table gives is counted where it comes from
        ("SELECT d.n, top FROM (SELECT name AS n, max(size) AS top FROM item) AS d", "Item.Name Item.size"),
        ("SELECT d.name FROM (SELECT * FROM item) AS d", "Item.Name"),
        ("SELECT name FROM (SELECT i.* FROM item AS i)", "Item.Name"),
        ("SELECT name FROM (SELECT * FROM item UNION SELECT * FROM sale)", "Item.Name"),
        ("WITH w AS (SELECT maker AS m FROM item) SELECT W.m, M FROM W", "Item.Maker"),
        ("WITH w AS (SELECT name AS id FROM item) SELECT id FROM sale", "Item.Name sale.id"),
        ("SELECT maker, item_id FROM (SELECT * FROM item), (SELECT * FROM sale)", "Item.Maker sale.item_id"),
        ("SELECT item.name FROM item, item", "Item.Name"),
        ("WITH w(a) AS (SELECT maker FROM item) SELECT a FROM w", "Item.Maker"),
        ("WITH RECURSIVE r AS (SELECT id FROM item UNION SELECT id FROM r) SELECT id FROM r", "Item.id"),
        ("WITH RECURSIVE r AS (SELECT * FROM item UNION SELECT * FROM r) SELECT maker FROM r", "Item.Maker"),
    ],
)  # fmt: skip
def test_columns_are_found_where_sqlite_finds_them(sql: str, columns: str) -> None:
    assert said(sql)[1] == set(columns.split())


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT weight FROM item", "Item", ".weight"),
        ("SELECT T2.name FROM item AS T1 JOIN sale AS T2", "Item sale", ".name"),
        ("SELECT x.name FROM item", "Item", ".name"),
        ("SELECT name FROM items", "items", ".name"),
        ("SELECT item.name FROM sale", "sale", ".name"),
        ("SELECT weight FROM (SELECT name FROM item)", "Item", ".weight Item.Name"),
        ("SELECT d.maker FROM (SELECT name FROM item) AS d", "Item", ".maker Item.Name"),
        ("WITH w AS (SELECT name FROM item) SELECT w.maker FROM w", "Item", ".maker Item.Name"),
        ("SELECT name FROM item WHERE weight > 3 ORDER BY T9.x", "Item", "Item.Name .weight .x"),
        ("WITH RECURSIVE r AS (SELECT * FROM r) SELECT maker FROM r", "", ".maker"),
    ],
)
def test_what_the_schema_does_not_have_stands_apart(sql: str, tables: str, columns: str) -> None:
    assert said(sql)[:2] == (set(tables.split()), set(columns.split()))


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (
            "SELECT name FROM item WHERE maker = 'O''Neil' AND size > -5.5 AND id IN (1, 2)",
            ["O'Neil", "-5.5", "1", "2"],
        ),
        ('SELECT name FROM item WHERE maker = "Bob" AND size = "maker"', ["Bob"]),
        ('SELECT "Hello" FROM item', ["Hello"]),
        ("SELECT name FROM item WHERE maker LIKE '%x_' LIMIT 3 OFFSET 7", ["%x_"]),
        ("SELECT name FROM item WHERE size BETWEEN 1 AND 2 UNION SELECT 'é\u2028' FROM sale", ["1", "2", "é\u2028"]),
        ('SELECT T1."Bob" FROM item AS T1', []),
        ("SELECT `Full Price` FROM sale WHERE id = ''", [""]),
    ],
)
def test_values_are_what_is_compared_with(sql: str, values: list[str]) -> None:
    assert said(sql)[2] == set(values)


@pytest.mark.parametrize("sql", [
    "", " ", ";", "SELECT FROM WHERE", "no query", "DROP TABLE item", "DELETE FROM item", "PRAGMA table_info(item)",
    "SELECT 1; SELECT 2", "VALUES (1)", "SELECT " + "(" * 3000 + "1" + ")" * 3000, "\x00", "'", "SELECT name FROM (",
])  # fmt: skip
def test_what_is_no_query_uses_nothing(sql: str) -> None:
    assert used(sql, SCHEMA) is None


def test_a_schema_without_tables() -> None:
    assert used("SELECT a FROM t WHERE b = 'c'", Schema("none", ())) == Used(
        frozenset({"t"}), frozenset({("", "a"), ("", "b")}), frozenset({"c"})
    )


def test_every_gold_of_the_bundled_benchmark_is_understood() -> None:
    for split in ("train", "test"):
        for example in load(f"spider-mini:{split}").examples:
            _understood(example.gold_sql, example.question.schema)


def test_every_gold_of_spiders_dev_is_understood(shared: Path) -> None:
    for example in real_spider("dev", shared).examples:
        _understood(example.gold_sql, example.question.schema)


def _understood(sql: str, schema: Schema) -> None:
    found = used(sql, schema)
    assert found is not None
    assert found.tables
    assert found.tables <= {t.name for t in schema.tables}
    assert found.columns <= {(t.name, c.name) for t in schema.tables for c in t.columns}
