"""Where things are kept on this machine, and how files are written whole."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache's root: ``SPIDER_OPT_CACHE``, else the user's cache folder for ``spider-opt``.

    The folder may not exist yet. Everything in it can be deleted; it is made again when needed.
    """
    named = os.environ.get("SPIDER_OPT_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("spider-opt"))


def write_whole(path: Path, text: str) -> None:
    """Replace a file's text at once: whoever reads it sees the old one or the new one."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
