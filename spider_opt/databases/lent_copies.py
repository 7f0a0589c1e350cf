"""Databases for somebody who may write to them: whatever is done to a copy, the original stays as it is."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spider_opt.databases.files import check_database
from spider_opt.databases.snapshots import settled
from spider_opt.errors import RunError

AT_MOST = 4
"""LentCopies kept at the same time: questions of one database follow each other."""
_LONG_AGO = 0, 0


@dataclass(slots=True)
class _Copy:
    path: Path
    users: int = 0

    @property
    def written(self) -> bool:
        sides = (self.path.with_name(f"{self.path.name}{end}") for end in ("-wal", "-journal"))
        try:
            return self.path.stat().st_mtime_ns != 0 or any(side.exists() and side.stat().st_size for side in sides)
        except OSError:  # it was deleted
            return True


class LentCopies:
    """Lends copies, which it keeps in ``folder``; whoever made that deletes it. Threads may share it.

    A copy is made when it is first wanted, and anew once somebody has written to it, which ``tell`` is called for with
    the original's path. Calls at the same time share one, and then see what each other write.
    """

    def __init__(self, folder: Path, tell: Callable[[Path], None] = lambda path: None) -> None:
        self._folder = folder
        self._tell = tell
        self._lock = threading.Lock()
        self._copies: dict[Path, _Copy] = {}
        self._n_made = 0

    @contextmanager
    def using(self, original: Path) -> Iterator[Path]:
        """Yield the path of a copy, which is called as the original is.

        Raises:
            DatasetError: there is no such file, or it is not a database that can be read.
            RunError: it cannot be copied.
        """
        with self._lock:
            if (kept := self._copies.get(original)) and kept.written:
                self._spoilt(original)
            copy = self._copies.pop(original, None) or self._made(original)
            self._copies[original] = copy  # now the last
            copy.users += 1
            for other in list(self._copies)[:-AT_MOST]:
                self._drop(other)
        try:
            yield copy.path
        finally:
            with self._lock:
                copy.users -= 1
                if self._copies.get(original) is copy:
                    if copy.written:
                        self._spoilt(original)
                elif not copy.users:
                    self._delete(copy)

    def _made(self, original: Path) -> _Copy:
        check_database(original)
        self._n_made += 1
        path = self._folder / f"database-{self._n_made}" / original.name
        try:
            path.parent.mkdir(parents=True)
            shutil.copyfile(settled(original), path)
            os.utime(path, ns=_LONG_AGO)  # so that any change shows
        except OSError as error:
            raise RunError(
                f"cannot copy {original} to {path.parent}: {error.strerror or error}; "
                "set TMPDIR to a folder with room for it"
            ) from error
        return _Copy(path)

    def _spoilt(self, original: Path) -> None:
        self._drop(original)
        self._tell(original)

    def _drop(self, original: Path) -> None:
        copy = self._copies.pop(original)
        if not copy.users:
            self._delete(copy)

    @staticmethod
    def _delete(copy: _Copy) -> None:
        shutil.rmtree(copy.path.parent, ignore_errors=True)
