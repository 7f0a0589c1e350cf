"""Where things are kept on this machine."""

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
