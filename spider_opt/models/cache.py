"""Never asks a model the same thing twice: answers are kept on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.models.accounted import Accounted
from spider_opt.models.budget import Account
from spider_opt.models.computing import computed_by
from spider_opt.models.lent import odd_in
from spider_opt.models.traced import Traced
from spider_opt.store import Older, Store
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_SECTION, _LEFT_OUT = "answers", "left out"
# Answers may have been paid for: those that were kept before there was a store are taken over.
_OLDER = Older("answers", f"SELECT '{_SECTION}', key, completions FROM answers")


def request_key(info: ModelInfo, request: Request, cache_tag: str = "", computed_by: str = "") -> str:
    """Return the SHA-256 of everything an answer depends on.

    ``cache_tag`` is what the model adds to its info: the endpoint where the weights are not known. ``computed_by`` is
    what computes it here, with its version; recordings, which are asked with whatever is installed, have none.
    """
    messages = request.messages
    asked: dict[str, Any] = {
        "model": info_to_json(replace(info, endpoint="")),  # the tag says it, as before there was this field
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
    if computed_by:
        asked["computed_by"] = computed_by
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def info_to_json(info: ModelInfo) -> dict[str, str]:
    """Return a model's info as it is written down; without engine, manner and endpoint as before there were any."""
    later = ("engine", "manner", "endpoint")
    return {name: value for name, value in asdict(info).items() if value or name not in later}


def completions_to_json(completions: Sequence[Completion]) -> list[dict[str, Any]]:
    """Turn completions into JSON-able objects; ``completions_from_json`` gives equal ones back."""
    told = []
    for completion in completions:
        fields = asdict(completion) | {"usage": completion.usage.to_json()}
        told.append({name: value for name, value in fields.items() if value or name != "served"})
    return told


def completions_from_json(objects: Sequence[dict[str, Any]]) -> list[Completion]:
    """Read what ``completions_to_json`` made.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    return [Completion(**{**fields, "usage": Usage(**fields["usage"])}) for fields in objects]


class CachedModel:
    """Answers from the store at ``path`` what was asked before, with the usage it had then.

    An answer is kept by what it was an answer to: where the model had to leave out a part of the request, that stands
    in its info. One that is computed here is also kept by what computes it, with its version and its code: an upgrade
    brings no old answers back. What was last left out is kept too, and told to the model of the next process, so that
    it finds these answers without asking; once it asks, it sees by itself.

    ``hits`` and ``misses`` count the calls since this object was made; ``served`` is what servers said of the models
    that gave the answers of these, see ``Completion``.
    """

    def __init__(self, inner: ChatModel, path: Path) -> None:
        self.inner = inner
        self.hits = 0
        self.misses = 0
        self.served: dict[str, None] = {}
        self.cache_tag = str(getattr(inner, "cache_tag", ""))
        self._computed_by = computed_by(inner)
        self._store = Store(path, "answers", older=_OLDER)
        self._counting = threading.Lock()
        self._left_out: frozenset[str] = frozenset()
        self._account: Account | None = None
        assume = getattr(inner, "assume", None)
        if assume is not None:
            self._endpoint = self._key(Request(""))
            known = self._store.get(_LEFT_OUT, self._endpoint) or b""
            self._left_out = frozenset(known.decode(errors="replace").split())
            assume(self._left_out)

    @property
    def info(self) -> ModelInfo:
        """The inner model's."""
        return self.inner.info

    def complete(self, request: Request) -> list[Completion]:
        """Return the kept samples, or ask the inner model and keep them; of two who ask at once, the first counts.

        Raises:
            ModelError: the inner model gave no answer; nothing is kept.
        """
        key = self._key(request)
        found = self._store.get(_SECTION, key)
        kept = None if found is None else _read(found)
        with self._counting:
            self.hits += kept is not None
            self.misses += kept is None
        if kept is not None:
            if self._account is not None:
                self._account.begun()
            return self._noted(kept)
        fresh = self._noted(self.inner.complete(request))
        self._remember()
        if (shown := self._key(request)) != key:  # it was asked otherwise than was thought
            key, found = shown, self._store.get(_SECTION, shown)
        entry = {key: json.dumps(completions_to_json(fresh)).encode()}
        if found is None or _read(found):
            return _read(self._store.keep(_SECTION, entry)[key]) or fresh
        self._store.replace(_SECTION, entry)  # what was there is broken
        return fresh

    def count_with(self, account: Account) -> None:
        """Have an account count what is asked anew; what is kept costs nothing."""
        self.inner = Accounted(self.inner, account)
        self._account = account

    def trace_with(self, tracer: Tracer) -> None:
        """Have a tracer see what is asked anew."""
        self.inner = Traced(self.inner, tracer)

    def _key(self, request: Request) -> str:
        return request_key(self.info, request, self.cache_tag, self._computed_by)

    def _noted(self, answers: list[Completion]) -> list[Completion]:
        with self._counting:
            self.served |= {answer.served: None for answer in answers if answer.served}
        return answers

    def _remember(self) -> None:
        left_out = frozenset(getattr(self.inner, "left_out", ()))
        if left_out != self._left_out:
            self._left_out = left_out
            self._store.replace(_LEFT_OUT, {self._endpoint: " ".join(sorted(left_out)).encode()})

    def keep_no_more(self) -> None:
        """Close the file for good, as its folder goes: an interrupted run may still have answers under way."""
        self._store.end()

    def close(self) -> None:
        """Close the file and the inner model; the next call opens them again."""
        self._store.close()
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()


def _is_none(answer: Completion) -> bool:
    return answer.finish_reason == "error" or (answer.finish_reason == "content_filter" and not answer.text)


def _read(kept: bytes) -> list[Completion] | None:
    """Return kept answers; None for what is broken, and for what an older version took for answers."""
    try:
        answers = completions_from_json(json.loads(kept))
        failed = any(_is_none(answer) or odd_in(answer) for answer in answers)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if failed else answers
