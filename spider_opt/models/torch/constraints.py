"""Answers that follow a GBNF grammar (llama.cpp's): which tokens may come next, by llguidance.

Source: Willard and Louf 2023 (guided generation); llguidance, docs/syntax.md, for the form that it reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spider_opt.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_LEXEME = re.compile(
    r'"(?P<literal>(?:[^"\\]|\\.)*)"|(?P<class>\[\^?(?:[^\]\\]|\\.)*\])|(?P<name>[A-Za-z][\w-]*)(?P<head>\s*::=)?'
    r"|#[^\n]*|(?P<other>.)",
    re.DOTALL,
)
_LETTER = re.compile(r"\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.|[^\\]", re.DOTALL)
_KEPT = 64
"""Grammars that are kept ready: one for each database that is asked about at the time."""


class Rule:
    """One answer's way through a ``grammar``; ``matcher`` is llguidance's."""

    def __init__(self, grammar: str, matcher: Any) -> None:
        self.grammar = grammar
        self._matcher = matcher

    def allow(self, bits: NDArray[np.int32], row: int) -> None:
        """Set the bits of a row of ``bits``, 32 tokens in each number, to the tokens that may come next."""
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(self._matcher, bits, row)

    def take(self, token: int) -> None:
        """Go on by ``token``.

        Raises:
            ModelError: it may not come next.
        """
        if not self._matcher.consume_token(token):
            raise ModelError(f"The grammar cannot be followed any further: {self._matcher.get_error()[:300]}")


class Grammars:
    """Makes rules of grammars, of which the last ones are kept ready, for a model with a fast tokenizer."""

    def __init__(self, tokenizer: Any, n_vocabulary: int, stops: Sequence[int]) -> None:
        from llguidance.hf import from_tokenizer

        self._tokenizer = from_tokenizer(tokenizer, n_vocab=n_vocabulary, eos_token=[*stops])
        self._ready = lru_cache(_KEPT)(self._read)

    def rule(self, grammar: str) -> Rule:
        """Return a rule that is at the beginning of a grammar.

        Raises:
            ModelError: the grammar cannot be read.
        """
        return Rule(grammar, self._ready(grammar).deep_copy())

    def _read(self, grammar: str) -> Any:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, to_lark(grammar), log_level=0)
        if matcher.is_error():
            raise ModelError(f"The grammar cannot be read: {matcher.get_error()[:300]}")
        return matcher


def to_lark(grammar: str) -> str:
    r"""Return a GBNF grammar in llguidance's form of Lark.

    Its lexer takes the longest literal there is and never goes back, so literals are written letter by letter: what
    follows ``"CO"`` is then found where ``"COUNT"`` could have been meant too.

    >>> print(to_lark('root ::= "ab" [0-9]? more-b\nmore-b ::= "\\"" | ""').strip())
    start: ("a" "b") /[0-9]/? r_more_b
    r_more_b: ("\"") | ""
    """
    parts: list[str] = []
    for match in _LEXEME.finditer(grammar):
        if match["literal"] is not None:
            letters = [json.dumps(_said(letter)) for letter in _LETTER.findall(match["literal"])]
            parts.append(f"({' '.join(letters)})" if letters else '""')
        elif match["class"]:
            parts.append("/" + match["class"].replace("/", "\\/") + "/")
        elif match["name"]:
            # All small letters or all capitals is what Lark wants, and capitals alone tell some names apart.
            name = match["name"].replace("-", "_")
            name = "start" if name == "root" else f"{'k' if name.isupper() else 'r'}_{name.lower()}"
            parts.append(f"\n{name}:" if match["head"] else name)
        elif match["other"]:
            parts.append(" " if match["other"] == "\n" else match["other"])
    return re.sub(r" +(?=\n)", "", "".join(parts))


def _said(letter: str) -> str:
    """Return what a letter of a literal, which may be escaped, stands for."""
    if len(letter) > 2:
        return chr(int(letter[2:], 16))
    return {"\\n": "\n", "\\t": "\t", "\\r": "\r"}.get(letter, letter[-1])


def forbid(logits: Tensor, rules: Sequence[Rule | None]) -> Tensor:
    """Return logits (B, vocabulary) in which tokens that a row's rule does not allow are -inf."""
    rows = [row for row, rule in enumerate(rules) if rule is not None]
    if not rows:
        return logits
    import numpy as np
    import torch

    n = logits.shape[-1]
    bits = np.full((len(rows), -(-n // 32)), -1, dtype=np.int32)
    for i, row in enumerate(rows):
        rule = rules[row]
        if rule is not None:
            rule.allow(bits, i)
    allowed = torch.from_numpy(np.unpackbits(bits.view(np.uint8), axis=1, count=n, bitorder="little"))
    logits = logits.clone()
    logits[rows] = logits[rows].masked_fill(allowed.to(logits.device) == 0, float("-inf"))
    return logits
