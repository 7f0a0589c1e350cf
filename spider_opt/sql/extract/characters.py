"""Characters that keyboards, web pages and wire formats put in the place of SQL's own, outside of strings and names."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from spider_opt.sql.lexer import outside_quotes, split_protected

INVISIBLE = "\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\x00"
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
# Joiners are letters' business in some scripts, and nobody's elsewhere.
_JOINER = re.compile("(?<![\u0590-\u0eff])[\u200c\u200d]|[\u200c\u200d](?![\u0590-\u0eff])")
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if not chr(code).isalnum()}
_SIGNS = str.maketrans({
    **{chr(code): plain for code, plain in _FULL_WIDTH.items()},
    "、": ",", "。": ";", "‘": "'", "’": "'", "“": '"', "”": '"', "−": "-", "≤": "<=", "≥": ">=", "≠": "<>",
})  # fmt: skip
_LETTERS = str.maketrans({chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F) if chr(c).isalnum()})
_WIDE = re.compile(r"(?<!\w)[\uff10-\uff19\uff21-\uff3a\uff3f\uff41-\uff5a]+(?!\w)")
_ODD = re.compile(f"[{INVISIBLE}\u200c\u200d\uff01-\uff5e、。‘’“”−≤≥≠]")
_CURLY = re.compile("‘[^‘’\n]*’|“[^“”\n]*”")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}\d{0,2});")
_ESCAPE = re.compile(r"\\(?:[nrt]|u[0-9a-fA-F]{4}|[^\sA-Za-z0-9])")
_SPACES = re.compile(r"\s+")
_WHITE = {"n": "\n", "r": "\n", "t": "\t"}


def plain(sql: str) -> str:
    """Return a text without invisible characters, and with SQL's own signs for full-width and typographic ones.

    What stands in strings, quoted names and comments stays.

    >>> plain("SELECT a\u200b FROM t WHERE b ＞ 2 AND c = ‘x’ AND d = '（\u200b'")
    "SELECT a FROM t WHERE b > 2 AND c = 'x' AND d = '（\u200b'"
    """
    if sql.isascii() and "\x00" not in sql:
        return sql
    if _CURLY.search(sql):
        sql = outside_quotes(sql, lambda piece: _CURLY.sub(_straight, piece))
    return outside_quotes(sql, _plain) if _ODD.search(sql) else sql


def _plain(piece: str) -> str:
    piece = _JOINER.sub("", _INVISIBLE.sub("", piece))
    return _WIDE.sub(lambda word: word[0].translate(_LETTERS), piece).translate(_SIGNS)


def _straight(found: re.Match[str]) -> str:
    quote = "'" if found[0][0] == "‘" else '"'
    return quote + found[0][1:-1].replace(quote, quote * 2) + quote


def one_line(sql: str) -> str:
    r"""Return a text with its white space as single blanks and without its comments; strings and names stay.

    >>> one_line("SELECT a -- the id\nFROM  t\n\n/* all */ WHERE b = 'x  y'")
    "SELECT a FROM t WHERE b = 'x  y'"
    """
    out: list[str] = []
    blank = True
    for n, piece in enumerate(split_protected(sql)):
        if n % 2 and not piece.startswith(("--", "/*")):
            out.append(piece)
            blank = False
            continue
        text = " " if n % 2 else _SPACES.sub(" ", piece)
        text = text[1:] if blank and text.startswith(" ") else text
        if text:
            out.append(text)
            blank = text.endswith(" ")
    if out and blank:
        out[-1] = out[-1].rstrip(" ")
    return "".join(out).strip().encode("utf-8", "replace").decode()


def first_entity(text: str) -> int | None:
    """Return where the first of HTML's names for characters, as ``&gt;``, ends outside of quotes and comments."""
    at = 0
    for n, piece in enumerate(split_protected(text) if "&" in text else ()):
        if n % 2 == 0 and (found := _ENTITY.search(piece)):
            return at + found.end()
        at += len(piece)
    return None


def without_entities(text: str) -> str:
    """Return a text that was written for HTML with the characters themselves.

    >>> without_entities("a &gt; 2 AND b = 'O&#39;Neil'")
    "a > 2 AND b = 'O''Neil'"
    """
    return _inside_too(text, lambda piece: _ENTITY.sub(lambda found: html.unescape(found[0]), piece))


def without_escapes(text: str) -> str:
    r"""Return a text with the characters that its backslashes stand for, as in JSON, Python and Markdown.

    >>> without_escapes(r"SELECT first\_name\nFROM t")
    'SELECT first_name\nFROM t'
    """
    return _ESCAPE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    sign = found[0][1]
    return chr(int(found[0][2:], 16)) if sign == "u" else _WHITE.get(sign, sign)


def _inside_too(text: str, change: Callable[[str], str]) -> str:
    pieces = split_protected(text)
    for n, piece in enumerate(pieces):
        changed = change(piece)
        if n % 2 and piece[0] in "'\"" and changed != piece and piece[-1] == piece[0]:
            changed = piece[0] + change(piece[1:-1].replace(piece[0] * 2, piece[0])).replace(piece[0], piece[0] * 2)
            changed += piece[0]
        pieces[n] = changed
    return "".join(pieces)


def narrow(text: str) -> str:
    """Return a text with ASCII's letters, digits and signs for their full-width forms, wherever they stand.

    >>> narrow("ＳＥＬＥＣＴ１")
    'SELECT1'
    """
    return text.translate(_LETTERS).translate(_SIGNS)
