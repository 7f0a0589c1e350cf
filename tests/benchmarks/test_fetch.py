from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import fetch as module
from spider_opt.benchmarks import load
from spider_opt.benchmarks.fetch import Fetched, fetch_benchmark, official_download, part_path
from spider_opt.benchmarks.spider import SPIDER
from spider_opt.benchmarks.table import source_named
from spider_opt.errors import SpiderOptError, UsageError


class Server(ThreadingHTTPServer):
    """Serves ``body`` with ranges; ``breaks`` tells how many answers stop after 1,000 bytes."""

    daemon_threads = True
    body = b""
    breaks = 0
    kind = "application/zip"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/spider_data.zip"

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked += 1
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("Content-Type", server.kind)
        self.end_headers()
        server.breaks -= 1
        self.wfile.write(rest[:1000] if server.breaks >= 0 else rest)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pack(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def official(small: Any) -> bytes:
    """A zip like the official one: all in one folder, with what a Mac adds."""
    members = {"spider_data/": b"", "__MACOSX/spider_data/._dev.json": b"\0", "__MACOSX/dev.json": b"\0"}
    for file in sorted(small.root.rglob("*")):
        if file.is_file():
            members[f"spider_data/{file.relative_to(small.root).as_posix()}"] = file.read_bytes()
    members["spider_data/.DS_Store"] = b"\0"
    members["spider_data/database/shop/._shop.sqlite"] = b"\0"
    return pack(members)


def fetch(server: Server, target: Path, **options: Any) -> Fetched:
    return fetch_benchmark("spider", target, lambda *_: None, url=server.url, wait_s=0.001, **options)


def nothing_left(folder: Path) -> bool:
    """Whether nothing but the small Spider that the zip was made from is there."""
    return {item.name for item in folder.iterdir()} <= {"spider"}


# --- what should work --------------------------------------------------------------------------


def test_the_official_zip_becomes_a_folder_that_loads(
    server: Server, official: bytes, small: Any, tmp_path: Path
) -> None:
    server.body = official
    fetched = fetch(server, tmp_path / "got" / "here")
    assert fetched == Fetched(tmp_path / "got" / "here", hashlib.sha256(official).hexdigest(), verified=False)
    for split in ("dev", "train", "test"):
        assert (
            load(f"spider:{split}", data=fetched.root).fingerprint
            == load(f"spider:{split}", data=small.root).fingerprint
        )
    names = {item.name for item in fetched.root.rglob("*")}
    assert not names & {".DS_Store", "._shop.sqlite", "__MACOSX", "spider_data"}
    assert [item.name for item in (tmp_path / "got").iterdir()] == ["here"]


def test_others_may_read_what_was_fetched(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    (tmp_path / "plain").mkdir()
    root = fetch(server, tmp_path / "got").root
    assert root.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_zip_without_a_folder_around(server: Server, tmp_path: Path) -> None:
    server.body = pack({"dev.json": b"[]", "tables.json": b"[]", "deep/dev.json": b"{}"})
    root = fetch(server, tmp_path / "got").root
    assert sorted(item.name for item in root.iterdir()) == ["deep", "dev.json", "tables.json"]
    assert (root / "dev.json").read_bytes() == b"[]"


def test_an_empty_folder_may_be_named(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    (tmp_path / "got").mkdir()
    assert (fetch(server, tmp_path / "got").root / "dev.json").exists()


def test_a_known_hash_is_compared(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    assert fetch(server, tmp_path / "got", sha256=hashlib.sha256(official).hexdigest().upper()).verified


def test_a_drop_is_survived_within_and_between_calls(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body, server.breaks = official, 3
    target = tmp_path / "got"
    part_path(target, server.url).write_bytes(official[:500])
    fetch(server, target)
    assert server.asked == 4
    assert (target / "dev.json").exists()
    assert not part_path(target, server.url).exists()


def test_progress_tells_both_halves(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    seen: list[tuple[str, int, int | None]] = []
    fetch_benchmark("spider", tmp_path / "got", lambda *step: seen.append(step), url=server.url)
    assert {name for name, _, _ in seen} == {"downloading", "unpacking"}
    assert seen[-1][1] == seen[-1][2]


def test_the_official_address_has_a_known_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fake(url: str, path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"not Spider")

    monkeypatch.setattr(module, "download", fake)
    with pytest.raises(SpiderOptError, match=r"has the SHA-256 [0-9a-f]{64}, not 00636695dabe.*nothing was kept"):
        fetch_benchmark("spider", tmp_path / "got", lambda *_: None)
    assert nothing_left(tmp_path)
    assert official_download("spider").url.startswith("https://drive.usercontent.google.com/")


# --- what is refused ---------------------------------------------------------------------------


def test_a_wrong_hash_keeps_nothing(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    found = hashlib.sha256(official).hexdigest()
    with pytest.raises(SpiderOptError, match=f"has the SHA-256 {found}, not {'0' * 64}.*--sha256 {found}"):
        fetch(server, tmp_path / "got", sha256="0" * 64)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, "0" * 63, "0" * 65, "sha256:" + "0" * 64])
def test_a_hash_that_is_none_is_refused_before_anything(server: Server, tmp_path: Path, sha256: str) -> None:
    with pytest.raises(UsageError, match="is no SHA-256"):
        fetch(server, tmp_path / "got", sha256=sha256)
    assert server.asked == 0


def test_a_complete_folder_is_left_alone(server: Server, small: Any) -> None:
    with pytest.raises(UsageError, match=r"Spider is already at .*; look at it with: spider-opt data check"):
        fetch(server, small.root)
    assert server.asked == 0
    assert load("spider:dev", data=small.root).n_total == 3


def test_a_folder_with_something_else_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="is not empty; name a new folder"):
        fetch(server, tmp_path)
    with pytest.raises(UsageError, match="is a file; name a new folder"):
        fetch(server, tmp_path / "thesis.tex")
    assert server.asked == 0


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "spider_data/../../evil.txt", "/tmp/evil.txt", "..\\evil.txt", "C:/evil.txt", "spider_data/.."],
)
def test_a_zip_that_writes_elsewhere_is_refused(server: Server, official: bytes, tmp_path: Path, name: str) -> None:
    server.body = pack({"spider_data/dev.json": b"[]", name: b"evil"})
    with pytest.raises(SpiderOptError, match="refused: it would write outside its folder"):
        fetch(server, tmp_path / "got")
    assert nothing_left(tmp_path)
    assert not (tmp_path.parent / "evil.txt").exists()


def test_a_zip_with_a_link_is_refused(server: Server, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("spider_data/database")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc")
        archive.writestr("spider_data/dev.json", "[]")
    server.body = buffer.getvalue()
    with pytest.raises(SpiderOptError, match="refused: it holds a link"):
        fetch(server, tmp_path / "got")
    assert nothing_left(tmp_path)


def test_a_zip_of_something_else_is_refused(server: Server, tmp_path: Path) -> None:
    server.body = pack({"readme.txt": b"hello", "__MACOSX/dev.json": b""})
    with pytest.raises(SpiderOptError, match=r"it has no dev\.json, so it is not Spider's"):
        fetch(server, tmp_path / "got")
    assert nothing_left(tmp_path)


def test_every_way_of_being_no_zip(server: Server, official: bytes, tmp_path: Path) -> None:
    spoilt = bytearray(pack({"dev.json": b"[" + b" " * 5000 + b"]"}, zipfile.ZIP_STORED))
    spoilt[2000] ^= 1
    for body in (official[:-300], official[:50], b"", b"junk" * 1000, b"PK\x05\x06" + bytes(18), bytes(spoilt)):
        server.body = body
        with pytest.raises(SpiderOptError, match=r"cut off or no zip|it has no dev\.json"):
            fetch(server, tmp_path / "got")
        assert nothing_left(tmp_path)


def test_no_byte_of_a_zip_can_be_flipped_into_a_crash(tmp_path: Path) -> None:
    good = pack({"spider_data/dev.json": json.dumps([{"a": 1}] * 50).encode(), "spider_data/tables.json": b"[]"})
    part = tmp_path / "part"
    for position in range(0, len(good), 2):
        body = bytearray(good)
        body[position] ^= 0xFF
        part.write_bytes(body)
        target = tmp_path / f"got-{position}"
        try:
            module._unpack(SPIDER, part, target, lambda *_: None)
        except (SpiderOptError, OSError):
            assert not target.exists()
        else:
            assert (target / "dev.json").exists()


def test_a_page_in_place_of_the_zip_says_what_to_do_by_hand(server: Server, tmp_path: Path) -> None:
    server.body, server.kind = b"<title>Google Drive - Quota exceeded</title>", "text/html; charset=utf-8"
    with pytest.raises(SpiderOptError, match="Quota exceeded") as caught:
        fetch(server, tmp_path / "got")
    assert f"Open {official_download('spider').page} in a browser" in str(caught.value)
    assert str(caught.value).endswith(f"then: spider-opt data check {tmp_path / 'got'}")


def test_no_network_says_what_to_do_by_hand(tmp_path: Path) -> None:
    with pytest.raises(SpiderOptError, match=r"Cannot get http://127\.0\.0\.1:1/x: ") as caught:
        fetch_benchmark("spider", tmp_path / "got", lambda *_: None, url="http://127.0.0.1:1/x")
    assert official_download("spider").page in str(caught.value)
    assert caught.value.exit_code == 1
    assert nothing_left(tmp_path)


def test_a_disk_too_small_to_unpack_keeps_the_zip(
    server: Server, official: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = official
    usage = type("Usage", (), {"free": len(official)})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SpiderOptError, match="MB to unpack, 0 MB free"):
        fetch(server, tmp_path / "got")
    assert part_path(tmp_path / "got", server.url).read_bytes() == official
    assert not (tmp_path / "got").exists()


def test_a_disk_that_fills_up_while_unpacking_keeps_the_zip(
    server: Server, official: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = official
    whole_open = Path.open

    def full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode == "xb" and path.name == "zoo.sqlite":
            raise OSError(28, "No space left on device", str(path))
        return whole_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SpiderOptError, match=r"Cannot write .*zoo\.sqlite: No space left on device"):
        fetch(server, tmp_path / "got")
    monkeypatch.undo()
    left = {item.name for item in tmp_path.iterdir()} - {"spider"}
    assert left == {part_path(tmp_path / "got", server.url).name}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("dev.json", "dev.json"), ("a", "a/b", "dev.json"), ("a/b", "a", "dev.json")])
def test_a_zip_with_two_things_in_one_place_is_refused(server: Server, tmp_path: Path, names: tuple[str, ...]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "[]")
    server.body = buffer.getvalue()
    with pytest.raises(SpiderOptError, match="refused: it has two things in one place"):
        fetch(server, tmp_path / "got")
    assert nothing_left(tmp_path)


def test_a_place_that_cannot_be_written(server: Server, official: bytes, tmp_path: Path) -> None:
    server.body = official
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpiderOptError, match=r"Cannot write .*file"):
        fetch(server, tmp_path / "file" / "got")


def test_interrupted_it_keeps_what_arrived(
    server: Server, official: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = official

    def interrupt(name: str, *_: object) -> None:
        if name == "unpacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_benchmark("spider", tmp_path / "got", interrupt, url=server.url)
    assert {item.name for item in tmp_path.iterdir()} - {"spider"} == {part_path(tmp_path / "got", server.url).name}


# --- what others come in -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spider-syn", "spider-dk"])
def test_a_repository_over_spiders_databases_is_found_where_it_was_put(server: Server, small: Any, name: str) -> None:
    source = source_named(name)
    entries = [small.entry("zoo", 8) | {"SpiderSynQuestion": "Who, in other words?", "SpiderQuestion": "Who?"}]
    members = {f"{source.title}-829587a/{source.splits['dev'].questions[0]}": json.dumps(entries).encode()}
    server.body = pack(members | {f"{source.title}-829587a/LICENSE": b"MIT"})
    fetched = fetch_benchmark(name, small.root / source.title, lambda *_: None, url=server.url, wait_s=0.001)
    assert (fetched.root, fetched.verified) == (small.root / source.title, False)
    benchmark = load(name, data=small.root)
    assert (benchmark.name, benchmark.split, len(benchmark.examples)) == (name, "other-dev", 1)
    with pytest.raises(UsageError, match=f"{source.title} is already at"):
        fetch_benchmark(name, small.root / source.title, lambda *_: None, url=server.url, wait_s=0.001)


@pytest.mark.parametrize("name", ["spider-realistic", "dr-spider"])
def test_what_has_no_download_says_where_it_is_had(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name} cannot be fetched by this command: get it at https://"):
        fetch_benchmark(name, tmp_path / "new", lambda *_: None)
