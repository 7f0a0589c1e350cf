"""Brings the official download of a benchmark into a folder: zip by HTTP, hash, unpacking, all or nothing."""

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
from spider_opt.benchmarks.source import Download, Source
from spider_opt.benchmarks.splits import how_to_get, present_splits
from spider_opt.benchmarks.table import source_named
from spider_opt.errors import SpiderOptError, UsageError
from spider_opt.paths import file_hash

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the benchmark lies now, the hash of the zip it came in, and whether that was compared with a known one."""

    root: Path
    sha256: str
    verified: bool


def fetch_benchmark(
    name: str,
    target: Path,
    progress: Progress,
    *,
    url: str | None = None,
    sha256: str | None = None,
    wait_s: float = 1.0,
) -> Fetched:
    """Bring a benchmark into ``target``, which must be new or empty; it appears complete or not at all.

    A download that broke off goes on where it stopped, also in a later call. ``sha256`` is compared with
    the zip's; without one the official zip is compared with the known hash, any other (``url``) is not.

    Raises:
        UsageError: there is nothing to fetch, the folder is in use, or the hash is none.
        SpiderOptError: the zip cannot be had, is not the right one, or does not fit on the disk.
    """
    source, official = source_named(name), official_download(name)
    url = url or official.url
    target = target.expanduser().absolute()
    expected = sha256 if sha256 is not None else official.sha256 if url == official.url else None
    if expected is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", expected):
        raise UsageError(f'"{expected}" is no SHA-256: it has 64 hexadecimal digits.')
    again = how_to_get(name, source).removeprefix("with: ")
    check = again.replace("fetch", "check")
    _check_target(source, target, check)
    part = part_path(target, url)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        download(url, part, progress, wait_s=wait_s)
        found = file_hash(part)
        if expected is not None and found != expected.lower():
            part.unlink()
            raise SpiderOptError(
                f"{url} has the SHA-256 {found}, not {expected.lower()}; nothing was kept."
                f" If you trust it: {again} --sha256 {found}"
            )
        _unpack(source, part, target, progress)
        part.unlink()
    except NoDownload as error:
        raise SpiderOptError(
            f"{error} Open {official.page} in a browser, unzip it to {target}, then: {check} {target}"
        ) from error
    except OSError as error:
        raise SpiderOptError(f"Cannot write {error.filename or target}: {error.strerror or error}.") from error
    return Fetched(target, found, expected is not None)


def official_download(name: str) -> Download:
    """Return what there is to fetch of a benchmark.

    Raises:
        UsageError: nothing is; the sentence says where it is to be had.
    """
    source = source_named(name)
    if source.root is not None:
        raise UsageError(f"{name} comes with its package: there is nothing to fetch.")
    if source.download is None:
        raise UsageError(f"{name} cannot be fetched by this command: get it {how_to_get(name, source)}")
    return source.download


def part_path(target: Path, url: str) -> Path:
    """Return where the unfinished zip lies: beside the target, one name per address."""
    return target.parent / f".{target.name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}.zip.part"


def _check_target(source: Source, target: Path, check: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file; name a new folder.")
    if present_splits(source, target):
        raise UsageError(f"{source.title} is already at {target}; look at it with: {check} {target}")
    if any(target.iterdir()):
        raise UsageError(f"{target} is not empty; name a new folder.")


def _unpack(source: Source, part: Path, target: Path, progress: Progress) -> None:
    """Unpack beside the target, then rename; a zip that is no good is deleted so that the next call starts anew."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        fresh = Path(folder) / target.name
        fresh.mkdir()
        try:
            with zipfile.ZipFile(part) as archive:
                _extract(source, archive, fresh, progress)
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
    """What a zip holds is not what the benchmark's holds."""


def _extract(source: Source, archive: zipfile.ZipFile, folder: Path, progress: Progress) -> None:
    """Write the files that lie beside the questions (Spider's ``dev.json``), without the folder around them."""
    usual = [PurePosixPath(source.splits[name].questions[0]) for name in (source.default, *source.or_else)]
    names = {info: _checked_name(info) for info in archive.infolist() if not info.is_dir()}
    tops = [
        name.parents[len(questions.parts) - 1]
        for questions in usual
        for name in names.values()
        if name.parts[-len(questions.parts) :] == questions.parts and "__MACOSX" not in name.parts
    ]
    if not tops:
        raise _Refused(f"it has no {' or '.join(map(str, usual))}, so it is not {source.title}'s")
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
            with archive.open(info) as packed, path.open("xb") as file:
                while chunk := packed.read(_CHUNK_BYTES):
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
