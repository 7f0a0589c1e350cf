"""The words of questions, names and values, in the form in which they are compared."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")
_TAIL = re.compile("(?<=[^\\W_])['\u2019](?:s|t|re|ve|ll|d|m)(?![^\\W_])", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SAME = {"woman": "female", "women": "female", "girl": "female", "man": "male", "men": "male", "boy": "male"}
_FUNCTION = (
    "a all an and any are as at be been by did do does each every find first five for four from give had has have her "
    "his how i in is it its last least less list many me more most much my no not number of on one or other our please "
    "return show six some than that the their there these this those three to two was we were what when where which "
    "who whom whose why with you your"
)
FUNCTION_WORDS = frozenset(_FUNCTION.split())
"""Words that most often name nothing in a database."""


class Word(NamedTuple):
    """A word's stem, one for each sex, and where it stands in its text."""

    stem: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Return the words of a text; whatever is no letter or digit parts them.

    >>> [word.stem for word in words("The cities' Sales_Offices")]
    ['the', 'city', 'sale', 'office']
    """
    text = _TAIL.sub(lambda found: " " * len(found[0]), text)
    return [
        Word(_SAME.get(plain := stem(found[0]), plain), found.start(), found.end()) for found in _WORD.finditer(text)
    ]


def name_words(name: str) -> tuple[str, ...]:
    """Return the stems of the words of a table's or column's name.

    >>> name_words("StudentID"), name_words("home_towns")
    (('student', 'id'), ('home', 'town'))
    """
    return tuple(word.stem for word in words(_HUMP.sub(" ", name)))


def stem(word: str) -> str:
    """Return a word without the ending of its plural; words are equal where their stems are.

    >>> [stem(word) for word in ("Cities", "classes", "boxes", "sizes", "movies", "movie", "days", "status", "IDs")]
    ['city', 'class', 'box', 'size', 'movy', 'movy', 'day', 'status', 'id']
    """
    word = word.lower()
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("s")[:-2] + "y"
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-2] if word.endswith(("ches", "shes", "sses", "xes")) else word[:-1]
    return "id" if word == "ids" else word
