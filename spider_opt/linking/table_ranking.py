"""Which tables and columns a question is about, by its words and by the values that it mentions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from spider_opt.linking.joins import join_path, shortest_path
from spider_opt.linking.values import Mention
from spider_opt.linking.words import FUNCTION_WORDS, name_words, words
from spider_opt.types import Schema

_PER_VALUE = 1.5
_MIN_BEGINNING, _MAX_BEGINNING, _MIN_SHARE, _PER_BEGINNING = 4, 40, 0.5, 0.7
# Of more tables the ways between them are not looked for, which takes time with the square of their number.
_MAX_JOINED = 100
_Name = tuple[str, ...]
"""(table,) or (table, column)"""
_Words = tuple[str, ...]


def ranked(
    schema: Schema,
    question: str,
    mentions: Iterable[Mention] = (),
    *,
    tables: int | None = None,
    columns: int | None = None,
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the (table, columns) that seem to be meant, the likeliest first; equals stand in the schema's order.

    ``tables`` is how many tables are kept, None for all. ``columns`` is how many columns of each are kept beside its
    keys: its primary key and what joins it to others that are kept.

    A table scores by the share of its name's words that the question has (rare words count more), by its part in the
    question's words (a word that many tables have, in their names or columns, counts little for each), and by the
    likeliest mentioned value that stands in it; a column by its name and its values. Before a table that no foreign
    key joins to those before it come the tables on the way: what is kept can be joined, where keys lead there at all.
    """
    called, tables_with = _words_of(schema)
    asked = {word.stem for word in words(question)} - FUNCTION_WORDS
    shortest = _shortest_by_beginning(asked)
    heard = {word: 1.0 if word in asked else _heard(word, shortest) for word in tables_with}
    score = {name: sum(share * heard[word] for word, share in shares.items()) for name, shares in called.items()}
    for word, names in tables_with.items():
        for table in names:
            score[(table,)] += heard[word] / len(names)
    for name, likeliest in _values(mentions).items():
        score[name] += _PER_VALUE * likeliest
    kept = _joined(schema, sorted((t.name for t in schema.tables), key=lambda table: -score[(table,)]), tables)
    keys = set() if columns is None else _keys(schema, kept)
    whole = {t.name: [c.name for c in t.columns] for t in schema.tables}
    found = []
    for table in kept:
        order = sorted(whole[table], key=lambda column: -score[table, column])
        others = [column for column in order if (table, column) not in keys]
        dropped = frozenset(() if columns is None else others[columns:])
        found.append((table, tuple(column for column in order if column not in dropped)))
    return tuple(found)


@lru_cache(maxsize=256)
def _words_of(schema: Schema) -> tuple[Mapping[_Name, Mapping[str, float]], Mapping[str, Sequence[str]]]:
    """Return the words of each name with their shares in it, and the tables that have a word in any name."""
    tables: dict[_Name, _Words] = {(t.name,): _said(t.name, t.words) for t in schema.tables}
    columns: dict[_Name, _Words] = {(t.name, c.name): _said(c.name, c.words) for t in schema.tables for c in t.columns}
    tables_with: dict[str, dict[str, None]] = {}
    for (table, *_), said in (*tables.items(), *columns.items()):
        for word in said:
            tables_with.setdefault(word, {})[table] = None
    return _shares(tables) | _shares(columns), {word: [*names] for word, names in tables_with.items()}


def _said(name: str, plain: str) -> _Words:
    return tuple(dict.fromkeys([*name_words(name), *name_words(plain)]))


def _shares(called: Mapping[_Name, _Words]) -> dict[_Name, dict[str, float]]:
    counts = Counter(word for said in called.values() for word in said)
    rare = {word: math.log(1 + len(called) / count) for word, count in counts.items()}
    return {name: {word: rare[word] / sum(rare[w] for w in said) for word in said} for name, said in called.items()}


def _shortest_by_beginning(asked: Iterable[str]) -> dict[str, int]:
    """Return how long the shortest word is that begins so, for each beginning of some words that may count."""
    shortest: dict[str, int] = {}
    for word in asked:
        for end in range(_MIN_BEGINNING, min(len(word), _MAX_BEGINNING) + 1):
            shortest[word[:end]] = min(shortest.get(word[:end], len(word)), len(word))
    return shortest


def _heard(word: str, shortest: Mapping[str, int]) -> float:
    """Return more than 0 where a word was asked for whose beginning is that of ``word``, long enough for both."""
    for end in range(_MIN_BEGINNING, len(word) + 1):
        other = shortest.get(word[:end])
        if other is not None and end >= _MIN_SHARE * max(len(word), other):
            return _PER_BEGINNING
    return 0.0


def _values(mentions: Iterable[Mention]) -> dict[_Name, float]:
    likeliest: dict[_Name, float] = {}
    for table, column, _, score in mentions:
        for name in ((table,), (table, column)):
            likeliest[name] = max(likeliest.get(name, 0.0), score)
    return likeliest


def _joined(schema: Schema, order: Sequence[str], n: int | None) -> list[str]:
    """Return the first ``n`` tables, those on the way to a table standing before it."""
    joined: list[str] = []
    for table in order:
        if n is not None and len(joined) >= n:
            break
        path = (shortest_path(schema, joined, [table]) or []) if len(joined) <= _MAX_JOINED else []
        on_way = [name for key in path for name in (key.table, key.ref_table)]
        joined += [name for name in dict.fromkeys([*on_way, table]) if name not in joined]
    return joined[:n]


def _keys(schema: Schema, kept: Sequence[str]) -> set[_Name]:
    keys: set[_Name] = {(t.name, c.name) for t in schema.tables for c in t.columns if c.primary_key}
    for key in (*schema.foreign_keys, *((join_path(schema, kept) or ()) if len(kept) <= _MAX_JOINED else ())):
        if key.table in kept and key.ref_table in kept:
            keys |= {(key.table, key.column), (key.ref_table, key.ref_column)}
    return keys
