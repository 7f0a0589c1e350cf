"""Who uses what the cache holds, so that nobody empties it meanwhile.

Each use has a folder of its own in the cache's ``in-use`` that is locked as long as it lasts. The system frees the lock
when a process dies: one that was killed keeps nobody out, and what it left is swept away by the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from spider_opt.paths import cache_dir, locked

FOLDER = "in-use"


@contextmanager
def cache_in_use() -> Iterator[None]:
    """Keep out who would empty the cache; where somebody is at that, wait. Any number of uses may last at once.

    A cache that cannot be written to cannot be emptied either: then there is nothing to do.
    """
    root = cache_dir()
    with ExitStack() as stack:
        with suppress(OSError):
            root.mkdir(parents=True, exist_ok=True)
            with locked(root, wait=True):
                users(root)
                mine = root / FOLDER / f"{os.getpid()}-{token_hex(4)}"
                mine.mkdir(parents=True)
                stack.callback(_remove, mine)
                stack.enter_context(locked(mine))
        yield


def users(root: Path) -> list[str]:
    """Return the ids of the processes that use a cache, and sweep away what dead ones left.

    To be called by who has locked the cache, so that nobody begins meanwhile.
    """
    found = []
    for use in sorted(root.glob(f"{FOLDER}/*-*")):
        try:
            with locked(use):
                _remove(use)
        except BlockingIOError:
            found.append(use.name.partition("-")[0])
        except OSError:  # it has ended just now
            continue
    return found


def _remove(use: Path) -> None:
    for folder in (use, use.parent):
        with suppress(OSError):  # another use may have begun
            folder.rmdir()
