"""What lies in the cache folder: where what is kept, how much it is, and emptying it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spider_opt.cache_use import users
from spider_opt.errors import CacheError
from spider_opt.paths import cache_dir, locked
from spider_opt.store import count, is_open


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of what is kept. ``files`` and ``counted`` are patterns below the cache folder, see ``Path.glob``.

    Its entries, each a ``unit``, are those of its ``store``, or the files that are ``counted``. What was ``made_here``
    could not be had again, and is deleted only by name.
    """

    what: str
    path: str
    files: str
    unit: str = ""
    store: str = ""
    counted: str = ""
    made_here: bool = False


_HEX = "[0-9a-f]"
KINDS = {
    "responses": Kind(
        "what models answered, some of which may have been paid for",
        path="responses.sqlite",
        files="responses.sqlite*",
        unit="answer",
        store="responses.sqlite",
    ),
    "gold": Kind(
        "what gold queries gave, and their hardness",
        path="gold.sqlite",
        files="gold.sqlite*",
        unit="result",
        store="gold.sqlite",
    ),
    "retrieval": Kind(
        "vectors and skeletons of examples, and indices over them",
        path="retrieval",
        files="retrieval/*",
        unit="text",
        store="retrieval/made.sqlite",
    ),
    "values": Kind(
        "the values of large databases by their words",
        path="values",
        files="values/*",
        unit="database",
        counted="values/*.sqlite",
    ),
    "prefixes": Kind(
        "what llama.cpp computed for the beginnings of prompts",
        path="prefixes",
        files="prefixes/*",
        unit="beginning",
        counted="prefixes/*.kv",
    ),
    "databases": Kind(
        "the databases of the bundled benchmark",
        path="mini-*",
        files=f"mini-{_HEX * 16}",
        unit="database",
        counted=f"mini-{_HEX * 16}/database/*/*.sqlite",
    ),
    "runs": Kind(
        "runs that Python was given no folder for",
        path="runs",
        files="runs/*",
        unit="run",
        counted="runs/*/run.json",
    ),
    "weights": Kind("weights of models", path="weights", files=f"weights/{_HEX * 64}"),
    "expanded": Kind(
        "adapters that come compact, as llama.cpp reads them",
        path="expanded",
        files="expanded/*",
        unit="adapter",
        counted="expanded/*.gguf",
    ),
    "merged": Kind(
        "weights with adapters in them, as llama.cpp computes them",
        path="merged",
        files="merged/*",
        unit="model",
        counted="merged/*.gguf",
    ),
    "training": Kind(
        "weights as tuning takes them, and golds as they are learnt",
        path="training",
        files="training/*",
        unit="gold",
        store="training/spelled.sqlite",
    ),
    "adapters": Kind(
        "adapters that were tuned here",
        path="adapters",
        files="adapters/*",
        unit="adapter",
        counted="adapters/*/card.json",
        made_here=True,
    ),
}
"""Every kind there is by name."""


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is of a kind. ``entries`` is None where they are not counted."""

    kind: str
    path: Path
    n_bytes: int
    entries: int | None


def contents() -> list[Contents]:
    """Return what there is of each kind."""
    root = cache_dir()
    return [
        Contents(name, root / kind.path, sum(map(_size, root.glob(kind.files))), _entries(root, kind))
        for name, kind in KINDS.items()
    ]


def clear(kinds: Sequence[str]) -> dict[str, int]:
    """Delete what there is of some kinds; return how many bytes became free of each.

    Raises:
        CacheError: a process uses what is in the cache, of whatever kind, and nothing was deleted; or something cannot
            be deleted.
    """
    root = cache_dir()
    freed = dict.fromkeys(kinds, 0)
    with _alone(root):
        for name in kinds:
            for path in root.glob(KINDS[name].files):
                n_bytes = 0 if path.is_symlink() else _size(path)
                try:
                    _delete(path)
                except OSError as error:
                    raise CacheError(f"{path} cannot be deleted: {error.strerror or error}") from error
                freed[name] += n_bytes
    return freed


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Make sure that nobody uses the cache or has a store open, and keep out who would use it, train or fetch."""
    if not root.is_dir():
        yield
        return
    stores = [root / kind.store for kind in KINDS.values() if kind.store]
    patterns = [KINDS[name].files for name in ("runs", "adapters", "weights")]
    folders = [path for pattern in patterns for path in root.glob(pattern) if path.is_dir()]
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(root, wait=True))
        except OSError as error:
            raise CacheError(f"{root} cannot be emptied: {error.strerror or error}") from error
        if pids := sorted(set(users(root)), key=int):
            said = f"{'process' if len(pids) == 1 else 'processes'} {', '.join(pids)}"
            raise CacheError(f"{root} is in use by another spider-opt ({said}); wait until that has ended")
        for path in (*stores, *folders):
            try:
                if path in folders:
                    stack.enter_context(locked(path))
                elif is_open(path):
                    raise BlockingIOError
            except BlockingIOError:
                raise CacheError(f"{path} is in use by another spider-opt; wait until that has ended") from None
            except OSError as error:
                raise CacheError(f"{path} cannot be deleted: {error.strerror or error}") from error
        yield


def _entries(root: Path, kind: Kind) -> int | None:
    if kind.store:
        return count(root / kind.store)
    return len(list(root.glob(kind.counted))) if kind.counted else None


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        with suppress(OSError):  # it is gone meanwhile
            total += file.stat().st_size if file.is_file() else 0
    return total


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
