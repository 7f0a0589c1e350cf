"""One spelling for all queries that are learnt, so that a model learns what to ask and not how it was typed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from spider_opt.sql.lexer import outside_quotes, unquoted
from spider_opt.sql.lexer import tokens as sqlite_tokens
from spider_opt.sql.names import KEYWORDS, quoted, quoted_text
from spider_opt.sql.normal import MARKS, normalized, tokens
from spider_opt.sql.spacing import tidy
from spider_opt.types import Schema

_GAP = re.compile(r"([<>!])\s+=")
_ALIAS = re.compile(r"t\d+", re.IGNORECASE)
_BEFORE_TABLE = {"FROM", "JOIN"}
_COMBINES = {"UNION", "INTERSECT", "EXCEPT"}


class _Piece(NamedTuple):
    kind: str  # text, double, number, mark, keyword, function or name
    text: str


def spelled(sql: str, schema: Schema) -> str | None:
    """Return ``sql`` as all queries are spelled, None where that might change what it asks.

    Keywords and functions stand in capitals, names as in the schema, texts in single quotes, one space between words,
    none inside parentheses, no semicolon; tables are called T1, T2 … in the order of each FROM.

    >>> from spider_opt.types import Column, Table
    >>> shop = Schema("shop", (Table("Item", (Column("id", "INT"), Column("Name", "TEXT"))),))
    >>> spelled('select count( * ),t2.NAME from item as t2 where t2.id> = 3 and t2.name  =  "Ann" ;', shop)
    "SELECT COUNT(*), T1.Name FROM Item AS T1 WHERE T1.id >= 3 AND T1.Name = 'Ann'"
    """
    closed = tidy(without_gaps(sql))
    pieces = _uniform(_pieces(closed), schema)
    uniform, renumbered = _joined(pieces), _joined(_renumbered(pieces))
    if [token.text.strip('"') for token in tokens(uniform)] != [token.text.strip('"') for token in tokens(closed)]:
        return None
    return renumbered if renumbered == uniform or normalized(renumbered) == normalized(uniform) else uniform


def without_gaps(sql: str) -> str:
    """Close the gap in ``> =``, ``< =`` and ``! =``, as the official evaluator does.

    >>> without_gaps("SELECT a FROM t WHERE b > = 1 AND c = '> ='")
    "SELECT a FROM t WHERE b >= 1 AND c = '> ='"
    """
    return outside_quotes(sql, lambda text: _GAP.sub(r"\1=", text))


def _pieces(sql: str) -> list[_Piece]:
    found = [token for token in sqlite_tokens(sql) if not token.says_nothing]
    pieces: list[_Piece] = []
    for i, token in enumerate(found):
        kind: str = token.kind
        text = token.text
        before, after = (found[i - 1].text if i else ""), (found[i + 1].text if i + 1 < len(found) else "")
        if kind == "string":
            kind = "text"
        elif kind == "name":
            kind, text = ("double", text) if text[0] == '"' else ("name", quoted(unquoted(text)))
        elif kind == "word":
            if "." in (before, after):
                kind = "name"
            elif text.lower() in KEYWORDS:
                kind, text = "keyword", text.upper()
            elif after == "(":
                kind, text = "function", text.upper()
            else:
                kind = "name"
        elif kind != "number":
            kind, text = "mark", MARKS.get(text, text)
        pieces.append(_Piece(kind, text))
    return pieces


def _uniform(pieces: Sequence[_Piece], schema: Schema) -> list[_Piece]:
    """Spell names as the schema does, and texts in single quotes."""
    names = _Names(pieces, schema)
    uniform: list[_Piece] = []
    for i, (kind, text) in enumerate(pieces):
        before = pieces[i - 1].text if i else ""
        after = pieces[i + 1].text if i + 1 < len(pieces) else ""
        if kind in ("name", "double") and before != "AS":
            inner = unquoted(text) if kind == "double" else text
            owner = pieces[i - 2].text if before == "." and i > 1 else None
            known = names.spelled(inner, owner, is_table=after == "." or before.upper() in _BEFORE_TABLE)
            if known is not None:
                kind, text = "name", quoted(known)
            elif kind == "double" and "." not in (before, after):
                kind, text = "text", quoted_text(inner)
        if kind != "text" and _ALIAS.fullmatch(text):
            text = text.upper()
        uniform.append(_Piece(kind, text))
    return uniform


class _Names:
    """What the names in a query stand for, as far as that can be told without its structure."""

    def __init__(self, pieces: Sequence[_Piece], schema: Schema) -> None:
        tables = {table.name.lower(): table for table in schema.tables}
        self._tables: dict[str, str] = {}
        self._columns: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._own: set[str] = set()  # what the query itself calls something
        for i, piece in enumerate(pieces):
            if piece.text == "AS" and i + 1 < len(pieces):
                self._own.add(pieces[i + 1].text.strip('"').lower())
            table = tables.get(piece.text.strip('"').lower()) if piece.kind in ("name", "double") else None
            if table and i and (pieces[i - 1].text in ("FROM", "JOIN", ",")):
                self._tables[table.name.lower()] = table.name
                aliases = [table.name.lower(), ""]
                if i + 2 < len(pieces) and pieces[i + 1].text == "AS":
                    aliases.append(pieces[i + 2].text.lower())
                for alias in aliases:
                    for column in table.columns:
                        self._columns[alias][column.name.lower()].add(column.name)

    def spelled(self, name: str, owner: str | None, *, is_table: bool) -> str | None:
        """Return a name in the schema's spelling, or as it is where the query gave it or there are several."""
        low = name.lower()
        if is_table:
            return self._tables.get(low)
        found = self._columns[owner.strip('"').lower() if owner else ""].get(low, set())
        if len(found) == 1:
            return next(iter(found))
        return name if found or low in self._own else None


def _renumbered(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Call the tables of each SELECT T1, T2 … in the order of its FROM."""
    outer: dict[int, int | None] = {0: None}  # each SELECT's number with that of the one around it
    scopes: list[int] = []  # of each piece
    called: dict[int, dict[str, str]] = defaultdict(dict)
    stack = [0]
    for i, (kind, text) in enumerate(pieces):
        if text == "(":
            inner = i + 1 < len(pieces) and pieces[i + 1].text == "SELECT"
            stack.append(len(outer) if inner else stack[-1])
            if inner:
                outer[stack[-1]] = stack[-2]
        elif text == ")" and len(stack) > 1:
            stack.pop()
        elif kind == "keyword" and text in _COMBINES:
            fresh = len(outer)
            outer[fresh] = outer[stack[-1]]
            stack[-1] = fresh
        elif _is_alias(pieces[i]) and pieces[i - 1].text == "AS":
            own = called[stack[-1]]
            own.setdefault(text, f"T{len(own) + 1}")
        scopes.append(stack[-1])

    def name(piece: _Piece, scope: int | None) -> _Piece:
        while _is_alias(piece) and scope is not None:
            if piece.text in called[scope]:
                return _Piece(piece.kind, called[scope][piece.text])
            scope = outer[scope]
        return piece

    return [name(piece, scope) for piece, scope in zip(pieces, scopes, strict=True)]


def _is_alias(piece: _Piece) -> bool:
    return piece.kind == "name" and bool(_ALIAS.fullmatch(piece.text))


def _joined(pieces: Sequence[_Piece]) -> str:
    out = ""
    for i, piece in enumerate(pieces):
        before = pieces[i - 1] if i else _Piece("mark", "(")
        further = pieces[i - 2] if i > 1 else _Piece("mark", "(")
        signed = before.text in ("-", "+") and further.kind in ("mark", "keyword") and further.text != ")"
        called = piece.text == "(" and before.kind == "function"
        close = piece.text in (",", ")", ".") or before.text in ("(", ".") or signed or called
        out += piece.text if close else " " + piece.text
    return out
