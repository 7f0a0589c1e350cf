"""Brings the official download of Spider into a folder: zip by HTTP, hash, unpacking, all or nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spider_opt.benchmarks.download import NoDownload, Progress, download
from spider_opt.benchmarks.loading import present_splits
from spider_opt.errors import SpiderOptError, UsageError

_FILE_ID = "1403EGqzIDoHMdQF4c9Bkyl7dZLZ5Wt6J"  # linked from https://yale-lily.github.io/spider
SPIDER_PAGE = f"https://drive.google.com/file/d/{_FILE_ID}/view"
SPIDER_URL = f"https://drive.usercontent.google.com/download?id={_FILE_ID}&export=download&confirm=t"
# Yale publishes no hash. This is what three projects independently report for spider_data.zip (205,800,266 bytes).
SPIDER_SHA256 = "00636695dabed6b5f4b8328a16b13e069a2f16591d5efcce57660669c85b121b"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where Spider lies now, the hash of the zip it came in, and whether that was compared with a known one."""

    root: Path
    sha256: str
    verified: bool


def fetch_spider(
    target: Path, progress: Progress, *, url: str = SPIDER_URL, sha256: str | None = None, wait_s: float = 1.0
) -> Fetched:
    """Bring Spider into ``target``, which must be new or empty; it appears complete or not at all.

    A download that broke off goes on where it stopped, also in a later call. ``sha256`` is compared with
    the zip's; without one the official zip is compared with the known hash, any other is not.

    Raises:
        UsageError: the folder is in use, or the hash is none.
        SpiderOptError: the zip cannot be had, is not the right one, or does not fit on the disk.
    """
    target = target.expanduser().absolute()
    expected = sha256 if sha256 is not None else SPIDER_SHA256 if url == SPIDER_URL else None
    if expected is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", expected):
        raise UsageError(f'"{expected}" is no SHA-256: it has 64 hexadecimal digits.')
    _check_target(target)
    part = part_path(target, url)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        download(url, part, progress, wait_s=wait_s)
        found = _hash(part)
        if expected is not None and found != expected.lower():
            part.unlink()
            raise SpiderOptError(
                f"{url} has the SHA-256 {found}, not {expected.lower()}; nothing was kept."
                f" If you trust it: spider-opt data fetch --sha256 {found}"
            )
        _unpack(part, target, progress)
        part.unlink()
    except NoDownload as error:
        raise SpiderOptError(
            f"{error} Open {SPIDER_PAGE} in a browser, unzip it to {target}, then: spider-opt data check {target}"
        ) from error
    except OSError as error:
        raise SpiderOptError(f"Cannot write {error.filename or target}: {error.strerror or error}.") from error
    return Fetched(target, found, expected is not None)


def part_path(target: Path, url: str) -> Path:
    """Return where the unfinished zip lies: beside the target, one name per address."""
    return target.parent / f".{target.name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}.zip.part"


def _check_target(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file; name a new folder.")
    if present_splits(target):
        raise UsageError(f"Spider is already at {target}; look at it with: spider-opt data check {target}")
    if any(target.iterdir()):
        raise UsageError(f"{target} is not empty; name a new folder.")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(part: Path, target: Path, progress: Progress) -> None:
    """Unpack beside the target, then rename; a zip that is no good is deleted so that the next call starts anew."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        fresh = Path(folder) / target.name
        fresh.mkdir()
        try:
            with zipfile.ZipFile(part) as archive:
                _extract(archive, fresh, progress)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            size = part.stat().st_size
            part.unlink()
            raise SpiderOptError(
                f"What came ({size:,} bytes) is cut off or no zip: {error}. Nothing was kept; fetch again."
            ) from error
        except _Refused as error:
            part.unlink()
            raise SpiderOptError(f"The zip was refused: {error}. Nothing was kept.") from error
        if target.exists():
            target.rmdir()
        os.rename(fresh, target)


class _Refused(Exception):
    """What a zip holds is not what Spider's holds."""


def _extract(archive: zipfile.ZipFile, folder: Path, progress: Progress) -> None:
    """Write the files that lie beside ``dev.json``, without the folder around them."""
    names = {info: _checked_name(info) for info in archive.infolist() if not info.is_dir()}
    tops = [name.parent for name in names.values() if name.name == "dev.json" and "__MACOSX" not in name.parts]
    if not tops:
        raise _Refused("it has no dev.json, so it is not Spider's")
    top = min(tops, key=lambda parent: len(parent.parts))
    wanted = {
        info: name.relative_to(top)
        for info, name in names.items()
        if name.is_relative_to(top) and not any(part == "__MACOSX" or part.startswith(".") for part in name.parts)
    }
    total = sum(info.file_size for info in wanted)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise OSError(None, f"{total / 1e6:,.0f} MB to unpack, {free / 1e6:,.0f} MB free", str(folder.parent.parent))
    done = 0
    for info, name in wanted.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, path.open("xb") as file:
                while chunk := source.read(_CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    progress("unpacking", done, total)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _Refused(f"it has two things in one place ({info.filename})") from error


def _checked_name(info: zipfile.ZipInfo) -> PurePosixPath:
    parts = info.filename.split("/")
    if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or ":" in parts[0]:
        raise _Refused(f"it would write outside its folder ({info.filename})")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _Refused(f"it holds a link ({info.filename})")
    return PurePosixPath(info.filename)
