"""What SQLite takes for tokens, it is asked itself: its messages quote the one that it cannot have."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spider_opt.sql.lexer import Token, outside_quotes, split_protected, tokens, unquoted

# All that means something to SQLite, some letters, and what other languages take for space.
PIECES = [*"abexX019_$?@:#'\"`[]()*/-+.,;<>=!|&~%\\{}^ \t\n\r\f\v\ufeff\xa0\u2028é"]
PIECES += ["--", "/*", "*/", "''", "x'", "e+", "0x"]
characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(characters)
# From 3.46 on SQLite takes digits with _ between, and sees that a hexadecimal number goes on.
NEWER = re.compile(r"[0-9]_|0[xX][0-9a-fA-F]+[G-Zg-z_$\x80-\U0010ffff]")
_BEFORE = "SAVEPOINT a/**/"  # nothing but a semicolon can follow


def first_in_sqlite(text: str) -> str:
    """Return the first token of a text in SQLite's eyes, '' where there is none but spaces and comments."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            db.execute(f"EXPLAIN {_BEFORE}{text}")
        except (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.Warning) as error:
            said = str(error)
        else:
            return ""
    if "one statement" in said:
        return ";"
    near = said.removeprefix("near ").removesuffix(": syntax error")
    return near.removeprefix("unrecognized token: ")[1:-1]


def meaningful(text: str) -> Iterator[Token]:
    return (token for token in tokens(text) if not token.says_nothing)


@given(texts)
def test_the_tokens_give_the_text_back(text: str) -> None:
    found = list(tokens(text))
    assert "".join(token.text for token in found) == text
    assert [token.start for token in found] == [0, *(token.end for token in found[:-1])][: len(found)]


@given(texts)
def test_sqlite_sees_the_same_tokens(text: str) -> None:
    assume(not NEWER.search(text))
    for token in tokens(text):
        rest = text[token.start :]
        if token.kind == "mark" and token.text == ";":
            continue  # SQLite goes on, or ends with it
        if token.says_nothing:
            assert first_in_sqlite(token.text) == ""
        else:
            assert first_in_sqlite(rest) == token.text


@given(texts)
def test_what_sqlite_refuses_is_illegal_or_never_closed(text: str) -> None:
    assume(not NEWER.search(text))
    for token in meaningful(text):
        never_closed = token.kind in ("string", "name") and is_open(token.text)
        assert is_refused(token.text) == (token.kind == "illegal" or never_closed)


def is_refused(token: str) -> bool:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            db.execute(f"EXPLAIN {_BEFORE}{token}")
        except sqlite3.OperationalError as error:
            return "unrecognized token" in str(error)
    return False


def is_open(text: str) -> bool:
    closing = "]" if text[0] == "[" else text[0]
    return len(text) == 1 or (text[1:].count(closing) % 2 == 0)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("SELECT", "word"),
        ("été", "word"),
        ("\xa0", "word"),
        ("a$1", "word"),
        ("'a''b'", "string"),
        ('"a""b"', "name"),
        ("`a``b`", "name"),
        ("[a'b]", "name"),
        ("x'0aFF'", "blob"),
        ("X'0'", "illegal"),
        ("x'zz'", "illegal"),
        ("12", "number"),
        ("1.", "number"),
        (".5e-7", "number"),
        ("0xFf", "number"),
        ("1e", "illegal"),
        ("12abc", "illegal"),
        ("?", "variable"),
        ("?12", "variable"),
        (":a::b", "variable"),
        ("$a(b)", "variable"),
        ("$a(b", "illegal"),
        ("@", "illegal"),
        ("!", "illegal"),
        ("\\", "illegal"),
        ("-- a 'b'", "comment"),
        ("/* a\n'b */", "comment"),
        ("/* never closed", "comment"),
        ("/*", "mark mark"),
        ("\ufeff \n", "space space"),
        ("a.b", "word mark word"),
        ("<>==!=||<<->>", "mark mark mark mark mark mark"),
        ("- -", "mark space mark"),
    ],
)
def test_kinds(text: str, kinds: str) -> None:
    assert " ".join(token.kind for token in tokens(text)) == kinds


@given(texts)
def test_the_quick_split_agrees_with_the_tokens(text: str) -> None:
    pieces = split_protected(text)
    assert "".join(pieces) == text
    # A blob's quotes, and those of what is illegal, are quotes to it as well.
    if all(token.kind in ("word", "space", "comment", "string", "name", "number", "mark") for token in tokens(text)):
        assert pieces[1::2] == [t.text for t in tokens(text) if t.kind in ("string", "name", "comment")]


@pytest.mark.parametrize("text", ["a'b", "", "'", "]]", "[", "it's"])
def test_quotes_come_off_as_sqlite_takes_them_off(text: str) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for quoted in ("'" + text.replace("'", "''") + "'", '"' + text.replace('"', '""') + '"', f"`{text}`"):
            assert unquoted(quoted) == text
            assert db.execute(f"SELECT 1 AS {quoted}").description[0][0] == text
    assert unquoted("[a b]") == "a b"


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("a 'a' a", "b 'a' b"),
        ("a 'a''a' \"a\" `a` a", "b 'a''a' \"a\" `a` b"),
        ("a [a] /* a */ a", "b [a] /* a */ b"),
        ("a -- a\na", "b -- a\nb"),
        ("a 'a", "b 'a"),  # never closed
        ("", ""),
    ],
)
def test_what_stands_in_quotes_is_not_changed(sql: str, changed: str) -> None:
    assert outside_quotes(sql, lambda text: text.replace("a", "b")) == changed


@pytest.mark.parametrize("piece", ["'", '"', "`", "[", "--", "/*", "*", "$a(", "x'", "1e", "::", "''", "a ", "\n"])
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    for text in (piece * 20_000, "a" + piece * 20_000 + "b"):
        assert sum(len(token.text) for token in tokens(text)) == len(text)
        assert "".join(split_protected(text)) == text
    assert time.process_time() - start < 2
