"""An answer's text without its thoughts, and as it goes on from a prompt that begins the query."""

from __future__ import annotations

import re

from spider_opt.sql.extract import marks

_SIGN = re.compile(r"[<\[◁]")
_MAX_SIGNS = 10_000
_BEGINS = re.compile(r"\s*(?:```|~~~|<[A-Za-z]|select\b|with\b|sql\w*\s*:)", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """Return what a model said without what it thought.

    >>> without_thoughts("<think>Which? a.b</think>Columns: c.d")
    'Columns: c.d'
    """
    kept: list[str] = []
    begun = 0
    for n, sign in enumerate(_SIGN.finditer(text)):
        kind = marks.KINDS.match(text, sign.start()) if sign.start() >= begun and n < _MAX_SIGNS else None
        if kind is None:
            continue
        channel = (kind["channel"] or "").lower()
        if kind["closes"] or channel in marks.ANSWERS:
            kept, begun = [], kind.end()
        elif kind["opens"] or channel:
            following = marks.NEXT_CHANNEL if channel else marks.END_OF_THOUGHTS
            end = following.search(text, kind.end())
            kept.append(text[begun : sign.start()])
            begun = len(text) if end is None else end.start() if channel else end.end()
    return "".join([*kept, text[begun:]])


def continued(text: str) -> str:
    """Return the whole query of an answer to a prompt that ends in SELECT, which some models write again.

    >>> continued(" a FROM t"), continued("SELECT a FROM t")
    ('SELECT  a FROM t', 'SELECT a FROM t')
    """
    said = without_thoughts(text)
    return f"SELECT {said}" if said.strip() and not _BEGINS.match(said) else said
