"""Folders for what is needed only while a process lives, which are deleted even when it was killed.

Each is locked as long as it is used. The system frees the lock when a process dies, so the next that needs a folder of
this kind sees which ones nobody uses any more, and deletes them: a killed run may have left copies of whole databases.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from spider_opt.paths import locked

PREFIX = "spider-opt-temporary-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder in the system's folder for temporary files, and delete it at the end with all in it.

    Raises:
        OSError: there can be none.
    """
    owner = os.getpid()
    with ExitStack() as stack:
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            try:
                stack.enter_context(locked(folder))
            except (BlockingIOError, FileNotFoundError):  # somebody swept it away before it was locked
                continue
            break
        _sweep(folder)
        try:
            yield folder
        finally:
            if os.getpid() == owner:  # a fork has a copy of this function's state
                shutil.rmtree(folder, ignore_errors=True)


def _sweep(but: Path) -> None:
    """Delete what processes of this user left that are dead."""
    for folder in but.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is in use, or has just gone
            if folder != but and (not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()):
                with locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)
