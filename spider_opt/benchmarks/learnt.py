"""Questions that were learnt, by hashes of their words: enough to know one again, and nobody's text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from spider_opt.benchmarks.questions import normal_text
from spider_opt.paths import encoded


def question_hash(text: str) -> str:
    """Return the hash of a question's words, whatever their case, spaces and punctuation.

    >>> question_hash("How many boats?") == question_hash("how many  boats")
    True
    """
    return hashlib.sha256(encoded(normal_text(text))).hexdigest()[:12]


def question_hashes(texts: Iterable[str]) -> frozenset[str]:
    """Return the hashes of questions."""
    return frozenset(map(question_hash, texts))
