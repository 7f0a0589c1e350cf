"""A disk that is full once so many files were written."""

from __future__ import annotations

import errno
import os

import pytest


def full_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Have the disk be full for the ``number``-th file that is written through to it from now on, and no other."""
    synced: list[int] = []

    def full(file: int) -> None:
        synced.append(file)
        if len(synced) == number:
            raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(os, "fsync", full)
