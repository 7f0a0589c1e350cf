r"""Cells of a sheet that strangers' text stands in: nothing in them is computed, and all of them can be read back.

A program for spreadsheets takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula. An apostrophe
before it makes it text. It stands there wherever a cell might begin, also for a program that takes the semicolons or
the lines of a CSV file for the ends of cells; and before what looks as if it had been put there, so that reading it
back takes away just what was added.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from spider_opt.types import Value

MAX_CHARACTERS = 10_000
"""Of a question, a query or a schema that are shown; a cell of Excel's holds 32,767."""
_BEGINS = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"  # the wide forms, too: some programs take them for the others
_LIVE = re.compile(rf"(^|[;\t\n])(?='*[ ]*{_BEGINS})")
_STILL = re.compile(rf"(^|[;\t\n])'(?='*[ ]*{_BEGINS})")
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SHOWN_BYTES, _SHOWN_TEXT = 12, 200


def still(text: str) -> str:
    r"""Return text that no spreadsheet computes.

    >>> still("=1+1"), still("1-1"), still("'=1"), still("a;=b\n-- c")
    ("'=1+1", '1-1', "''=1", "a;'=b\n'-- c")
    """
    return _LIVE.sub(r"\1'", text)


def live(text: str) -> str:
    r"""Return what ``still`` was given.

    >>> all(live(still(text)) == text for text in ("=1+1", "'=1", "a;=b\n-- c", "''", "it's"))
    True
    """
    return _STILL.sub(r"\1", text)


def plain(text: str, most: int = MAX_CHARACTERS) -> str:
    r"""Return text with its control characters and what turns its direction written out, cut where it is too long.

    >>> plain("a\x1b[2J\n\tb"), plain("x" * 30, 10)
    ('a\\x1b[2J\n\tb', 'xxxxxxxxxx… (30 characters in all)')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cut = text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters in all)"
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), cut)


def same_text(text: str) -> str:
    r"""Return text as it is compared: programs for spreadsheets change line ends and blanks.

    >>> same_text(" a\t b ")
    'a b'
    """
    return " ".join(text.split())


def table(columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    """Return rows under their columns' names, a line each, behind bars.

    >>> print(table(["name", "n"], [["a|b", 1], [None, 2.5]]))
    | name | n
    | a¦b | 1
    | NULL | 2.5
    """
    lines = [[_shown(name) for name in columns], *([_shown(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) for line in lines)


def _shown(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        more = "" if len(value) <= _SHOWN_BYTES else f"… ({len(value):,} bytes)"
        return f"x'{value[:_SHOWN_BYTES].hex()}'{more}"
    return " ".join(plain(str(value), _SHOWN_TEXT).split()).replace("|", "¦")
