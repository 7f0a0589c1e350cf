from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.prompts.schema_text import literal, serialise
from spider_opt.types import Column, ForeignKey, Schema, Table, Value

_KEYWORDS = """
abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade case
cast check collate column commit conflict constraint create cross current current_date current_time current_timestamp
database default deferrable deferred delete desc detach distinct do drop each else end escape except exclude exclusive
exists explain fail filter first following for foreign from full generated glob group groups having if ignore immediate
in index indexed initially inner insert instead intersect into is isnull join key last left like limit match
materialized natural no not nothing notnull null nulls of offset on or order others outer over partition plan pragma
preceding primary query raise range recursive references regexp reindex release rename replace restrict returning right
rollback row rows savepoint select set table temp temporary then ties to transaction trigger unbounded union unique
update using vacuum values view virtual when where window with without
"""
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: "\x00" not in name and name.isprintable())


def table(name: str, *columns: str, primary: Sequence[str] = (), kind: str = "TEXT") -> Table:
    return Table(name, tuple(Column(column, kind, primary_key=column in primary) for column in columns))


SINGERS = Schema(
    "music",
    (
        table("singer", "id", "first name", 'so "called"', primary=["id"]),
        table("song-list", "singer", "2nd", "order", primary=["singer", "2nd"]),
        table("boss", "id", "of", primary=["id"], kind=""),
    ),
    (
        ForeignKey("song-list", "singer", "singer", "id"),
        ForeignKey("boss", "of", "boss", "id"),
    ),
)


def test_ddl() -> None:
    assert (
        serialise(SINGERS, "ddl")
        == '''CREATE TABLE singer (
  id TEXT PRIMARY KEY,
  "first name" TEXT,
  "so ""called""" TEXT
);
CREATE TABLE "song-list" (
  singer TEXT,
  "2nd" TEXT,
  "order" TEXT,
  PRIMARY KEY (singer, "2nd"),
  FOREIGN KEY (singer) REFERENCES singer(id)
);
CREATE TABLE boss (
  id PRIMARY KEY,
  of,
  FOREIGN KEY (of) REFERENCES boss(id)
);'''
    )


def test_ddl_without_keys() -> None:
    shown = serialise(SINGERS, "ddl", keys=False)
    assert "KEY" not in shown
    assert '"order" TEXT\n);' in shown


def test_compact() -> None:
    lines = serialise(SINGERS, "compact").splitlines()
    assert lines == [
        'singer (id, "first name", "so ""called""")',
        '"song-list" (singer, "2nd", "order")',
        "boss (id, of)",
        'foreign keys: "song-list".singer = singer.id, boss.of = boss.id',
    ]
    assert serialise(SINGERS, "compact", keys=False).splitlines() == lines[:3]


def test_rows_stand_under_their_table() -> None:
    rows = {"singer": [(1, "Ann", None), (2, "O'Hara", b"\x00")], "boss": []}
    assert serialise(SINGERS, "compact", rows=rows).splitlines()[:3] == [
        'singer (id, "first name", "so ""called""")',
        "-- rows: (1, 'Ann', NULL), (2, 'O''Hara', x'…')",
        '"song-list" (singer, "2nd", "order")',
    ]
    assert ");\n-- rows: (1, 'Ann', NULL), (2, 'O''Hara', x'…')\nCREATE TABLE" in serialise(SINGERS, "ddl", rows=rows)


def test_values_stand_beside_their_column() -> None:
    values = {("singer", "first name"): ["Ann", "Bob"], ("song-list", "order"): [1.5], ("boss", "id"): []}
    ddl = serialise(SINGERS, "ddl", values=values).splitlines()
    assert ddl[2] == "  \"first name\" TEXT, -- 'Ann', 'Bob'"
    assert '  "order" TEXT, -- 1.5' in ddl
    assert serialise(SINGERS, "ddl", values=values, keys=False).splitlines()[8] == '  "order" TEXT -- 1.5'
    compact = serialise(SINGERS, "compact", values=values).splitlines()
    assert compact[0] == 'singer (id, "first name" [\'Ann\', \'Bob\'], "so ""called""")'


def test_what_a_column_holds_stands_before_its_values() -> None:
    columns = (Column("id", "INTEGER", about="a number\u2028of the row\n;DROP TABLE t"), Column("b", "TEXT"))
    schema = Schema("d", (Table("t", columns),))
    values = {("t", "id"): [1, 2]}
    assert serialise(schema, "ddl", values=values, about=99) == (
        "CREATE TABLE t (\n  id INTEGER, -- a number of the row ;DROP TABLE t: 1, 2\n  b TEXT\n);"
    )
    assert serialise(schema, "compact", about=12) == "t (id [a number of…], b)"
    assert serialise(schema, "compact", about=1) == serialise(schema, "compact") == "t (id, b)"


def test_a_schema_without_tables_and_a_table_without_rows() -> None:
    assert serialise(Schema("empty", ()), "ddl") == ""
    assert serialise(Schema("empty", ()), "compact") == ""
    assert serialise(SINGERS, "ddl", rows={}, values={}) == serialise(SINGERS, "ddl")


# --- sqlite has the last word on what is shown -------------------------------------------------


def runs_in_sqlite(schema: Schema) -> None:
    """What is shown makes the same tables, and names are written so that queries find them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(serialise(schema, "ddl"))
        made = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert made == [t.name for t in schema.tables]
        for t in schema.tables:
            columns = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (t.name,)).fetchall()
            assert columns == [(c.name, int(c.primary_key)) for c in t.columns]
            connection.execute('INSERT INTO "{}" VALUES ({})'.format(t.name.replace('"', '""'), "'v'"))
            [line] = serialise(Schema("", (t,)), "compact").splitlines()
            name, _, rest = line.rpartition(" (")
            column = rest.removesuffix(")")
            for sql in (f"SELECT {column} FROM {name}", f"SELECT {name}.{column} FROM {name} WHERE {column} = 'v'"):
                assert connection.execute(sql).fetchall() == [("v",)]


@pytest.mark.parametrize("keyword", _KEYWORDS.split())
def test_keywords_are_names_too(keyword: str) -> None:
    runs_in_sqlite(
        Schema("d", (table(keyword, keyword), table(f"{keyword}2", keyword.upper(), primary=[keyword.upper()])))
    )


@given(NAMES, NAMES)
def test_any_name_can_be_shown(name: str, column: str) -> None:
    if not name.lower().startswith("sqlite_"):
        runs_in_sqlite(Schema("d", (table(name, column),)))


def test_keys_of_all_kinds_are_sqlites() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(serialise(SINGERS, "ddl"))
        for t in SINGERS.tables:
            found = connection.execute('SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)', (t.name,))
            assert found.fetchall() == [
                (k.column, k.ref_table, k.ref_column) for k in SINGERS.foreign_keys if k.table == t.name
            ]


# --- cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        (1.0, "1.0"),
        ("", "''"),
        ("it's", "'it''s'"),
        (" two  spaces ", "' two  spaces '"),
        ("a\nb\r\nc\td", "'a b  c d'"),
        ("a\u2028b\x85c", "'a b c'"),
        (b"", "x'…'"),
        (b"\xff" * 1000, "x'…'"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 60}…'"),
        ("x" * 60 + " ", f"'{'x' * 60}…'"),
        ("a" + " " * 80 + "b", f"'a{' ' * 59}…'"),
        ("'" * 60, f"'{chr(39) * 120}'"),
        ("'" * 61, f"'{chr(39) * 120}…'"),
    ],
)
def test_cells(value: Value, shown: str) -> None:
    assert literal(value) == shown


@given(st.text(max_size=80))
def test_a_short_cell_is_a_literal_of_its_value_on_one_line(value: str) -> None:
    shown = literal(value)
    assert len(shown.splitlines()) == 1
    assert shown.endswith("…'") == (len(value) > 60) or value.endswith("…")
    if len(value) <= 60 and value.isprintable():
        with closing(sqlite3.connect(":memory:")) as connection:
            assert connection.execute(f"SELECT {shown}").fetchone() == (value,)
