"""What llama.cpp computed for the beginnings of prompts, kept on disk for the next process.

Methods that show a schema in the same way share its tokens, and computing these is most of the work where a database
has few questions. A state that comes back is the one that was saved, bit for bit, so no answer depends on it.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MIN_TOKENS = 64
"""Shorter beginnings are computed again as fast."""
MAX_BYTES = 2 << 30
"""Of all states together; those not used for longest go first."""


class Prefixes:
    """States in files of ``folder``; ``of`` names what computes them, and nothing else can read them."""

    def __init__(self, folder: Path, of: str, block: int) -> None:
        self.folder = folder
        self._of = of.encode()
        self.block = block

    def name(self, tokens: Sequence[int]) -> str:
        """Return the name of the file for a prompt's beginning."""
        return _name(self._hash(tokens))

    def find(self, prompt: Sequence[int]) -> int:
        """Return how many of a prompt's first tokens are in the longest state there is, 0 if there is none."""
        found = 0
        state = self._hash(())
        for n in range(self.block, len(prompt), self.block):
            state.update(_bytes(prompt[n - self.block : n]))
            if n >= MIN_TOKENS and (self.folder / _name(state)).is_file():
                found = n
        if found:
            with suppress(OSError):
                os.utime(self.folder / self.name(prompt[:found]))
        return found

    def forget(self) -> None:
        """Find nothing any more that was kept until now."""
        self._of += b" again"

    def keep(self, name: str, written: str) -> None:
        """Take a file that was written under another name, and remove the oldest ones where there are too many."""
        with suppress(OSError):
            (self.folder / written).replace(self.folder / name)
            files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in self.folder.iterdir()), reverse=True)
            total = 0
            for _, size, file in files:
                total += size
                if total > MAX_BYTES:
                    file.unlink(missing_ok=True)

    def _hash(self, tokens: Sequence[int]) -> hashlib._Hash:
        state = hashlib.sha256(self._of)
        state.update(_bytes(tokens))
        return state


def _bytes(tokens: Sequence[int]) -> bytes:
    return array("q", tokens).tobytes()


def _name(state: hashlib._Hash) -> str:
    return f"{state.hexdigest()}.kv"
