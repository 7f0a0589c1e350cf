"""Keeps on disk what is slow to make of many texts: their vectors, their queries' skeletons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from spider_opt.paths import cache_dir
from spider_opt.progress import Progress, silent
from spider_opt.store import Store

AT_ONCE = 256
"""Texts made, and kept, together: what is lost by a kill."""


def retrieval_dir() -> Path:
    """Return the folder of the cache where all that belongs to retrieval lies."""
    return cache_dir() / "retrieval"


class TextCache:
    """Bytes by kind and text, in the store at ``path``; ``kind`` says all that they depend on but the text."""

    def __init__(self, path: Path, progress: Progress = silent) -> None:
        self.progress = progress
        self._store = Store(path, "things made of texts")

    def made(
        self, kind: str, texts: Iterable[str], make: Callable[[Sequence[str]], Iterable[bytes]], label: str
    ) -> dict[str, bytes]:
        """Return what ``make`` makes of each text, from the store where it was made before.

        Of two processes that make the same at once, the first counts.
        """
        wanted = list(dict.fromkeys(texts))
        found = self._store.get_many(kind, wanted)
        missing = [text for text in wanted if text not in found]
        portions = [missing[start : start + AT_ONCE] for start in range(0, len(missing), AT_ONCE)]
        with self.progress(f"{label}, {AT_ONCE} at a time", len(portions)) as advance:
            for some in portions:
                found |= self._store.keep(kind, dict(zip(some, make(some), strict=True)))
                advance()
        return found

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._store.close()


def open_text_cache(progress: Progress = silent) -> TextCache:
    """Open the one that all of this machine share; ``progress`` shows what is not in it yet."""
    return TextCache(retrieval_dir() / "made.sqlite", progress)
