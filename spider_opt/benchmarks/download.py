"""Brings one large file over HTTP: streamed, gone on with where it broke off, past Google Drive's confirm page.

Not covered: two downloads to one path at once (the zip's own checksums find what they spoil).
"""

from __future__ import annotations

import html.parser
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from spider_opt.errors import SpiderOptError

if TYPE_CHECKING:
    import httpx

Progress = Callable[[str, int, int | None], None]  # what is done, bytes so far, bytes in all where known
_PAGE_BYTES = 1 << 20
_MAX_CONFIRMATIONS = 3


class NoDownload(SpiderOptError):
    """What was asked for cannot be had from there."""


def download(url: str, path: Path, progress: Progress, *, retries: int = 5, wait_s: float = 1.0) -> None:
    """Bring ``url`` to ``path``; bytes that are there already are taken as its beginning.

    A broken connection is taken up again, up to ``retries`` times in a row without a new byte, after
    ``wait_s`` seconds doubled each time. What has arrived stays there when it gives up.

    Raises:
        NoDownload: nothing answers, or something else than the file comes back.
        SpiderOptError: the disk is full.
        OSError: ``path`` cannot be written.
    """
    import httpx

    failures, confirmations = 0, 0
    most = first = _size(path)
    with httpx.Client(follow_redirects=True, timeout=30.0, headers={"Accept-Encoding": "identity"}) as client:
        while True:
            try:
                confirmed = _stream(client, url, path, progress)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                size = _size(path)
                failures = 1 if size > most else failures + 1
                most = max(most, size)
                if failures > retries or not _worth_a_retry(error, begun=most > first):
                    raise NoDownload(f"Cannot get {url}: {_reason(error)}.") from error
                time.sleep(wait_s * 2 ** (failures - 1))
                continue
            if confirmed is None:
                return
            url, confirmations = confirmed, confirmations + 1
            if confirmations > _MAX_CONFIRMATIONS:
                raise NoDownload(f"Cannot get {url}: it asks for one confirmation after the other.")


def _stream(client: httpx.Client, url: str, path: Path, progress: Progress) -> str | None:
    """Append what is lacking; return another address where a confirm page names one, None when complete."""
    have = _size(path)
    with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as response:
        if response.status_code == 416:  # nothing lies behind what we have: complete, or not of this file
            if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                return None
            path.unlink()
        response.raise_for_status()
        if "text/html" in response.headers.get("Content-Type", ""):
            return _confirmed_url(response, url)
        start, total = _extent(response, have)
        _check_space(path, 0 if total is None else total - start)
        done = start
        with path.open("ab" if start else "wb") as file:
            for chunk in response.iter_raw():  # with a chunk size it would hold back the last bytes before a break
                file.write(chunk)
                done += len(chunk)
                progress("downloading", done, total)
    return None


def _extent(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Return where the body starts in the file, and the file's size where the server tells it."""
    if response.status_code == 206:
        parts = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if parts is None or int(parts[1]) != have:
            raise NoDownload(f"{response.url.host} sent another part of the file than asked for; try again later.")
        return have, None if parts[2] == "*" else int(parts[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


class _DownloadForm(html.parser.HTMLParser):
    """Finds the title of a page, and the form behind Google Drive's "Download anyway"."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._in_title = False
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title"
        if tag == "form" and values.get("id") == "download-form":
            self._in_form, self.action = True, values.get("action", "")
        elif tag == "input" and self._in_form and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        self._in_form = self._in_form and tag != "form"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data


def _confirmed_url(response: httpx.Response, asked: str) -> str:
    import httpx

    page = b""
    for chunk in response.iter_bytes():
        page += chunk
        if len(page) >= _PAGE_BYTES:
            break
    form = _DownloadForm()
    form.feed(page.decode("utf-8", "replace"))
    if form.action is not None:
        confirmed = str(httpx.URL(urljoin(str(response.url), form.action)).copy_merge_params(form.fields))
        if confirmed not in (asked, str(response.url)):
            return confirmed
    title = " ".join(form.title.split()) or "without a title"
    raise NoDownload(f'{response.url.host} sent a page ("{title}") where a file is due.')


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise SpiderOptError(f"{path.parent} has {free / 1e6:,.0f} MB free and needs {needed / 1e6:,.0f} MB.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _worth_a_retry(error: Exception, *, begun: bool) -> bool:
    """Tell what may pass: a busy server, or a break in a download under way (else: no network, wrong address)."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 416, 429, 500, 502, 503, 504)
    return begun and isinstance(error, httpx.TransportError)


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return f"it answers {error.response.status_code} {error.response.reason_phrase}".rstrip()
    return str(error) or type(error).__name__
