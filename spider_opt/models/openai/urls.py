"""Where an endpoint is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from spider_opt.errors import UsageError

_USER, _QUERY = re.compile(r"(?<=://)\S*@"), re.compile(r"(?<=://)(\S*?)[?#]\S*")
OPENAI_URL = "https://api.openai.com/v1"
# What documentation shows is often the address of a request.
_PASTED = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this very machine.

    >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("http://localhost/v1"), is_loopback("https://api.openai.com")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def without_secrets(text: str) -> str:
    """Return a text in which no URL says more than where something is: no user, no password, no query.

    >>> without_secrets("m at https://me:pw@host/v1?key=abc"), without_secrets("org/model:7b@q4")
    ('m at https://host/v1', 'org/model:7b@q4')
    """
    return _QUERY.sub(r"\1", _USER.sub("", text))


def checked_url(base_url: str) -> str:
    """Return the URL of an endpoint as it may be shown and written down; that of a request is understood.

    Raises:
        UsageError: it is none, or has a key in it.

    >>> checked_url(" http://127.0.0.1:8000/v1/chat/completions/ ")
    'http://127.0.0.1:8000/v1'
    """
    base_url = base_url.strip()
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError:
        raise _no_url(base_url) from None
    if url.username or url.password or url.query or "@" in base_url:
        raise UsageError("A base URL is shown and written down: leave keys out of it, and set OPENAI_API_KEY")
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or any(map(str.isspace, base_url)):
        raise _no_url(base_url)
    asked = base_url.partition("#")[0].rstrip("/")
    for end in _PASTED:
        asked = asked.removesuffix(end).rstrip("/")
    return asked


def _no_url(text: str) -> UsageError:
    from spider_opt.models.secrets import shown_url  # which stands on this module

    return UsageError(f"{shown_url(text)!r} is no base URL; one looks like http://127.0.0.1:8000/v1")
