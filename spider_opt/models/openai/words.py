"""A server's own words, whatever shape it gives them: JSON of any vendor, a page of HTML, plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

MOST_CHARS = 300
MOST_OF_A_PAGE = 100_000
# In this order: what vendors call their message, then what holds one.
_MESSAGE = ("message", "error_description", "error_message", "detail", "details", "msg", "error", "errors", "reason")
_MORE = ("title", "description", "cause", "failed_generation", "raw", "code", "type", "status")
_UNSEEN = re.compile(r"<(script|style|head|!--)", re.IGNORECASE)
_TITLE = re.compile(r"<title>([^<]*)</title", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def read_json(body: bytes | str) -> object:
    """Return what JSON says, None where it is none.

    >>> read_json(b'{"a": 1}'), read_json(b"<html>"), read_json(b"[" * 100_000)
    ({'a': 1}, None, None)
    """
    try:
        return json.loads(body)  # bytes in whatever UTF they are
    except UnicodeDecodeError:
        return read_json(body.decode("utf-8-sig", "replace")) if isinstance(body, bytes) else None
    except (ValueError, RecursionError):
        return None


def words_of(body: bytes | str | object) -> str:
    r"""Return what a server says in its body, in one line; '' where it says nothing.

    >>> words_of(b'{"error": {"message": "no\\n seed"}}'), words_of(b'[{"error": "no"}]'), words_of("no\x1b[2J")
    ('no seed', 'no', 'no [2J')
    >>> words_of(b'<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1>nginx</body></html>')
    '502 Bad Gateway: 502 nginx'
    """
    if isinstance(body, bytes | str):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        said = read_json(text)
        if isinstance(said, dict | list):
            return words_of(said)
        return _one_line(_without_tags(text[:MOST_OF_A_PAGE]) if _TAG.search(text[:2000]) else text)
    found = next(_messages(body), "")
    return _one_line(found or json.dumps(body, ensure_ascii=False)) if body not in ({}, [], None) else ""


def shortened(words: str) -> str:
    """Return words as a sentence may hold them."""
    return words if len(words) <= MOST_CHARS else f"{words[: MOST_CHARS - 1]}…"


def _messages(said: object, depth: int = 0) -> Iterator[str]:
    if depth > 6:
        return
    if isinstance(said, str) and said.strip():
        inner = read_json(said) if said.lstrip()[:1] in ("{", "[") else None  # an upstream's error in a proxy's
        yield from _messages(inner, depth + 1) if isinstance(inner, dict | list) else ()
        yield said
    elif isinstance(said, list):
        told = [words for one in said[:5] if (words := next(_messages(one, depth + 1), ""))]
        yield from ["; ".join(told)] if told else []
    elif isinstance(said, dict):
        where = said.get("loc")  # FastAPI: which field a message is about
        metadata = said.get("metadata")  # OpenRouter: what the provider behind it said
        raw = next(_messages(metadata.get("raw"), depth + 1), "") if isinstance(metadata, dict) else ""
        for name in _MESSAGE:
            if words := next(_messages(said.get(name), depth + 1), ""):
                words = f"{words}: {raw}" if raw else words
                yield f"{'.'.join(map(str, where))}: {words}" if isinstance(where, list) else words
                return
        for name in _MORE:
            if words := next(_messages(said.get(name), depth + 1), ""):
                yield words
                return


def _without_tags(text: str) -> str:
    title = _TITLE.search(text)
    seen = unescape(_TAG.sub(" ", _visible(text)))
    head = " ".join(unescape(title[1]).split()) if title else ""
    seen = " ".join(seen.split())
    return f"{head}: {seen}" if head and seen and not seen.startswith(head) else seen or head


def _visible(page: str) -> str:
    seen, at = [], 0
    while found := _UNSEEN.search(page, at):
        seen.append(page[at : found.start()])
        end = "-->" if found[1] == "!--" else f"</{found[1].lower()}"
        at = page.lower().find(end, found.end())
        if at < 0:
            return " ".join(seen)
    return " ".join([*seen, page[at:]])


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text[:20_000]).split())
