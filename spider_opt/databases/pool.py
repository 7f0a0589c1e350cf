"""The databases of a benchmark by db_id, each opened when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from spider_opt.databases.limits import DEFAULT_LIMITS, Limits
from spider_opt.databases.sandbox import Sandbox


class DatabasePool(Mapping[str, Sandbox]):
    """A mapping from db_id to its sandbox; may be shared by threads.

    A query that meets damage in a file fails, no more: whoever scores says what is lost to it.
    """

    def __init__(self, paths: Mapping[str, Path], limits: Limits = DEFAULT_LIMITS) -> None:
        self._sandboxes = {db_id: Sandbox(path, limits=limits, forgiving=True) for db_id, path in paths.items()}

    def __getitem__(self, db_id: str) -> Sandbox:
        return self._sandboxes[db_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sandboxes)

    def __len__(self) -> int:
        return len(self._sandboxes)
