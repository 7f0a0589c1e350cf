"""Never asks a model the same thing twice: answers are kept on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spider_opt.store import Older, Store
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

_SECTION = "answers"
# Answers may have been paid for: those that were kept before there was a store are taken over.
_OLDER = Older("answers", f"SELECT '{_SECTION}', key, completions FROM answers")


def request_key(info: ModelInfo, request: Request, cache_tag: str = "") -> str:
    """Return the SHA-256 of everything an answer depends on.

    ``cache_tag`` is what the model adds to its info: the endpoint where the weights are not known.
    """
    messages = request.messages
    asked: dict[str, Any] = {
        "model": info_to_json(info),
        "tag": cache_tag,
        "prompt": messages if isinstance(messages, str) else [[message.role, message.content] for message in messages],
        "n": request.n,
        "temperature": float(request.temperature),
        "seed": request.seed,
        "stop": list(request.stop),
        "grammar": request.grammar,
        "max_tokens": request.max_tokens,
    }
    if request.extra:  # without them the key is what it was before there were any
        asked["extra"] = dict(request.extra)
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def info_to_json(info: ModelInfo) -> dict[str, str]:
    """Return a model's info as it is hashed and written down; without an engine as before there were any."""
    said = asdict(info)
    return said if info.engine else {name: value for name, value in said.items() if name != "engine"}


def completions_to_json(completions: Sequence[Completion]) -> list[dict[str, Any]]:
    """Turn completions into JSON-able objects; ``completions_from_json`` gives equal ones back."""
    return [asdict(completion) for completion in completions]


def completions_from_json(objects: Sequence[dict[str, Any]]) -> list[Completion]:
    """Read what ``completions_to_json`` made.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    return [Completion(**{**fields, "usage": Usage(**fields["usage"])}) for fields in objects]


class CachedModel:
    """Answers from the store at ``path`` what was asked before, with the usage it had then.

    ``hits`` and ``misses`` count the calls since this object was made.
    """

    def __init__(self, inner: ChatModel, path: Path) -> None:
        self.inner = inner
        self.hits = 0
        self.misses = 0
        self._tag = str(getattr(inner, "cache_tag", ""))
        self._store = Store(path, "answers", older=_OLDER)
        self._counting = threading.Lock()

    @property
    def info(self) -> ModelInfo:
        """The inner model's."""
        return self.inner.info

    def complete(self, request: Request) -> list[Completion]:
        """Return the kept samples, or ask the inner model and keep them; of two who ask at once, the first counts.

        Raises:
            ModelError: the inner model gave no answer; nothing is kept.
        """
        key = request_key(self.info, request, self._tag)
        found = self._store.get(_SECTION, key)
        kept = None if found is None else _read(found)
        with self._counting:
            self.hits += kept is not None
            self.misses += kept is None
        if kept is not None:
            return kept
        fresh = self.inner.complete(request)
        entry = {key: json.dumps(completions_to_json(fresh)).encode()}
        if found is None:
            return _read(self._store.keep(_SECTION, entry)[key]) or fresh
        self._store.replace(_SECTION, entry)  # what was there is broken
        return fresh

    def close(self) -> None:
        """Close the file and the inner model; the next call opens them again."""
        self._store.close()
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()


def _read(kept: bytes) -> list[Completion] | None:
    try:
        return completions_from_json(json.loads(kept))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
