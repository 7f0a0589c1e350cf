"""Sentences as the official script's tokenizer cuts a query into them, before it cuts those into words.

It takes a query for English: a period behind which something stands may end a sentence, and only the last period of a
sentence is a word of its own (``ORDER BY a DESC. This …`` orders downwards, ``x > 5. AND …`` has a number ``5``).

What needs statistics of English text is simplified: no word of several letters is an abbreviation ("Co."), and what
follows a number or a letter starts a sentence unless it is in small letters.

Source: NLTK's Punkt tokenizer, which ``word_tokenize`` in the official ``process_sql.py`` calls first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from string import whitespace

_CLOSING = r"\)\]}\u2018\u2019\u201c\u201d\u00ab\u00bb"
_ENDS_WORD = r"[)\";}\]*:@'({\[\u2018\u2019\u201c\u201d\u00ab\u00bb?!]"
_CANDIDATE = re.compile(rf"[.?!](?=(?P<after>{_ENDS_WORD}|\s+(?P<next>\S+)))")
_MARKS = r"-{2,}|\.{2,}"
_WORD = re.compile(
    rf"{_MARKS}|(?=[^(\"`{{\[:;&#*@)}}\]\-,])\S+?(?=\s|$|{_ENDS_WORD}|{_MARKS}|,(?=$|\s|{_ENDS_WORD}|{_MARKS}))|\S"
)
_NUMBER_OR_LETTER = re.compile(r"-?[.,]?\d[\d,.\-]*|[^\W\d]\.")
_ABBREVIATED = frozenset("cdefghklmnprstvw")
"""Letters that Punkt takes for abbreviations wherever they stand alone before a period."""
_PUNCTUATION = frozenset(";:,.!?")
_STAYS = re.compile(rf"[{_CLOSING}\"']+?(?:\s+|(?=--)|$)")
"""What closes a sentence behind its period."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text.

    >>> sentences("ORDER BY a DESC. This is the answer")
    ['ORDER BY a DESC.', 'This is the answer']
    >>> sentences("a > 5. and b < 2.5 (1.) x")
    ['a > 5. and b < 2.5 (1.)', 'x']
    """
    spans, start = [], 0
    for match in _breaks(text):
        spans.append((start, match.end()))
        start = match.start("next") if match["next"] else match.end()
    spans.append((start, len(text.rstrip())))
    found, shift = [], 0
    for (begin, end), following in zip_longest(spans, spans[1:]):
        begin, shift = begin + shift, 0
        if following and (closing := _STAYS.match(text, *following)):
            end, shift = following[0] + len(closing[0].rstrip()), closing.end() - following[0]
        found.append(text[begin:end])
    return [sentence for sentence in found if sentence]


def _breaks(text: str) -> Iterator[re.Match[str]]:
    """Yield where sentences end: of all places in one stretch without white space only the last is looked at."""
    begin, last = 0, None
    for match in _CANDIDATE.finditer(text):
        begins = _start_of_word(text, last.start() if last else 0, match.start())
        begins = begin if begins is None else begins
        if last and last.start() <= begins and _is_end(text[begin : last.end()] + last["after"]):
            yield last
        begin, last = begins, match
    if last and _is_end(text[begin : last.end()] + last["after"]):
        yield last


def _start_of_word(text: str, earliest: int, end: int) -> int | None:
    return next((at + 1 for at in range(end - 1, earliest, -1) if text[at] in whitespace), None)


def _is_end(words_around: str) -> bool:
    """Tell whether a sentence ends in a word, given with what follows it."""
    words = _WORD.findall(words_around)
    return any(_ends_a_sentence(word, after) for word, after in pairwise(words))


def _ends_a_sentence(word: str, after: str) -> bool:
    if word in ("?", "!", "."):
        return True
    if not word.endswith(".") or word.endswith(".."):
        return False
    if word[:-1].lower().split("-")[-1] in _ABBREVIATED:
        return False
    return not (_NUMBER_OR_LETTER.fullmatch(word) and (after in _PUNCTUATION or after[0].islower()))
