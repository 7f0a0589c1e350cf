"""What is made for a database file and takes time is made once, and anew when the file has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from spider_opt.databases.files import check_database

AT_MOST = 16


class Closing(Protocol):
    """What is closed when it is needed no longer."""

    def close(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closing)


@dataclass(slots=True)
class _Entry(Generic[T]):
    stamp: tuple[int, int]
    made: T
    users: int = 0
    kept: bool = True


class Opened(Generic[T]):
    """Keeps what ``make`` makes of the files that were used last, ``at_most`` of them; threads may share it.

    A file has changed where its size or its time of change has. What is dropped is closed once nobody uses it.
    """

    def __init__(self, make: Callable[[Path], T], at_most: int = AT_MOST) -> None:
        self._make = make
        self._at_most = at_most
        self._lock = threading.Lock()
        self._entries: dict[Path, _Entry[T]] = {}

    @contextmanager
    def using(self, path: str | Path) -> Iterator[T]:
        """Yield what is made of a file; it stays open meanwhile.

        Raises:
            DatasetError: there is no such file, or it is not a database that can be read as it is.
        """
        path = Path(path)
        check_database(path)
        with self._lock:
            entry = self._taken(path.resolve(), path)
            entry.users += 1
        try:
            yield entry.made
        finally:
            with self._lock:
                entry.users -= 1
                self._close_unused(entry)

    def close(self) -> None:
        """Close all; what is in use is closed when it is not any more. The next use opens again."""
        with self._lock:
            for path in list(self._entries):
                self._drop(path)

    def _taken(self, key: Path, path: Path) -> _Entry[T]:
        stat = key.stat()
        stamp = stat.st_size, stat.st_mtime_ns
        if key in self._entries and self._entries[key].stamp != stamp:
            self._drop(key)
        entry = self._entries.pop(key, None) or _Entry(stamp, self._make(path))
        self._entries[key] = entry  # now the last
        while len(self._entries) > self._at_most:
            self._drop(next(iter(self._entries)))
        return entry

    def _drop(self, key: Path) -> None:
        entry = self._entries.pop(key)
        entry.kept = False
        self._close_unused(entry)

    def _close_unused(self, entry: _Entry[T]) -> None:
        if not entry.kept and not entry.users:
            entry.made.close()
