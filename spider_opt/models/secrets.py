"""What of parameters and addresses is a secret, and what is shown and written down in its place: a hash.

Secrets are: what stands under a name that says so, also deeper down; what begins as keys do; addresses with a password;
and the key that is in use, wherever it stands. Not seen are secrets that look like any other word under any other name.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from spider_opt.models.openai.keys import SECRET, VARIABLE
from spider_opt.models.openai.urls import without_secrets
from spider_opt.types import JSON

_NO_SECRET = re.compile(
    r"^(?:stop|bad|special|suppress|skip|begin|end|bos|eos|pad|unk|mask|max|min)_|tokeniz|keyword|author(?!i[sz])", re.I
)
_KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|gh[pousr]|github_pat|glpat|nvapi|xai|r8|xox[abprs])[-_][\w-]{8,}"
    r"|\bAIza[\w-]{16,}|\bAKIA[0-9A-Z]{12,}|\beyJ[\w-]{6,}\.[\w.-]+|-----BEGIN"
)
_SENT = re.compile(r"\b(?:bearer|basic)\s+[^\s'\"]{4,}|^\s*(?:token|apikey|api-key)\s+\S+\s*$", re.I)
_SAID = re.compile(rf"(?:{SECRET.pattern})[\w-]*['\"]?\s*[:=]\s*['\"]?[^\s'\"]{{4}}", re.I)
_OF_A_KEY = re.compile(r"(?:api_?key|access_?key|token|secret|password)$", re.I)
_NAMES_ANOTHER = ("name", "key", "header")
_PART = re.compile(r"(?:^|(?<=, )|(?<=; ))(\w[^=,;]*)=")
_HASH = re.compile("secret:[0-9a-f]{16}")
_SHORTEST, _LONG_NUMBER = 6, 10**7


def hidden(value: JSON, known: Iterable[str] = (), *, name: str = "") -> JSON:
    """Return what a parameter says with a hash in place of each secret; ``known`` are further ones.

    >>> hidden({"top_p": 0.9, "api_key": "one"}) == hidden({"top_p": 0.9, "api_key": "two"})
    False
    >>> hidden({"top_p": 0.9, "max_tokens": 5, "effort": "low"})
    {'top_p': 0.9, 'max_tokens': 5, 'effort': 'low'}
    """
    return _hidden(value, (*known, *keys_in_use()), _is_secret_name(name))


def hash_in(text: str) -> str:
    """Return what stands in a text in place of a secret, '' where nothing does."""
    found = _HASH.search(text)
    return found[0] if found else ""


def secrets_in(value: JSON, known: Iterable[str] = ()) -> list[str]:
    """Return the secrets that a parameter holds, which nothing that is said back may show."""
    return list(_secrets(value, (*known, *keys_in_use()), False))


def shown_url(url: str, known: Iterable[str] = ()) -> str:
    """Return an address with a hash in place of each key in it.

    >>> shown_url("https://host/v1"), shown_url("https://host/one-key/v1", ["one-key"])
    ('https://host/v1', 'https://host/secret:8013509152161464/v1')
    """
    for secret in secrets_of_url(url, known):
        url = url.replace(secret, _hash(secret))
    return url


def secrets_of_url(url: str, known: Iterable[str] = ()) -> list[str]:
    """Return the keys that stand in an address, the longest first."""
    inside = {key for key in (*known, *keys_in_use()) if len(key) >= _SHORTEST and key in url}
    return sorted(inside | {found[0] for found in _KEY.finditer(url)}, key=len, reverse=True)


def hidden_manner(manner: str) -> str:
    """Return what ``str(Manner)`` of an earlier version says, which hid nothing, as it is said now."""
    text, done = "", 0
    for part in _PART.finditer(manner):
        if part.start() < done:
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(manner, part.end())
        except ValueError:
            continue
        text += manner[done : part.end()] + json.dumps(hidden(value, name=part[1]), sort_keys=True)
        done = end
    return text + manner[done:]


def told_secrets(api_key: str | None, headers: Mapping[str, str] | None) -> list[str]:
    """Return the secrets among a key and headers, each word of them by itself."""
    said = [api_key or "", *(value for name, value in (headers or {}).items() if SECRET.search(name))]
    return [word for text in said for word in text.split() if len(word) >= _SHORTEST]


def keys_in_use() -> list[str]:
    """Return the keys that the environment holds, for whatever server."""
    said = [value.strip() for name, value in os.environ.items() if name == VARIABLE or _OF_A_KEY.search(name)]
    return [key for one in said if len(key := re.sub(r"^bearer\s+", "", one, flags=re.I)) >= _SHORTEST]


def keep_out_of_logs(secrets: Iterable[str]) -> None:
    """Hide the keys of an address from the log of what sends requests there, which writes whole addresses."""
    if told := [secret for secret in secrets if secret not in _LOGGED]:
        _LOGGED.update(dict.fromkeys(told))
        for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
            logging.getLogger(name).addFilter(_hide)


_LOGGED: dict[str, None] = {}


def _hide(record: logging.LogRecord) -> bool:
    said = shown = record.getMessage()
    for secret in _LOGGED:
        shown = shown.replace(secret, _hash(secret))
    if said != shown:
        record.msg, record.args = shown, ()
    return True


def _hidden(value: JSON, known: tuple[str, ...], secret: bool) -> JSON:
    if isinstance(value, Mapping):
        below = {name: secret or _is_secret_name(name) for name in value}
        if "value" in value and any(_is_secret_name(value.get(name)) for name in _NAMES_ANOTHER):
            below["value"] = True
        return {_shown_name(name, known): _hidden(said, known, below[name]) for name, said in value.items()}
    if isinstance(value, list | tuple):
        pair = len(value) == 2 and _is_secret_name(value[0])
        return [_hidden(said, known, secret or (pair and i == 1)) for i, said in enumerate(value)]
    return _hash(value) if _is_secret(value, known, secret) else value


def _secrets(value: JSON, known: tuple[str, ...], secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        named = "value" in value and any(_is_secret_name(value.get(name)) for name in _NAMES_ANOTHER)
        for name, said in value.items():
            yield from _secrets(name, known, False)
            yield from _secrets(said, known, secret or _is_secret_name(name) or (named and name == "value"))
    elif isinstance(value, list | tuple):
        pair = len(value) == 2 and _is_secret_name(value[0])
        for i, said in enumerate(value):
            yield from _secrets(said, known, secret or (pair and i == 1))
    elif _is_secret(value, known, secret):
        yield str(value)
        yield from (found[0] for found in _KEY.finditer(str(value)))


def _is_secret(value: JSON, known: tuple[str, ...], secret: bool) -> bool:
    if isinstance(value, bool) or value is None or (isinstance(value, str) and _HASH.fullmatch(value)):
        return False
    if not isinstance(value, str):
        return secret and abs(value) >= _LONG_NUMBER if isinstance(value, int | float) else False
    if secret and value.strip():
        return True
    if any(key in value for key in known if len(key) >= _SHORTEST):
        return True
    looks = _KEY.search(value) or _SENT.search(value) or _SAID.search(value)
    return bool(looks) or ("://" in value and without_secrets(value) != value)


def _is_secret_name(name: object) -> bool:
    return isinstance(name, str) and bool(SECRET.search(name)) and not _NO_SECRET.search(name)


def _shown_name(name: str, known: tuple[str, ...]) -> str:
    return _hash(name) if _is_secret(name, known, False) else name


def _hash(secret: object) -> str:
    return f"secret:{sha256(f'spider-opt secret {secret}'.encode()).hexdigest()[:16]}"
