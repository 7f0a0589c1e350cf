"""What a question is called: by what it asks, so that it keeps its name wherever it stands in its file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_CONTENT = re.compile(r"(?:.*-)?([0-9a-f]{10}(?:\.[1-9]\d*)?)", re.DOTALL)
_POSITION = re.compile(r"(.*)-(\d{4,9})", re.DOTALL)


def numbered(split: str, questions: Iterable[tuple[str, str]]) -> list[str]:
    """Return an id for each (db_id, question): the split's name, and a hash of both.

    The second of the same has ``.2`` behind it. Space does not count.

    >>> numbered("dev", [("zoo", "How many?"), ("farm", "How many?"), ("zoo", "How  many? ")])
    ['dev-96e18f5a9a', 'dev-5493c91bed', 'dev-96e18f5a9a.2']
    """
    seen: dict[str, int] = {}
    ids = []
    for db_id, text in questions:
        key = hashlib.sha256(f"{db_id}\0{' '.join(text.split())}".encode()).hexdigest()[:10]
        seen[key] = seen.get(key, 0) + 1
        ids.append(f"{split}-{key}" + (f".{seen[key]}" if seen[key] > 1 else ""))
    return ids


def content_of(id: str) -> str | None:
    """Return what an id says of the question's content, whatever its split is called; None where it says nothing.

    >>> content_of("dev-96e18f5a9a.2"), content_of("dev-0007")
    ('96e18f5a9a.2', None)
    """
    found = _CONTENT.fullmatch(id)
    return found[1] if found else None


def position_of(id: str) -> tuple[str, int] | None:
    """Return the split and the position that an id of earlier versions was made of; None where it is none.

    >>> position_of("dev-0007"), position_of("dev-96e18f5a9a")
    (('dev', 7), None)
    """
    found = _POSITION.fullmatch(id)
    return (found[1], int(found[2])) if found else None
