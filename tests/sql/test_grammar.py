"""The grammar is read by a small copy of llama.cpp's matcher (``gbnf.py``), its sentences by SQLite."""

from __future__ import annotations

import random
import re
import runpy
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.sql.extract import extract_sql
from spider_opt.sql.grammar import Names, select_grammar
from spider_opt.sql.names import quoted
from spider_opt.sql.parse import parse
from spider_opt.types import Column, Schema, Table

if TYPE_CHECKING:
    from sqlglot import exp

Grammar: Any = runpy.run_path(str(Path(__file__).with_name("gbnf.py")))["Grammar"]
MORE_THAN_ONE_TABLE = re.compile(r"\bjoin\b|\bexists\b|from\s*\(|from\s[^()]*,", re.IGNORECASE)
BOTH: tuple[Names, ...] = ("bare", "pairs")


def schema(**tables: str) -> Schema:
    """Make a schema of ``table="column, column"``; two underscores stand for a space."""
    return Schema(
        "d",
        tuple(
            Table(name.replace("__", " "), tuple(Column(c, "") for c in columns.split(", ")))
            for name, columns in tables.items()
        ),
    )


SHOP = schema(Item="id, full name, Price, shelf", sale="item_id, day, item, amount", order="count, date")
# Names that would break out of a literal, a class, a rule or the template.
ODD = schema(
    **{
        'a"b': "x@, back\\slash, ], [^a]",
        "Größe": "ÄÖ, Ä, line\nbreak, -- no, #",
        "T1": "T1, T2, t",
        "select": "from, count, counts, coun, case",
        "e": "sum, ', ''",
        "λ": "tab\tstop, |, ::=",
    }
)


@cache
def grammar(of: Schema, names: Names) -> Any:
    return Grammar(select_grammar(of, names))


@pytest.mark.parametrize("names", BOTH)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM Item",
        "select count(*) from item;",
        "SELECT DISTINCT shelf, Price FROM Item WHERE Price > 3.5 AND NOT shelf = 'top' OR id IS NOT NULL",
        'SELECT "full name" FROM Item ORDER BY Price DESC, id LIMIT 3 OFFSET 1',
        'SELECT Item."full name" FROM Item WHERE Item.shelf LIKE "%x%" AND Price NOT BETWEEN -1 AND 2 * 3',
        "SELECT\n    shelf,\n    COUNT(DISTINCT id)\nFROM\n    Item\nGROUP BY shelf\nHAVING COUNT(*) >= 2\nLIMIT 5",
        "SELECT id FROM Item WHERE id NOT IN (SELECT item_id FROM sale WHERE day IN ('Mon', 'Tue', 'It''s Wed'))",
        "SELECT id FROM Item WHERE Price = (SELECT max(Price) FROM Item) UNION SELECT item FROM sale ORDER BY item",
        "SELECT id FROM Item EXCEPT SELECT item_id FROM sale INTERSECT SELECT id FROM Item",
        "SELECT count(*) FROM (SELECT shelf FROM Item UNION ALL SELECT day FROM sale)",
        "SELECT Item.shelf, sum(sale.amount) FROM Item JOIN sale ON Item.id = sale.item_id GROUP BY Item.shelf",
        "SELECT Item.id FROM Item LEFT OUTER JOIN sale ON Item.id = sale.item_id AND sale.day != 'Mon' LIMIT 1",
        "SELECT Item.id FROM Item, sale WHERE Item.id = sale.item_id AND (sale.day = 'Mon' OR sale.amount < 2)",
        "SELECT Item.*, sale.day FROM Item CROSS JOIN sale",
        "SELECT id FROM Item WHERE EXISTS (SELECT 1 FROM sale WHERE sale.item_id = Item.id)",
        "SELECT CASE WHEN Price > 3 THEN 'dear' ELSE 'cheap' END FROM Item",
        "SELECT CAST(sum(amount) AS REAL) / count(*), round(avg(amount), 2), day || ' ' || item FROM sale",
        "SELECT strftime('%Y', day), substr(day, 1, 2) FROM sale WHERE lower(day) = 'mon' AND (amount + 1) * 2 > 5",
        'SELECT count, date FROM "order"',
    ],
)
def test_a_query_is_read_alone_and_in_a_fence(names: Names, sql: str) -> None:
    read = grammar(SHOP, names)
    assert read.good_part(sql) == sql
    assert read.accepts(sql)
    assert read.accepts(f"```sql\n{sql}\n```")
    assert extract_sql(f"```sql\n{sql}\n```") == extract_sql(sql)


@pytest.mark.parametrize("names", BOTH)
@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("SELECT ", "name FROM Item"),
        ("SELECT count(", "item_ids) FROM sale"),
        ("SELECT id", "s FROM Item"),
        ("SELECT id", "FROM Item"),
        ("SELECT P", "RICE FROM Item"),
        ("SELECT i", "D FROM Item"),
        ("SELECT shelf FROM ", "sale WHERE"),
        ("SELECT id FROM ", "Items"),
        ("SELECT id FROM Item", "s"),
        ("SELECT id FROM Item WHERE ", "day = 'Mon'"),
        ("SELECT id FROM Item ORDER BY ", "amount"),
        ("SELECT shelf, count(*) FROM Item GROUP BY ", "day"),
        ("SELECT id FROM Item WHERE id IN (SELECT item_id FROM sale WHERE ", "shelf = 3)"),
        ("SELECT Item.", "day FROM Item JOIN sale ON Item.id = sale.item_id"),
        ("SELECT Item.id FROM Item JOIN sale ON Item.id = sale.", "id"),
        ("SELECT id FROM Item;", " "),
        ("SELECT id FROM Item;", "\n"),
        ("SELECT id FROM Item;", "SELECT id FROM Item"),
        ("SELECT id FROM Item ", "This lists them"),
        ("SELECT id FROM Item ", "-- all"),
        ("SELECT id FROM Item\n", "\nWHERE id = 3"),
        ("SELECT id FROM Item ", "\n"),
        ("SELECT id FROM Item ", " LIMIT 3"),
        ("SELECT id FROM Item LIMIT ", "x"),
        ("SELECT id FROM Item LIMIT 9999", "9"),
        ("SELECT id FROM Item WHERE shelf = '" + "x" * 80, "x"),
        ("SELECT id FROM Item WHERE shelf = 'a", "\n"),
        ("SELECT id FROM Item WHERE id = 3", ")"),
        ("SELECT ", '"no name" FROM Item'),
        ("SELECT ", "'text' FROM Item"),
        ("SELECT id ", "AS x FROM Item"),
        ("SELECT id" + ", id" * 11, ", id"),
        ("", "WITH x AS (SELECT 1) SELECT 2"),
        ("", "DELETE FROM Item"),
        ("", " SELECT id FROM Item"),
        ("```sql\n", "```"),
        ("```sql\nSELECT id FROM Item\n```", "\n"),
        ("```", "\nSELECT id FROM Item\n```"),
    ],
)
def test_nothing_else_can_be_written(names: Names, good: str, bad: str) -> None:
    read = grammar(SHOP, names)
    assert read.read(good) is not None
    assert read.read(good + bad) is None


@pytest.mark.parametrize(
    ("names", "sql", "allowed"),
    [
        ("bare", "SELECT T1.id, t2.day FROM Item AS T1 JOIN sale t2 ON T1.id = t2.item_id", True),
        ("bare", "SELECT T1.id FROM Item AS T1 JOIN Item AS T2 ON T1.id = T2.Price", True),
        ("bare", "SELECT day, shelf FROM Item JOIN sale ON id = item_id", True),
        ("bare", "SELECT T1.id FROM Item AS T1 WHERE T1.Price > 3", True),
        ("bare", "SELECT T1.id FROM Item AS T1 WHERE T1.day > 3", False),
        ("bare", "SELECT T2.id FROM Item AS T2", False),
        ("bare", "SELECT T1.name FROM Item AS T1 JOIN sale AS T2 ON T1.id = T2.item_id", False),
        ("bare", "SELECT i.id FROM Item AS i JOIN sale AS T2 ON i.id = T2.item_id", False),
        ("bare", "SELECT id, day FROM Item WHERE id = 3", False),
        ("bare", "SELECT avg(amount) FROM (SELECT amount FROM sale) AS T1", True),
        ("pairs", "SELECT T1.id FROM Item AS T1", False),
        ("pairs", "SELECT Item.id FROM Item AS T1 JOIN sale ON Item.id = sale.item_id", False),
        ("pairs", "SELECT day, shelf FROM Item JOIN sale ON Item.id = sale.item_id", False),
        ("pairs", "SELECT Item.day FROM Item JOIN sale ON Item.id = sale.item_id", False),
        ("pairs", "SELECT Item.shelf, sale.day FROM Item JOIN sale ON Item.id = sale.item_id", True),
        ("pairs", "SELECT shelf, Item.id FROM Item", True),
    ],
)
def test_the_two_ways_to_write_names(names: Names, sql: str, allowed: bool) -> None:
    assert grammar(SHOP, names).accepts(sql) is allowed


def test_names_may_be_spelled_as_anywhere_in_the_schema_or_in_lower_case() -> None:
    read = grammar(schema(Singer="Name, ID", song="name, Id"), "bare")
    for name in ("Name", "name", "ID", "Id", "id"):
        assert read.accepts(f"SELECT {name} FROM Singer")
    for name in ("NAME", "nAME", "iD"):
        assert not read.accepts(f"SELECT {name} FROM Singer")


def created(of: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for table in of.tables:
        connection.execute(f"CREATE TABLE {quoted(table.name)} ({', '.join(quoted(c.name) for c in table.columns)})")
    return connection


@pytest.mark.parametrize("names", BOTH)
@pytest.mark.parametrize("of", [SHOP, ODD], ids=["plain", "odd"])
def test_every_sentence_is_sqlite_and_a_query_of_one_table_has_its_columns(names: Names, of: Schema) -> None:
    read, chance = grammar(of, names), random.Random(5)
    sentences = [read.sentence(chance, chance.randrange(10, 22)) for _ in range(200)]
    complaints = set()
    with closing(created(of)) as connection:
        for i, sentence in enumerate(sorted(sentences, key=len)):
            assert i > 30 or read.accepts(sentence), sentence
            sql = sentence.removeprefix("```sql\n").removesuffix("\n```")
            try:
                connection.execute(f"EXPLAIN {sql}")
            except sqlite3.Error as error:
                said = str(error)
                complaints.add(said.partition(":")[0])
                assert "syntax error" not in said, sql
                assert "unrecognized" not in said, sql
                assert "no such table" not in said or ".*" in sql, sql
                if "no such column" in said and names == "pairs":
                    assert MORE_THAN_ONE_TABLE.search(sql), (said, sql)
    assert "no such column" in complaints


@pytest.mark.parametrize("names", BOTH)
def test_odd_names_are_read_as_sqlite_reads_them(names: Names) -> None:
    read = grammar(ODD, names)
    with closing(created(ODD)) as connection:
        for table, other in zip(ODD.tables, [*[t.name for t in ODD.tables[1:]], "e"], strict=True):
            for column in table.columns:
                for sql in (
                    f"SELECT {quoted(column.name)} FROM {quoted(table.name)}",
                    f"SELECT {quoted(table.name)}.{quoted(column.name)} FROM {quoted(table.name)}, {quoted(other)}",
                ):
                    assert read.good_part(sql) == sql
                    connection.execute(sql)


@pytest.mark.parametrize("names", BOTH)
def test_a_schema_without_tables_has_a_grammar(names: Names) -> None:
    assert not Grammar(select_grammar(Schema("d", ()), names)).accepts("SELECT a FROM b")


@pytest.mark.parametrize("names", BOTH)
def test_a_large_schema_does_not_explode(names: Names) -> None:
    """Every open alternative costs llama.cpp time with each token, and the text is read again with each request."""
    wide = schema(**{f"table_{i}": ", ".join(f"{w}_{i}" for w in ("id", "name", "town", "Year")) for i in range(20)})
    assert len(select_grammar(wide, names)) < 60_000
    read = grammar(wide, names)
    for end, limit in (("", 30), (" WHERE ", 60), (" WHERE ((((", 200)):
        state = read.read(f"SELECT count(*), id_3 FROM table_3{end}")
        assert state is not None
        assert len(read.states[state]) < limit
    assert max(map(len, read.states)) < 700


def shaped(sql: str, of: Schema) -> str:
    """Return a query with single spaces, names as the schema spells them, and keywords in capitals."""
    spelled = {name.lower(): name for t in of.tables for name in (t.name, *(c.name for c in t.columns))}
    calls = ("count", "sum", "avg", "min", "max", "cast", "upper", "lower")
    text = ""
    for token in re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|[<>=!]+|\w+|\S", sql):
        word = spelled.get(token.lower(), token if token.lower() in calls else token.upper())
        glued = token in (",", ")", ".", ";") or text[-1:] in ("", "(", ".")
        call = token == "(" and re.search(rf"\b({'|'.join(calls)})\Z", text, re.IGNORECASE)
        text += ("" if glued or call else " ") + (token if token[0] in "'\"" else word)
    return re.sub(r"(\d) ?\. ?(\d)", r"\1.\2", text.replace("- ", "-"))


def paired(sql: str, of: Schema) -> str | None:
    """Return a query with every column under its table's own name and no aliases; None for a self-join."""
    from sqlglot import exp

    owns = {t.name.lower(): {c.name.lower() for c in t.columns} for t in of.tables}
    tree = parse(sql)
    assert tree is not None
    tree = tree.copy()
    for column in list(tree.find_all(exp.Column)):
        if column.this.args.get("quoted") and not any(column.name.lower() in own for own in owns.values()):
            column.replace(exp.Literal.string(column.name))
    for column in [c for c in tree.find_all(exp.Column) if not isinstance(c.this, exp.Star)]:
        table = next((t for t in _sources(column, tree) if column.table.lower() in ("", t[0]) and
                      column.name.lower() in owns.get(t[1], ())), None)  # fmt: skip
        if table:
            column.set("table", exp.to_identifier(table[1]))
    for select in tree.find_all(exp.Select):
        tables = [table for _, table in _own(select)]
        if len(set(tables)) < len(tables):
            return None
    for source in tree.find_all(exp.Table, exp.Subquery):
        source.set("alias", None)
    return tree.sql(dialect="sqlite")


def _own(select: exp.Select) -> list[tuple[str, str]]:
    from sqlglot import exp

    sources = [j.this for j in [select.args["from_"], *(select.args.get("joins") or [])]]
    return [((s.alias or s.name).lower(), s.name.lower()) for s in sources if isinstance(s, exp.Table)]


def _sources(column: exp.Column, tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """Yield (alias, table) of the queries around a column, innermost first."""
    from sqlglot import exp

    select = column.find_ancestor(exp.Select) or tree.find(exp.Select)
    while select is not None:
        yield from _own(select)
        select = select.find_ancestor(exp.Select)


@pytest.mark.parametrize("split", ["train", "test"])
def test_golds_of_the_bundled_benchmark_can_be_written(split: str) -> None:
    golds = {(e.question.schema, e.gold_sql) for e in load(f"spider-mini:{split}").examples}
    bare = [grammar(of, "bare").accepts(sql) for of, sql in golds]
    pairs = [grammar(of, "pairs").accepts(shaped(p, of)) for of, sql in golds if (p := paired(sql, of))]
    assert sum(bare) >= 0.97 * len(golds)
    assert sum(pairs) >= 0.97 * len(pairs) >= 0.9 * len(golds)


@pytest.mark.filterwarnings("ignore")
def test_golds_of_spider_can_be_written(shared: Path) -> None:
    """Of every twentieth database; where not, it is mostly JOIN without ON."""
    golds = defaultdict(set)
    for example in real_spider("train_spider", shared).examples:
        golds[example.question.schema].add(example.gold_sql)
    some = [(of, sql) for of in list(golds)[::20] for sql in sorted(golds[of])]
    bare = [grammar(of, "bare").accepts(shaped(sql, of)) for of, sql in some]
    pairs = [grammar(of, "pairs").accepts(shaped(p, of)) for of, sql in some if (p := paired(sql, of))]
    assert len(some) > 100
    assert sum(bare) > 0.97 * len(bare)
    assert sum(pairs) > 0.95 * len(pairs) > 0.9 * len(bare)
