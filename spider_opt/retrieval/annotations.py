"""What is known of training examples by looking at their text, and kept: parsing thousands of queries takes seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import cast

from spider_opt.linking import masking, words
from spider_opt.progress import Progress, silent
from spider_opt.retrieval.text_cache import TextCache, open_text_cache
from spider_opt.sql import hardness as levels
from spider_opt.sql import lexer, names, normal, parse
from spider_opt.sql import skeleton as skeletons
from spider_opt.types import Hardness, Question

MADE_BY = (levels, lexer, masking, names, normal, parse, skeletons, words)
"""The modules that what is kept depends on."""


class Annotations:
    """Normal forms, skeletons, levels and masked questions, kept on disk as long as the code that makes them stays."""

    def __init__(self, cache: TextCache) -> None:
        self._cache = cache

    def normals(self, queries: Iterable[str]) -> dict[str, str]:
        """Return each query with its normal form."""
        return self._made("normal form", queries, normal.normalized)

    def skeletons(self, queries: Iterable[str]) -> dict[str, str]:
        """Return each query with its skeleton."""
        return self._made("skeleton", queries, skeletons.skeleton)

    def levels(self, queries: Iterable[str]) -> dict[str, Hardness | None]:
        """Return each query with its hardness."""
        made = self._made("level", queries, lambda sql: levels.hardness(sql) or "")
        return {sql: cast(Hardness, level) if level else None for sql, level in made.items()}

    def masked(self, questions: Sequence[Question]) -> list[str]:
        """Return the masked questions, in order."""
        schemas: dict[int, str] = {}
        by_key: dict[str, Question] = {}
        for question in questions:
            schema = question.schema
            if id(schema) not in schemas:
                schemas[id(schema)] = hashlib.sha256(repr(schema).encode("utf-8", "surrogatepass")).hexdigest()
            by_key[f"{schemas[id(schema)]} {question.text}"] = question
        made = self._made("masked question", by_key, lambda key: masking.masked(by_key[key]))
        return [made[f"{schemas[id(question.schema)]} {question.text}"] for question in questions]

    def _made(self, kind: str, texts: Iterable[str], make: Callable[[str], str]) -> dict[str, str]:
        def encoded(some: Sequence[str]) -> Iterable[bytes]:
            return (make(text).encode("utf-8", "surrogatepass") for text in some)

        found = self._cache.made(f"{kind} {_code()}", texts, encoded, f"making each {kind}")
        return {text: value.decode("utf-8", "surrogatepass") for text, value in found.items()}


def open_annotations(progress: Progress = silent) -> Annotations:
    """Open those that all of this machine share; ``progress`` shows what is not known yet."""
    return Annotations(open_text_cache(progress))


@cache
def _code() -> str:
    """Return a hash of the code that makes them, so that nothing is kept beyond a change of it."""
    digest = hashlib.sha256(version("sqlglot").encode())
    for module in MADE_BY:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]
