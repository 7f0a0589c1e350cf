"""A query in words, as the official script reads it.

It lowers the case of all but texts in quotes, takes both kinds of quotes for texts, and leaves together what an English
text would: ``a=1`` and ``1,2`` are one word each, ``a.*`` is three.

Source: official evaluator, ``process_sql.py`` (``tokenize``), and NLTK's ``NLTKWordTokenizer``, which it calls.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from spider_opt.scoring.exact_match.sentences import sentences

_QUOTED = re.compile(r'"[^"]*"')


class Unreadable(Exception):
    """The official script's parser would give up on a query, and take the empty query for it; says on what."""


class _Rule(NamedTuple):
    """``pattern`` becomes ``by``; nothing is changed in a text without any of ``where``."""

    where: str
    pattern: re.Pattern[str]
    by: str


_OPENING = "\u00ab\u201c\u2018\u201e"  # quotes of print, as of what follows
_CLOSING = "\u00bb\u201d\u2019"
_DASHES = "\u2012\u2013\u2014\u2015"
_RULES = (
    _Rule(f"{_OPENING}`", re.compile(rf"([{_OPENING}]|`+)"), r" \1 "),
    _Rule("`", re.compile(r"(``)"), r" \1 "),
    _Rule(".", re.compile(rf"([^.])(\.)([\])}}>{_CLOSING} ]*+)\s*$"), r"\1 \2 \3 "),
    _Rule(":,", re.compile(r"([:,])([^\d])"), r" \1 \2"),
    _Rule(":,", re.compile(r"([:,])$"), r" \1 "),
    _Rule(".", re.compile(r"(\.{2,})"), r" \1 "),
    _Rule(
        f";@#$%&?!*[](){{}}<>{_DASHES}{_CLOSING}",
        re.compile(rf"([;@#$%&?!*\[\](){{}}<>{_DASHES}{_CLOSING}])"),
        r" \1 ",
    ),
    _Rule("-", re.compile(r"(--)"), r" \1 "),
)
# "can" and "not" are two English words, and so on.
_IN_TWO = re.compile(
    r"\b(?:(can)(not)\b|(gim)(me)\b|(gon)(na)\b|(got)(ta)\b|(lem)(me)\b|(wan)(na)(?=\s))", re.IGNORECASE
)


def words(sql: str) -> list[str]:
    """Return the words of a query; a text in quotes is one, with double quotes.

    Raises:
        Unreadable: a quote is never closed.

    >>> words("SELECT max(a) FROM t WHERE b != 'It is.' AND c=1")
    ['select', 'max', '(', 'a', ')', 'from', 't', 'where', 'b', '!=', '"It is."', 'and', 'c=1']
    """
    sql = sql.replace("'", '"')
    if sql.count('"') % 2:
        raise Unreadable("a quote is not closed")
    texts: dict[str, str] = {}

    def hidden(match: re.Match[str]) -> str:
        name = f"__val_{match.start()}_{match.end() - 1}__"
        texts[name] = match[0]
        return name

    found = []
    for sentence in sentences(_QUOTED.sub(hidden, sql)):
        found += [texts.get(word, word) for word in map(str.lower, _split(sentence))]
    joined: list[str] = []
    for word in found:
        if word == "=" and joined and joined[-1] in ("!", ">", "<"):
            joined[-1] += "="
        else:
            joined.append(word)
    return joined


def _split(sentence: str) -> list[str]:
    for rule in _RULES:
        if any(mark in sentence for mark in rule.where):
            sentence = rule.pattern.sub(rule.by, sentence)
    return _IN_TWO.sub(_apart, f" {sentence} ").split()


def _apart(match: re.Match[str]) -> str:
    return f" {' '.join(part for part in match.groups() if part)} "
