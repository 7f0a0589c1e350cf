"""Whether columns hold a text, and how they spell it: looked up when it is asked, and remembered."""

from __future__ import annotations

import unicodedata
from copy import copy

from spider_opt.errors import QueryError
from spider_opt.linking.words import words
from spider_opt.sql.names import quoted, quoted_text
from spider_opt.types import Column, Database, Schema, Value

MAX_ROWS = 200_000
"""Of a longer table only so many rows are looked through for a text that may stand anywhere."""
MAX_VALUES = 5_000
MAX_LENGTH = 100
_NUMERIC = ("INT", "REAL", "FLOA", "DOUB", "DEC", "NUM")
_Words = tuple[str, ...]


class Contents:
    """The texts in one database. What is a text here may be a number in the table, where the two are equal in SQL.

    May be shared by threads, which at worst look up the same thing twice.
    """

    def __init__(self, schema: Schema, database: Database) -> None:
        self._database = database
        self._tables = {table.name: table for table in schema.tables}
        self._holds: dict[tuple[str, str, str], bool | None] = {}
        self._spelled: dict[tuple[str, str], dict[str, str]] = {}
        self._texts: dict[tuple[str, str], dict[str, _Words]] = {}

    def within(self, database: Database) -> Contents:
        """Return the same contents, looked up with ``database`` from now on, such as one whose patience has an end."""
        other = copy(self)
        other._database = database
        return other

    def holds(self, table: str, column: str, condition: str) -> bool | None:
        """Whether ``condition`` (an operator and a literal) is true of some row.

        None where that cannot be said, also of a column without values.
        """
        key = table, column, condition
        if key not in self._holds:
            of, name = quoted(table), quoted(column)
            rows = self._rows(f"SELECT 1 FROM {of} WHERE {name} {condition} LIMIT 1")
            known = rows or (rows is not None and self._rows(f"SELECT 1 FROM {of} WHERE {name} <> '' LIMIT 1"))
            self._holds[key] = bool(rows) if known else None
        return self._holds[key]

    def spelled(self, table: str, text: str) -> dict[str, str]:
        """Return how the columns of ``table`` that hold ``text``, whatever its case, spell it."""
        key = table, text
        if key not in self._spelled:
            columns = [column for column in self._tables[table].columns if may_hold(column, text)]
            wanted = quoted_text(text)
            found = ", ".join(
                f"coalesce(max(CASE WHEN {name} = {wanted} THEN {name} END),"
                f" max(CASE WHEN {name} = {wanted} COLLATE NOCASE THEN {name} END))"
                for name in (quoted(column.name) for column in columns)
            )
            names = ", ".join(quoted(c.name) for c in columns)
            rows = columns and self._rows(f"SELECT {found} FROM (SELECT {names} FROM {quoted(table)} LIMIT {MAX_ROWS})")
            values: tuple[Value, ...] = rows[0] if rows else ()
            self._spelled[key] = {c.name: str(v) for c, v in zip(columns, values, strict=False) if v is not None}
        return self._spelled[key]

    def texts(self, table: str, column: str) -> dict[str, tuple[str, ...]]:
        """Return the short texts in a column, each with its words; nothing where it holds too many.

        Words are without case, accents and the endings of plurals.
        """
        key = table, column
        if key not in self._texts:
            name = quoted(column)
            rows = (
                self._rows(
                    f"SELECT DISTINCT {name} FROM (SELECT {name} FROM {quoted(table)} LIMIT {MAX_ROWS})"
                    f" WHERE typeof({name}) = 'text' AND length({name}) <= {MAX_LENGTH} LIMIT {MAX_VALUES + 1}"
                )
                or []
            )
            texts = [value for (value,) in rows if isinstance(value, str) and value == value.strip()]
            self._texts[key] = {text: plain_words(text) for text in texts} if len(rows) <= MAX_VALUES else {}
        return self._texts[key]

    def _rows(self, sql: str) -> list[tuple[Value, ...]] | None:
        try:
            return self._database.run(sql).rows
        except QueryError:
            return None


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and the endings of plurals.

    >>> plain_words("Cafés, Zürich")
    ('cafe', 'zurich')
    """
    marked = unicodedata.normalize("NFKD", text)
    return tuple(word.stem for word in words("".join(c for c in marked if not unicodedata.combining(c))))


def may_hold(column: Column, text: str) -> bool:
    """Whether a column may hold a text, by its declared type."""
    return not any(kind in column.type.upper() for kind in _NUMERIC) or text.strip().isdecimal()
