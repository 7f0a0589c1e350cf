"""Keys and headers: what of them can be sent, what of them identifies a run, and that none is ever shown."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256

from spider_opt.errors import ModelUnavailable, UsageError

VARIABLE = "OPENAI_API_KEY"
SHORTEST_SECRET = 4
# By their names: what says who asks, and what is another one with each request. Neither changes an answer.
SECRET = re.compile(r"auth|key|token|secret|cookie|credential|passw|session|signature|bearer", re.IGNORECASE)
_PASSING = re.compile(
    r"request-?id|correlation-?id|^trace|idempotency|^user-agent$|^date$|^referer$|forwarded", re.IGNORECASE
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def key_for(base_url: str, given: str | None, *, needed: bool) -> str:
    """Return the key to send, without the blanks round it that a file or a paste leaves; '' where there is none.

    Raises:
        ModelUnavailable: there is none and one is ``needed``, or it holds what no key can hold.
    """
    what = name_of_key(given)
    key = (given or os.environ.get(VARIABLE) or "").strip()
    if key.lower().startswith("bearer "):
        key = key[7:].strip()
    if not key and needed:
        raise ModelUnavailable(
            f"No key for {base_url}: set {VARIABLE} in the environment (to anything if it needs none)."
        )
    if wrong := _impossible(key):
        raise ModelUnavailable(f"{what} cannot be sent: it holds {wrong}; copy it again, without what stands round it.")
    return key


def name_of_key(given: str | None) -> str:
    """Return what a sentence calls the key."""
    return "the key that was given" if given else f"the key in {VARIABLE}"


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers as they are sent, without blanks round their values.

    Raises:
        UsageError: one cannot be sent; its value is not said.
    """
    checked = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(f"headers: {name!r} is no name of a header")
        if not isinstance(value, str):
            raise UsageError(f"headers: the value of {name} is no text")
        if wrong := _impossible(value.strip()):
            raise UsageError(f"headers: {name} cannot be sent, its value holds {wrong}")
        checked[name] = value.strip()
    return checked


def identifying(headers: Mapping[str, str]) -> str:
    """Return what of some headers belongs to a run and to the key of each answer: names, and hashes of the values.

    Those that may hold a secret, by their names, and those that are others with each request identify nothing.

    >>> identifying({"X-Tier": "fast", "Authorization": "Bearer s", "api-key": "s", "X-Request-Id": "7"})
    'headers x-tier:bac3711cde'
    """
    told = []
    for name, value in sorted((name.lower(), value) for name, value in headers.items()):
        if not SECRET.search(name) and not _PASSING.search(name):
            told.append(f"{name}:{sha256(f'spider-opt header {name} {value}'.encode()).hexdigest()[:10]}")
    return f"headers {' '.join(told)}" if told else ""


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return what a server says without the key and the headers, which some say back, also in part.

    >>> masked("You sent Basic abcdefgh and abcdefgh", ["Basic abcdefgh"])
    'You sent … and …'
    """
    parts = {part for secret in secrets for part in (secret, *secret.split()) if len(part) >= SHORTEST_SECRET}
    for part in sorted(parts, key=len, reverse=True):
        if part.lower() not in ("basic", "bearer"):
            text = text.replace(part, "…")
    return text


def _impossible(text: str) -> str:
    """Say which character cannot be sent, without saying what stands round it; '' where all can."""
    for character in text:
        if not " " <= character <= "~":
            name = unicodedata.name(character, "a control character").lower()
            named = {"\n": "a line break", "\r": "a line break", "\t": "a tab"}
            return named.get(character) or f"the character U+{ord(character):04X} ({name})"
    return ""
