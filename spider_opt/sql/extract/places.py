"""Where in a text something may begin, found fast, and what stands directly before it."""

from __future__ import annotations

import re

from spider_opt.sql.extract.characters import INVISIBLE, without_escapes
from spider_opt.sql.extract.choice import Place
from spider_opt.sql.extract.marks import OTHERS, QUERIES, SIGNS
from spider_opt.sql.extract.queries import CLOSING

_FAR, _FAR_BEHIND = 200, 5_000
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_OPENING = re.compile(r"([\"'`“„‘«‹「『《（(\[{*~$=]|__)\1*[ \t]*\Z")
_LINE_START = re.compile(r"[\s|]*(?:>\s*)*(?:[-*+•]\s+|\(?\d{1,3}[.)]\s*|#{1,6}\s+)?[\s({\[*_\"'`“‘「『（:：|]*\Z")
_LABELLED = re.compile(r"(?:[:：>=]|[:：]\s*\W{1,4}|\*\*|__|<!\[CDATA\[)[\s\"'`“‘「『（(*]*\Z")
_TAGGED = re.compile(r"<[A-Za-z][\w:-]*(?:\s[^<>\n]*)?>\s*(?:<!\[CDATA\[\s*)?\Z")
# What a query in brackets is compared with in a sentence, unless that is the query's own label: "b > (", "answer = (".
_OPERAND = re.compile(
    r"(?:[\w)\]\"'`]\s*(?:[<>!]=|==?|<>|[<>])|\b(?:IN|EXISTS|ALL|ANY|SOME)|\bsub-?query)\s*\(\s*\Z", re.IGNORECASE
)
_OWN_LABEL = re.compile(
    r"\b(?:sql|query|statement|answer|solution|response|result)\w*\s*(?:[<>!]=|==?|>)\s*\(\s*\Z", re.IGNORECASE
)
_ROW = re.compile(r"\s*\|(?:.*\|)?\s*\Z")
_IN_WORD = re.compile(r"[A-Za-z0-9_.@]")
_AFTER_WORD = re.compile(r"[A-Za-z0-9_$]")
_NOTHING = r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/)"
_WITH = re.compile(
    rf"with{_NOTHING}++(?:recursive{_NOTHING}++)?(?:\w+|[\"`\[][^\"`\]]+[\"`\]]){_NOTHING}*+(?:\([^()]*\){_NOTHING}*+)?as\b",
    re.IGNORECASE,
)
_VALUES = re.compile(rf"values{_NOTHING}*+\(", re.IGNORECASE)
_FROM_FIRST = re.compile(r"FROM\s.*?\bSELECT\b", re.DOTALL)
_MAX_FROM_FIRST = 20_000


class Signs:
    """The places of a text at which something may begin, in order; each kind of sign is looked for only when due."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        same = len(lower) == len(text)  # not so for some letters of other languages
        self._texts = {word: lower if same else text for word in (*QUERIES, *OTHERS)} | dict.fromkeys(SIGNS, text)
        self._texts["from"] = text
        self._found = {sign: -1 for sign in self._texts}
        self._none = len(text)

    def next(self, at: int) -> tuple[int, str]:
        """Return the first place from ``at`` on and its sign in small letters, which is empty where there is none."""
        first, first_sign = self._none, ""
        for sign, place in self._found.items():
            if place < at:
                place = self._texts[sign].find("FROM" if sign == "from" else sign, at)
                self._found[sign] = place = self._none if place < 0 else place
            if place < first:
                first, first_sign = place, sign
        return first, first_sign


def place_of(text: str, at: int, begun: int = 0) -> tuple[Place, str]:
    """Return how surely what stands at ``at`` is offered there, and the sign of quotation before it, if any.

    Nothing before ``begun`` belongs to it.
    """
    start = max(at - _FAR, begun)
    line = max(text.rfind("\n", start, at) + 1, start)
    before = _INVISIBLE.sub("", text[line:at])
    found = _OPENING.search(before)
    run = found[0].rstrip() if found else ""
    opening = next((sign for sign in (run, run[-1:]) if sign in CLOSING), "")
    if not opening and _ROW.match(before) and text[at : at + _FAR_BEHIND].split("\n", 1)[0].rstrip().endswith("|"):
        opening = "|"
    if _TAGGED.search(before):
        return Place.BLOCK, opening
    if opening == "(" and _OPERAND.search(before) and not _OWN_LABEL.search(before):
        return Place.OPERAND, opening
    if (_LINE_START.match(before) and (line > start or start == begun)) or _LABELLED.search(before):
        return Place.LINE, opening
    return Place.QUOTED if opening and opening not in "([{(（" else Place.WORDS, opening


def is_word(text: str, at: int, word: str) -> bool:
    """Whether what stands at ``at`` is a word of its own, and no part of a name or of a longer word."""
    return not ((at and _IN_WORD.match(text, at - 1)) or _AFTER_WORD.match(text, at + len(word)))


def statement_begins(text: str, at: int, word: str, place: Place) -> bool:
    """Whether a word may be a statement's first, by what follows it: in prose only SELECT, WITH and VALUES may."""
    if word == "select":
        return True
    following = text[at : at + _FAR]
    if "\\" in following:
        following = without_escapes(following)
    if word == "with":
        return bool(_WITH.match(following))
    if word == "values":
        in_prose = place is Place.WORDS and not text[at : at + len(word)].isupper()
        return bool(_VALUES.match(following)) and not in_prose
    if place < Place.LINE:
        return False
    return word != "from" or bool(_FROM_FIRST.match(text, at, at + _MAX_FROM_FIRST))
