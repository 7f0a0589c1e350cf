"""SQLite's own tokens: the one place that says where a string, a name or a comment of a query begins and ends.

Covered: everything that SQLite 3.38 to 3.45 reads, of any text without NUL characters. Not told apart: keywords from
names without quotes, which are one kind, ``word``, and have their meaning where they stand.

Source: SQLite, tokenize.c, ``sqlite3GetToken``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Literal, NamedTuple, cast

Kind = Literal["space", "comment", "word", "name", "string", "blob", "number", "variable", "mark", "illegal"]
_IN_NAME = r"[\w$\x80-\U0010ffff]"  # with re.ASCII
# What nothing inside can end; a quote or comment that is never closed goes to the end of the text.
_STRING = r"'[^']*+(?:''[^']*+)*+'?"
_NAME = r'"[^"]*+(?:""[^"]*+)*+"?|`[^`]*+(?:``[^`]*+)*+`?|\[[^\]]*+\]?'
_COMMENT = r"--[^\n]*+|/\*(?!\Z)(?:[^*]|\*(?!/))*+(?:\*/)?"
_NUMBER = r"(?>0[xX][0-9a-fA-F]++|(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)"
_TOKEN = rf"""(?P<space>[ \t\n\f\r][ \t\n\v\f\r]*+|\ufeff)
    |(?P<blob>[xX]'(?:[0-9a-fA-F]{{2}})*+')
    |[xX]'[^']*+'?
    |(?P<word>(?!\ufeff)[A-Za-z_\x80-\U0010ffff]{_IN_NAME}*+)
    |(?P<string>{_STRING})
    |(?P<name>{_NAME})
    |(?P<number>{_NUMBER}(?!{_IN_NAME}))
    |{_NUMBER}{_IN_NAME}++
    |(?P<comment>{_COMMENT})
    |(?P<variable>\?[0-9]*+|[$@:\#](?:::)*+{_IN_NAME}(?:{_IN_NAME}|::)*+(?:\([^\s)]*+\)|(?!\()))
    |[$@:\#](?:::)*+(?:{_IN_NAME}(?:{_IN_NAME}|::)*+\([^\s)]*+)?
    |(?P<mark><[=>]|[=>!]=|<<|>>|\|\||->>?|[-+*/%&|~<>=(),;.])
    |."""
_PROTECTED = re.compile(f"({_STRING}|{_NAME}|{_COMMENT})")


class Token(NamedTuple):
    """A piece of a query and where it begins.

    A ``name`` is one in quotes, of any of the four forms. ``illegal`` is what SQLite takes for no token. A string or
    name whose quote is never closed, which SQLite does not take either, goes to the end.
    """

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text)

    @property
    def says_nothing(self) -> bool:
        """Whether it is white space or a comment."""
        return self.kind in ("space", "comment")


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a text, which give it back when they are joined.

    >>> [token.text for token in tokens("SELECT [a b] -- c")]
    ['SELECT', ' ', '[a b]', ' ', '-- c']
    >>> [token.kind for token in tokens("x>='it''s'")]
    ['word', 'mark', 'string']
    """
    for found in _token().finditer(sql):
        yield Token(cast(Kind, found.lastgroup or "illegal"), found[0], found.start())


@cache
def _token() -> re.Pattern[str]:
    return re.compile(_TOKEN, re.VERBOSE | re.DOTALL | re.ASCII)  # takes 10 ms, which not every command needs


def unquoted(text: str) -> str:
    """Return what a string or a name in quotes says.

    >>> unquoted("'it''s'"), unquoted("[a b]"), unquoted('"never closed')
    ("it's", 'a b', 'never closed')
    """
    opening = text[0]
    if opening == "[":
        return text[1:].removesuffix("]")
    return text[1:].removesuffix(opening).replace(opening * 2, opening)


def split_protected(sql: str) -> list[str]:
    """Return a text in pieces, every second of which is a string, a quoted name or a comment.

    Faster than ``tokens`` where only that matters.

    >>> split_protected("a = 'b' -- c")
    ['a = ', "'b'", ' ', '-- c', '']
    """
    return _PROTECTED.split(sql)


def outside_quotes(sql: str, change: Callable[[str], str]) -> str:
    """Return ``sql`` with each piece changed that stands outside of strings, quoted names and comments.

    >>> outside_quotes("a = 'a'", str.upper)
    "A = 'a'"
    """
    pieces = split_protected(sql)
    pieces[::2] = map(change, pieces[::2])
    return "".join(pieces)
