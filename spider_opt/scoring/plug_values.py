"""The gold query's values put into a prediction, in every way: what the official tool tries with ``--plug_value``.

Source: official evaluator, ``parse.py`` (``get_all_preds_for_execution`` and what it calls), commit e97acc5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

_SLOT = "VALUERARE"
_FLOAT = re.compile(r"[-+]?\d*\.\d+")
_INT = re.compile(r"[^tT]\d+")
_ALIAS_GAP = re.compile(r"(T\d+\.)\s")
_ALIAS = re.compile(r"[Tt]\d+\.")
_ALL_OF_ALIAS = ("t1.*", "t2.*", "t3.*", "T1.*", "T2.*", "T3.*")


def plugged(gold: str, sql: str) -> tuple[int, Iterator[str]]:
    """Return how many ways there are to put gold's values into the prediction's slots, and the queries that come of it.

    Each of the prediction's own values is a slot; one without values is one query, written in small letters.

    Raises:
        ValueError: the reference's tokenizer gives up on one of them.

    >>> n, queries = plugged("SELECT a FROM t WHERE b = 'x' AND c > 3", "SELECT a FROM t WHERE c > 7")
    >>> n, list(queries)
    (2, ["select a from t where c > 'x'", 'select a from t where c > 3'])
    """
    _, values = _stripped(gold)
    tokens, _ = _stripped(sql)
    slots = [place for place, token in enumerate(tokens) if token == _SLOT.lower()]

    def filled() -> Iterator[str]:
        for chosen in product(values, repeat=len(slots)):
            query = list(tokens)
            for place, value in zip(slots, chosen, strict=True):
                query[place] = value
            yield " ".join(query)

    return len(values) ** len(slots), filled()


def _stripped(sql: str) -> tuple[list[str], list[str]]:
    """Return a query's tokens with slots in place of its values, and the values, each once."""
    import sqlparse
    from sqlparse.exceptions import SQLParseError
    from sqlparse.tokens import Literal, Whitespace

    strings_are = (Literal.String.Single, Literal.String.Symbol)
    try:
        words = _flat(sql.strip().replace(";", "").replace("\t", ""))
        query = " ".join(token.value for token in words if token.ttype is not Whitespace)
        for every in _ALL_OF_ALIAS:
            query = query.replace(every, "*")
        query = _ALIAS_GAP.sub(r"\1", sqlparse.format(query, reindent=False, keyword_case="upper"))
        strings = [token.value for token in _flat(query) if token.ttype in strings_are]
    except (SQLParseError, RecursionError) as error:
        raise ValueError(f"the tokenizer gave up: {error}") from error
    values = list(strings)
    for said in strings:
        query = query.replace(said.strip(), _SLOT)
    words_left = query.split()
    for number in (_FLOAT, _INT):
        found = {one.strip() if number is _INT else one for one in number.findall(query)}
        values += [word for word in words_left if word in found]
        words_left = [_SLOT if word in found else word for word in words_left]
        query = " ".join(words_left)
    tokens: list[str] = []
    for word in words_left:
        tokens += word.replace(".", " . ").lower().split() if "." in word and _ALIAS.search(word) else [word.lower()]
    return tokens, list(dict.fromkeys(values))


def _flat(sql: str) -> Iterator[Any]:
    import sqlparse

    statements = sqlparse.parse(sql)
    if not statements:
        raise ValueError("no statement in the text")
    return iter(statements[0].flatten())  # type: ignore[no-untyped-call]
