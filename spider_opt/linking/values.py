"""Which values of a database a question mentions: its short texts, read once and looked up by their words.

Of a large database they are read in a bounded time and kept on disk, see ``linking.value_store``.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import partial
from time import monotonic
from typing import NamedTuple

from spider_opt.databases import Sandbox
from spider_opt.errors import QueryError
from spider_opt.linking.patience import OutOfTime, Patience
from spider_opt.linking.value_store import InMemory, Place, Values, Words, kept_values
from spider_opt.linking.words import FUNCTION_WORDS, Word, name_words, words
from spider_opt.sql.names import quoted
from spider_opt.types import Database, Result, Schema

MAX_ROWS = 500_000
MAX_VALUES = 50_000
MAX_LENGTH = 60  # as much of a value as a prompt shows
MAX_WORDS = 12
MAX_SECONDS = 60.0
"""How long reading all columns may take; one that has begun may end."""
MIN_SCORE = 0.15
_NUMERIC = ("INT", "REAL", "FLOA", "DOUB", "DEC", "NUM", "BLOB")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTES = """"([^"]+)"|\u201c([^\u201d]+)\u201d|\u2018([^\u2019]+)\u2019|(?<!\\w)'([^']+)'(?!\\w)"""
_NAMED = re.compile(_QUOTES + r"|(?:\b[A-Z]\w*\W{1,2})*\b[A-Z]\w+")
_LETTERS = {"f": "female", "m": "male"}
# A value is likely meant (log odds) by these clues; fitted on Spider's training databases that are not held out.
_PRIOR, _AS_SPELLED, _TABLE_NAMED, _LIKE = 1.0, 1.5, 1.3, -0.5
_NUMBER, _ONLY_FUNCTION, _ONLY_SCHEMA, _PRIMARY_KEY = -4.0, -3.5, -2.8, -1.7
_PER_LN_PLACES, _PER_LG_VALUES = -2.3, -0.6
_MAX_ALIKE, _MIN_LIKE, _MIN_RATIO = 200, 6, 0.85
# Of a question that is longer than any: how often one value is looked at, how many are compared with its names.
_MAX_TIMES, _MAX_COMPARED = 100, 50_000
_FEW_ROWS = 2_000
"""Of a column of a large database that takes too long to be read."""
_AT_ONCE = 1_000


class Mention(NamedTuple):
    """A value that a question mentions, and how likely it is meant (0 to 1)."""

    table: str
    column: str
    value: str
    score: float


class ValueIndex:
    """The text values of one database by their words; building it reads each column that may hold text once.

    Left out: columns declared as numbers, values of more than ``MAX_LENGTH`` characters or ``MAX_WORDS`` words
    or with control characters, what comes after ``MAX_VALUES`` values or ``MAX_ROWS`` rows of a column, and columns
    whose turn comes when ``MAX_SECONDS`` are over.

    Source: n-grams of the question looked up in the database, as in IRNet (Guo et al. 2019) and RAT-SQL (Wang et
    al. 2020); what is only like a value as in BRIDGE (Lin et al. 2020, arXiv:2012.12627), here by difflib.
    """

    def __init__(self, schema: Schema, database: Database) -> None:
        self._primary = {(t.name, c.name) for t in schema.tables for c in t.columns if c.primary_key}
        self._table_words = {t.name: {word.stem for word in words(t.words)} for t in schema.tables}
        names = [name for t in schema.tables for name in (t.name, t.words)]
        names += [name for t in schema.tables for c in t.columns for name in (c.name, c.words)]
        self._schema_words = {word for name in names for word in name_words(name)}
        columns = [
            (table.name, column.name)
            for table in schema.tables
            for column in table.columns
            if not any(kind in column.type.upper() for kind in _NUMERIC)
        ]
        kept = kept_values(database, columns, partial(_read_in_time, database), _MAX_ALIKE)
        self._values: Values = _in_memory(database, columns) if kept is None else kept

    def mentioned(self, question: str, n: int | None = None) -> list[Mention]:
        """Return the values that are likely meant, at most ``n``, the likeliest first."""
        asked = words(question)
        counts = Counter(word.stem for word in asked)
        odds: dict[Place, float] = {}
        for key, said, clue in self._found(question, asked):
            around = question[max(said[0].start - 2, 0) : said[-1].end + 2]
            here = Counter(word.stem for word in said)
            for place, clues in self._clues(key, around, partial(_more, counts, here)):
                odds[place] = max(odds.get(place, -math.inf), clues + clue)
        mentions = (Mention(*place, 1 / (1 + math.exp(-clues))) for place, clues in odds.items())
        return sorted((m for m in mentions if m.score >= MIN_SCORE), key=lambda m: -m.score)[:n]

    def _found(self, question: str, asked: Sequence[Word]) -> Iterator[tuple[Words, Sequence[Word], float]]:
        """Yield the words of a value, those that the question has for it, and what that says about its odds."""
        stems = [word.stem for word in asked]
        ends = ((start, end) for start in range(len(stems)) for end in range(start + 1, start + MAX_WORDS + 1))
        spans = [
            (start, end) for start, end in ends if end <= len(stems) and self._values.places(tuple(stems[start:end]))
        ]
        longest = [0] * len(stems)
        for start, end in spans:
            longest[start:end] = (max(length, end - start) for length in longest[start:end])
        times: Counter[Words] = Counter()
        for start, end in spans:
            if min(longest[start:end]) == end - start:  # not York in New York
                key = tuple(stems[start:end])
                times[key] += 1
                if times[key] <= _MAX_TIMES:
                    yield key, asked[start:end], 0.0
        firsts, lasts, n_compared = [word.start for word in asked], [word.end for word in asked], 0
        for found in _NAMED.finditer(question):
            at = range(bisect_left(firsts, found.start()), bisect_right(lasts, found.end()))
            if 0 < len(at) <= MAX_WORDS and n_compared <= _MAX_COMPARED and not all(longest[i] for i in at):
                near = self._near(" ".join(stems[i] for i in at))
                n_compared += len(near)
                ratio, key = max(near, default=(0.0, ()))
                if ratio >= _MIN_RATIO:
                    yield key, [asked[i] for i in at], _LIKE

    def _near(self, text: str) -> list[tuple[float, Words]]:
        """Return the words of values that begin as a word of ``text`` does, each with how much they are like it."""
        starts = [self._values.starting(word[:4]) for word in text.split() if len(text) >= _MIN_LIKE]
        return [(_ratio(text, " ".join(key)), key) for keys in starts if len(keys) <= _MAX_ALIKE for key in keys]

    def _clues(self, key: Words, around: str, elsewhere: Callable[[str], bool]) -> Iterator[tuple[Place, float]]:
        """Yield the places of a value with the log odds that it is meant there.

        ``around`` is the part of the question where it stands, ``elsewhere`` tells of a word whether another has it.
        """
        places = self._values.places(key)
        shared = _PRIOR + _PER_LN_PLACES * math.log(len({(table, column) for table, column, _ in places}))
        shared += _NUMBER * all(word.isdigit() for word in key)
        shared += _ONLY_FUNCTION * FUNCTION_WORDS.issuperset(key) + _ONLY_SCHEMA * self._schema_words.issuperset(key)
        for table, column, value in places:
            named = self._table_words[table]
            clues = shared + _TABLE_NAMED * sum(map(elsewhere, named)) / max(len(named), 1)
            clues += _AS_SPELLED * (value in around) + _PRIMARY_KEY * ((table, column) in self._primary)
            clues += _PER_LG_VALUES * math.log10(self._values.counts[table, column])
            yield (table, column, value), clues


def _more(counts: Counter[str], here: Counter[str], word: str) -> bool:
    return counts[word] > here[word]


def _in_memory(database: Database, columns: Sequence[tuple[str, str]]) -> Values:
    found, patient = InMemory(), Patience(database, MAX_SECONDS)
    for table, column in columns:
        try:
            texts = _texts(patient.run, table, column, MAX_ROWS)
        except (QueryError, OutOfTime):
            texts = []  # what cannot be read cannot be mentioned
        found.add(table, column, _with_words(texts, _are_letters(texts)), len(texts))
    return found


def _read_in_time(
    database: Database, table: str, column: str, within_s: float
) -> tuple[Sequence[tuple[Words, str]], int, bool]:
    """Read a column of a large database, all or some of it, as ``value_store.Reader`` does."""
    assert isinstance(database, Sandbox)
    until, whole = monotonic() + within_s, True
    try:
        texts = _texts(partial(database.run, within_s=within_s / 2), table, column, MAX_ROWS)
    except QueryError:
        whole = False
        try:
            texts = _texts(partial(database.run, within_s=max(within_s / 4, 0.05)), table, column, _FEW_ROWS)
        except QueryError:
            texts = []
    found: list[tuple[Words, str]] = []
    letters = _are_letters(texts)
    for start in range(0, len(texts), _AT_ONCE):
        if start and monotonic() > until:
            return found, start, False
        found += _with_words(texts[start : start + _AT_ONCE], letters)
    return found, len(texts), whole


def _texts(run: Callable[[str], Result], table: str, column: str, n_rows: int) -> list[str]:
    name = quoted(column)
    rows = run(
        f"SELECT DISTINCT {name} FROM (SELECT {name} FROM {quoted(table)} LIMIT {n_rows})"
        f" WHERE typeof({name}) = 'text' AND length({name}) <= {MAX_LENGTH} LIMIT {MAX_VALUES}"
    ).rows
    return [value for (value,) in rows if isinstance(value, str) and not _CONTROL.search(value)]


def _are_letters(texts: Sequence[str]) -> bool:
    return {text.lower() for text in texts} <= _LETTERS.keys()


def _with_words(texts: Sequence[str], letters: bool) -> list[tuple[Words, str]]:
    """Return the values that can be looked up, each behind its words; ``letters`` that stand for words have these."""
    keys = [(_LETTERS[text.lower()],) if letters else tuple(w.stem for w in words(text)) for text in texts]
    return [(key, text) for key, text in zip(keys, texts, strict=True) if 0 < len(key) <= MAX_WORDS]


def _ratio(one: str, other: str) -> float:
    if abs(len(one) - len(other)) > (1 - _MIN_RATIO) * (len(one) + len(other)):
        return 0.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
