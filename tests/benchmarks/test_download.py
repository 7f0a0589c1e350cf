from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import download as module
from spider_opt.benchmarks.download import NoDownload, download
from spider_opt.errors import SpiderOptError

BODY = bytes(range(256)) * 4000  # about 1 MB, no two neighbouring pieces alike
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes = b"", length: int | None = -1, **headers: str) -> None:
        """Send a body; ``length`` None leaves Content-Length out, another one than the body's breaks off."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/spider.zip"

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that hangs up."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def file(body: bytes = BODY, stop_after: int | None = None, ranges: bool = True) -> Answer:
    """Serve a file, breaking the connection after ``stop_after`` bytes."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
        rest = body[start:]
        if start >= len(body) > 0 and start:
            handler.reply(416, Content_Range=f"bytes */{len(body)}")
        elif start:
            extent = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.reply(206, rest[:stop_after], len(rest), Content_Range=extent)
        else:
            handler.reply(200, rest[:stop_after], len(rest), Content_Type="application/zip")

    return answer


def page(html: str) -> Answer:
    return lambda handler: handler.reply(200, html.encode(), Content_Type="text/html; charset=utf-8")


def status(code: int) -> Answer:
    return lambda handler: handler.reply(code)


def get(server: Server, path: Path, **options: Any) -> list[tuple[str, int, int | None]]:
    seen: list[tuple[str, int, int | None]] = []
    download(server.url, path, lambda *step: seen.append(step), wait_s=0.001, **options)
    return seen


def test_in_one_go_with_progress(server: Server, tmp_path: Path) -> None:
    server.answers = [file()]
    seen = get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    assert seen[-1] == ("downloading", len(BODY), len(BODY))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert server.asked == [("/spider.zip", None)]


def test_goes_on_after_each_break(server: Server, tmp_path: Path) -> None:
    server.answers = [file(stop_after=100_000)] * 7 + [file()]
    get(server, tmp_path / "part", retries=1)
    assert (tmp_path / "part").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == [None, *(f"bytes={n}00000-" for n in range(1, 8))]


def test_goes_on_in_a_later_call(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY[:1234])
    server.answers = [file()]
    seen = get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    assert server.asked == [("/spider.zip", "bytes=1234-")]
    assert seen[0][1] > 1234
    assert seen[-1][1:] == (len(BODY), len(BODY))


def test_a_server_that_knows_no_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"other" * 10)
    server.answers = [file(stop_after=5000, ranges=False), file(ranges=False)]
    get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_what_is_complete_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY)
    server.answers = [file()]
    assert get(server, tmp_path / "part") == []
    assert (tmp_path / "part").read_bytes() == BODY


def test_more_than_there_is_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY + b"more")
    server.answers = [file()]
    get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_without_a_length(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: handler.reply(200, BODY, None)]
    assert get(server, tmp_path / "part")[-1] == ("downloading", len(BODY), None)
    assert (tmp_path / "part").read_bytes() == BODY


@pytest.mark.parametrize("extent", ["bytes 5-9/10", "bytes 0-999/1000", "", "nonsense"])
def test_another_part_than_asked_for_is_refused(server: Server, tmp_path: Path, extent: str) -> None:
    (tmp_path / "part").write_bytes(b"1234")
    server.answers = [lambda handler: handler.reply(206, b"56789", Content_Range=extent)]
    with pytest.raises(NoDownload, match="another part of the file"):
        get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b"1234"


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.answers = [status(503), status(429), file()]
    get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_a_server_that_stays_busy_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = [status(503)]
    with pytest.raises(NoDownload, match="answers 503 Service Unavailable"):
        get(server, tmp_path / "part", retries=2)
    assert len(server.asked) == 3


def test_one_that_always_breaks_off_at_the_same_place_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = [file(stop_after=5000, ranges=False)]
    with pytest.raises(NoDownload, match="Cannot get http"):
        get(server, tmp_path / "part", retries=3)
    assert len(server.asked) == 4
    assert (tmp_path / "part").read_bytes() == BODY[:5000]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_refusal_is_final(server: Server, tmp_path: Path, code: int) -> None:
    server.answers = [status(code)]
    with pytest.raises(NoDownload, match=f"answers {code} "):
        get(server, tmp_path / "part")
    assert len(server.asked) == 1
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x.zip", "ftp://127.0.0.1/x", "x.zip", "", "http://[bad/", "http://"]
)
def test_no_network_or_no_address_is_told_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(NoDownload, match="Cannot get"):
        download(url, tmp_path / "part", lambda *_: None, wait_s=60)


def test_endless_redirects(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: handler.reply(302, Location=server.url)]
    with pytest.raises(NoDownload, match="redirects"):
        get(server, tmp_path / "part")


# --- Google Drive ------------------------------------------------------------------------------

FORM = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<form id="search" action="/wrong"><input name="q" value="no"></form>
<form id="download-form" action="/confirmed" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="1403&amp;x"><input type="hidden" name="confirm" value="t">
<input type="hidden" name="uuid" value="c5-19"></form><input name="after" value="no"></body></html>"""


def test_the_confirm_page_is_passed(server: Server, tmp_path: Path) -> None:
    server.answers = [page(FORM), file(stop_after=99), file()]
    get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    confirmed = "/confirmed?id=1403%26x&confirm=t&uuid=c5-19"
    assert server.asked == [("/spider.zip", None), (confirmed, None), (confirmed, "bytes=99-")]


def test_a_confirm_page_that_leads_to_itself_ends(server: Server, tmp_path: Path) -> None:
    server.answers = [page(FORM)]
    with pytest.raises(NoDownload, match=r'sent a page \("Google Drive - Virus scan warning"\) where a file is due'):
        get(server, tmp_path / "part")
    assert len(server.asked) == 2


def test_ever_new_confirm_pages_end(server: Server, tmp_path: Path) -> None:
    pages = [page(FORM.replace("c5-19", str(number))) for number in range(20)]
    server.answers = list(pages)
    with pytest.raises(NoDownload, match="one confirmation after the other"):
        get(server, tmp_path / "part")


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<html><head><title>Google Drive -\n Quota exceeded</title></head>", "Google Drive - Quota exceeded"),
        ("<p>hello", "without a title"),
        ("<title>" + "x" * 100, "x" * 100),
        ("", "without a title"),
    ],
)
def test_another_page_is_told_by_its_title(server: Server, tmp_path: Path, html: str, title: str) -> None:
    (tmp_path / "part").write_bytes(b"kept")
    server.answers = [page(html)]
    with pytest.raises(NoDownload, match=title):
        get(server, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b"kept"


def test_a_page_without_end_is_not_read_to_the_end(server: Server, tmp_path: Path) -> None:
    server.answers = [page("<title>Long</title>" + "x" * (8 << 20))]
    with pytest.raises(NoDownload, match="Long"):
        get(server, tmp_path / "part")


# --- the disk ----------------------------------------------------------------------------------


def test_too_little_space_is_told_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 500_000})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    server.answers = [file()]
    with pytest.raises(SpiderOptError, match="has 0 MB free and needs 1 MB") as caught:
        get(server, tmp_path / "part")
    assert not isinstance(caught.value, NoDownload)
    assert not (tmp_path / "part").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_up(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").symlink_to("/dev/full")
    server.answers = [file()]
    with pytest.raises(OSError, match="No space left on device"):
        get(server, tmp_path / "part")
