"""Knows of a prompt that it is longer than a model's context before it is sent, where the server tells of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

PROBED_CHARS = 8_000
"""Shorter prompts fit into any context, so the server need not be asked how long its own is."""
MOST_CHARS_A_TOKEN = 6.0
"""No tokenizer makes fewer tokens of a schema; what a server counted tells more of its own."""
MARGIN = 1.1
CUT_CHARS_A_TOKEN = 12.0
_NAMES = (
    "max_model_len", "loaded_context_length", "n_ctx", "context_length", "context_window", "max_context_length",
    "max_input_tokens",
)  # fmt: skip
_SAID = re.compile(r"context (?:length|window|size)\D{1,20}(\d[\d,]{2,8})\b", re.IGNORECASE)


class ContextLength:
    """What is known of one model's context; threads may share it. ``tokens`` is None where nobody told it."""

    def __init__(self) -> None:
        self.tokens: int | None = None
        self._chars_a_token = MOST_CHARS_A_TOKEN
        self._refused: dict[str, int] = {}
        self._counted = 0.0
        self._lock = threading.Lock()

    def told(self, models: object, name: str) -> None:
        """Learn from what a server says of its models, as under ``/models``."""
        listed = models.get("data") if isinstance(models, Mapping) else models
        entries = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []
        named = [entry for entry in entries if name in (entry.get("id"), entry.get("name"), entry.get("root"))]
        for entry in named or (entries if len(entries) == 1 else []):
            meta = entry.get("meta")
            both = {**(meta if isinstance(meta, Mapping) else {}), **entry}
            lengths = [value for key in _NAMES if isinstance(value := both.get(key), int) and value > 0]
            if lengths:
                self.tokens = min(lengths)

    def counted(self, n_chars: int, n_tokens: int) -> None:
        """Learn how many characters a token has."""
        if n_chars >= 1000 and n_tokens > 0 and n_chars / n_tokens < CUT_CHARS_A_TOKEN:
            with self._lock:
                self._counted = max(self._counted, n_chars / n_tokens)
                self._chars_a_token = min(MOST_CHARS_A_TOKEN, self._counted * MARGIN)

    def refused(self, text: str, words: str) -> None:
        """Learn that a prompt was too long, and what the server says of that."""
        begins = text[: len(text) // 2]
        with self._lock:
            self._refused[begins] = min(len(text), self._refused.get(begins, len(text)))
        if (said := _SAID.search(words)) and self.tokens is None:
            self.tokens = int(said[1].replace(",", "")) or None

    def too_long(self, text: str) -> str | None:
        """Say how much too long a prompt surely is, None where it may fit."""
        n_chars = len(text)
        n_tokens = int(n_chars / self._chars_a_token)
        if self.tokens is not None and n_tokens > self.tokens:
            return f"its {n_chars:,} characters are at least {n_tokens:,} tokens, and the context has {self.tokens:,}"
        with self._lock:
            known = [least for begins, least in self._refused.items() if n_chars >= least and text.startswith(begins)]
        if not known:
            return None
        return f"it has {n_chars:,} characters, and one of {min(known):,} that begins alike was refused"


def may_be_cut(n_chars: int, n_tokens: int) -> bool:
    """Tell whether a server counts so few tokens of a prompt that it must have cut it."""
    return n_chars >= PROBED_CHARS and n_tokens > 0 and n_chars / n_tokens > CUT_CHARS_A_TOKEN
