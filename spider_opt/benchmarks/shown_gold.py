"""Finds a question's own gold query in what a model is shown of it: then nothing is measured but copying."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from spider_opt.errors import DatasetError
from spider_opt.types import Schema

_SHORTEST = 8
"""Letters of a gold query that is looked for inside of other words."""
_ONE_QUOTE = str.maketrans({mark: "'" for mark in '"`\u2018\u2019\u201c\u201d'})
_WORD = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def shows_gold(text: str, gold: str) -> bool:
    """Tell whether a text is a gold query or contains the whole of one; blanks, case and kinds of quotes do not count.

    >>> shows_gold('Use: select  name from t where a="x";', "SELECT name FROM t WHERE a = 'x'")
    True
    >>> shows_gold("never SELECT name FROM t_old", "SELECT name FROM t"), shows_gold("", "")
    (False, False)
    """
    if len(text) < 2 or not gold.strip():
        return False
    first = gold.split(None, 1)[0]
    if first.isalpha() and first.casefold() not in text.casefold():
        return False  # nearly always, and much sooner
    wanted = _spoken(gold)
    if not wanted:
        return False
    return wanted == (there := _spoken(text)) or (len(wanted.replace(" ", "")) >= _SHORTEST and wanted in there)


def first_shown(texts: Mapping[str, str], gold: str) -> str:
    """Return the name of the first text that shows the gold query, '' where none does."""
    return next((name for name, text in texts.items() if shows_gold(text, gold)), "")


def check_shown_with_all(
    golds: Iterable[tuple[str, str, str]],
    notes: str,
    schemas: Mapping[str, Schema],
    tables: str,
    descriptions: str = "",
) -> None:
    """Make sure that what is shown with every question of a benchmark, or of a database, has no gold query.

    ``golds`` are (place, db_id, query); ``tables`` is the file that names what stands in ``schemas`` in plain words,
    ``descriptions`` the folder that says what their columns hold.

    Raises:
        DatasetError: it has one.
    """
    words = {db_id: _plain_words(schema) for db_id, schema in schemas.items()}
    about = {
        db: "\n".join(c.about for t in schema.tables for c in t.columns if c.about) for db, schema in schemas.items()
    }
    for place, db_id, query in golds:
        if notes and shows_gold(notes, query):
            raise DatasetError(
                f"The notes on every question have the gold query of {place}, and a model is shown them."
            )
        if (said := words.get(db_id)) and shows_gold(said, query):
            raise DatasetError(f"{tables} has the gold query of {place} among its names, and a model is shown them.")
        if (said := about.get(db_id)) and shows_gold(said, query):
            where = descriptions.replace("{db_id}", db_id)
            raise DatasetError(
                f"{where} has the gold query of {place} in what it says of columns, which a model is shown."
            )


def _plain_words(schema: Schema) -> str:
    words = [table.words for table in schema.tables]
    words += [column.words for table in schema.tables for column in table.columns]
    return "\n".join(word for word in words if len(word) >= _SHORTEST)


@lru_cache(maxsize=4096)
def _spoken(text: str) -> str:
    """Return the words and signs of a text, each between blanks: words are found whole in it."""
    plain = _COMMENT.sub(" ", text) if "--" in text or "/*" in text else text
    plain = plain.translate(_ONE_QUOTE).casefold().replace("<>", "!=").replace("==", "=").replace("\\", "")
    words = _WORD.findall(plain.strip().rstrip("; \t\n")) or _WORD.findall(text.casefold())
    return f" {' '.join(words)} " if words else ""
