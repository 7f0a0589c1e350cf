"""Where an endpoint is."""

from __future__ import annotations

from urllib.parse import urlsplit

from spider_opt.errors import UsageError

OPENAI_URL = "https://api.openai.com/v1"


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this very machine.

    >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("http://localhost/v1"), is_loopback("https://api.openai.com")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def checked_url(base_url: str) -> str:
    """Return the URL of an endpoint as it may be shown and written down.

    Raises:
        UsageError: it is none, or has a key in it.
    """
    url = urlsplit(base_url)
    if url.username or url.password or url.query or "@" in base_url:
        raise UsageError("A base URL is shown and written down: leave keys out of it, and set OPENAI_API_KEY")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UsageError(f"{base_url!r} is no base URL; one looks like http://127.0.0.1:8000/v1")
    return base_url.rstrip("/")
